"""The feed: places, passes, and what one order gives rise to."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from fakes.tryton_answers import answer, connector, result, rows
from millstream.connectors.tryton.codec import encode_call
from millstream.connectors.tryton.feed import STREAMS, Mark, Place, after, changes_of, moved_on, sales_of
from millstream.connectors.tryton.mapping import Masters
from millstream.domain.errors import Reject
from millstream.wire.http import Response

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=3)  # than anything recorded
MINUTE = timedelta(minutes=1)
OVERLAP = timedelta(seconds=120)
MASTERS = Masters(web_shop=1, warehouse=5, warehouse_code="EAST", payment_term=None, services={}, taxes={})


def exact(value) -> Response:
    """An answer whose values are encoded as Tryton does."""
    body = encode_call("m", [value]).decode()
    return Response(status=200, body=json.dumps({"id": 1, "result": json.loads(body)["params"][0]}).encode())


def feed(*answers, **changed):
    erp, transport, world, _ = connector(answer("04_login_ok"), *answers, **changed)
    erp._records._masters = MASTERS
    return erp, transport, world


def nothing(times):
    return [result([])] * times


def domains(transport):
    return [json.loads(request.body)["params"][0] for request in transport.requests[1:]]


def test_the_first_pass_reads_everything():
    assert after(Mark(), "write_date", overlap=OVERLAP, now=NOON) == [["write_date", "!=", None]]


def test_a_pass_begins_before_the_newest_record_because_transactions_become_visible_late():
    mark = Mark(newest=Place(NOON, 7))
    assert after(mark, "write_date", overlap=OVERLAP, now=NOON + MINUTE) == [["write_date", ">=", NOON - OVERLAP]]


def test_once_nothing_can_be_on_its_way_any_more_the_same_is_not_read_again():
    mark = Mark(newest=Place(NOON, 7))
    domain = after(mark, "write_date", overlap=OVERLAP, now=NOON + 60 * MINUTE)
    assert domain == [["OR", [["write_date", ">", NOON]], [["write_date", "=", NOON], ["id", ">", 7]]]]


def test_a_full_page_goes_on_behind_its_last_record_even_within_one_moment():
    page = [{"id": 3, "write_date": NOON}, {"id": 4, "write_date": NOON}]
    mark = moved_on(Mark(), page, "write_date", full=True)
    assert mark.resume == Place(NOON, 4)
    assert after(mark, "write_date", overlap=OVERLAP, now=NOON)[0][2][1] == ["id", ">", 4]


def test_the_end_of_a_pass_keeps_the_newest_place_even_when_the_overlap_brought_older_records():
    mark = Mark(newest=Place(NOON, 7), resume=Place(NOON - MINUTE, 1))
    after_page = moved_on(mark, [{"id": 2, "write_date": NOON - MINUTE}], "write_date", full=False)
    assert after_page == Mark(newest=Place(NOON, 7))


@pytest.mark.parametrize(
    ("row", "path", "sales"),
    [
        ({"id": 5}, "id", {5}),
        ({"id": 1, "sale": 7}, "sale", {7}),
        ({"id": 1, "moves.": [{"sale": 7}, {"sale": 8}, {"sale": None}]}, "moves.sale", {7, 8}),
        ({"id": 1, "origin.": None}, "origin.sale", set()),
        ({"id": 1, "shipment.": {"id": 2, "moves.": [{"sale": 7}]}}, "shipment.moves.sale", {7}),
        ({"id": 1, "origin": "sale.sale,7"}, "origin", {7}),
        ({"id": 1, "requests.": [{"origin": "sale.sale,7"}, {"origin": "sale.sale,8"}]}, "requests.origin", {7, 8}),
        ({"id": 1, "requests.": [{"origin": "stock.order_point,7"}, {"origin": None}]}, "requests.origin", set()),
    ],
)
def test_every_record_leads_to_its_sales(row, path, sales):
    assert sales_of(row, path) == sales


def test_a_shipped_order_reports_packed_and_shipped_under_stable_ids():
    sale = rows("order_shipped")[0]
    shipment = sale["shipments."][0]["id"]
    found = changes_of(sale)
    assert [change.kind for change in found] == ["packed", "shipped"]
    assert [change.change_id for change in found] == [f"shipment/{shipment}/packed", f"shipment/{shipment}/shipped"]
    assert found == changes_of(rows("order_shipped")[0])


def test_an_open_order_reports_its_schedule_and_a_moved_work_order_a_new_one():
    before = changes_of(rows("order_processing")[0])
    sale = rows("order_processing")[0]
    production = sale["lines."][1]["productions."][0]
    production["planned_date"] += timedelta(days=7)
    production["write_date"] = NOON
    moved = changes_of(sale)
    assert [change.kind for change in before + moved] == ["schedule", "schedule"]
    assert before[0].change_id != moved[0].change_id
    assert moved[0].acknowledgement.lines[1].ship_date == before[0].acknowledgement.lines[1].ship_date + timedelta(
        days=7
    )


def test_a_return_to_an_earlier_date_is_a_change_of_its_own():
    first = rows("order_processing")[0]
    back = rows("order_processing")[0]
    back["lines."][1]["productions."][0]["write_date"] = NOON
    assert changes_of(first)[0].change_id != changes_of(back)[0].change_id


def bought(delivery, *, written):
    """What a purchase made for a line says of it."""
    part = {"id": 1, "write_date": written}
    return part | {"delivery_date": delivery, "purchase.": part, "moves.": [part | {"write_date": None}]}


def supplied(delivery, *, written):
    """The open order, whose bought line has been ordered from the supplier for a day."""
    sale = rows("order_processing")[0]
    request = sale["lines."][2]["purchase_request."]
    request |= {"state": "purchased", "purchase_line.": bought(delivery, written=written)}
    return sale


def test_a_supplier_that_postpones_moves_the_line_it_was_bought_for():
    day = date(2026, 12, 30)
    (before,) = changes_of(supplied(day, written=LATER))
    (after_it,) = changes_of(supplied(day + timedelta(days=9), written=LATER + MINUTE))
    assert before.acknowledgement.lines[2].ship_date == day
    assert after_it.acknowledgement.lines[2].ship_date == day + timedelta(days=9)
    assert before.change_id != after_it.change_id
    assert after_it.occurred_at == LATER + MINUTE


WRITTEN = {
    "a shipment": lambda sale: sale["shipments."][0],
    "a move": lambda sale: sale["lines."][0]["moves."][0],
    "a work order": lambda sale: sale["lines."][1]["productions."][0],
    "a purchase line": lambda sale: sale["lines."][2]["purchase_request."]["purchase_line."],
    "a purchase": lambda sale: sale["lines."][2]["purchase_request."]["purchase_line."]["purchase."],
    "an incoming move": lambda sale: sale["lines."][2]["purchase_request."]["purchase_line."]["moves."][0],
}


@pytest.mark.parametrize("what", WRITTEN)
def test_a_date_that_goes_and_comes_back_is_told_both_times(what):
    """The dates are equal again, so only the moment at which they were written tells that they were ever others."""
    day, told = date(2026, 12, 30), []
    for n in range(3):
        sale = supplied(day, written=LATER)
        if n:
            WRITTEN[what](sale)["write_date"] = LATER + n * MINUTE
        told += changes_of(sale)
    assert len({change.change_id for change in told}) == 3
    assert [change.acknowledgement for change in told] == [told[0].acknowledgement] * 3
    assert told[-1].occurred_at == LATER + 2 * MINUTE
    assert changes_of(sale) == told[-1:], "the same once more is the same change"


def test_a_cancelled_order_reports_only_that():
    sale = rows("order_cancelled")[0]
    assert [(c.kind, c.change_id) for c in changes_of(sale)] == [("cancelled", f"sale/{sale['id']}/cancelled")]


async def test_a_page_asks_every_stream_then_the_orders_once():
    sale = rows("order_shipped")[0]
    touched = exact([{"id": 9, "write_date": NOON, "sale": sale["id"]}])
    erp, transport, _ = feed(result([]), result([]), touched, *nothing(len(STREAMS) - 3), answer("order_shipped"))
    page = await erp.changes(None)
    assert len(transport.requests) == 1 + len(STREAMS) + 1
    assert domains(transport)[-1] == [["id", "in", [sale["id"]]], ["web_shop", "=", 1]]
    assert [change.kind for change in page.changes] == ["packed", "shipped"]
    assert not page.more
    assert json.loads(json.dumps(page.cursor)) == page.cursor


async def test_what_was_bought_for_an_order_is_found_by_what_it_was_bought_for():
    erp, transport, _ = feed(*nothing(len(STREAMS)))
    await erp.changes(None)
    asked = {stream.name: domain[0] for stream, domain in zip(STREAMS, domains(transport), strict=True)}
    assert asked["purchase.request.write_date"] == ["origin.web_shop", "=", 1, "sale.sale"]
    assert asked["purchase.line.write_date"] == ["requests.origin.web_shop", "=", 1, "sale.sale"]
    assert asked["purchase.purchase.write_date"] == ["lines.requests.origin.web_shop", "=", 1, "sale.sale"]
    incoming = ["origin.requests.origin.web_shop", "=", 1, "purchase.line", "sale.sale"]
    assert asked["stock.move.write_date.purchase"] == incoming


async def test_a_cursor_of_before_a_stream_was_followed_goes_on_where_it_stood():
    known = {"sale.sale.write_date": {"newest": {"at": "2026-11-23T08:00:00Z", "id": 7}, "resume": None}}
    erp, transport, _ = feed(*nothing(len(STREAMS)))
    page = await erp.changes(known)
    asked = dict(zip((stream.name for stream in STREAMS), domains(transport), strict=True))
    assert asked["sale.sale.write_date"][-1][:2] == ["write_date", ">="]
    assert asked["purchase.line.write_date"][-1] == ["write_date", "!=", None]
    assert page.cursor["sale.sale.write_date"] == known["sale.sale.write_date"]


async def test_a_pass_over_several_pages_asks_again_only_where_there_is_more():
    full = [{"id": 1, "write_date": NOON, "sale": None}, {"id": 2, "write_date": NOON, "sale": None}]
    erp, transport, _ = feed(
        result([]), result([]), exact(full), *nothing(len(STREAMS) - 3), exact(full[:1]), page_size=2
    )
    first = await erp.changes(None)
    assert first.more
    second = await erp.changes(json.loads(json.dumps(first.cursor)))
    assert not second.more
    assert len(transport.requests) == 1 + len(STREAMS) + 1
    assert domains(transport)[-1][-1][2][1] == ["id", ">", 2]


async def test_a_quiet_hour_costs_no_repeated_rows():
    nowhere = dict.fromkeys(("sale", "moves.", "origin", "origin.", "shipment.", "requests.", "lines."))
    row = {"id": 1, "write_date": NOON, "create_date": NOON, **nowhere}
    erp, transport, world = feed(*[exact([row])] * len(STREAMS), result([]))
    erp._records._masters = MASTERS
    page = await erp.changes(None)
    world.clock.advance(24 * 3600)
    transport.answers += nothing(len(STREAMS))
    quiet = await erp.changes(page.cursor)
    assert quiet.changes == ()
    assert quiet.cursor == page.cursor
    assert all(domain[-1][0] == "OR" for domain in domains(transport)[-len(STREAMS) :])


async def test_a_cursor_of_something_else_is_refused_by_name():
    erp, _, _ = feed()
    with pytest.raises(Reject) as refused:
        await erp.changes({"sale.sale.write_date": "yesterday"})
    assert refused.value.code == "erp.cursor_unreadable"
