"""The places of a worker: shares, and who waits for long."""

import pytest
from msgspec.structs import replace

from fakes.ledger import MemoryLedger
from fakes.world import ManualWorld
from millstream.engine.places import SLOW_S, Places


class Yard:
    def __init__(self, concurrency=8):
        self.clock = ManualWorld().clock
        self.places = Places(concurrency, clock=self.clock)
        self.ledger = MemoryLedger()

    def begin(self, count, subscriber):
        have = len(self.ledger.due)
        self.ledger.put(count, subscriber=subscriber)
        begun = self.ledger.due[have:]
        for delivery in begun:
            self.places.take(delivery)
        return begun


@pytest.mark.parametrize(("concurrency", "share"), [(1, 1), (3, 3), (4, 3), (8, 6), (64, 48)])
def test_a_subscriber_may_hold_three_quarters(concurrency, share):
    yard = Yard(concurrency)
    assert yard.places.left_for("crm") == share
    yard.begin(share, "crm")
    assert yard.places.left_for("crm") == 0
    assert yard.places.left_for("erp") == share
    assert yard.places.free() == concurrency - share


def test_a_place_given_back_is_free_once():
    yard = Yard()
    (delivery,) = yard.begin(1, "crm")
    yard.places.give_back(delivery)
    yard.places.give_back(delivery)
    assert yard.places.free() == 8
    assert yard.places.left_for("crm") == 6


def test_two_tries_of_one_delivery_hold_two_places_until_each_has_ended():
    yard = Yard()
    (first,) = yard.begin(1, "crm")
    second = replace(first, tries=2)
    yard.places.take(second)
    assert (yard.places.free(), yard.places.left_for("crm")) == (6, 4)
    yard.places.give_back(first)
    assert (yard.places.free(), yard.places.left_for("crm")) == (7, 5)
    yard.places.give_back(second)
    assert (yard.places.free(), yard.places.left_for("crm")) == (8, 6)


def test_who_waits_for_long_leaves_its_place_to_others_but_keeps_its_share():
    yard = Yard()
    yard.begin(6, "crm")
    yard.begin(2, "store")
    assert yard.places.free() == 0
    yard.clock.advance(SLOW_S - 0.1)
    yard.begin(1, "erp")
    assert yard.places.free() == -1
    yard.clock.advance(0.2)
    assert yard.places.free() == 7  # all but the last wait
    assert yard.places.left_for("crm") == 0
