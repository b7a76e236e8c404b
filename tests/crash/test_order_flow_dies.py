"""The order flow dies at every step it takes, and at every pair of steps, and always ends the same."""

import pytest

from crash.scene import WAYS, Scene

SHARES = 10  # of the pairs: they run on several cores, and no sandbox grows slow with what it remembers

# What one order takes that nothing disturbs: on every way, and besides on each.
STAGES = {
    "poll.written",
    "poll.committed",
    "delivery.claimed",
    "delivery.taken",
    "settle.written",
    "settle.committed",
    "call.started shop:order.update",
    "call.started shop:order.comment",
    "call.started crm:purchase.record",
    "call.ended crm:purchase.announce",
}
IN_MEMORY = {"call.started erp:create", "call.ended erp:quoted", "call.ended erp:confirmed", "call.ended erp:reserved"}
STAGES_OF = {
    "a poll finds the order": IN_MEMORY,
    "the store tells of it": {
        *IN_MEMORY,
        "accept.written",
        "accept.committed",
        "door.answered",
        "call.ended shop:order.read",
    },
    "the customer is new": {*IN_MEMORY, "call.started crm:customer.create", "call.ended crm:customer.create"},
    "the customer is unlinked": {*IN_MEMORY, "call.started crm:account.adopt", "call.ended crm:account.adopt"},
    "the ERP is SAP": {
        "call.ended erp:GET A_SalesOrder",
        "call.started erp:POST A_SalesOrder",
        "call.ended erp:POST A_SalesOrder",
        "call.started erp:PATCH A_SalesOrder",
        "call.ended erp:PATCH A_SalesOrder",
    },
}

pytestmark = pytest.mark.quick_commits


@pytest.fixture
async def scene(database, way):
    scene = Scene(database, **WAYS[way])
    yield scene
    assert await scene.house.hub.ledger.wake_sleeping_lanes() == 0
    await scene.close()


@pytest.mark.parametrize("way", WAYS)
async def test_dying_at_every_single_step_ends_with_one_of_each(scene, way):
    steps = await scene.undisturbed()
    assert (STAGES | STAGES_OF[way]) - set(steps) == set()
    assert await scene.dies_at_each() == steps


@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", ["a poll finds the order"])
@pytest.mark.parametrize("share", range(SHARES))
async def test_dying_at_every_pair_of_steps_ends_with_one_of_each(scene, share):
    steps = await scene.undisturbed()
    for first in range(1 + share, len(steps) + 1, SHARES):
        assert await scene.dies_at_each(first)
    assert await scene.house.hub.audit.seal() > 0
    assert (await scene.house.hub.audit.verify()).broken_seal is None


@pytest.mark.parametrize(
    ("way", "first", "last"),
    [
        ("the store tells of it", "accept.written", "delivery.taken"),  # the hint becomes a fact
        ("the ERP is SAP", "call.started erp:POST A_SalesOrder", "call.ended erp:PATCH A_SalesOrder"),  # made, released
    ],
)
async def test_dying_at_every_pair_of_steps_of_a_stretch_ends_with_one_of_each(scene, first, last):
    steps = await scene.undisturbed()
    stretch = range(steps.index(first) + 1, steps.index(last) + 2)
    for one in stretch:
        for other in stretch:
            assert (await scene.dies(one, other))[0] == steps[one - 1]
