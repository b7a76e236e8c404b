"""What the sight of an order gives rise to, and what the ERP's changes become."""

from datetime import timedelta

import msgspec
import pytest

from fakes.world import START
from millstream.domain import events
from millstream.flows.erp_changes import facts_of_changes
from millstream.flows.intake import facts_about
from millstream.ports.commerce import StoreOrder
from millstream.ports.erp import ErpOrderChange
from millstream.ports.records import KnownOrder

SEEN = StoreOrder(
    key="shop-1-7",
    store_order_id="17",
    number="7",
    placed_at=START,
    updated_at=START + timedelta(hours=1),
    ready=True,
    cancelled=False,
    ship_to_fingerprint="home",
    raw={"entity_id": 17},
)
KNOWN = KnownOrder(ship_to_fingerprint="home", cancelled=False)


def facts(known=KNOWN, **seen):
    return facts_about(msgspec.structs.replace(SEEN, **seen), known, store="shop")


def test_a_new_order_is_placed_at_the_time_the_shopper_placed_it():
    (placed,) = facts(known=None)
    assert (placed.type, placed.source, placed.source_id) == (events.ORDER_PLACED, "shop", "order/17/placed")
    assert (placed.subject, placed.occurred_at) == ("shop-1-7", START)
    assert placed.data == {
        "store_order_id": "17",
        "number": "7",
        "ship_to_fingerprint": "home",
        "order": {"entity_id": 17},
    }


@pytest.mark.parametrize("seen", [{"ready": False}, {"cancelled": True}, {"ready": False, "cancelled": True}])
def test_an_order_that_is_not_ready_or_was_never_known_and_is_cancelled_is_no_news(seen):
    assert facts(known=None, **seen) == ()


def test_an_order_that_did_not_change_for_us_is_no_news():
    assert facts(updated_at=START + timedelta(hours=9)) == ()


def test_a_cancellation_is_told_once():
    (cancelled,) = facts(cancelled=True)
    assert (cancelled.type, cancelled.source_id) == (events.ORDER_CANCELLED, "order/17/cancelled")
    assert cancelled.occurred_at == SEEN.updated_at
    assert facts(cancelled=True, known=KnownOrder(ship_to_fingerprint="home", cancelled=True)) == ()


def test_a_cancelled_order_moves_nowhere_any_more():
    (only,) = facts(cancelled=True, ship_to_fingerprint="office")
    assert only.type == events.ORDER_CANCELLED


def test_an_address_that_moves_there_and_back_is_two_changes():
    (there,) = facts(ship_to_fingerprint="office")
    back = facts(
        ship_to_fingerprint="home",
        known=KnownOrder(ship_to_fingerprint="office", cancelled=False),
        updated_at=START + timedelta(hours=2),
    )
    again = facts(ship_to_fingerprint="office", updated_at=START + timedelta(hours=3))
    ids = {there.source_id, back[0].source_id, again[0].source_id}
    assert (there.type, len(ids)) == (events.ORDER_ADDRESS_CHANGED, 3)


def test_an_order_that_ships_nothing_any_more_has_no_new_address():
    assert facts(ship_to_fingerprint=None) == ()


def test_seeing_the_same_thing_again_gives_the_same_ids():
    assert facts(known=None) == facts(known=None)
    assert facts(ship_to_fingerprint="office") == facts(ship_to_fingerprint="office")


@pytest.mark.parametrize(
    ("kind", "event_type"),
    [
        ("packed", events.ORDER_SHIPMENT_REPORTED),
        ("shipped", events.ORDER_SHIPMENT_REPORTED),
        ("schedule", events.ORDER_RESCHEDULED),
        ("cancelled", events.ORDER_CANCELLED_BY_ERP),
        ("rest_cancelled", events.ORDER_REST_CANCELLED_BY_ERP),
    ],
)
def test_every_kind_of_change_in_the_erp_becomes_one_event_known_by_the_change(kind, event_type):
    change = ErpOrderChange(order_key="shop-1-7", kind=kind, change_id="sale/5@9", occurred_at=START)
    (fact,) = facts_of_changes((change,), erp="plant")
    assert (fact.type, fact.source, fact.source_id, fact.subject) == (event_type, "plant", "sale/5@9", "shop-1-7")
    assert fact.data["kind"] == kind
