"""A report about an order that is not on the books waits as long as the order is on its way there."""

from types import SimpleNamespace

import pytest

from fakes.books import FakeBooks
from millstream.domain.errors import Retry
from millstream.flows.booked import LOOK_AGAIN_MAX_S, reported_on
from millstream.ports.records import Placement

KEY = "shop-1-7"


async def refusal(placing, tries=1):
    fares = {"number": "7", "replaces": None, "is_booked": False, "is_cancelled": False, "cancelling": None}
    placements = {} if placing is None else {KEY: Placement(placing=placing, **fares)}
    with pytest.raises(Retry) as raised:
        await reported_on(SimpleNamespace(tries=tries), KEY, SimpleNamespace(records=FakeBooks(placements=placements)))
    assert raised.value.code == "order.not_booked"
    return raised.value


@pytest.mark.parametrize("placing", ["waiting", "running", "retrying", "held", "dead"])
async def test_no_attempt_is_used_up_while_the_order_may_still_be_made(placing):
    assert not (await refusal(placing)).counts


@pytest.mark.parametrize("placing", [None, "done", "discarded"])
async def test_an_order_that_nobody_makes_any_more_is_not_looked_for_for_ever(placing):
    assert (await refusal(placing)).counts


async def test_it_is_looked_for_soon_at_first_and_never_seldom():
    waits = [(await refusal("held", tries)).after_s for tries in (1, 2, 3, 20, 100_000)]
    assert waits == [1, 2, 4, LOOK_AGAIN_MAX_S, LOOK_AGAIN_MAX_S]
