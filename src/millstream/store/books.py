"""The hub's own books, written set by set."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from millstream.domain.crosswalk import Alias, Link
from millstream.domain.delivery import OrderMark, OrderRecord, Settlement
from millstream.domain.errors import Conflict
from millstream.domain.promise import Promise
from millstream.ports.world import World
from millstream.store import sql
from millstream.store.text import json_text, storable

_SQL: Final = sql.load("books")
Columns = tuple[list[Any], ...]


def _json(value: Any) -> str | None:
    return None if value is None else json_text(value)


async def write_books(connection: Any, settlements: Sequence[Settlement], world: World) -> None:
    """Links, orders, lines, promises, aliases and marks of these settlements, set by set."""
    if any(s.links or s.orders or s.promises or s.aliases for s in settlements):
        await _book(connection, settlements, world)
    if marks := [mark for settlement in settlements for mark in settlement.marks]:
        await _write_marks(connection, _merged(marks))


async def _book(connection: Any, settlements: Sequence[Settlement], world: World) -> None:
    links = [link for settlement in settlements for link in settlement.links]
    records = [record for settlement in settlements for record in settlement.orders]
    linked: int = await connection.fetchval(
        _SQL["book"],
        *_link_columns(links),
        world.clock.now(),
        *_order_columns(records),
        *_line_columns(records),
        *_promise_columns([promise for settlement in settlements for promise in settlement.promises]),
        *_alias_columns([alias for settlement in settlements for alias in settlement.aliases]),
    )
    if linked != len(links):  # otherwise all are new: nothing on record to contradict
        await _refuse_contradicting(connection, links)


def _link_columns(links: Sequence[Link]) -> Columns:
    return (
        [link.kind for link in links],
        [link.system for link in links],
        [link.external_id for link in links],
        [link.hub_id for link in links],
    )


async def _refuse_contradicting(connection: Any, links: Sequence[Link]) -> None:
    rows = await connection.fetch(_SQL["contradicting_links"], *_link_columns(links))
    if rows:
        link = links[rows[0]["n"] - 1]
        raise Conflict(
            "link.contradicts",
            f"{link.kind} {link.external_id} in {link.system} is linked to another hub id than {link.hub_id}",
        )


def _order_columns(records: Sequence[OrderRecord]) -> Columns:
    orders = [record.order for record in records]
    acks = [record.acknowledgement for record in records]
    return (
        [order.key for order in orders],
        [order.store for order in orders],
        [order.store_view_id for order in orders],
        [order.store_order_id for order in orders],
        [order.number for order in orders],
        [record.customer_id for record in records],
        [order.currency for order in orders],
        [order.totals.grand_total.amount for order in orders],
        [record.base_currency for record in records],
        [record.base_total for record in records],
        [order.placed_at for order in orders],
        [order.ship_to.fingerprint() if order.ship_to else None for order in orders],
        [record.erp for record in records],
        [ack.erp_id for ack in acks],
        [ack.number for ack in acks],
        [ack.gross.amount for ack in acks],
        [record.confirmed_at for record in records],
        [ack.ship_date for ack in acks],
        [_json(order) for order in orders],
        [_json(ack) for ack in acks],
    )


def _line_columns(records: Sequence[OrderRecord]) -> Columns:
    lines = [
        (record.order.key, line, schedules.get(line.id))
        for record in records
        for schedules in ({schedule.line_id: schedule for schedule in record.acknowledgement.lines},)
        for line in record.order.lines
    ]
    return (
        [order_key for order_key, _, _ in lines],
        [line.id for _, line, _ in lines],
        [storable(line.sku) for _, line, _ in lines],
        [line.quantity.amount for _, line, _ in lines],
        [line.quantity.unit for _, line, _ in lines],
        [line.net.amount for _, line, _ in lines],
        [schedule.reserved.amount if schedule and schedule.reserved else None for _, _, schedule in lines],
        [schedule.ship_date if schedule else None for _, _, schedule in lines],
    )


def _promise_columns(promises: Sequence[Promise]) -> Columns:
    return (
        [promise.order_key for promise in promises],
        [promise.line_id for promise in promises],
        [promise.ship_date for promise in promises],
        [storable(promise.reason) for promise in promises],
        [promise.promised_by for promise in promises],
        [promise.promised_at for promise in promises],
    )


def _alias_columns(aliases: Sequence[Alias]) -> Columns:
    return (
        [storable(alias.value) for alias in aliases],
        [alias.kind for alias in aliases],
        [alias.order_key for alias in aliases],
    )


def _merged(marks: Sequence[OrderMark]) -> list[OrderMark]:
    """One mark per order, in key order: later values over earlier ones, so that each row is written once."""
    merged: dict[str, OrderMark] = {}
    for mark in marks:
        before = merged.get(mark.order_key)
        fields = {name: value for name, value in msgspec.structs.asdict(mark).items() if value is not None}
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
        [mark.ship_date for mark in marks],
        [_json(mark.acknowledgement) for mark in marks],
        [_json(mark.order) for mark in marks],
        [mark.order.ship_to.fingerprint() if mark.order and mark.order.ship_to else None for mark in marks],
    )
    shipped = [mark for mark in marks if mark.shipped_at is not None]
    if shipped:
        await connection.execute(
            _SQL["keep_promises"], [mark.order_key for mark in shipped], [mark.shipped_at for mark in shipped]
        )
