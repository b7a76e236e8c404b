"""Ways to put credentials on a request. OAuth 1.0a has its own file, `oauth1`."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

import msgspec

from millstream.domain.errors import Failure, Reject, Retry
from millstream.ports.connections import TokenLife
from millstream.ports.world import Clock
from millstream.wire.connection import Send
from millstream.wire.http import Request, Response, TransportError
from millstream.wire.retry_after import retry_after_s

TOKEN_SAFETY_S: Final = 60.0  # a token is renewed this long before it ends
TOKEN_LIFETIME_S: Final = 1800.0  # assumed where the answer does not say
TOKEN_TIMEOUT_S: Final = 15.0

_token_sent: ContextVar[str | None] = ContextVar("token_sent", default=None)


class NoAuth:
    """Sends requests as they are."""

    async def authorize(self, request: Request, send: Send) -> Request:
        """See Auth."""
        del send
        return request

    async def renew(self) -> bool:
        """See Auth."""
        return False

    def token_life(self) -> TokenLife | None:
        """See Auth. There is no token."""
        return None


class _FixedHeader:
    def __init__(self, value: str) -> None:
        self._value = value

    async def authorize(self, request: Request, send: Send) -> Request:
        """See Auth."""
        del send
        return request.with_headers({"Authorization": self._value})

    async def renew(self) -> bool:
        """See Auth."""
        return False

    def token_life(self) -> TokenLife | None:
        """See Auth. There is no token."""
        return None


class BearerAuth(_FixedHeader):
    """One fixed bearer token."""

    def __init__(self, token: str) -> None:
        super().__init__(f"Bearer {token}")


class BasicAuth(_FixedHeader):
    """User name and password on every request (RFC 7617, UTF-8)."""

    def __init__(self, username: str, password: str) -> None:
        super().__init__("Basic " + b64encode(f"{username}:{password}".encode()).decode())


class _Token(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    usable_until: datetime
    life: TokenLife


class ClientCredentialsAuth:
    """OAuth 2.0 client credentials: fetches a bearer token when needed and keeps it until shortly before its end.

    One fetch at a time, however many requests wait for it. `system` and `settings_named` make the error texts:
    they say which settings to look at. `client_auth` "basic" sends id and secret as RFC 6749 2.3.1 prefers, "body"
    as form members. `form` is added to the token request, `headers` to every authorised request.
    After a fetch `granted` holds what else the answer said (`instance_url`, `scope`), without the token.
    """

    def __init__(
        self,
        system: str,
        *,
        token_url: str,
        client_id: str,
        client_secret: str,
        clock: Clock,
        client_auth: Literal["body", "basic"] = "body",
        scope: str = "",
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        lifetime_s: float = TOKEN_LIFETIME_S,
        safety_s: float = TOKEN_SAFETY_S,
        settings_named: str = "client_id and client_secret",
        url_setting_named: str = "token_url",
    ) -> None:
        self.system = system
        self.granted: dict[str, Any] = {}
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._client_auth = client_auth
        self._form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {}), **(form or {})}
        self._headers = dict(headers or {})
        self._lifetime_s = lifetime_s
        self._safety_s = safety_s
        self._settings_named = settings_named
        self._url_setting_named = url_setting_named
        self._token: _Token | None = None
        self._fetching = asyncio.Lock()

    async def authorize(self, request: Request, send: Send) -> Request:
        """See Auth. Raises Retry (token endpoint down) or Reject (credentials refused, setting named)."""
        token = await self.token(send)
        _token_sent.set(token)
        return request.with_headers({"Authorization": f"Bearer {token}", **self._headers})

    async def token(self, send: Send) -> str:
        """A token that is good for a while yet."""
        kept = self._fresh()
        if kept is None:
            async with self._fetching:
                kept = self._fresh()  # somebody else may have fetched it while this one waited
                if kept is None:
                    kept = self._token = await self._fetch(send)
        return kept.text

    async def renew(self) -> bool:
        """See Auth. A token that another task has renewed meanwhile is kept."""
        if self._token is not None and self._token.text == _token_sent.get():
            self._token = None
        return True

    def token_life(self) -> TokenLife | None:
        """See Auth."""
        return None if self._token is None else self._token.life

    def _fresh(self) -> _Token | None:
        if self._token is None or self._token.usable_until <= self._clock.now():
            return None
        return self._token

    async def _fetch(self, send: Send) -> _Token:
        try:
            response = await send(self._token_request())
        except TransportError as error:
            raise Retry("auth.token_unreachable", f"{self.system}: no token from {self._token_url}: {error}") from error
        failure = self._refusal(response)
        if failure is not None:
            raise failure
        return self._read(response)

    def _token_request(self) -> Request:
        form = dict(self._form)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self._client_auth == "basic":
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
            headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        body = urlencode(form).encode()
        return Request(method="POST", url=self._token_url, headers=headers, body=body, timeout_s=TOKEN_TIMEOUT_S)

    def _refusal(self, response: Response) -> Failure | None:
        status = response.status
        if status == 200:
            return None
        reason = self._reason(response)
        if status == 429 or status >= 500:
            after_s = retry_after_s(response.headers, self._clock.now())
            text = f"{self.system}: the token endpoint answered {status}{reason}; it is asked again later"
            return Retry("auth.token_unavailable", text, after_s=after_s)
        if status in {400, 401, 403}:
            text = f"{self.system}: the token endpoint refused the credentials{reason}; check {self._settings_named}"
            return Reject("auth.refused", text, field=self._settings_named)
        text = (
            f"{self.system}: no token endpoint at {self._token_url} (answer {status}); check {self._url_setting_named}"
        )
        return Reject("auth.token_url", text, field=self._url_setting_named)

    def _reason(self, response: Response) -> str:
        try:
            answer = response.json()
        except msgspec.DecodeError:
            return ""
        if not isinstance(answer, dict):
            return ""
        words = [str(answer[name]) for name in ("error", "error_description") if answer.get(name)]
        text = ": ".join(words).replace(self._client_secret, "(secret)")[:200]
        return f" ({text})" if text else ""

    def _read(self, response: Response) -> _Token:
        try:
            answer = response.json()
        except msgspec.DecodeError:
            answer = None
        text = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(text, str) or not text:
            message = (
                f"{self.system}: {self._token_url} answered without an access token; check {self._url_setting_named}"
            )
            raise Reject("auth.token_url", message, field=self._url_setting_named)
        self.granted = {name: value for name, value in answer.items() if "token" not in name or name == "token_type"}
        told_s = _seconds(answer.get("expires_in"))
        lifetime_s = self._lifetime_s if told_s is None else told_s
        # A token shorter lived than the safety margin is used for half its life rather than never.
        usable_s = max(lifetime_s - self._safety_s, lifetime_s / 2)
        now = self._clock.now()
        ends_at = None if told_s is None else now + timedelta(seconds=told_s)
        return _Token(
            text=text,
            usable_until=now + timedelta(seconds=usable_s),
            life=TokenLife(fetched_at=now, ends_at=ends_at),
        )


def _seconds(value: object) -> float | None:
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return seconds if seconds > 0 else None
