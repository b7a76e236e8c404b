"""What the hub knows of an order says whether it can be put on hold in the store, and whether it can be taken off."""

import pytest

from millstream.domain.holding import HoldStanding, Step


def order(*steps, cancelled=False, shipped=False):
    made = tuple(Step(id=n, state=state, deed=deed, code=code) for n, (deed, state, code) in enumerate(steps, 1))
    return HoldStanding(number="42", cancelled=cancelled, shipped=shipped, steps=made)


def refused(standing, deed):
    refusal = standing.refusal(deed)
    return refusal and refusal.code


@pytest.mark.parametrize(
    ("steps", "possible"),
    [
        ((), ("hold",)),
        ((("hold", "waiting", None),), ("unhold",)),
        ((("hold", "retrying", "commerce.busy"),), ("unhold",)),
        ((("hold", "done", None),), ("hold", "unhold")),
        ((("hold", "done", None), ("unhold", "waiting", None)), ("hold",)),
        ((("hold", "done", None), ("unhold", "done", None)), ("hold",)),
        ((("hold", "discarded", None),), ("hold",)),
        ((("hold", "done", None), ("unhold", "discarded", None)), ("hold", "unhold")),
        ((("hold", "held", "order.not_holdable"),), ()),
        ((("hold", "dead", "connection.lost"),), ()),
        (((None, "held", "shipment.order_on_hold"),), ("hold", "unhold")),
        (((None, "retrying", "order.not_ready"),), ("hold", "unhold")),
        (((None, "discarded", "shipment.order_on_hold"),), ("hold",)),
        (((None, "held", "sku.unknown"),), ("hold",)),
    ],
)
def test_what_was_wanted_and_what_the_store_said_decide(steps, possible):
    assert order(*steps).can() == possible


def test_an_order_that_is_over_is_neither_held_nor_released():
    on_hold = ("hold", "done", None)
    assert order(on_hold, cancelled=True).can() == ()
    assert refused(order(cancelled=True), "hold") == "order.not_holdable"
    assert refused(order(on_hold, cancelled=True), "unhold") == "order.not_releasable"
    assert refused(order(shipped=True), "hold") == "order.not_holdable"


def test_an_order_that_left_while_its_store_had_it_on_hold_is_released_so_that_the_store_can_be_told():
    left = order((None, "held", "shipment.order_on_hold"), shipped=True)
    assert left.can() == ("unhold",)


def test_a_hold_that_the_store_refused_is_decided_about_before_anything_else():
    refusal = order(("hold", "held", "order.not_holdable")).refusal("unhold")
    assert "Delivery 1" in refusal.message
    assert "order.not_holdable" in refusal.message
