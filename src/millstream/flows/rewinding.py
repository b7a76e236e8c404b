"""A feed is read again from an earlier moment on: a store that was restored, a start that was set wrong."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from millstream.domain.errors import Reject
from millstream.flows.erp_changes import changes_of
from millstream.flows.hub import Hub
from millstream.flows.intake import feed_of
from millstream.ports.positions import COUNTED_MAX, Positions, Rewindable, Rewound

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No order is older."""


class Rewinding(msgspec.Struct, frozen=True, kw_only=True):
    """How far the feed of a connection was read (`was`; None: not known), and from where on it is read again.

    `orders`: so many the hub heard of from it since then, counted up to a limit: about so many are read again.
    `done` False: an estimate, nothing was moved.
    """

    name: str
    was: datetime | None
    to: datetime
    orders: int
    done: bool


class Rewinder:
    """Moves positions back, never forward: what would be passed over nobody would ever hear of."""

    def __init__(self, hub: Hub, positions: Positions) -> None:
        self._hub = hub
        self._positions = positions

    async def estimate(self, name: str, to: datetime) -> Rewinding:
        """What it would mean. Raises Reject as `rewind` does; writes nothing."""
        feed, port = self._feed(name, to)
        cursor, orders = await self._positions.look(feed, name, since=to)
        found = self._judge(name, port, to)(cursor)
        return Rewinding(name=name, was=found.was, to=to, orders=orders, done=False)

    async def rewind(self, name: str, to: datetime, *, actor: str, reason: str) -> Rewinding:
        """Reads again what changed from `to` on; orders that are known already change nothing.

        Raises Reject: `position.none` where nothing is read from this connection or nothing was yet,
        `position.refused` where `to` does not lie behind the position.
        """
        feed, port = self._feed(name, to)
        _, orders = await self._positions.look(feed, name, since=to)
        judge = self._judge(name, port, to)
        found = await self._positions.move(feed, name, judge, to=to, actor=actor, reason=reason)
        return Rewinding(name=name, was=found.was, to=to, orders=orders, done=True)

    def _feed(self, name: str, to: datetime) -> tuple[str, Rewindable]:
        """What the schedule calls it, and whose it is."""
        if not EARLIEST <= to < self._hub.world.clock.now():
            text = f"Name a moment that the position is to go back to: not before {EARLIEST:%Y-%m-%d}, not to come."
            raise Reject("position.refused", text, field="to")
        if name == self._hub.store.name:
            return feed_of(name), self._hub.store
        if name == self._hub.erp.name:
            return changes_of(name), self._hub.erp
        raise Reject("position.none", f"The hub polls nothing from {name}: there is no position to move.")

    @staticmethod
    def _judge(name: str, port: Rewindable, to: datetime) -> Callable[[dict[str, Any] | None], Rewound]:
        def judge(cursor: dict[str, Any] | None) -> Rewound:
            if cursor is None:
                text = f"Nothing was read from {name} yet: the first poll begins where the settings say."
                raise Reject("position.none", text)
            found = port.rewound(cursor, to)
            if not found.moved:
                stands = f", which is at {found.was:%Y-%m-%d %H:%M:%S} UTC" if found.was else ""
                text = (
                    f"{to:%Y-%m-%d %H:%M:%S%z} does not lie before the position of {name}{stands}. It is only moved "
                    "back: what a move forward passes over, nobody would ever hear of."
                )
                raise Reject("position.refused", text, field="to")
            return found

        return judge


def said_of(rewinding: Rewinding) -> str:
    """An estimate for people."""
    was = "not known" if rewinding.was is None else f"{rewinding.was:%Y-%m-%d %H:%M:%S} UTC"
    about = f"{'at least' if rewinding.orders >= COUNTED_MAX else 'about'} {rewinding.orders:,}"
    return (
        f"{rewinding.name} was read until {was}. Read again are the orders that the hub heard of since, {about}: they "
        "are known already and change nothing. What it has not heard of comes as new."
    )
