"""Polling: nothing skipped, nothing needlessly repeated, whatever moves while we read."""

import copy
import json
from datetime import UTC, date, datetime
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from fakes.adobe import OrderTable, made_order, open_store, recorded_body, response, row, scripted
from millstream.connectors.adobe_commerce.catalogue import REFUSAL_KEPT
from millstream.connectors.adobe_commerce.feed import SEEN_MAX, _bounded, rewound
from millstream.domain.errors import Reject, Retry

SINCE = {"since": date(2026, 11, 1)}


def order(entity_id, updated_at="2026-11-23 07:00:00", **changes):
    return made_order(
        entity_id=entity_id,
        increment_id=f"{entity_id:09}",
        updated_at=updated_at,
        created_at="2026-11-23 06:00:00",
        **changes,
    )


async def read_all(store, cursor=None, pages_max=2000):
    """One pass to the end: the store order ids as reported, and the cursor, stored as JSON between pages."""
    found = []
    for _ in range(pages_max):
        page = await store.changed_orders(cursor)
        found += [seen.store_order_id for seen in page.orders]
        cursor = json.loads(json.dumps(page.cursor))
        if not page.more:
            return found, cursor
    raise AssertionError("never came to an end")


async def test_every_order_is_reported_once_in_the_order_of_change():
    table = OrderTable([order(n, f"2026-11-23 07:00:{59 - n:02}") for n in range(1, 31)])
    found, _ = await read_all(open_store(table, page_size=7, **SINCE))
    assert found == [str(n) for n in range(30, 0, -1)]


async def test_thousands_of_orders_of_one_second_are_neither_lost_nor_repeated():
    one = order(1)
    light = [{**one, "entity_id": n, "increment_id": f"{n:09}"} for n in range(1, 2_501)]
    found, cursor = await read_all(open_store(OrderTable(light), **SINCE))
    assert found == [str(n) for n in range(1, 2_501)]
    assert len(cursor["seen"]) == 2_500


def test_what_is_remembered_of_the_overlap_is_bounded():
    seen = {str(n): f"2026-11-23 07:{n // 60 % 60:02}:{n % 60:02}|x" for n in range(SEEN_MAX + 100)}
    assert len(_bounded(seen)) == SEEN_MAX


async def test_orders_that_move_while_paging_are_met_again():
    def move(table, request):
        if request == 2:  # an order already read and one not yet read change between two pages
            for each in table.orders:
                if each["entity_id"] in {2, 9}:
                    each["updated_at"] = "2026-11-23 07:30:00"
                    each["status"] = "changed"

    table = OrderTable([order(n, f"2026-11-23 07:00:{n:02}") for n in range(1, 11)], before=move)
    found, _ = await read_all(open_store(table, page_size=4, **SINCE))
    assert sorted(map(int, found)) == [1, 2, 2, *range(3, 11)]


async def test_rows_inserted_while_paging_are_reported_and_push_none_out():
    def insert(table, request):
        table.orders.append(order(100 + request, "2026-11-23 07:00:05"))

    table = OrderTable([order(n, f"2026-11-23 07:00:{n:02}") for n in range(1, 11)], before=insert)
    store = open_store(table, page_size=4, **SINCE)
    found, cursor = await read_all(store)
    table.before = None
    again, _ = await read_all(store, cursor)
    assert sorted({int(each) for each in found + again}) == sorted(each["entity_id"] for each in table.orders)
    assert len(found + again) == len(set(found + again))


async def test_a_transaction_that_commits_late_with_an_old_time_is_found_within_the_overlap():
    table = OrderTable([order(1, "2026-11-23 07:00:00"), order(3, "2026-11-23 07:05:00")])
    store = open_store(table, overlap_s=120, **SINCE)
    _, cursor = await read_all(store)
    table.orders.append(order(2, "2026-11-23 07:03:10"))
    assert (await read_all(store, cursor))[0] == ["2"]


async def test_what_did_not_change_is_not_reported_again_and_what_did_within_the_same_second_is():
    table = OrderTable([order(1), order(2)])
    store = open_store(table, **SINCE)
    _, cursor = await read_all(store)
    found, cursor = await read_all(store, cursor)
    assert found == []
    table.orders[0] = {**copy.deepcopy(table.orders[0]), "status": "changed"}  # same updated_at
    found, _ = await read_all(store, cursor)
    assert found == ["1"]


async def test_the_cursor_does_not_move_while_nothing_changes():
    store = open_store(OrderTable([order(1)]), **SINCE)
    _, first = await read_all(store)
    _, second = await read_all(store, first)
    assert first == second


async def test_orders_placed_before_the_start_date_stay_out_even_when_they_change():
    old = order(1, "2026-11-23 07:00:00") | {"created_at": "2026-10-01 00:00:00"}
    assert (await read_all(open_store(OrderTable([old, order(2)]), **SINCE)))[0] == ["2"]


async def test_without_a_start_date_the_last_day_is_read():
    older = order(1, "2026-11-22 07:00:00") | {"created_at": "2026-11-22 07:00:00"}
    table = OrderTable([older, order(2)])
    found, cursor = await read_all(open_store(table))
    assert found == ["2"]
    assert cursor["since"] == "2026-11-22 08:00:00"


@pytest.mark.parametrize(
    ("store_ids", "expected"), [((1,), ["1", "4"]), ((1, 3), ["1", "3", "4"]), ((), ["1", "2", "3", "4"])]
)
async def test_trap_10_only_orders_of_the_wanted_store_views_are_read(store_ids, expected):
    table = OrderTable([order(n, store_id=store_id) for n, store_id in enumerate((1, 2, 3, 1), start=1)])
    store = open_store(table, page_size=1, store_ids=store_ids, **SINCE)
    found, cursor = await read_all(store)
    assert found == expected
    table.orders[1]["updated_at"] = "2026-11-23 07:30:00"
    again, _ = await read_all(store, cursor)
    assert again == ([] if store_ids else ["2"])


async def test_the_query_has_a_total_order_utc_times_and_no_plus_for_a_space():
    table = OrderTable([])
    await read_all(open_store(table, since=date(2026, 11, 23), store_ids=(), page_size=50))
    raw = table.requests[0].url
    url = unquote(raw)
    assert url.startswith("https://shop.example/rest/default/V1/orders?")
    assert "+" not in raw
    assert "%20" in raw
    assert "[sortOrders][0][field]=updated_at" in url
    assert "[sortOrders][1][field]=entity_id" in url
    assert "[value]=2026-11-23 00:00:00" in url
    assert url.endswith("searchCriteria[pageSize]=50&searchCriteria[currentPage]=1")


@pytest.mark.parametrize("name", ["orders-search-empty-result-with-fields", "orders-search-empty-result"])
async def test_trap_12_an_empty_list_may_be_null(name):
    store, _ = scripted(response(recorded_body(name)))
    page = await store.changed_orders(None)
    assert (page.orders, page.more) == ((), False)


async def test_a_row_without_an_id_is_shown_and_reported_once():
    nameless = {"status": "new", "updated_at": "2026-11-23 07:00:00"}
    store, _ = scripted(*[response({"items": [nameless, order(1)], "total_count": 2})] * 2, **SINCE)
    page = await store.changed_orders(None)
    assert [row["row"] for row in page.unreadable] == [nameless]
    assert page.unreadable[0]["fingerprint"]
    assert [seen.store_order_id for seen in page.orders] == ["1"]
    assert (await store.changed_orders(page.cursor)).unreadable == ()


@pytest.mark.parametrize(
    "row", [None, "x", [], {"entity_id": 5, "updated_at": "2026-11-23 07:00:00"}, {"entity_id": 5, "items": 7}]
)
async def test_rows_of_any_shape_never_stop_the_poll(row):
    store, _ = scripted(response({"items": [row], "total_count": 1}), **SINCE)
    page = await store.changed_orders(None)
    assert len(page.unreadable) == 1


async def test_an_answer_without_a_list_is_refused_and_nothing_is_skipped():
    store, _ = scripted(response({"items": 5, "total_count": 1}), **SINCE)
    with pytest.raises(Reject, match="list of orders"):
        await store.changed_orders(None)


async def test_a_server_that_ignores_the_criteria_is_noticed_instead_of_read_for_ever():
    store, _ = scripted(response({"items": [order(1, "2025-01-01 00:00:00")], "total_count": 18}), **SINCE)
    with pytest.raises(Reject, match="ignored the search criteria"):
        await store.changed_orders(None)
    stuck = response({"items": [order(1)], "total_count": 18})
    store, _ = scripted(stuck, stuck, page_size=1, **SINCE)
    page = await store.changed_orders(None)
    with pytest.raises(Reject, match="do not move on"):
        await store.changed_orders(page.cursor)


async def test_a_cursor_of_another_making_is_refused():
    store, _ = scripted()
    with pytest.raises(Reject, match="connections rewind"):
        await store.changed_orders({"page": 7})


async def test_an_order_just_announced_but_not_visible_yet_is_tried_again():
    store, _ = scripted(response({"message": "The entity that was requested doesn't exist."}, 404))
    with pytest.raises(Retry) as later:
        await store.read_order("42")
    assert later.value.code == "order.not_visible"


async def test_the_catalogue_sku_behind_a_suffixed_one_is_looked_up_once():
    raw = recorded_body("order-get-configurable")
    product = response({"items": [{"id": 13, "sku": "MUG-ENGRAVE"}]})
    store, transport = scripted(response(raw), product, response(raw))
    for _ in range(2):
        seen = await store.read_order("3")
        assert [line.base_sku for line in store.interpret(seen.raw).lines] == [None, "MUG-ENGRAVE"]
    assert len(transport.requests) == 3
    assert "/V1/products?" in transport.requests[1].url


def engraved(*product_ids):
    """An order whose every row carries custom options, so that its SKUs have to be looked up."""
    chosen = {"extension_attributes": {"custom_options": [{"option_id": "1", "option_value": "x"}]}}
    rows = [row(n, product_id=n, sku=f"MUG-{n}-RED", product_option=chosen) for n in product_ids]
    return order(1, items=rows)


def catalogue(*product_ids):
    return response({"items": [{"id": n, "sku": f"MUG-{n}"} for n in product_ids]})


def base_skus(store, seen):
    return [line.base_sku for line in store.interpret(seen.raw).lines]


async def test_a_product_search_that_fails_for_a_moment_lets_the_poll_wait_instead_of_holding_good_orders():
    page = response({"items": [engraved(7)], "total_count": 1})
    hiccup = response("<html>Back soon</html>", 503, {"content-type": "text/html", "retry-after": "7"})
    store, transport = scripted(page, hiccup, page, catalogue(7), **SINCE)
    with pytest.raises(Retry) as later:
        await store.changed_orders(None)
    assert later.value.after_s == 7
    store.world.clock.advance(7)
    (seen,) = (await store.changed_orders(None)).orders
    assert base_skus(store, seen) == ["MUG-7"]
    assert len(transport.requests) == 4


async def test_an_order_that_is_hinted_at_waits_for_the_product_search_too():
    hiccup = response({"message": "Internal Error. Details are available in Magento log file."}, 500)
    store, _ = scripted(response(engraved(7)), hiccup)
    with pytest.raises(Retry):
        await store.read_order("1")


async def test_more_products_than_one_search_may_name_are_all_found():
    ids = range(1001, 1102)
    page = response({"items": [engraved(*ids)], "total_count": 1})
    store, transport = scripted(page, catalogue(*ids[:100]), catalogue(*ids[100:]), **SINCE)
    (seen,) = (await store.changed_orders(None)).orders
    assert base_skus(store, seen) == [f"MUG-{n}" for n in ids]
    asked = [dict(parse_qsl(urlsplit(request.url).query)) for request in transport.requests[1:]]
    named = [query["searchCriteria[filter_groups][0][filters][0][value]"].split(",") for query in asked]
    assert [len(each) for each in named] == [100, 1]
    assert [each for some in named for each in some] == [str(n) for n in ids]


async def test_without_permission_to_read_products_orders_still_come_in_and_it_is_not_asked_each_time():
    raw = recorded_body("order-get-configurable")
    refused = response(recorded_body("error-oauth1-resource-not-authorised"), 401)
    store, transport = scripted(response(raw), refused, response(raw))
    for _ in range(2):
        seen = await store.read_order("3")
        assert base_skus(store, seen) == [None, None]
    assert len(transport.requests) == 3


async def test_a_permission_that_is_given_later_is_noticed():
    refused = response(recorded_body("error-oauth1-resource-not-authorised"), 401)
    store, transport = scripted(response(engraved(7)), refused, response(engraved(7)), catalogue(7))
    assert base_skus(store, await store.read_order("1")) == [None]
    store.world.clock.advance(REFUSAL_KEPT.total_seconds())
    assert base_skus(store, await store.read_order("1")) == ["MUG-7"]
    assert len(transport.requests) == 4


async def test_trap_30_a_product_that_was_deleted_leaves_its_order_readable():
    store, _ = scripted(response(engraved(7, 8)), catalogue(8))
    seen = await store.read_order("1")
    assert base_skus(store, seen) == [None, "MUG-8"]
    assert [line.sku for line in store.interpret(seen.raw).lines] == ["MUG-7-RED", "MUG-8-RED"]


async def test_no_product_is_asked_for_where_that_is_not_wanted():
    store, transport = scripted(response(engraved(7)), find_catalogue_skus=False)
    assert base_skus(store, await store.read_order("1")) == [None]
    assert len(transport.requests) == 1


# --- back to an earlier moment


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


READ = {"since": "2026-11-10 00:00:00", "updated_at": "2026-11-20 09:58:00", "newest": "2026-11-20 10:00:00"}


def test_a_position_goes_back_and_what_was_placed_before_the_start_comes_in_where_the_settings_let_it():
    found = rewound({**READ, "entity_id": 7, "seen": {"7": "x"}}, at("2026-11-05T12:00"), since=at("2026-11-01T00:00"))
    assert (found.was, found.moved) == (at("2026-11-20T10:00"), True)
    assert found.cursor == {
        "since": "2026-11-05 12:00:00", "updated_at": "2026-11-05 12:00:00", "entity_id": 0, "newest": "", "seen": {}
    }  # fmt: skip
    assert rewound(READ, at("2026-11-05T12:00"), since=at("2026-11-08T00:00")).cursor["since"] == "2026-11-08 00:00:00"
    assert rewound(READ, at("2026-11-15T12:00"), since=None).cursor["since"] == READ["since"]


def test_a_position_never_goes_forward():
    for to in ("2026-11-20T10:00", "2026-11-24T00:00"):
        found = rewound(READ, at(to), since=None)
        assert (found.moved, found.cursor) == (False, READ)
    assert rewound(READ, at("2026-11-20T09:59"), since=None).cursor["updated_at"] == READ["updated_at"]


def test_a_position_nobody_can_read_is_made_anew():
    found = rewound({"n": 3}, at("2026-11-05T12:00"), since=None)
    assert (found.was, found.moved, found.cursor["updated_at"]) == (None, True, "2026-11-05 12:00:00")


async def test_from_there_on_every_order_is_reported_again_and_none_from_before():
    table = OrderTable(order(n, f"2026-11-23 {n:02}:00:00") for n in range(1, 10))
    store = open_store(table, **SINCE, page_size=4)
    _, cursor = await read_all(store)
    back = store.rewound(cursor, at("2026-11-23T04:00")).cursor
    found, cursor = await read_all(store, json.loads(json.dumps(back)))
    assert found == [str(n) for n in range(4, 10)]
    assert (await read_all(store, cursor))[0] == []
