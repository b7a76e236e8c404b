"""What happened to our orders, by polling: Tryton pushes nothing.

Each stream is one date column of one model, read in the order (date, id). A pass begins somewhat before the newest
date seen, because a long transaction becomes visible with the date on which it began. Every record that changed
leads to its order, and the order as it is now is reported whole; change ids tell what was reported before.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec

from millstream.connectors.tryton.client import UNREADABLE, TrytonClient
from millstream.connectors.tryton.masters import MasterRecords
from millstream.connectors.tryton.reading import (
    ENDED_STATES,
    ORDER_FIELDS,
    acknowledgement,
    cancelled_rest,
    is_cancelled,
    shipments,
)
from millstream.connectors.tryton.settings import TrytonSettings
from millstream.connectors.tryton.shape import Row
from millstream.domain.errors import Reject
from millstream.domain.fulfilment import Shipment
from millstream.ports.erp import ErpChangePage, ErpOrderChange
from millstream.ports.positions import Rewound
from millstream.ports.world import Clock
from millstream.wire.misread import reading

CLOCKS_MAY_DIFFER: Final = timedelta(minutes=10)
LEFT_STATES: Final = frozenset({"shipped"})
PACKED_STATES: Final = frozenset({"packed", "shipped"})


class Stream(msgspec.Struct, frozen=True):
    """One date column of one model, which of its records are ours, and the field that leads to the sale."""

    model: str
    column: str
    ours: str  # path to the web shop; "" = no filter, the sale decides
    through: tuple[str, ...]  # what the references on that path refer to, one after the other
    sale: str
    branch: str = ""  # tells streams of one column apart

    @property
    def name(self) -> str:
        """Its name in the cursor."""
        return ".".join(part for part in (self.model, self.column, self.branch) if part)


SALE_LINE: Final = ("sale.line",)
SHIPMENT: Final = ("stock.shipment.out",)
BOUGHT: Final = ("sale.sale",)  # what a purchase request was made for
INCOMING: Final = ("purchase.line", *BOUGHT)
REQUESTS: Final = "requests.origin"  # from a purchase line to what it was bought for
STREAMS: Final = (
    Stream("sale.sale", "write_date", "web_shop", (), "id"),
    Stream("stock.shipment.out", "write_date", "moves.origin.sale.web_shop", SALE_LINE, "moves.sale"),
    Stream("stock.move", "write_date", "origin.sale.web_shop", SALE_LINE, "sale"),
    Stream("production", "write_date", "origin.sale.web_shop", SALE_LINE, "origin.sale"),
    Stream("production", "create_date", "origin.sale.web_shop", SALE_LINE, "origin.sale"),
    Stream("stock.package", "write_date", "", SHIPMENT, "shipment.moves.sale"),
    Stream("stock.package", "create_date", "", SHIPMENT, "shipment.moves.sale"),
    Stream("purchase.request", "write_date", "origin.web_shop", BOUGHT, "origin"),
    Stream("purchase.line", "write_date", f"{REQUESTS}.web_shop", BOUGHT, REQUESTS),
    Stream("purchase.purchase", "write_date", f"lines.{REQUESTS}.web_shop", BOUGHT, f"lines.{REQUESTS}"),
    Stream("stock.move", "write_date", f"origin.{REQUESTS}.web_shop", INCOMING, f"origin.{REQUESTS}", "purchase"),
)


class Place(msgspec.Struct, frozen=True):
    """A place in a stream: everything up to and including this record was read."""

    at: datetime
    id: int


class Mark(msgspec.Struct, frozen=True):
    """How far a stream was read: the newest record seen, and where a pass that is not finished yet stands."""

    newest: Place | None = None
    resume: Place | None = None


class Feed:
    """Reads pages of changes."""

    def __init__(self, client: TrytonClient, records: MasterRecords, settings: TrytonSettings, *, clock: Clock) -> None:
        self._client = client
        self._records = records
        self._settings = settings
        self._clock = clock

    async def changes(self, cursor: dict[str, Any] | None) -> ErpChangePage:
        """See ErpFeed."""
        marks = _read_cursor(cursor)
        masters = await self._records.masters()
        sales: set[int] = set()
        more = False
        for stream in _unfinished(marks):
            rows = await self._page(stream, marks[stream.name], masters.web_shop)
            full = len(rows) == self._settings.page_size
            with reading(self._client.system, stream.name, code=UNREADABLE):
                sales |= {sale for row in rows for sale in sales_of(row, stream.sale)}
                marks[stream.name] = moved_on(marks[stream.name], rows, stream.column, full=full)
            more = more or full
        found = await self._orders(sales, masters.web_shop)
        with reading(self._client.system, "sale.sale", code=UNREADABLE):
            changes = tuple(change for sale in found for change in changes_of(sale))
        return ErpChangePage(changes=changes, cursor=msgspec.to_builtins(marks), more=more)

    async def _page(self, stream: Stream, mark: Mark, web_shop: int) -> list[Row]:
        domain: list[Any] = []
        if stream.ours:
            domain.append([stream.ours, "=", web_shop, *stream.through])
        overlap = timedelta(seconds=self._settings.poll_overlap_s)
        domain += after(mark, stream.column, overlap=overlap, now=self._clock.now())
        return await self._client.search_read(
            stream.model,
            domain,
            (stream.column, stream.sale),
            limit=self._settings.page_size,
            order=[[stream.column, "ASC"], ["id", "ASC"]],
        )

    async def _orders(self, sales: set[int], web_shop: int) -> list[Row]:
        if not sales:
            return []
        domain = [["id", "in", sorted(sales)], ["web_shop", "=", web_shop]]
        return await self._client.search_read("sale.sale", domain, ORDER_FIELDS, order=[["id", "ASC"]])


def _read_cursor(cursor: dict[str, Any] | None) -> dict[str, Mark]:
    try:
        read = msgspec.convert(cursor or {}, dict[str, Mark])
    except msgspec.ValidationError as error:
        raise Reject("erp.cursor_unreadable", f"The stored cursor of the feed cannot be read: {error}") from error
    return {stream.name: read.get(stream.name, Mark()) for stream in STREAMS}


def rewound(cursor: dict[str, Any], to: datetime) -> Rewound:
    """The position at an earlier moment: every stream that is further. One that cannot be read is made anew."""
    at = to.astimezone(UTC)
    back = Mark(newest=Place(at, 0))
    try:
        marks = _read_cursor(cursor)
    except Reject:
        anew = {stream.name: back for stream in STREAMS}
        return Rewound(was=None, cursor=msgspec.to_builtins(anew), moved=True)
    moved = {name: back if _is_behind(at, mark) else mark for name, mark in marks.items()}
    was = max((mark.newest.at for mark in marks.values() if mark.newest), default=None)
    return Rewound(was=was, cursor=msgspec.to_builtins(moved), moved=moved != marks)


def _is_behind(at: datetime, mark: Mark) -> bool:
    """Whether a stream is read further than this."""
    place = mark.resume or mark.newest
    return place is not None and place.at > at


def _unfinished(marks: Mapping[str, Mark]) -> Sequence[Stream]:
    """In the middle of a pass only the streams that have more; at the start of one, all."""
    return [stream for stream in STREAMS if marks[stream.name].resume is not None] or STREAMS


def after(mark: Mark, column: str, *, overlap: timedelta, now: datetime) -> list[Any]:
    """The domain of what is to be read next."""
    if mark.resume is not None:
        return _beyond(mark.resume, column)
    if mark.newest is None:
        return [[column, "!=", None]]
    settled = mark.newest.at + overlap + CLOCKS_MAY_DIFFER < now
    if settled:  # nothing older can still be on its way: no need to read the same again for ever
        return _beyond(mark.newest, column)
    return [[column, ">=", mark.newest.at - overlap]]


def _beyond(place: Place, column: str) -> list[Any]:
    return [["OR", [[column, ">", place.at]], [[column, "=", place.at], ["id", ">", place.id]]]]


def moved_on(mark: Mark, rows: list[Row], column: str, *, full: bool) -> Mark:
    """The mark after a page. A full page means that the pass goes on from its last record."""
    if not rows:
        return Mark(newest=mark.newest)
    last = Place(rows[-1][column].astimezone(UTC), rows[-1]["id"])
    newest = last if mark.newest is None or (last.at, last.id) > (mark.newest.at, mark.newest.id) else mark.newest
    return Mark(newest=newest, resume=last if full else None)


def sales_of(row: Row, path: str) -> set[int]:
    """Ids of sales at the end of a dotted path, through lists, missing parts and references to something else."""
    first, _, rest = path.partition(".")
    if not rest:
        return _sale_ids(row.get(first))
    inner = row.get(f"{first}.")
    parts = inner if isinstance(inner, list) else [inner]
    return {sale for part in parts if part for sale in sales_of(part, rest)}


def _sale_ids(value: Any) -> set[int]:
    if isinstance(value, str):
        model, _, number = value.partition(",")
        return {int(number)} if model == "sale.sale" and number.isdigit() else set()
    return {value} if isinstance(value, int) else set()


def changes_of(sale: Row) -> list[ErpOrderChange]:
    """Everything there is to report about one order now."""
    if is_cancelled(sale):
        return [_change(sale, "cancelled", f"sale/{sale['id']}/cancelled", _written(sale))]
    changes = []
    for shipment, row in zip(shipments(sale), sale["shipments."], strict=True):
        for kind, states in (("packed", PACKED_STATES), ("shipped", LEFT_STATES)):
            if shipment.state in states:
                numbers = _numbers(shipment) if kind == "shipped" else ""
                change_id = f"shipment/{shipment.erp_id}/{kind}{numbers}"
                changes.append(_change(sale, kind, change_id, _written(row), shipment=shipment))
    rest = cancelled_rest(sale)
    if rest:
        change_id = f"sale/{sale['id']}/rest/{_digest(rest)}"
        content = {"acknowledgement": acknowledgement(sale), "cancelled": rest}
        changes.append(_change(sale, "rest_cancelled", change_id, _written(sale), **content))
    if sale["state"] == "processing" and _still_open(sale):
        answer = acknowledgement(sale)
        change_id = f"schedule/{sale['id']}/{_schedule_digest(sale)}"
        changes.append(_change(sale, "schedule", change_id, _newest_write(sale), acknowledgement=answer))
    return changes


def _change(sale: Row, kind: str, change_id: str, at: datetime, **content: Any) -> ErpOrderChange:
    return ErpOrderChange(order_key=sale["web_id"], kind=kind, change_id=change_id, occurred_at=at, **content)


def _numbers(shipment: Shipment) -> str:
    """Makes a shipment that left another change with every number its parcels get."""
    return f"/{_digest(sorted(shipment.tracking_numbers))}" if shipment.tracking_numbers else ""


def _still_open(sale: Row) -> bool:
    return any(move["state"] not in ENDED_STATES for line in sale["lines."] for move in line["moves."])


def _written(row: Mapping[str, Any]) -> datetime:
    moment: datetime | None = row["write_date"]
    return moment or datetime.min.replace(tzinfo=UTC)


def _schedule_digest(sale: Row) -> str:
    """Changes with every date and work order, and with every return to an earlier date: when it was written counts."""
    answer = acknowledgement(sale)
    dates = [(line.line_id, line.ship_date, line.work_orders) for line in answer.lines]
    return _digest((dates, _schedule_writes(sale)))


def _digest(content: Any) -> str:
    return sha256(msgspec.json.encode(content)).hexdigest()[:16]


def _schedule_writes(sale: Row) -> list[datetime]:
    """When each record that dates the order was last written: shipments, moves, work orders, purchases."""
    rows: list[Row] = [*sale["shipments."]]
    for line in sale["lines."]:
        rows += [*line["moves."], *line["productions."], *_bought(line)]
    moments = [row["write_date"] or row.get("create_date") for row in rows]
    return sorted(moment for moment in moments if moment is not None)


def _bought(line: Row) -> list[Row]:
    request = line["purchase_request."]
    bought = request and request["purchase_line."]
    return [bought, bought["purchase."], *bought["moves."]] if bought else []


def _newest_write(sale: Row) -> datetime:
    return max([_written(sale), *_schedule_writes(sale)])
