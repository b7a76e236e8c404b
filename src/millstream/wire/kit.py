"""What a connector is given to reach the world with."""

import msgspec

from millstream.ports.tap import Tap
from millstream.ports.world import World
from millstream.wire.connection import Auth, Connection
from millstream.wire.governor import Governor, GovernorSettings
from millstream.wire.http import Transport


class WireKit(msgspec.Struct, frozen=True, kw_only=True):
    """Transport, world and tap, shared by every connection of one process."""

    transport: Transport
    world: World
    tap: Tap
    governors: dict[str, Governor] = {}
    """Every connection made, by the name of its system."""

    def connect(self, system: str, *, auth: Auth, limits: GovernorSettings) -> Connection:
        """A connection to one system under its own governor."""
        governor = Governor(system, limits, clock=self.world.clock, tap=self.tap)
        self.governors[system] = governor
        return Connection(system, transport=self.transport, governor=governor, auth=auth, tap=self.tap)
