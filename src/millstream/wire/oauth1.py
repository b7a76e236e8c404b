"""OAuth 1.0a integrations of Adobe Commerce (PaaS and Open Source)."""

from contextvars import ContextVar
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

from millstream.ports.connections import TokenLife
from millstream.ports.world import World
from millstream.wire.connection import Send
from millstream.wire.http import Request
from millstream.wire.signing import Generation, OAuth1Signer, has_ambiguous_path, oauth1_signature, percent

_generation_used: ContextVar[Generation | None] = ContextVar("generation_used", default=None)
_OTHER: Final[dict[Generation, Generation]] = {"laminas": "native", "native": "laminas"}


class OAuth1Auth:
    """Signs every send afresh: a nonce is good once, so a repeated request needs a new signature.

    `generation` "auto" starts with the current servers' rule and changes sides when a path that the two generations
    sign differently is refused; what worked is remembered. `signature_base_url` replaces scheme and host in what is
    signed, for servers that see another address than we do (a proxy that ends TLS).
    """

    def __init__(
        self,
        *,
        consumer_key: str,
        consumer_secret: str,
        token: str,
        token_secret: str,
        world: World,
        generation: Literal["auto", "laminas", "native"] = "auto",
        signature_base_url: str | None = None,
    ) -> None:
        self._signer = OAuth1Signer(
            consumer_key=consumer_key, consumer_secret=consumer_secret, token=token, token_secret=token_secret
        )
        self._consumer_key = consumer_key
        self._consumer_secret = consumer_secret
        self._token = token
        self._token_secret = token_secret
        self._world = world
        self._is_auto = generation == "auto"
        self._generation: Generation = "native" if generation == "auto" else generation
        self._signature_base_url = signature_base_url

    async def authorize(self, request: Request, send: Send) -> Request:
        """See Auth."""
        del send
        ambiguous = self._is_auto and has_ambiguous_path(request.url)
        _generation_used.set(self._generation if ambiguous else None)
        return request.with_headers({"Authorization": self._header(request)})

    async def renew(self) -> bool:
        """See Auth. True where the other server generation would have wanted another signature."""
        used = _generation_used.get()
        if used is None:
            return False
        if used == self._generation:  # nobody changed sides meanwhile
            self._generation = _OTHER[used]
        return True

    def token_life(self) -> TokenLife | None:
        """See Auth. The token of an integration has no age that anybody tells."""
        return None

    def _header(self, request: Request) -> str:
        nonce, url = self._world.ids.new().hex, self._as_server_sees(request.url)
        timestamp = str(int(self._world.clock.now().timestamp()))
        oauth = {
            "oauth_consumer_key": self._consumer_key,
            "oauth_nonce": nonce,
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": timestamp,
            "oauth_token": self._token,
            "oauth_version": "1.0",
        }
        if "?" in url:
            oauth["oauth_signature"] = oauth1_signature(
                request.method,
                url,
                oauth,
                consumer_secret=self._consumer_secret,
                token_secret=self._token_secret,
                generation=self._generation,
            )
        else:
            oauth["oauth_signature"] = self._signer.signature(
                request.method, url, nonce=nonce, timestamp=timestamp, generation=self._generation
            )
        return "OAuth " + ", ".join([f'{name}="{percent(value)}"' for name, value in oauth.items()])

    def _as_server_sees(self, url: str) -> str:
        if self._signature_base_url is None:
            return url
        seen = urlsplit(self._signature_base_url)
        return urlunsplit(urlsplit(url)._replace(scheme=seen.scheme, netloc=seen.netloc))
