"""The flow map's rows and columns, and what is said to be amiss."""

import re
from itertools import pairwise

import pytest

from millstream.web.console.overview.flow_plan import COLUMNS, ROW, Bounds, judged, planned

BOUNDS = Bounds(oldest_s=900.0, failing_percent=20.0)
CONNECTIONS = {
    kind: {"name": name, "kind": kind, "state": "on", "breaker": "closed"}
    for kind, name in (("store", "shop"), ("erp", "plant"), ("crm", "crm"))
}


def flow(event_type="order.placed", subscriber="erp", **changed):
    usual = {"in_per_min": 1.0, "out_per_min": 1.0, "queue": 0, "oldest_age_s": None, "error_share": 0.0}
    return {"event_type": event_type, "subscriber": subscriber, "sources": ["shop"], **usual, **changed}


def judge(connections=CONNECTIONS, **changed):
    return judged(flow(**changed), connections, BOUNDS)


@pytest.mark.parametrize(
    ("changed", "tone", "reasons"),
    [
        ({}, "good", ()),
        ({"error_share": None}, "good", ()),
        ({"queue": 3, "oldest_age_s": 5.0}, "info", ()),
        ({"queue": 3, "oldest_age_s": 61.0, "in_per_min": 2.0}, "warn", ("more comes in than goes out",)),
        ({"queue": 3, "oldest_age_s": 61.0}, "info", ()),
        ({"queue": 1, "oldest_age_s": 901.0}, "bad", ("the oldest waits for more than 15 min",)),
        ({"error_share": 0.2}, "good", ()),
        ({"error_share": 0.21}, "bad", ("21 % of the tries fail",)),
    ],
)
def test_a_route_is_judged_by_the_levels_that_alerts_go_by(changed, tone, reasons):
    route = judge(**changed)
    assert (route.tone, route.reasons) == (tone, reasons)


@pytest.mark.parametrize(
    ("state", "breaker", "tone", "reason"),
    [
        ("paused", "closed", "warn", "plant: paused"),
        ("draining", "closed", "warn", "plant: draining"),
        ("on", "open", "bad", "plant: does not answer"),
        ("on", "probing", "warn", "plant: is tried again"),
    ],
)
def test_a_system_that_takes_nothing_is_named(state, breaker, tone, reason):
    route = judge({"erp": {"name": "plant", "kind": "erp", "state": state, "breaker": breaker}})
    assert (route.tone, route.reasons) == (tone, (reason,))


def test_the_worst_counts_and_all_is_told():
    route = judge(queue=9, oldest_age_s=1000.0, error_share=0.5, in_per_min=5.0)
    assert route.tone == "bad"
    assert len(route.reasons) == 3


def test_what_the_hub_does_itself_goes_to_the_hub():
    assert judge(event_type="order.packed", subscriber="book").goes_to == "millstream"
    assert judge().goes_to == "plant"


def test_ages_are_told_so_coarsely_that_the_map_holds_still():
    assert judge(queue=1, oldest_age_s=39.9).oldest_age_s == 30
    assert judge(queue=1, oldest_age_s=179.0).oldest_age_s == 120


def three_routes():
    return [
        judge(event_type="order.confirmed", subscriber="store", sources=["millstream"]),
        judge(event_type="order.confirmed", subscriber="crm", sources=["millstream"]),
        judge(),
    ]


def test_routes_stand_in_the_order_in_which_an_order_meets_them():
    plan = planned(three_routes())
    assert [(place.name, place.row) for place, _ in plan.events] == [("order.placed", 0.0), ("order.confirmed", 1.5)]
    assert [route.subscriber for _, there in plan.events for route in there] == ["erp", "crm", "store"]
    assert plan.height == 3 * ROW


def test_an_event_of_which_the_map_knows_nothing_stands_last():
    plan = planned([judge(event_type="order.audited"), *three_routes()])
    assert plan.events[-1][0].name == "order.audited"


@pytest.mark.parametrize("routes", [1, 2, 6])
def test_nothing_in_a_column_stands_on_something_else_or_outside_of_the_map(routes):
    plan = planned([
        judge(event_type=f"order.e{n}", sources=[f"s{n % 4}", "shop", "millstream"], subscriber="erp")
        for n in range(routes)
    ])  # fmt: skip
    for places in (plan.sources, plan.targets):
        rows = [place.row for place in places]
        assert all(below - above >= 1 for above, below in pairwise(rows))
        assert rows[0] >= 0
        assert (rows[-1] + 1) * ROW <= plan.height


def test_every_line_begins_and_ends_at_a_column():
    plan = planned(three_routes())
    begins, ends = {sum(COLUMNS[name]) for name in COLUMNS}, {left for left, _ in COLUMNS.values()}
    assert len(plan.edges) == 2 + 2 * 3, "from each source once; into and out of each route"
    for edge in plan.edges:
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", edge.path)]
        assert (numbers[0] in begins, numbers[-2] in ends) == (True, True)
        assert all(0 <= y <= plan.height for y in numbers[1::2])


def test_an_empty_map_is_a_map():
    assert planned([]).height == 0
