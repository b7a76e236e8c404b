"""Calls to addresses that people typed: never into the own network, unless the operator allowed that part of it."""

import socket
from collections.abc import Sequence
from errno import EACCES
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver

from millstream.domain.errors import Reject
from millstream.wire.http import AiohttpTransport

CONNECTIONS_MAX: Final = 20
URL_LENGTH_MAX: Final = 2000

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]

# Inside whatever the version of Python says: Azure's host agent, and a block where Oracle's cloud keeps its metadata.
_INSIDE: Final = (ip_network("168.63.129.16/32"), ip_network("192.0.0.0/24"))
# IPv6 addresses that are an IPv4 address in other clothes, by the bits where it is.
_NAT64: Final = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_COMPATIBLE: Final = ip_network("::/96")


def is_inside(address: Address) -> bool:
    """Whether an address is not plainly out on the internet: private, loopback, link-local, metadata, multicast."""
    if isinstance(address, IPv6Address):
        if any(address in network for network in _NAT64) or address in _COMPATIBLE:
            return True
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return is_inside(inner)
        if address.is_site_local:
            return True
    return not address.is_global or address.is_multicast or any(address in network for network in _INSIDE)


class OutboundGuard:
    """Decides on addresses. `allow` are networks within the own one that may be called, as `10.1.2.0/24`."""

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._allow: tuple[Network, ...] = tuple(ip_network(each) for each in allow)

    def permits(self, address: Address) -> bool:
        """Whether a connection to this address may be made."""
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        plain = mapped or address
        return any(plain in network for network in self._allow) or not is_inside(plain)

    def open_socket(self, info: AddrInfo) -> socket.socket:
        """A socket for an address that was resolved, just before it is connected to: nothing can change in between."""
        family, kind, protocol, _, place = info
        if not self.permits(ip_address(str(place[0]).partition("%")[0])):
            why = f"{place[0]} is inside the own network; the setting access.outbound_allow may allow it"
            raise PermissionError(EACCES, why)
        opened = socket.socket(family, kind, protocol)
        opened.setblocking(False)
        return opened

    def require_callable(self, url: str) -> None:
        """Raises Reject for a URL nobody should be able to set. Names are looked at when they are called."""
        if len(url) > URL_LENGTH_MAX or not url.isascii() or not url.isprintable() or " " in url:
            raise Reject("outbound.refused", f"A URL has at most {URL_LENGTH_MAX} characters, none of them a blank.")
        try:
            parts = urlsplit(url)
            host = parts.hostname
            _ = parts.port
        except ValueError:
            raise Reject("outbound.refused", "This is no URL.") from None
        if parts.scheme not in {"http", "https"} or not host:
            raise Reject("outbound.refused", "Only http and https URLs with a host can be called.")
        if parts.username is not None or parts.password is not None:
            raise Reject("outbound.refused", "A URL carries no name or password here.")
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return
        if not self.permits(address):
            raise Reject(
                "outbound.refused",
                f"{host} is inside the own network. Allow its network in access.outbound_allow if it is meant.",
            )


def guarded_transport(guard: OutboundGuard, *, resolver: AbstractResolver | None = None) -> AiohttpTransport:
    """Carries requests to addresses that people typed: what the guard refuses counts as never sent.

    Redirects are not followed, as by any transport; nor are proxies of the environment used, which would call for us.
    """
    return AiohttpTransport(
        connector=partial(
            aiohttp.TCPConnector, limit=CONNECTIONS_MAX, socket_factory=guard.open_socket, resolver=resolver
        )
    )
