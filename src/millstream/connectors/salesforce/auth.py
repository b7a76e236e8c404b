"""Signing in: a session without an announced end, and the instance it is good for."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import urlencode, urlsplit

import jwt
import msgspec

from millstream.connectors.salesforce.settings import SalesforceSettings, https_or_loopback
from millstream.domain.errors import Reject
from millstream.ports.connections import TokenLife
from millstream.ports.world import Clock
from millstream.wire.auth import TOKEN_TIMEOUT_S, ClientCredentialsAuth
from millstream.wire.connection import Send
from millstream.wire.http import Request

TOKEN_PATH: Final = "/services/oauth2/token"  # noqa: S105 - a path
JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFETIME_S: Final = 170  # Salesforce takes three minutes; a little is left to clocks
NO_SECRET: Final = "\0"  # noqa: S105 - this flow has none; the text is one that no answer contains
SESSION_LIFETIME_S: Final = 30 * 24 * 3600.0  # no answer tells it: kept until a call is refused


class TokenSource(Protocol):
    """Fetches and keeps a session; `granted` is what the answer said besides."""

    granted: dict[str, Any]

    async def authorize(self, request: Request, send: Send) -> Request:
        """See Auth."""
        ...

    async def renew(self) -> bool:
        """See Auth."""
        ...

    def token_life(self) -> TokenLife | None:
        """See Auth."""
        ...


class JwtBearerAuth(ClientCredentialsAuth):
    """OAuth 2.0 JWT bearer (RFC 7523): a signed assertion in place of a secret; a new one for each session."""

    def __init__(
        self,
        system: str,
        *,
        token_url: str,
        client_id: str,
        username: str,
        audience: str,
        read_key: Callable[[], str],
        clock: Clock,
    ) -> None:
        super().__init__(
            system,
            token_url=token_url,
            client_id=client_id,
            client_secret=NO_SECRET,
            clock=clock,
            lifetime_s=SESSION_LIFETIME_S,
            settings_named="client_id, username, audience and private_key",
            url_setting_named="login_url",
        )
        self._claims = {"iss": client_id, "sub": username, "aud": audience}
        self._read_key = read_key

    def _token_request(self) -> Request:
        expires = int(self._clock.now().timestamp()) + ASSERTION_LIFETIME_S
        try:
            assertion = jwt.encode({**self._claims, "exp": expires}, self._read_key(), algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            text = f"{self.system}: no RSA private key in PEM form; check private_key or private_key_file"
            raise Reject("auth.key", text, field="private_key") from None
        body = urlencode({"grant_type": JWT_GRANT, "assertion": assertion}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        return Request(method="POST", url=self._token_url, headers=headers, body=body, timeout_s=TOKEN_TIMEOUT_S)


class SessionAuth:
    """Puts the session on a request and sends it to the instance that the token answer named."""

    def __init__(self, system: str, source: TokenSource) -> None:
        self.system = system
        self._source = source

    async def authorize(self, request: Request, send: Send) -> Request:
        """See Auth. Raises Reject if the answer named an instance that must not be given a token."""
        authorized = await self._source.authorize(request, send)
        named = self._source.granted.get("instance_url")
        if named is None:
            return authorized
        try:
            origin = https_or_loopback(str(named))
        except ValueError as error:
            text = f"{self.system}: the token answer names the instance {named!r}: {error}; check login_url"
            raise Reject("auth.instance_url", text, field="login_url") from error
        parts = urlsplit(authorized.url)
        query = f"?{parts.query}" if parts.query else ""
        return msgspec.structs.replace(authorized, url=f"{origin}{parts.path}{query}")

    async def renew(self) -> bool:
        """See Auth."""
        return await self._source.renew()

    def token_life(self) -> TokenLife | None:
        """See Auth."""
        return self._source.token_life()


def sign_in(system: str, settings: SalesforceSettings, *, clock: Clock) -> SessionAuth:
    """The way in that the settings choose. Nothing is read or sent before the first call."""
    token_url = settings.login_url + TOKEN_PATH
    if settings.auth == "jwt_bearer":
        source: TokenSource = JwtBearerAuth(
            system,
            token_url=token_url,
            client_id=settings.client_id,
            username=settings.username or "",
            audience=settings.audience,
            read_key=partial(_key, system, settings),
            clock=clock,
        )
    else:
        assert settings.client_secret is not None
        source = ClientCredentialsAuth(
            system,
            token_url=token_url,
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            clock=clock,
            client_auth="basic",
            lifetime_s=SESSION_LIFETIME_S,
            settings_named="client_id and client_secret, and the Run As user of the app",
            url_setting_named="login_url",
        )
    return SessionAuth(system, source)


def _key(system: str, settings: SalesforceSettings) -> str:
    if settings.private_key is not None:
        return settings.private_key.get_secret_value()
    assert settings.private_key_file is not None
    try:
        return settings.private_key_file.read_text()
    except OSError as error:
        text = f"{system}: cannot read private_key_file {settings.private_key_file}: {error.strerror}"
        raise Reject("auth.key", text, field="private_key_file") from error
