"""Logging in, and the token every write needs: fetched with a read, good for one session, kept until refused."""

import asyncio
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import msgspec

from millstream.connectors.sap_s4hana.failures import failure_of
from millstream.connectors.sap_s4hana.odata import ROOT
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.errors import Reject, Retry
from millstream.ports.connections import TokenLife
from millstream.ports.world import Clock
from millstream.wire.auth import BasicAuth, ClientCredentialsAuth
from millstream.wire.connection import Auth, Send
from millstream.wire.http import Request, TransportError

READS: Final = frozenset({"GET", "HEAD"})
REFUSAL_REMEMBERED: Final = timedelta(minutes=10)  # a handful of refused logons locks the user in SAP
TOKEN_HEADER: Final = "x-csrf-token"  # noqa: S105 - the name of a header

_token_used: ContextVar[tuple[str, str] | None] = ContextVar("token_used", default=None)


class _WriteToken(msgspec.Struct, frozen=True):
    token: str
    cookies: str


class S4HanaAuth:
    """Credentials on every request; on a write also the service's token and the cookies of its session."""

    def __init__(self, name: str, settings: S4HanaSettings, *, clock: Clock) -> None:
        self.credentials = "username and password" if settings.auth == "basic" else "client_id and client_secret"
        self._name = name
        self._settings = settings
        self._clock = clock
        self._inner: Auth = _login(name, settings, clock)
        self._tokens: dict[str, _WriteToken] = {}
        self._turn = asyncio.Lock()
        self._refused_at: datetime | None = None

    async def authorize(self, request: Request, send: Send) -> Request:
        """See Auth. Raises Retry, Reject or AuthExpired as the answer to the question for a token says."""
        if self._refused_at is not None and self._clock.now() - self._refused_at < REFUSAL_REMEMBERED:
            raise self._refusal()
        _token_used.set(None)
        extra = {"sap-client": self._settings.client} if self._settings.client else {}
        authorized = (await self._inner.authorize(request, send)).with_headers({"Accept": "application/json", **extra})
        if request.method in READS:
            return authorized
        service = _service_of(request.url)
        async with self._turn:
            token = self._tokens.get(service)
            if token is None:
                token = self._tokens[service] = await self._fetch(authorized, service, send)
        _token_used.set((service, token.token))
        headers = {TOKEN_HEADER: token.token, **({"Cookie": token.cookies} if token.cookies else {})}
        accept = request.headers.get("Accept", "application/json")
        return authorized.with_headers({**headers, "Accept": accept})

    async def renew(self) -> bool:
        """Forgets the token the refused request carried, and the credential if it can be had anew."""
        used = _token_used.get()
        if used is not None:
            kept = self._tokens.get(used[0])
            if kept is not None and kept.token == used[1]:
                del self._tokens[used[0]]
        renewed = await self._inner.renew()
        if not (renewed or used is not None):
            self._refused_at = self._clock.now()
            return False
        return True

    def token_life(self) -> TokenLife | None:
        """See Auth. That of the access token; write tokens last as long as their session."""
        return self._inner.token_life()

    def _refusal(self) -> Reject:
        text = f"SAP refused the credentials a while ago; check {self.credentials}. The hub tries again in ten minutes"
        return Reject("auth.refused", text, field=self.credentials)

    async def _fetch(self, authorized: Request, service: str, send: Send) -> _WriteToken:
        headers = {
            name: value
            for name, value in authorized.headers.items()
            if name.lower() not in {"if-match", "content-type"}
        }
        question = Request(
            method="GET",
            url=f"{service}/",
            headers={**headers, "Accept": "application/json", TOKEN_HEADER: "fetch"},
            timeout_s=self._settings.timeout_s,
        )
        try:
            response = await send(question)
        except TransportError as error:
            raise TransportError(f"write token: {error.reason}", sent=False) from error  # the write itself never left
        failure = failure_of(response, self._clock.now(), credentials=self.credentials)
        if failure is not None:
            raise failure
        token = response.headers.get(TOKEN_HEADER, "")
        if not token or token.lower() in {"fetch", "required"}:
            text = "SAP gave no write token; is a proxy dropping the header x-csrf-token, or base_url not SAP's?"
            raise Retry("erp.csrf_missing", text)
        return _WriteToken(token, "; ".join(f"{name}={value}" for name, value in response.cookies.items()))


def _login(name: str, settings: S4HanaSettings, clock: Clock) -> Auth:
    if settings.auth == "basic":
        return BasicAuth(settings.username, settings.password.get_secret_value())
    return ClientCredentialsAuth(
        name,
        token_url=settings.token_url,
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        clock=clock,
        client_auth="basic",
    )


def _service_of(url: str) -> str:
    """The address of the service a URL belongs to: tokens are kept for each."""
    parts = urlsplit(url)
    name = parts.path.removeprefix(f"{ROOT}/").partition("/")[0]
    return f"{parts.scheme}://{parts.netloc}{ROOT}/{name}"
