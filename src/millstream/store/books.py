"""The hub's own books, written set by set."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from millstream.domain.delivery import OrderMark, OrderRecord, Settlement
from millstream.domain.errors import Conflict
from millstream.domain.promise import Promise
from millstream.ports.world import World
from millstream.store import sql
from millstream.store.text import json_text, storable

_SQL: Final = sql.load("books")
Row = tuple[Any, ...]  # as the type of its set says, see migrations


def _json(value: Any) -> str | None:
    return None if value is None else json_text(value)


async def write_books(connection: Any, settlements: Sequence[Settlement], world: World) -> None:
    """Links, orders, lines, promises, aliases and marks of these settlements, set by set."""
    if any(s.links or s.orders or s.promises or s.aliases for s in settlements):
        await _book(connection, settlements, world)
    if marks := [mark for settlement in settlements for mark in settlement.marks]:
        await _write_marks(connection, _merged(marks))


async def _book(connection: Any, settlements: Sequence[Settlement], world: World) -> None:
    links = [
        (link.kind, link.system, link.external_id, link.hub_id)
        for settlement in settlements
        for link in settlement.links
    ]
    records = [record for settlement in settlements for record in settlement.orders]
    linked: int = await connection.fetchval(
        _SQL["book"],
        world.clock.now(),
        links,
        [_order_row(record) for record in records],
        [row for record in records for row in _line_rows(record)],
        [_promise_row(promise) for settlement in settlements for promise in settlement.promises],
        [(storable(one.value), one.kind, one.order_key) for settlement in settlements for one in settlement.aliases],
    )
    if linked != len(links):  # otherwise all are new: nothing on record to contradict
        await _refuse_contradicting(connection, links)


async def _refuse_contradicting(connection: Any, links: Sequence[Row]) -> None:
    rows = await connection.fetch(_SQL["contradicting_links"], links)
    if rows:
        kind, system, external_id, hub_id = links[rows[0]["n"] - 1]
        raise Conflict(
            "link.contradicts", f"{kind} {external_id} in {system} is linked to another hub id than {hub_id}"
        )


def _order_row(record: OrderRecord) -> Row:
    order, ack = record.order, record.acknowledgement
    return (
        order.key,
        order.store,
        order.store_view_id,
        order.store_order_id,
        order.number,
        record.customer_id,
        order.currency,
        order.totals.grand_total.amount,
        record.base_currency,
        record.base_total,
        order.placed_at,
        record.ship_to_fingerprint,
        record.erp,
        ack.erp_id,
        ack.number,
        ack.gross.amount,
        record.confirmed_at,
        ack.ship_date,
        json_text(order),
        json_text(ack),
    )


def _line_rows(record: OrderRecord) -> Iterator[Row]:
    schedules = {schedule.line_id: schedule for schedule in record.acknowledgement.lines}
    for line in record.order.lines:
        schedule = schedules.get(line.id)
        yield (
            record.order.key,
            line.id,
            storable(line.sku),
            line.quantity.amount,
            line.quantity.unit,
            line.net.amount,
            schedule.reserved.amount if schedule and schedule.reserved else None,
            schedule.ship_date if schedule else None,
        )


def _promise_row(promise: Promise) -> Row:
    return (
        promise.order_key,
        promise.line_id,
        promise.ship_date,
        storable(promise.reason),
        promise.promised_by,
        promise.promised_at,
    )


def _merged(marks: Sequence[OrderMark]) -> list[OrderMark]:
    """One mark per order, in key order: later values over earlier ones, so that each row is written once."""
    merged: dict[str, OrderMark] = {}
    for mark in marks:
        before = merged.get(mark.order_key)
        fields = {name: value for name, value in msgspec.structs.asdict(mark).items() if value is not None}
        fields["ship_date"] = before.ship_date if before and mark.ship_date is msgspec.UNSET else mark.ship_date
        merged[mark.order_key] = msgspec.structs.replace(before, **fields) if before else mark
    return [merged[key] for key in sorted(merged)]


async def _write_marks(connection: Any, marks: Sequence[OrderMark]) -> None:
    await connection.execute(
        _SQL["mark_orders"],
        [mark.order_key for mark in marks],
        [mark.packed_at for mark in marks],
        [mark.shipped_at for mark in marks],
        [mark.delivered_at for mark in marks],
        [mark.cancelled_at for mark in marks],
        [mark.ship_date is not msgspec.UNSET for mark in marks],
        [None if mark.ship_date is msgspec.UNSET else mark.ship_date for mark in marks],
        [_json(mark.acknowledgement) for mark in marks],
        [_json(mark.order) for mark in marks],
        [mark.order.ship_to.fingerprint() if mark.order and mark.order.ship_to else None for mark in marks],
    )
    lines = [
        (mark.order_key, line)
        for mark in marks
        if mark.acknowledgement is not None
        for line in mark.acknowledgement.lines
    ]
    if lines:
        await connection.execute(
            _SQL["reschedule_lines"],
            [order_key for order_key, _ in lines],
            [line.line_id for _, line in lines],
            [line.reserved.amount if line.reserved else None for _, line in lines],
            [line.ship_date for _, line in lines],
        )
    cancelled = [(mark.order_key, *line) for mark in marks for line in (mark.cancelled or {}).items()]
    if cancelled:
        await connection.execute(_SQL["cancel_lines"], *(list(column) for column in zip(*cancelled, strict=True)))
    shipped = [mark for mark in marks if mark.shipped_on is not None]
    if shipped:
        await connection.execute(
            _SQL["keep_promises"], [mark.order_key for mark in shipped], [mark.shipped_on for mark in shipped]
        )
