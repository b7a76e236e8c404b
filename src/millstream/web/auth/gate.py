"""Who sent this request: a key it carries, or the session its cookie names."""

import hmac
from typing import Final

from starlette.requests import Request

from millstream.domain.access import RIGHTS_OF, Identity
from millstream.ports.access import ApiKey, Keys, Sessions, User
from millstream.web.auth.origin import Origin
from millstream.web.problems import Problem

SESSION_COOKIE: Final = "millstream"
CSRF_HEADER: Final = "x-csrf-token"
WATCHING_HEADER: Final = "x-millstream-watching"  # a page that refreshes itself; nobody did anything
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CREDENTIAL_LENGTH_MAX: Final = 200


class Gate:
    """Tells who asks. `authenticate` is what `web.access.require` looks at."""

    def __init__(self, *, sessions: Sessions, keys: Keys, origin: Origin) -> None:
        self._sessions = sessions
        self._keys = keys
        self._origin = origin

    async def authenticate(self, request: Request) -> Identity | None:
        """See web.access.Authenticate. A key goes before a cookie: it was sent on purpose."""
        header = request.headers.get("authorization")
        if header is not None:
            return await self._by_key(header)
        secret = self.session_secret(request)
        watching = WATCHING_HEADER in request.headers
        user = await self._sessions.user_of(secret, watching=watching) if secret is not None else None
        if secret is None or user is None:
            return None
        if request.method not in SAFE_METHODS:
            self._require_intent(request, secret)
        return identity_of_user(user)

    def session_secret(self, request: Request) -> str | None:
        """What the session's cookie says, if it can be one."""
        secret = self._origin.cookie(request, SESSION_COOKIE)
        return secret if secret and len(secret) <= CREDENTIAL_LENGTH_MAX else None

    async def _by_key(self, header: str) -> Identity:
        scheme, _, token = header.partition(" ")
        key = None
        if scheme.lower() == "bearer" and len(token) <= CREDENTIAL_LENGTH_MAX:
            key = await self._keys.key_of(token.strip())
        if key is None:
            raise Problem(
                "access.key_refused",
                "This key is unknown, expired or revoked. Send `Authorization: Bearer msk_...`.",
                headers={"www-authenticate": 'Bearer error="invalid_token"'},
            )
        return identity_of_key(key)

    def _require_intent(self, request: Request, secret: str) -> None:
        """A browser adds the cookie to whatever any page sends; only our own page can read the token."""
        self._origin.require_same_origin(request)
        given = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), csrf_token(secret).encode()):
            raise Problem(
                "access.csrf", "Send the header X-CSRF-Token with the csrf_token that GET /api/session tells."
            )


def csrf_token(secret: str) -> str:
    """Bound to its session: worked out from the session's secret, which it does not give away."""
    return hmac.digest(secret.encode(), b"millstream csrf token", "sha256").hex()


def identity_of_user(user: User) -> Identity:
    """A person with the rights of the role they have now."""
    return Identity(name=user.name, kind="user", rights=RIGHTS_OF[user.role])


def identity_of_key(key: ApiKey) -> Identity:
    """A program. No user is called like it: a name has no colon."""
    return Identity(name=f"key:{key.id}:{key.name}", kind="key", rights=key.effective_rights)
