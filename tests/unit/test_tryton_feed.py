"""The feed: places, passes, and what one order gives rise to."""

import json
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from fakes.tryton_answers import answer, connector, result, rows
from millstream.connectors.tryton.codec import encode_call
from millstream.connectors.tryton.feed import STREAMS, Mark, Place, after, changes_of, moved_on, rewound, sales_of
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
    packed, shipped = (change.change_id for change in found)
    assert packed == f"shipment/{shipment}/packed"
    assert shipped.startswith(f"shipment/{shipment}/shipped/")
    assert found == changes_of(rows("order_shipped")[0])


def test_a_number_that_is_entered_or_corrected_after_shipping_makes_it_another_change():
    told = []
    for numbers in ([None], ["1Z1"], ["1Z2"], ["1Z2", "1Z3"], ["1Z3", "1Z2"]):
        sale = rows("order_shipped")[0]
        (package,) = sale["shipments."][0]["packages."]
        sale["shipments."][0]["packages."] = [package | {"shipping_reference": number} for number in numbers]
        told.append(changes_of(sale))
    assert len({packed.change_id for packed, _ in told}) == 1
    assert told[0][1].change_id == f"shipment/{told[0][1].shipment.erp_id}/shipped"
    assert len({shipped.change_id for _, shipped in told}) == 4, "in which order they stand says nothing"
    assert {shipped.occurred_at for _, shipped in told} == {told[0][1].occurred_at}, "it left when it left"


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


def given_up():
    """Two of three valves left; what was to follow was cancelled, and the sale was told to ignore it."""
    return rows("order_rest_cancelled")[0]


def test_a_rest_that_was_given_up_is_reported_behind_what_left_and_once():
    found = changes_of(given_up())
    assert [change.kind for change in found] == ["packed", "shipped", "rest_cancelled"]
    rest = found[-1]
    assert [(line.line_id, line.sku, line.quantity.amount) for line in rest.cancelled] == [("101", "VALVE-050", 1)]
    assert [line.quantity.amount for line in rest.acknowledgement.lines] == [2, 4]
    assert changes_of(given_up()) == found


def undecided(sale):
    sale["lines."][0]["moves_ignored"] = []


def made_again(sale):
    """It was cancelled, and another move took its place."""
    valve = sale["lines."][0]
    valve["moves_ignored"] = []
    (move,) = [move for move in valve["moves."] if move["state"] == "cancelled"]
    valve["moves."].append(move | {"id": 999, "state": "draft"})


@pytest.mark.parametrize("happened", [undecided, made_again])
def test_what_was_cancelled_and_may_still_come_is_no_rest_given_up(happened):
    sale = given_up()
    happened(sale)
    assert "rest_cancelled" not in [change.kind for change in changes_of(sale)]


def test_more_that_is_given_up_later_is_another_change_and_names_all_of_it():
    first, sale = changes_of(given_up())[-1], given_up()
    valve = sale["lines."][0]
    (move,) = [move for move in valve["moves."] if move["state"] == "cancelled"]
    valve["moves."].append(move | {"id": 999})
    valve["moves_ignored"] = [*valve["moves_ignored"], 999]
    second = changes_of(sale)[-1]
    assert second.change_id != first.change_id
    assert [line.quantity.amount for line in second.cancelled] == [2]


def test_a_sale_of_which_everything_was_given_up_has_no_rest_and_waits_to_be_told_as_cancelled():
    sale = rows("order_cancelled")[0] | {"state": "processing", "shipment_state": "exception"}
    assert all(line["moves_ignored"] for line in sale["lines."] if line["moves."])
    assert [change.kind for change in changes_of(sale)] == []


def test_a_line_that_was_given_up_has_no_date_and_the_order_ships_with_the_others():
    sale = rows("order_processing")[0]
    made = sale["lines."][1]
    for move in made["moves."]:
        move["state"] = "cancelled"
    made["moves_ignored"] = [move["id"] for move in made["moves."]]
    made["productions."][0]["planned_date"] = date(2027, 3, 1)
    rest, schedule = changes_of(sale)
    assert (rest.kind, [line.sku for line in rest.cancelled]) == ("rest_cancelled", ["PUMP-CFG"])
    answer = schedule.acknowledgement
    assert (answer.lines[1].ships, answer.lines[1].ship_date, answer.lines[1].quantity.amount) == (False, None, 0)
    assert answer.ship_date == max(answer.lines[0].ship_date, answer.lines[2].ship_date)


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


# --- back to an earlier moment


def marks(cursor):
    return msgspec.convert(cursor, dict[str, Mark])


def test_every_stream_that_is_further_goes_back_and_the_others_stay():
    ahead, behind, *_ = (stream.name for stream in STREAMS)
    cursor = msgspec.to_builtins(
        {ahead: Mark(newest=Place(LATER, 9), resume=Place(LATER, 8)), behind: Mark(newest=Place(NOON - MINUTE, 3))}
    )
    found = rewound(cursor, NOON)
    assert (found.was, found.moved) == (LATER, True)
    moved = marks(found.cursor)
    assert moved[ahead] == Mark(newest=Place(NOON, 0))
    assert moved[behind] == Mark(newest=Place(NOON - MINUTE, 3))
    assert {moved[stream.name] for stream in STREAMS[2:]} == {Mark()}, "what was never read is read from its beginning"
    expected = [["OR", [["write_date", ">", NOON]], [["write_date", "=", NOON], ["id", ">", 0]]]]
    assert after(moved[ahead], "write_date", overlap=OVERLAP, now=LATER) == expected


def test_a_pass_that_has_not_come_so_far_is_left_alone_so_that_nothing_is_passed_over():
    name = STREAMS[0].name
    under_way = Mark(newest=Place(LATER, 9), resume=Place(NOON - MINUTE, 3))
    found = rewound(msgspec.to_builtins({name: under_way}), NOON)
    assert (marks(found.cursor)[name], found.moved) == (under_way, False)


def test_a_position_nobody_can_read_is_made_anew():
    found = rewound({"sale.sale.write_date": 7}, NOON)
    assert (found.was, found.moved) == (None, True)
    assert set(marks(found.cursor).values()) == {Mark(newest=Place(NOON, 0))}
