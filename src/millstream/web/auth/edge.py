"""Access at the web edge, put together: who asks, and the routes by which one becomes somebody."""

from collections.abc import Callable, Sequence

import msgspec
from fastapi import APIRouter, FastAPI
from starlette.types import Scope

from millstream.ports.access import Keys, Sessions, Setup, Users
from millstream.ports.tap import Tap
from millstream.ports.world import Clock
from millstream.settings import OpenIdSection
from millstream.web.access import Authenticate
from millstream.web.api.shapes import Shapes
from millstream.web.auth.access_api import key_routes, setup_routes, user_routes
from millstream.web.auth.gate import Gate
from millstream.web.auth.origin import Origin
from millstream.web.auth.session_api import SessionCookies, session_routes
from millstream.wire.http import Transport


class AccessEdge(msgspec.Struct, frozen=True, kw_only=True):
    """What the app needs of it."""

    authenticate: Authenticate
    is_secure: Callable[[Scope], bool]
    routers: Sequence[APIRouter]
    describe: Callable[[FastAPI], None]
    gate: Gate
    openid: bool


def access_edge(
    *,
    users: Users,
    setup: Setup,
    sessions: Sessions,
    keys: Keys,
    public_url: str | None,
    openid: OpenIdSection,
    openid_secret: Callable[[], str | None] | None = None,
    transport: Transport,
    clock: Clock,
    tap: Tap,
) -> AccessEdge:
    """Sign-in by password always; by OpenID if the settings name an issuer."""
    origin = Origin(public_url)
    gate = Gate(sessions=sessions, keys=keys, origin=origin)
    cookies = SessionCookies(sessions=sessions, gate=gate, origin=origin)
    shapes = Shapes()
    routers = [
        session_routes(
            shapes, sessions=sessions, gate=gate, cookies=cookies, origin=origin, openid=openid.issuer is not None
        ),
        setup_routes(shapes, setup=setup),
        user_routes(shapes, users=users),
        key_routes(shapes, keys=keys),
    ]
    if openid.issuer is not None:
        # Imported here, for few need it, and it costs a tenth of a second.
        from millstream.web.auth.openid import OpenIdProvider  # noqa: PLC0415 - see above
        from millstream.web.auth.openid_api import openid_routes  # noqa: PLC0415 - see above

        provider = OpenIdProvider(openid, secret=openid_secret, transport=transport, clock=clock)
        routers.append(openid_routes(provider, sessions=sessions, cookies=cookies, origin=origin, tap=tap))
    return AccessEdge(
        authenticate=gate.authenticate,
        is_secure=origin.is_secure,
        routers=tuple(routers),
        describe=shapes.describe,
        gate=gate,
        openid=openid.issuer is not None,
    )
