"""Asks an app of this process, without a socket: who serves pages asks its own API exactly as a browser would."""

from collections.abc import Mapping
from typing import Any, Final

import httpx
import msgspec

TIMEOUT_S: Final = 70.0  # a test of a connection takes up to a minute


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the app answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def ask(
    app: Any,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    caller: tuple[str, int],
    params: Mapping[str, Any] | None = None,
    body: bytes | None = None,
) -> Reply:
    """One request to `app` (ASGI) as if it came from `caller`. `url` is whole: the app judges by scheme and host."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=caller)
    async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT_S, trust_env=False) as client:
        answer = await client.request(method, url, headers=dict(headers), params=params, content=body)
        return Reply(status=answer.status_code, headers=dict(answer.headers), body=answer.content)
