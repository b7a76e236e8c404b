"""Event types, and who cares about them."""

import re

import pytest

from millstream.domain import events
from millstream.domain.events import EVENT_TYPES, NewEvent
from millstream.engine.routes import Routes
from millstream.flows import ROUTES
from millstream.flows.confirmation import by_customer, by_incomplete_order

CONSTANTS = {value for name, value in vars(events).items() if name.startswith("ORDER_")}
UNROUTED: dict[str, str] = {}  # event type -> why nobody needs to hear of it


def test_every_event_type_is_listed():
    assert CONSTANTS == EVENT_TYPES


def test_two_names_never_mean_one_type():
    names = [name for name in vars(events) if name.startswith("ORDER_")]
    assert len(names) == len(CONSTANTS)


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_a_type_is_a_thing_and_what_happened_to_it(event_type):
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", event_type)


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_every_event_is_routed_or_rests_on_purpose(event_type):
    assert (event_type in ROUTES) is not (event_type in UNROUTED)


def test_only_known_events_are_routed():
    assert ROUTES.keys() <= EVENT_TYPES


@pytest.mark.parametrize("event_type", sorted(ROUTES))
def test_an_event_goes_to_each_subscriber_once(event_type):
    subscribers = [route.subscriber for route in ROUTES[event_type]]
    assert len(subscribers) == len(set(subscribers)) > 0


@pytest.mark.parametrize("event_type", sorted(ROUTES))
def test_the_crm_hears_of_one_customer_in_one_lane(event_type):
    lane = by_incomplete_order if event_type == events.ORDER_INCOMPLETE_IN_CRM else by_customer
    assert all(route.lane is lane for route in ROUTES[event_type] if route.subscriber == "crm")


def new(event_type, **data):
    from fakes.world import START

    return NewEvent(source="s", source_id="1", type=event_type, subject="shop-1-7", occurred_at=START, data=data)


def test_lanes_are_one_per_subscriber_and_order_and_in_the_crm_one_per_customer():
    addressed = Routes(ROUTES).address(new(events.ORDER_CONFIRMED, customer_id="C-5"))
    assert {(to.subscriber, to.lane) for to in addressed} == {("store", "store/shop-1-7"), ("crm", "crm/C-5")}


def test_an_order_that_waits_for_a_product_of_the_crm_keeps_nothing_of_its_customer_waiting():
    (addressed,) = Routes(ROUTES).address(new(events.ORDER_INCOMPLETE_IN_CRM, customer_id="C-5"))
    assert (addressed.subscriber, addressed.lane) == ("crm", "crm/shop-1-7/incomplete")


def test_an_event_nobody_routes_is_addressed_to_nobody_and_has_no_flow():
    routes = Routes(ROUTES)
    assert routes.address(new("order.unheard_of")) == ()
    assert routes.flow("order.unheard_of", "erp") is None
    assert routes.flow(events.ORDER_PLACED, "store") is None


def test_the_subscribers_are_those_of_the_table_each_once():
    assert Routes(ROUTES).subscribers == ("book", "crm", "erp", "inbox", "promise", "store")
