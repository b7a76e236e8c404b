"""Where a request comes from, where people believe to be, and the cookies that go with it."""

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

from millstream.web.problems import Problem

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
IPV6_PREFIX: Final = 64  # one line of a provider: its customer has all addresses within


class Origin:
    """`public_url` is the address people use, if the hub stands behind a proxy that does not tell."""

    def __init__(self, public_url: str | None) -> None:
        self._public_url = public_url.lower() if public_url else None

    def of(self, request: HTTPConnection) -> str:
        """Scheme, host and port as a browser writes them in `Origin`."""
        return self._public_url or f"{request.url.scheme}://{request.url.netloc}".lower()

    def is_secure(self, scope: Scope) -> bool:
        """Whether people reach the hub over https."""
        return self.of(HTTPConnection(scope)).startswith("https://")

    def cookie_name(self, request: HTTPConnection, name: str) -> str:
        """With the prefix that keeps other hosts and plain http from setting it, wherever there is https."""
        return f"__Host-{name}" if self.is_secure(request.scope) else name

    def cookie(self, request: HTTPConnection, name: str) -> str | None:
        """What the browser sent back."""
        return request.cookies.get(self.cookie_name(request, name))

    def set_cookie(self, request: HTTPConnection, response: Response, name: str, value: str, *, max_age: int) -> None:
        """Sets it, out of reach of scripts and of requests other sites make; 0 seconds take it away."""
        response.set_cookie(
            self.cookie_name(request, name),
            value,
            max_age=max_age,
            path="/",
            secure=self.is_secure(request.scope),
            httponly=True,
            samesite="lax",
        )

    def require_safe_line(self, request: HTTPConnection) -> None:
        """Refuses plain http, unless it stays on the machine: a cookie would travel in the open."""
        if not self.is_secure(request.scope) and urlsplit(self.of(request)).hostname not in LOOPBACK_NAMES:
            raise Problem("access.insecure", "Sign in over https. If a proxy ends it, set access.public_url.")

    def require_same_origin(self, request: HTTPConnection) -> None:
        """Refuses what a page of another site sent. Programs send neither header, and hold no cookie of a browser."""
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site")
        foreign = site not in {None, "same-origin", "none"} if origin is None else origin.lower() != self.of(request)
        if foreign:
            raise Problem("access.foreign_origin", "This request was sent by a page of another site.")


def address_of(request: HTTPConnection) -> str:
    """Whose sign-ins are counted together: an IPv4 address, or the network of an IPv6 one."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host[:100] or "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)
