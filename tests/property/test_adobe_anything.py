"""Whatever a store sends and however it moves while we read: no crash, nothing lost."""

import asyncio
import copy
import json
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.adobe import OrderTable, made_order, open_store, recorded_orders
from millstream.connectors.adobe_commerce.comments import comment_text, has_comment
from millstream.connectors.adobe_commerce.feed import Cursor, read_page
from millstream.connectors.adobe_commerce.mapping import trim_order
from millstream.connectors.adobe_commerce.refusals import interpolate
from millstream.domain.errors import Reject
from millstream.domain.order import order_from_json, order_gaps, order_to_json

ORDERS = [order for _, order in recorded_orders()]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value, path=()):
    """Every place inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield (*path, name)
        yield from places(part, (*path, name))


def put(value, path, new):
    for name in path[:-1]:
        value = value[name]
    value[path[-1]] = new


@given(order=st.sampled_from(ORDERS), data=st.data())
@settings(max_examples=150, deadline=None)
def test_an_order_with_any_member_replaced_by_anything_is_mapped_or_refused(order, data):
    raw = copy.deepcopy(order)
    put(raw, data.draw(st.sampled_from(list(places(raw)))), data.draw(JSON))
    store = open_store(None)
    try:
        store._sighting(raw)
        mapped = store.interpret(trim_order(raw))
    except Reject as refused:
        named = refused.field
    else:
        order_gaps(mapped)
        named = order_from_json(json.loads(json.dumps(order_to_json(mapped)))) == mapped
    assert named


@given(rows=st.lists(JSON, max_size=5), total=JSON)
@settings(max_examples=200, deadline=None)
def test_a_page_of_anything_is_read_or_refused(rows, total):
    cursor = Cursor(since="2026-11-01 00:00:00", updated_at="2026-11-01 00:00:00")
    try:
        page = read_page(
            cursor,
            {"items": rows, "total_count": total},
            page_size=5,
            overlap_s=120,
            sight=open_store(None)._sighting,
        )
    except Reject:
        return
    assert len(page.orders) + len(page.unreadable) == len({json.dumps(row, sort_keys=True) for row in rows})


SECONDS = st.integers(0, 9)
# (before which request, to which order)
CHANGES = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 20)), max_size=12
)  # (before which request, which order)


@given(placed=st.lists(SECONDS, min_size=1, max_size=15), changes=CHANGES, page_size=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_the_last_state_of_every_order_is_reported_whatever_changes_while_paging(placed, changes, page_size):
    orders = [
        made_order(entity_id=n, increment_id=str(n), version=0, updated_at=f"2026-11-23 07:00:{s:02}")
        for n, s in enumerate(placed, 1)
    ]
    ticks = iter(range(10, 1000))

    def change(table, request):
        for when, which in changes:
            if when == request:
                number = (which - 1) % 20
                at = f"2026-11-23 07:00:{min(next(ticks), 59):02}"
                if number < len(table.orders):
                    table.orders[number] |= {"updated_at": at, "version": table.orders[number]["version"] + 1}
                else:
                    new = len(table.orders) + 1
                    table.orders.append(made_order(entity_id=new, increment_id=str(new), version=0, updated_at=at))

    table = OrderTable(orders, before=change)
    store = open_store(table, page_size=page_size, since=date(2026, 11, 1))
    seen = {}

    async def read():
        cursor = None
        for _ in range(200):
            page = await store.changed_orders(cursor)
            cursor = json.loads(json.dumps(page.cursor))
            seen.update({int(order.store_order_id): order.raw["version"] for order in page.orders})
            if not page.more and len(table.requests) > 12:
                return

    asyncio.run(read())
    assert seen == {order["entity_id"]: order["version"] for order in table.orders}


@given(text=st.text(max_size=200), key=st.text(min_size=1, max_size=40))
def test_any_comment_is_harmless_and_found_again(text, key):
    made = comment_text(text, key)
    assert "<" not in made
    assert ">" not in made
    assert all(ord(character) <= 0xFFFF for character in made)
    assert has_comment([{"comment": made}], key)
    made.encode()


@given(template=st.text(max_size=60), parameters=JSON)
def test_any_message_can_be_filled(template, parameters):
    assert "\n" not in interpolate(template, parameters)
