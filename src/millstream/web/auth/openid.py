"""An OpenID provider: where it is, what it is asked, and whether what it answers is true. Code flow with PKCE."""

import base64
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from millstream.domain.access import Role
from millstream.ports.world import Clock
from millstream.settings import OpenIdSection
from millstream.wire.http import Request, Response, Transport, TransportError

TIMEOUT_S: Final = 10.0
KEPT_FOR: Final = timedelta(hours=1)  # discovery and keys; an unknown key is asked for at once, see below
KEYS_EVERY: Final = timedelta(seconds=30)  # but not more often, for strangers can cause it
LEEWAY_S: Final = 60
ANSWER_BYTES_MAX: Final = 256 * 1024
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that the provider alone has. `none` and those by a shared secret are not among them."""


class OpenIdError(Exception):
    """Nobody is signed in. The text is for the person and for the log, and holds no secret."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser keeps while it is at the provider: what the answer is held against."""

    state: str
    nonce: str
    verifier: str
    next: str = "/"  # where the person was going


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the provider vouches for, and the role its claims give."""

    issuer: str
    subject: str
    name: str
    role: Role


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What its discovery document says, as far as it is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What it gives for a code, as far as it is used."""

    id_token: str
    access_token: str | None = None


class OpenIdProvider:
    """One provider. Its address is a setting, so it may be inside the own network."""

    def __init__(
        self,
        settings: OpenIdSection,
        *,
        transport: Transport,
        clock: Clock,
        secret: Callable[[], str | None] | None = None,
    ) -> None:
        self._settings = settings
        self._secret = secret or self._secret_in_settings
        self._client_id = settings.client_id or ""  # the settings hold the issuer and it together
        self._transport = transport
        self._clock = clock
        self._metadata: tuple[datetime, Metadata] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    def _secret_in_settings(self) -> str | None:
        secret = self._settings.client_secret
        return secret.get_secret_value() if secret is not None else None

    async def begin(self, redirect_uri: str, *, to: str = "/") -> tuple[str, Ask]:
        """Where to send the browser, and what it must keep meanwhile. Raises OpenIdError."""
        metadata = await self._discover()
        ask = Ask(state=generate_token(43), nonce=generate_token(43), verifier=generate_token(64), next=to)
        uri = prepare_grant_uri(
            metadata.authorization_endpoint,
            client_id=self._client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            scope=self._settings.scope,
            state=ask.state,
            nonce=ask.nonce,
            code_challenge=create_s256_code_challenge(ask.verifier),
            code_challenge_method="S256",
        )
        return str(uri), ask

    async def finish(self, query: str, ask: Ask, redirect_uri: str) -> Person:
        """Whom the answer in `query` vouches for. Raises OpenIdError, also for people without a role here."""
        metadata = await self._discover()
        code = _code(query, ask, metadata)
        tokens = await self._redeem(metadata, code, ask, redirect_uri)
        claims = await self._verify(metadata, tokens.id_token, ask)
        return self._person(await self._complete(metadata, tokens, claims))

    async def _discover(self) -> Metadata:
        now, issuer = self._clock.now(), (self._settings.issuer or "").rstrip("/")
        if self._metadata is None or now - self._metadata[0] >= KEPT_FOR:
            answer = await self._send(Request(method="GET", url=f"{issuer}/.well-known/openid-configuration"))
            found = _read(answer, Metadata, "its discovery document")
            if found.issuer.rstrip("/") != issuer:
                raise OpenIdError("The provider names itself otherwise than the setting openid.issuer.")
            self._metadata = (now, found)
        return self._metadata[1]

    async def _redeem(self, metadata: Metadata, code: str, ask: Ask, redirect_uri: str) -> Tokens:
        """The tokens for a code. The client says who it is in the way the provider takes."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": ask.verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        client, secret = self._client_id, self._secret()
        if secret is None:
            form["client_id"] = client
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": client, "client_secret": secret}
        answer = await self._send(
            Request(method="POST", url=metadata.token_endpoint, headers=headers, body=urlencode(form).encode())
        )
        tokens: Tokens = _read(answer, Tokens, "the tokens for this sign-in")
        return tokens

    async def _verify(self, metadata: Metadata, token: str, ask: Ask) -> dict[str, Any]:
        """The claims, once the signature fits and they are meant for us, now, and for this very sign-in."""
        keys = await self._read_keys(metadata, at_least=KEPT_FOR)
        try:
            claims = _decode(token, keys)
        except (JoseError, ValueError):  # the provider may have changed its keys: look once more
            keys = await self._read_keys(metadata, at_least=KEYS_EVERY)
            try:
                claims = _decode(token, keys)
            except (JoseError, ValueError) as error:
                raise OpenIdError(f"The provider's signature does not fit ({type(error).__name__}).") from error
        now = int(self._clock.now().timestamp())
        rules = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": metadata.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": ask.nonce},
        )
        try:
            rules.validate(claims)
        except JoseError as error:
            raise OpenIdError(f"The provider's answer is not meant for this sign-in ({error}).") from error
        self._require_our_party(claims)
        return claims

    async def _complete(self, metadata: Metadata, tokens: Tokens, claims: dict[str, Any]) -> dict[str, Any]:
        """With what only the userinfo endpoint tells: many providers keep the ID token short."""
        wanted = {self._settings.role_claim, self._settings.name_claim}
        if wanted <= claims.keys() or metadata.userinfo_endpoint is None or tokens.access_token is None:
            return claims
        headers = {"authorization": f"Bearer {tokens.access_token}", "accept": "application/json"}
        answer = await self._send(Request(method="GET", url=metadata.userinfo_endpoint, headers=headers))
        told: dict[str, Any] = _read(answer, dict[str, Any], "what it knows of you")
        if told.get("sub") != claims["sub"]:
            raise OpenIdError("The provider tells of somebody else than it signed in.")
        return {**told, **claims}

    def _require_our_party(self, claims: dict[str, Any]) -> None:
        """With several audiences, the one it was issued to must be us."""
        audience, party = claims["aud"], claims.get("azp")
        several = isinstance(audience, list) and len(audience) > 1
        if (several and party is None) or (party is not None and party != self._client_id):
            raise OpenIdError("The provider's answer was issued to another client.")

    async def _read_keys(self, metadata: Metadata, *, at_least: timedelta) -> KeySet:
        now = self._clock.now()
        if self._keys is None or now - self._keys[0] >= at_least:
            answer = await self._send(Request(method="GET", url=metadata.jwks_uri))
            try:
                self._keys = (now, KeySet.import_key_set(_read(answer, dict, "its keys")))
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise OpenIdError("The provider's keys cannot be read.") from error
        return self._keys[1]

    def _person(self, claims: dict[str, Any]) -> Person:
        settings = self._settings
        given = claims.get(settings.role_claim)
        values = given if isinstance(given, list) else [given]
        roles = {settings.roles[value] for value in values if isinstance(value, str) and value in settings.roles}
        if not roles:
            raise OpenIdError("You are known to the provider, but nothing it tells of you gives a role here.")
        name = claims.get(settings.name_claim)
        if not isinstance(name, str) or (settings.name_claim == "email" and claims.get("email_verified") is False):
            raise OpenIdError(f"The provider does not vouch for a name of yours ({settings.name_claim}).")
        if not str(claims["sub"]).isprintable():
            raise OpenIdError("The provider's name for you (sub) cannot be kept.")
        role = next(role for role in reversed(Role) if role in roles)
        return Person(issuer=claims["iss"], subject=str(claims["sub"]), name=name, role=role)

    async def _send(self, request: Request) -> Response:
        try:
            answer = await self._transport.send(msgspec.structs.replace(request, timeout_s=TIMEOUT_S))
        except TransportError as error:
            raise OpenIdError(f"The provider cannot be reached: {error.reason}.") from error
        if answer.status != 200 or len(answer.body) > ANSWER_BYTES_MAX:
            raise OpenIdError(f"The provider refused: HTTP {answer.status} from {urlsplit(request.url).path}.")
        return answer


def _code(query: str, ask: Ask, metadata: Metadata) -> str:
    """The code, if the answer is to our question and from the one we asked (RFC 9207)."""
    given = {name: values[0] for name, values in parse_qs(query).items() if len(values) == 1}
    if not hmac.compare_digest(given.get("state", "").encode(), ask.state.encode()):
        raise OpenIdError("This answer belongs to another sign-in. Begin again.")
    if "error" in given:
        raise OpenIdError(f"The provider signed nobody in: {given['error'][:100]}.")
    asked = metadata.authorization_response_iss_parameter_supported
    if given.get("iss", None if asked else metadata.issuer) != metadata.issuer:
        raise OpenIdError("This answer is from another provider.")
    if "code" not in given:
        raise OpenIdError("The provider's answer has no code.")
    return given["code"]


def _decode(token: str, keys: KeySet) -> dict[str, Any]:
    return dict(jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims)


def _read(answer: Response, shape: Any, what: str) -> Any:
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise OpenIdError(f"The provider's answer is not {what}.") from error
