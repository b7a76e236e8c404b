"""Compares orders that are through, a few at a time, as store, books and ERP have them now. It only reads."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.errors import Failure, Retry
from millstream.domain.values import Money
from millstream.engine.poller import Polled
from millstream.flows.hub import Hub
from millstream.ports.drift import DriftBook
from millstream.ports.records import BookedOrder
from millstream.ports.tap import Tap

BATCH: Final = 10  # orders compared at a time
AGAIN_MAX: Final = 10  # of those that differed
LOOKED_BACK: Final = timedelta(days=14)
SETTLED_AFTER: Final = timedelta(minutes=15)  # news of a younger order may still be on its way
CANCELLED: Final = "cancelled"
NOT_VISIBLE: Final = "order.not_visible"


class InStore(msgspec.Struct, frozen=True, kw_only=True):
    """What the store says of an order now."""

    cancelled: bool
    total: Money


def differences(booked: BookedOrder, store: InStore | None, erp: Acknowledgement | None) -> tuple[str, ...]:
    """What is not the same in store, books and ERP, by name. None: the system has no such order."""
    cancelled = booked.cancelled_at is not None
    found = []
    if store is None:
        found.append("not in the store")
    elif store.cancelled != cancelled:
        found.append("cancelled in the store only" if store.cancelled else "not cancelled in the store")
    elif not cancelled and store.total != booked.order.totals.grand_total:
        found.append("money in the store")
    if erp is None:
        found.append("not in the ERP")
    elif erp.number != booked.acknowledgement.number:
        found.append("ERP number")
    elif (erp.state == CANCELLED) != cancelled:
        found.append("cancelled in the ERP only" if erp.state == CANCELLED else "not cancelled in the ERP")
    elif not cancelled and erp.gross != booked.acknowledgement.gross:
        found.append("money in the ERP")
    return tuple(found)


class DriftCheck:
    """A recurring question like polling: each turn compares the next few orders, and again those that differed."""

    def __init__(self, hub: Hub, book: DriftBook, *, tap: Tap) -> None:
        self._hub = hub
        self._book = book
        self._tap = tap

    async def ask(self, cursor: dict[str, Any] | None) -> Polled:
        """One turn. What cannot be read is left out; if nothing can, the failure is raised. Leaves no events."""
        now = self._hub.world.clock.now()
        place = _place(cursor)
        since, until = now - LOOKED_BACK, now - SETTLED_AFTER
        following = await self._book.next_orders(place, since=since, until=until, limit=BATCH)
        again = await self._book.differing_orders(since=since, limit=AGAIN_MAX)
        keys = list(dict.fromkeys([*again, *(key for _, key in following)]))
        found = await self._compare(keys)
        on_their_way = await self._book.under_way(list(found))
        found = {key: each for key, each in found.items() if key not in on_their_way}
        await self._book.keep(found, now=now, forget_before=since)
        at_the_end = len(following) < BATCH
        return Polled(events=(), cursor=None if at_the_end else _cursor(following[-1]), more=False)

    async def _compare(self, keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        failure: Failure | None = None
        for key in keys:
            try:
                each = await self._differences(key)
            except Failure as failed:
                failure = failed
                self._tap.note("drift.unknown", order=key, code=failed.code)
            else:
                if each is not None:
                    found[key] = each
        if failure is not None and not found:
            raise failure
        return found

    async def _differences(self, key: str) -> tuple[str, ...] | None:
        booked = await self._hub.records.booked_order(key)
        if booked is None:
            return None
        store = await self._in_store(booked.order.store_order_id)
        return differences(booked, store, await self._hub.erp.read_order(key))

    async def _in_store(self, store_order_id: str) -> InStore | None:
        try:
            shown = await self._hub.store.read_order(store_order_id)
        except Retry as failure:
            if failure.code == NOT_VISIBLE:
                return None  # it was there when it was booked, long ago
            raise
        return InStore(cancelled=shown.cancelled, total=self._hub.store.interpret(shown.raw).totals.grand_total)


def _place(cursor: dict[str, Any] | None) -> tuple[datetime, str] | None:
    return None if not cursor else (datetime.fromisoformat(cursor["placed_at"]), cursor["order_key"])


def _cursor(place: tuple[datetime, str]) -> dict[str, Any]:
    return {"placed_at": place[0].isoformat(), "order_key": place[1]}
