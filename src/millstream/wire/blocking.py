"""The outbound guard for libraries with sockets of their own: asked by the interpreter before any of them connects."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from errno import EACCES
from functools import cache
from ipaddress import ip_address
from typing import Final

from millstream.wire.outbound import OutboundGuard

_EVENTS: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class Watched:
    """What was refused within one stretch of guarded work."""

    def __init__(self, guard: OutboundGuard) -> None:
        self._guard = guard
        self.refused: list[str] = []

    def require(self, address: object) -> None:
        """Raises PermissionError for an address that must not be called; paths of local sockets are none of those."""
        host = str(address[0]) if isinstance(address, tuple) and address else ""
        try:
            permitted = self._guard.permits(ip_address(host.partition("%")[0]))
        except ValueError:  # a name or a path: whoever resolves names first is asked about what they mean
            permitted = False
        if not permitted:
            self.refused.append(host or "a local socket")
            raise PermissionError(EACCES, "the outbound guard refuses this address")


_watched: Final[ContextVar[Watched | None]] = ContextVar("watched", default=None)


@contextmanager
def guarded(guard: OutboundGuard) -> Iterator[Watched]:
    """Within it nothing connects to where the guard permits nothing, whatever library asks and wherever it redirects.

    It holds for this context: threads that are started without one, as the standard library starts them, are not meant.
    The address is judged as it is connected to, after its name was resolved.
    """
    _install()
    watched = Watched(guard)
    before = _watched.set(watched)
    try:
        yield watched
    finally:
        _watched.reset(before)


@cache
def _install() -> None:
    """Once in a process, and only where somebody is guarded: such a hook stays for good."""
    sys.addaudithook(_ask)


def _ask(event: str, arguments: tuple[object, ...]) -> None:
    if event in _EVENTS:
        watched = _watched.get()
        # A message without an address goes where its socket was connected to, and that was judged then.
        if watched is not None and len(arguments) > 1 and arguments[1] is not None:
            watched.require(arguments[1])
