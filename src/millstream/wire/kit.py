"""What a connector is given to reach the world with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from millstream.ports.overlay import Overlay, Overlays, Piece, Surface
from millstream.ports.tap import Tap
from millstream.ports.world import World
from millstream.wire.connection import Auth, Connection
from millstream.wire.governor import Governor, GovernorSettings
from millstream.wire.http import Transport


class NoOverlay:
    """See `ports.overlay.Overlay`: nothing is laid over anything."""

    version = ""

    def values(self, _pieces: Callable[[], Sequence[Piece]]) -> Sequence[Mapping[str, Any]]:
        """See Overlay."""
        return ()


class NoOverlays:
    """See `ports.overlay.Overlays`."""

    def lay_over(self, _surface: Surface) -> Overlay:
        """See Overlays."""
        return NoOverlay()


class WireKit(msgspec.Struct, frozen=True, kw_only=True):
    """Transport, world and tap, shared by every connection of one process."""

    transport: Transport
    world: World
    tap: Tap
    overlays: Overlays = NoOverlays()
    connections: dict[str, Connection] = {}
    """Every one made, by the name of its system."""

    def connect(self, system: str, *, auth: Auth, limits: GovernorSettings) -> Connection:
        """A connection to one system under its own governor."""
        governor = Governor(system, limits, clock=self.world.clock, tap=self.tap)
        connection = Connection(system, transport=self.transport, governor=governor, auth=auth, tap=self.tap)
        self.connections[system] = connection
        return connection

    def take_credentials(self, system: str, other: "WireKit") -> None:
        """Goes on with the credentials another kit's connection to this system has; governor and calls stay."""
        self.connections[system].auth = other.connections[system].auth
