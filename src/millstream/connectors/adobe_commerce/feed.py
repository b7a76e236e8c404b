"""Where polling stands, and what a page of changed orders means for it. Pure.

Orders are read in the order (updated_at, entity_id), each page starting behind the last row of the page before, so
rows that move while paging are met again, never skipped. A pass that reached the end starts the next one a little
earlier (`overlap_s`): long transactions commit rows with a time in the past. What was met there already, unchanged to
the last member, is not reported twice.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from millstream.connectors.adobe_commerce.criteria import Filter, Group
from millstream.connectors.adobe_commerce.members import digest, moment
from millstream.domain.errors import Reject
from millstream.ports.commerce import OrderPage, StoreOrder
from millstream.ports.positions import Rewound

SEEN_MAX: Final = 5000  # beyond it orders are reported again, which is harmless
NEVER: Final = "9999-12-31 23:59:59"  # a row without a time is remembered as long as there is room
SORT: Final = ("updated_at", "entity_id")


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """Behind which row to go on. Times are the store's own form, UTC."""

    since: str  # orders placed earlier are none of our business
    updated_at: str
    entity_id: int = 0
    newest: str = ""  # the newest change met in any pass
    seen: dict[str, str] = {}  # entity id -> "updated_at|digest" of what was reported within the overlap


def first_cursor(since: datetime) -> Cursor:
    """Before anything was read."""
    return Cursor(since=store_time(since), updated_at=store_time(since))


def cursor_from_json(raw: dict[str, Any]) -> Cursor:
    """A stored cursor. Raises Reject when it is none of ours."""
    try:
        return msgspec.convert(raw, Cursor)
    except msgspec.ValidationError as error:
        raise Reject(
            "poll.cursor", f"The stored polling position cannot be read ({error}); `millstream connections rewind`."
        ) from error


def rewound(raw: dict[str, Any], to: datetime, *, since: datetime | None) -> Rewound:
    """The position at an earlier moment. `since`: orders placed earlier stay out, whatever the moment.

    One that cannot be read is made anew.
    """
    place = store_time(to)
    start = place if since is None else max(place, store_time(since))
    try:
        cursor = cursor_from_json(raw)
    except Reject:
        return Rewound(was=None, cursor=msgspec.to_builtins(Cursor(since=start, updated_at=place)), moved=True)
    stood = max(cursor.updated_at, cursor.newest)
    if place >= stood:
        return Rewound(was=moment(stood), cursor=raw, moved=False)
    back = Cursor(since=min(cursor.since, start), updated_at=min(cursor.updated_at, place))
    return Rewound(was=moment(stood), cursor=msgspec.to_builtins(back), moved=True)


def groups_after(cursor: Cursor, store_ids: Sequence[int] = ()) -> list[Group]:
    """Criteria for the rows behind the cursor: groups must all hold, filters of a group are alternatives."""
    groups: list[Group] = [
        (Filter("updated_at", "gteq", cursor.updated_at),),
        (Filter("updated_at", "gt", cursor.updated_at), Filter("entity_id", "gt", str(cursor.entity_id))),
        (Filter("created_at", "gteq", cursor.since),),
    ]
    if store_ids:
        groups.append((Filter("store_id", "in", ",".join(str(store_id) for store_id in store_ids)),))
    return groups


def read_page(
    cursor: Cursor,
    answer: Mapping[str, Any],
    *,
    page_size: int,
    overlap_s: float,
    sight: Callable[[dict[str, Any]], StoreOrder],
) -> OrderPage:
    """The orders of one answer and the cursor behind them. Raises Reject when the store does not keep the order."""
    orders: list[StoreOrder] = []
    unreadable: list[dict[str, Any]] = []
    seen = dict(cursor.seen)
    position = (cursor.updated_at, cursor.entity_id)
    newest = cursor.newest
    rows = answer.get("items") or []  # null instead of an empty list happens
    if not isinstance(rows, list):
        raise Reject("commerce.unexpected", f"The store answered {str(rows)[:80]!r} where a list of orders belongs.")
    for row in rows:
        place = _place(row)
        if place is not None:
            position = _advanced(position, place)
            newest = max(newest, place[0])
        mark = digest(row if isinstance(row, dict) else {"row": row})
        name = str(place[1]) if place is not None else f"?{mark}"
        met = f"{place[0] if place is not None else NEVER}|{mark}"
        if seen.get(name) == met:
            continue
        seen[name] = met
        try:
            orders.append(sight(row))
        except (Reject, TypeError, AttributeError):
            unreadable.append({"fingerprint": mark, "row": row})
    more = _has_more(answer, len(rows), page_size)
    if more and position == (cursor.updated_at, cursor.entity_id):
        raise Reject("commerce.paging", "The store sends full pages that do not move on; is a cache in front of it?")
    following = _following(cursor, position, newest, seen, more=more, overlap_s=overlap_s)
    return OrderPage(
        orders=tuple(orders), unreadable=tuple(unreadable), cursor=msgspec.to_builtins(following), more=more
    )


def _following(
    cursor: Cursor, position: tuple[str, int], newest: str, seen: dict[str, str], *, more: bool, overlap_s: float
) -> Cursor:
    if more:
        return msgspec.structs.replace(
            cursor, updated_at=position[0], entity_id=position[1], newest=newest, seen=_bounded(seen)
        )
    start = cursor.updated_at
    if newest:
        start = max(cursor.since, store_time(moment(newest) - timedelta(seconds=overlap_s)))
    kept = {name: met for name, met in seen.items() if met.partition("|")[0] >= start}
    return Cursor(since=cursor.since, updated_at=start, newest=newest, seen=_bounded(kept))


def _bounded(seen: dict[str, str]) -> dict[str, str]:
    if len(seen) <= SEEN_MAX:
        return seen
    newest = sorted(seen.items(), key=lambda item: item[1].partition("|")[0])[-SEEN_MAX:]
    return dict(newest)


def _place(row: Any) -> tuple[str, int] | None:
    """Where a row stands in the order of reading; None if it does not say."""
    try:
        return store_time(moment(str(row["updated_at"]))), int(row["entity_id"])
    except (KeyError, TypeError, ValueError):
        return None


def _advanced(position: tuple[str, int], place: tuple[str, int]) -> tuple[str, int]:
    if place < position:
        raise Reject(
            "commerce.paging",
            f"The store ignored the search criteria: order {place[1]} of {place[0]} came after {position[0]}.",
        )
    return place


def _has_more(answer: Mapping[str, Any], count: int, page_size: int) -> bool:
    total = answer.get("total_count")
    if isinstance(total, int) and not isinstance(total, bool):
        return count > 0 and total > count
    return count >= page_size


def store_time(at: datetime) -> str:
    """A moment in the store's form, which is UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
