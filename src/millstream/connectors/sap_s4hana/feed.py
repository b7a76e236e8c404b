"""What happened to our orders, by polling.

Orders and work orders tell when they were last changed; a pass begins somewhat before the newest change seen, because a
change becomes visible when it is committed, not when it was stamped. Several records may carry one stamp (SAP shows
milliseconds of orders, seconds of work orders), so a place in a stream is a stamp and the records already read at it.
Deliveries are dated by the day only: all of the last days are listed, and those whose state is another than last time
are read.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec

from millstream.connectors.sap_s4hana import odata
from millstream.connectors.sap_s4hana.changes import changes_of
from millstream.connectors.sap_s4hana.client import DELIVERIES, PRODUCTION, SALES, UNREADABLE, S4HanaClient
from millstream.connectors.sap_s4hana.documents import NUMBERS_MAX, Documents
from millstream.connectors.sap_s4hana.reading import is_cancelled, is_held, order_key_of
from millstream.connectors.sap_s4hana.rows import SalesOrder
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.errors import Reject
from millstream.ports.erp import ErpChangePage
from millstream.ports.positions import Rewound
from millstream.ports.world import Clock
from millstream.wire.misread import reading

CLOCKS_MAY_DIFFER: Final = timedelta(minutes=10)
DAYS_LOOKED_BACK: Final = timedelta(days=1)  # the system's day may begin before or after ours
STATUSES: Final = ("OverallPickingStatus", "OverallPackingStatus", "OverallGoodsMovementStatus")
_STAMP: Final = "%Y%m%d%H%M%S"


class Place(msgspec.Struct, frozen=True):
    """A place in a stream: everything before `at` was read, and of what is stamped `at` these."""

    at: datetime
    seen: tuple[str, ...] = ()


class Mark(msgspec.Struct, frozen=True):
    """How far a stream was read: the newest change seen, and where a pass that is not finished yet stands."""

    newest: Place | None = None
    resume: Place | None = None


class DeliveryMark(msgspec.Struct, frozen=True):
    """Since which day deliveries are listed, when they last were to the end, and the state each was in then."""

    since: date | None = None
    listed_at: datetime | None = None
    seen: Mapping[str, str] = {}


class Cursor(msgspec.Struct, frozen=True):
    """The whole position."""

    orders: Mark = Mark()
    work: Mark = Mark()
    deliveries: DeliveryMark = DeliveryMark()


class Feed:
    """Reads pages of changes."""

    def __init__(self, client: S4HanaClient, documents: Documents, settings: S4HanaSettings, *, clock: Clock) -> None:
        self._client = client
        self._documents = documents
        self._settings = settings
        self._clock = clock

    async def changes(self, cursor: dict[str, Any] | None) -> ErpChangePage:
        """See ErpFeed."""
        marks = _read_cursor(cursor)
        between = marks.orders.resume is None and marks.work.resume is None
        orders, work, deliveries = marks.orders, marks.work, marks.deliveries
        numbers: set[str] = set()
        if between or orders.resume is not None:
            orders = await self._changed_orders(orders, numbers)
        if between or work.resume is not None:
            work = await self._changed_work(work, numbers)
        if between:
            deliveries = await self._changed_deliveries(deliveries, numbers)
        found = await self._documents.orders(sorted(numbers)) if numbers else []
        ours = [order for order in found if await self._is_ours(order)]
        views = await self._documents.views(ours)
        with reading(self._client.system, "A_SalesOrder", code=UNREADABLE):
            changes = tuple(one for view in views for one in changes_of(view, self._settings, now=self._clock.now()))
        moved = Cursor(orders=orders, work=work, deliveries=deliveries)
        more = orders.resume is not None or work.resume is not None or deliveries.listed_at is None
        return ErpChangePage(changes=changes, cursor=msgspec.to_builtins(moved), more=more)

    def rewound(self, cursor: dict[str, Any], to: datetime) -> Rewound:
        """See Rewindable. Deliveries go back to the beginning of the day; a position nobody can read is made anew."""
        at = to.astimezone(UTC)
        day = to.astimezone(self._settings.zone).date()
        back = Mark(newest=Place(at))
        try:
            marks = _read_cursor(cursor)
        except Reject:
            anew = Cursor(orders=back, work=back, deliveries=DeliveryMark(since=day))
            return Rewound(was=None, cursor=msgspec.to_builtins(anew), moved=True)
        stood = [mark.newest.at for mark in (marks.orders, marks.work) if mark.newest]
        stood += [marks.deliveries.listed_at] if marks.deliveries.listed_at else []
        moved = Cursor(
            orders=back if _is_behind(at, marks.orders) else marks.orders,
            work=back if _is_behind(at, marks.work) else marks.work,
            deliveries=_relisted(marks.deliveries, at, day),
        )
        return Rewound(was=max(stood, default=None), cursor=msgspec.to_builtins(moved), moved=moved != marks)

    async def _is_ours(self, order: SalesOrder) -> bool:
        """Placed by the hub; and if it is rejected, no other document of the same order lives on."""
        key = order_key_of(order, self._settings)
        if not key or not is_cancelled(order):
            return bool(key)
        others = await self._documents.find(key)
        return all(is_cancelled(one) or is_held(one, self._settings) for one in others)

    async def _changed_orders(self, mark: Mark, numbers: set[str]) -> Mark:
        start = self._start(mark)
        wanted = [f"SalesOrganization eq {odata.text(self._settings.sales_organization)}"]
        if self._settings.purchase_order_type:
            wanted.append(f"CustomerPurchaseOrderType eq {odata.text(self._settings.purchase_order_type)}")
        if start is not None:
            wanted.append(f"LastChangeDateTime ge {odata.moment_literal(start.at)}")
        rows = await self._page(SALES, "A_SalesOrder", "SalesOrder", wanted, start)
        with reading(self._client.system, "A_SalesOrder", code=UNREADABLE):
            stamped = [(_moment(row["LastChangeDateTime"]), str(row["SalesOrder"])) for row in rows]
        return self._moved(mark, start, stamped, numbers, {number: number for _, number in stamped})

    async def _changed_work(self, mark: Mark, numbers: set[str]) -> Mark:
        start = self._start(mark)
        wanted = ["SalesOrder ne ''"]
        if start is not None:
            wanted.append(f"LastChangeDateTime ge {odata.text(start.at.astimezone(UTC).strftime(_STAMP))}")
        rows = await self._page(PRODUCTION, "A_ProductionOrder_2", "ManufacturingOrder", wanted, start)
        with reading(self._client.system, "A_ProductionOrder_2", code=UNREADABLE):
            stamped = [(_stamp(row["LastChangeDateTime"]), str(row["ManufacturingOrder"])) for row in rows]
            owners = {str(row["ManufacturingOrder"]): str(row["SalesOrder"]) for row in rows}
        return self._moved(mark, start, stamped, numbers, owners)

    async def _page(
        self, service: str, path: str, number: str, wanted: Sequence[str], start: Place | None
    ) -> list[odata.Row]:
        select = f"{number},LastChangeDateTime" + (",SalesOrder" if number != "SalesOrder" else "")
        query = {
            "$filter": " and ".join(wanted),
            "$orderby": f"LastChangeDateTime,{number}",
            "$top": str(self._top(start)),
            "$select": select,
        }
        return await self._client.read(service, path, query)

    def _top(self, start: Place | None) -> int:
        """A page, and what was read already at the stamp it begins with: so it always gets further."""
        return self._settings.page_size + (len(start.seen) if start else 0)

    def _start(self, mark: Mark) -> Place | None:
        """Where to read on from."""
        if mark.resume is not None or mark.newest is None:
            return mark.resume
        overlap = timedelta(seconds=self._settings.poll_overlap_s)
        if mark.newest.at + overlap + CLOCKS_MAY_DIFFER < self._clock.now():
            return mark.newest  # nothing older can still be on its way: no need to read the same again for ever
        return Place(mark.newest.at - overlap)

    def _moved(
        self,
        mark: Mark,
        start: Place | None,
        stamped: Sequence[tuple[datetime, str]],
        numbers: set[str],
        owners: Mapping[str, str],
    ) -> Mark:
        """The mark after a page; the orders of what is new on it are added to `numbers`."""
        known = {(start.at, number) for number in start.seen} if start else set()
        numbers |= {owners[number] for at, number in stamped if (at, number) not in known}
        if not stamped:
            return Mark(newest=mark.newest)
        last = stamped[-1][0]
        seen = {number for at, number in [*stamped, *known] if at == last}
        place = Place(last, tuple(sorted(seen)))
        resume = place if len(stamped) == self._top(start) else None
        if mark.newest is None or last > mark.newest.at:
            return Mark(newest=place, resume=resume)
        if last == mark.newest.at:
            return Mark(newest=Place(last, tuple(sorted({*seen, *mark.newest.seen}))), resume=resume)
        return Mark(newest=mark.newest, resume=resume)

    async def _changed_deliveries(self, mark: DeliveryMark, numbers: set[str]) -> DeliveryMark:
        """Lists the deliveries of the last days: one round trip for those made and those changed since."""
        now = self._clock.now()
        every = timedelta(seconds=self._settings.deliveries_every_s)
        if mark.listed_at is not None and mark.listed_at <= now < mark.listed_at + every:
            return mark
        today = now.astimezone(self._settings.zone).date()
        since = (mark.since or today) - DAYS_LOOKED_BACK
        area = f"SalesOrganization eq {odata.text(self._settings.sales_organization)}"
        watched = (*STATUSES, "BillOfLading") if self._settings.tracking_field == "BillOfLading" else STATUSES
        queries = [
            {
                "$filter": f"{column} ge {odata.day_literal(since)} and {area}",
                "$orderby": "DeliveryDocument",
                "$select": ",".join(("DeliveryDocument", *watched)),
            }
            for column in ("CreationDate", "LastChangeDate")
        ]
        rows = await self._client.read_all(DELIVERIES, "A_OutbDeliveryHeader", queries)
        with reading(self._client.system, "A_OutbDeliveryHeader", code=UNREADABLE):
            states = {str(row["DeliveryDocument"]): _state(row, watched) for row in rows}
        moved = sorted(number for number, state in states.items() if mark.seen.get(number) != state)
        page, rest = moved[: self._settings.page_size], moved[self._settings.page_size :]
        numbers |= await self._orders_of(page)
        kept = {number: state for number, state in states.items() if number not in set(rest)}
        kept |= {number: mark.seen[number] for number in rest if number in mark.seen}
        if rest:
            return DeliveryMark(since=mark.since or today, seen=kept)
        return DeliveryMark(since=today, listed_at=now, seen=kept)

    async def _orders_of(self, deliveries: Sequence[str]) -> set[str]:
        queries = [
            {"$filter": odata.any_of("DeliveryDocument", part), "$select": "DeliveryDocument,ReferenceSDDocument"}
            for part in odata.chunks(deliveries, NUMBERS_MAX)
        ]
        rows = await self._client.read_all(DELIVERIES, "A_OutbDeliveryItem", queries)
        with reading(self._client.system, "A_OutbDeliveryItem", code=UNREADABLE):
            return {str(row["ReferenceSDDocument"]) for row in rows if row["ReferenceSDDocument"]}


def _is_behind(at: datetime, mark: Mark) -> bool:
    """Whether a stream is read further than this."""
    place = mark.resume or mark.newest
    return place is not None and place.at > at


def _relisted(mark: DeliveryMark, at: datetime, day: date) -> DeliveryMark:
    """All of the days from then on are listed again, whatever state each delivery was in."""
    if mark.since is None or (mark.listed_at is not None and mark.listed_at <= at):
        return mark
    return DeliveryMark(since=min(mark.since, day))


def _read_cursor(cursor: dict[str, Any] | None) -> Cursor:
    try:
        return msgspec.convert(cursor or {}, Cursor)
    except msgspec.ValidationError as error:
        raise Reject("erp.cursor_unreadable", f"The stored cursor of the feed cannot be read: {error}") from error


def _moment(value: str) -> datetime:
    found = odata.moment(value)
    if found is None:
        raise ValueError("a change without its time")
    return found


def _stamp(value: Any) -> datetime:
    """Fourteen digits."""
    return datetime.strptime(str(value), _STAMP).replace(tzinfo=UTC)


def _state(row: odata.Row, watched: Sequence[str]) -> str:
    return "".join(str(row[name] or "-") for name in watched)
