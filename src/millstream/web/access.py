"""Who may call what: every operation names the right it needs, and this is the only place that looks."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Depends
from starlette.requests import Request

from millstream.domain.access import Identity, Right
from millstream.web.problems import Problem

Authenticate = Callable[[Request], Awaitable[Identity | None]]
"""Who sent this request; None if it carries no credentials. Raises Problem for credentials that are no good."""


def require(*rights: Right) -> Any:
    """A dependency: the identity of the caller, who has one of these rights. Refuses with 401 or 403 otherwise."""

    async def check(request: Request) -> Identity:
        authenticate: Authenticate = request.app.state.authenticate
        identity = await authenticate(request)
        if identity is None:
            raise Problem(
                "access.unauthenticated",
                "Sign in, or send an API key as `Authorization: Bearer ...`.",
                headers={"www-authenticate": "Bearer"},
            )
        if not identity.rights.intersection(rights):
            named = "` or `".join(rights)
            raise Problem("access.denied", f"This needs the right `{named}`; ask an administrator for a role with it.")
        return identity

    return Depends(check)
