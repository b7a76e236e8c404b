"""The operator API, asked by the page a person looks at."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.requests import HTTPConnection

from millstream.web.auth.gate import CSRF_HEADER, SAFE_METHODS, WATCHING_HEADER, csrf_token
from millstream.wire.inside import ask

UNAUTHENTICATED: Final = 401


class Refused(Exception):  # noqa: N818 - the API refused, nothing is broken
    """The API said no. `detail` is for the person who looks; `errors` name the places, if any."""

    def __init__(self, status: int, code: str, detail: str, errors: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors


class Api:
    """Calls `/api/...` of this process as the person whose browser opened `page`. Rights are checked at every call."""

    def __init__(self, app: Any, page: HTTPConnection, *, secret: str | None) -> None:
        self._app = app
        self._base = f"{page.url.scheme}://{page.url.netloc}"
        self._headers = {"cookie": page.headers.get("cookie", ""), "accept": "application/json"}
        # Nothing else of the page's request is sent on: a proxy's headers have done their work.
        self._caller = (page.client.host, page.client.port) if page.client else ("127.0.0.1", 0)
        self._secret = secret

    async def get(self, path: str, *, watching: bool = False, **params: Any) -> Any:
        """What the API answers, as JSON values. `watching`: nobody did anything, so the session grows no younger."""
        return await self._send("GET", path, params=params, watching=watching)

    async def post(self, path: str, body: Mapping[str, Any] | None = None, *, version: str | None = None) -> Any:
        """A change, or an action. `version`: refused with 412 if what was seen in this version moved on meanwhile."""
        return await self._send("POST", path, body=body, version=version)

    async def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """A change."""
        return await self._send("PUT", path, body=body)

    async def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """A change."""
        return await self._send("PATCH", path, body=body)

    async def delete(self, path: str, **params: Any) -> Any:
        """Takes something away."""
        return await self._send("DELETE", path, params=params)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        watching: bool = False,
        version: str | None = None,
    ) -> Any:
        headers = dict(self._headers)
        if version is not None:
            headers["if-match"] = f'"{version}"'
        if watching:
            headers[WATCHING_HEADER] = "1"
        if method not in SAFE_METHODS and self._secret is not None:
            headers[CSRF_HEADER] = csrf_token(self._secret)
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = msgspec.json.encode(body)
        reply = await ask(
            self._app,
            method,
            self._base + path,
            headers=headers,
            caller=self._caller,
            params=_spelled(params or {}),
            body=content,
        )
        if reply.status >= 400:
            raise _refused(reply.status, reply.body)
        return msgspec.json.decode(reply.body) if reply.body else None


def _spelled(params: Mapping[str, Any]) -> dict[str, Any]:
    """None and empty lists are left out; truth and times as the API reads them."""
    spelled: dict[str, Any] = {}
    for name, value in params.items():
        if value is None or value in ("", (), []):
            continue
        if isinstance(value, bool):
            spelled[name] = "true" if value else "false"
        elif isinstance(value, datetime):
            spelled[name] = value.isoformat()
        else:
            spelled[name] = value
    return spelled


def _refused(status: int, body: bytes) -> Refused:
    try:
        problem = msgspec.json.decode(body)
        errors = tuple(f"{item['field']}: {item['message']}" for item in problem.get("errors", ()))
        return Refused(status, problem["code"], problem["detail"], errors)
    except (msgspec.DecodeError, KeyError, TypeError):
        return Refused(status, "internal", "The hub answered something this page cannot read.")
