"""The web edge, put together from what it is given. It keeps no global state."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.types import Scope

import millstream
from millstream.ports.inbox import Inbox
from millstream.ports.tap import Tap
from millstream.ports.world import Clock
from millstream.web.auth.edge import AccessEdge
from millstream.web.door_settings import DoorSettings
from millstream.web.doors import ACCEPT_TIMEOUT_S, BODY_TIMEOUT_S, Doors, door_routes
from millstream.web.headers import SecurityHeaders
from millstream.web.health import Health, health_routes
from millstream.web.problems import Problem, install_problems
from millstream.web.refusals import Refusals
from millstream.web.signatures import PublicKey


def create_app(
    *,
    inbox: Inbox,
    clock: Clock,
    tap: Tap,
    doors: Mapping[str, DoorSettings],
    health: Health,
    public_key: PublicKey,
    routers: Sequence[APIRouter] = (),
    access: AccessEdge | None = None,
    refusals: Refusals | None = None,
    body_timeout_s: float = BODY_TIMEOUT_S,
    accept_timeout_s: float = ACCEPT_TIMEOUT_S,
) -> FastAPI:
    """The ASGI app: doors, health, /openapi.json, access, and what `routers` add. Every refusal is a problem.

    Without `access` nobody can sign in, and whatever needs a right is refused.
    """
    counts = refusals if refusals is not None else Refusals()
    inbound = Doors(
        doors,
        inbox=inbox,
        clock=clock,
        tap=tap,
        body_timeout_s=body_timeout_s,
        accept_timeout_s=accept_timeout_s,
    )
    app = FastAPI(
        title="Millstream",
        version=millstream.__version__,
        summary="Keeps a store, an ERP and a CRM in step.",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )

    def told(request: Request, problem: Problem) -> None:
        door = inbound.label(request.scope["path"])
        if door is not None:
            counts.count(door, problem.code)
            tap.note("door.refused", door=door, code=problem.code)

    install_problems(app, told)
    app.include_router(door_routes(inbound, public_key))
    app.include_router(health_routes(health, counts))
    app.state.authenticate = access.authenticate if access is not None else _nobody
    app.add_middleware(SecurityHeaders, is_secure=access.is_secure if access is not None else _is_https)
    for router in (*routers, *(access.routers if access is not None else ())):
        app.include_router(router)
    if access is not None:
        access.describe(app)
    return app


async def _nobody(_request: Request) -> None:
    """Who asks, where nobody can sign in."""


def _is_https(scope: Scope) -> bool:
    return bool(scope["scheme"] == "https")
