"""Everything that happened: to one delivery, to one order."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

import msgspec

from millstream.ports.desk import (
    FIRST_TRIES_TOLD,
    NEWEST_TRIES_TOLD,
    AttemptRow,
    CallRow,
    DeliveryRow,
    DeliveryStory,
    EventRow,
    OrderStory,
    OrderSummary,
    PromiseRow,
    RelatedOrder,
)
from millstream.store import sql

_SQL: Final = sql.load("desk")


async def read_deliveries(connection: Any, ids: Sequence[int]) -> list[DeliveryStory]:
    """Deliveries with their attempts and calls, in three queries however many there are."""
    rows = await connection.fetch(_SQL["one"], ids)
    tries = await connection.fetch(_SQL["attempts"], ids, FIRST_TRIES_TOLD, NEWEST_TRIES_TOLD)
    attempts = await _with_calls(connection, tries)
    return [_story(dict(row), attempts[row["id"]]) for row in rows]


async def read_attempts_before(connection: Any, delivery_id: int, n: int, *, limit: int) -> list[AttemptRow]:
    """See `Desk.attempts_before`."""
    tries = await connection.fetch(_SQL["attempts_between"], delivery_id, n, limit)
    return (await _with_calls(connection, tries))[delivery_id]


async def _with_calls(connection: Any, tries: Sequence[Any]) -> dict[int, list[AttemptRow]]:
    ids, numbers = [row["delivery_id"] for row in tries], [row["n"] for row in tries]
    calls: dict[tuple[int, int], list[CallRow]] = defaultdict(list)
    for row in await connection.fetch(_SQL["calls"], ids, numbers):
        fields = dict(row)
        calls[fields.pop("delivery_id"), fields["n"]].append(CallRow(**fields))
    attempts: dict[int, list[AttemptRow]] = defaultdict(list)
    for row in tries:
        fields = dict(row)
        delivery_id = fields.pop("delivery_id")
        attempts[delivery_id].append(AttemptRow(**fields, calls=tuple(calls[delivery_id, fields["n"]])))
    return attempts


def _story(fields: dict[str, Any], attempts: Sequence[AttemptRow]) -> DeliveryStory:
    data, amended, waived = fields.pop("data"), fields.pop("amended"), fields.pop("waived")
    of_event = {name: fields.pop(name) for name in ("source", "source_id", "occurred_at", "received_at")}
    row = msgspec.convert(fields, DeliveryRow)
    return DeliveryStory(
        row=row,
        event=EventRow(id=row.event_id, type=row.event_type, **of_event),
        data=msgspec.json.decode(data),
        amended=None if amended is None else msgspec.json.decode(amended),
        waived=tuple(waived),
        attempts=tuple(attempts),
        tries_left_out=sum(later.n - earlier.n - 1 for earlier, later in pairwise(attempts)),
    )


async def read_order_story(connection: Any, order_key: str) -> OrderStory | None:
    """The whole history of an order, None if nothing is known of it."""
    events = await connection.fetch(_SQL["order_events"], order_key)
    if not events:
        return None
    ids = await connection.fetch(_SQL["order_deliveries"], [row["id"] for row in events])
    relatives: dict[str, list[RelatedOrder]] = {"replaces": [], "replaced_by": []}
    for row in await connection.fetch(_SQL["order_relatives"], order_key):
        relatives[row["how"]].append(RelatedOrder(order_key=row["order_key"], number=row["number"]))
    return OrderStory(
        summary=await _summary(connection, order_key),
        aliases=tuple((row["kind"], row["value"]) for row in await connection.fetch(_SQL["order_aliases"], order_key)),
        events=tuple(EventRow(**{**dict(row), "id": UUID(bytes=row["id"].bytes)}) for row in events),
        deliveries=tuple(await read_deliveries(connection, [row["id"] for row in ids])),
        promises=tuple(PromiseRow(**dict(row)) for row in await connection.fetch(_SQL["order_promises"], order_key)),
        replaces=next(iter(relatives["replaces"]), None),
        replaced_by=tuple(relatives["replaced_by"]),
    )


async def _summary(connection: Any, order_key: str) -> OrderSummary:
    row = await connection.fetchrow(_SQL["order_summary"], order_key)
    if row is not None:
        return OrderSummary(**dict(row))
    placed = await connection.fetchrow(_SQL["order_placed"], order_key)
    if placed is None:
        return OrderSummary(order_key=order_key)
    return OrderSummary(order_key=order_key, number=placed["number"], placed_at=placed["occurred_at"])
