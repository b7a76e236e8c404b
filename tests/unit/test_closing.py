"""What people close, open again and look after, against a real ledger."""

from datetime import timedelta

import pytest
from test_desk import DEAD, RETRYING, Office

from millstream.domain.errors import Reject
from millstream.domain.states import DeliveryState
from millstream.ports.desk import Filter
from millstream.ports.mending import Decision
from millstream.store import actions
from millstream.store.mending import PostgresMending


@pytest.fixture
def office(database):
    return Office(database)


@pytest.fixture
def mending(office):
    return PostgresMending(office.database, world=office.world, waivable=frozenset({"price.stale"}))


def decision(delivery_id, reason="agreed by phone"):
    return Decision(delivery_id=delivery_id, actor="mia", reason=reason)


async def test_a_resolved_delivery_says_why_and_its_lane_goes_on(office):
    (first,) = await office.trouble(lane="S-1")
    await office.accept(office.event(2, "S-1", "thing.urgent"))
    done = await office.desk.resolve(Filter(ids=(first,)), "duplicate", actor="cli:mia", reason="came twice")
    assert done == 1
    (row,) = await office.desk.list_deliveries(Filter(ids=(first,)), limit=1)
    assert (row.state, row.resolution, row.note, row.head) == ("discarded", "duplicate", "came twice", False)
    assert [delivery.id for delivery in await office.claim()] == [first + 1]
    told = {"delivery": first, "was": "held", "code": "sku.unknown", "reason": "came twice", "resolution": "duplicate"}
    assert await office.audited("resolve") == [("cli:mia", "S-1", told)]


async def test_what_was_closed_by_mistake_comes_back_to_review_before_what_waits_behind_it(office):
    (first,) = await office.trouble(lane="S-1")
    await office.accept(office.event(2, "S-1", "thing.urgent"))
    await office.desk.resolve(Filter(ids=(first,)), "test", actor="mia", reason="a test")
    office.world.clock.advance(60)
    assert await office.desk.reopen(Filter(ids=(first,)), actor="max", reason="it was none") == 1
    (row,) = await office.desk.list_deliveries(Filter(ids=(first,)), limit=1)
    assert (row.state, row.resolution, row.head, row.code) == ("held", None, True, "sku.unknown")
    assert (row.note, row.updated_at, row.attempts) == ("reopened: it was none", office.world.clock.now(), 0)
    assert await office.claim() == [], "it holds its lane again"
    await office.desk.retry(Filter(ids=(first,)), actor="max")
    for expected in (first, first + 1):
        (delivery,) = await office.claim()
        assert delivery.id == expected
        await office.settle(delivery)
    assert [(actor, detail["reason"]) for actor, _, detail in await office.audited("reopen")] == [
        ("max", "it was none")
    ]


async def test_what_was_closed_before_it_was_tried_rests_in_review_with_a_cause_of_its_own(office):
    await office.accept(office.event(1, "S-1", "thing.urgent"))
    await office.desk.discard(Filter(), actor="mia", reason="x")
    await office.desk.reopen(Filter(), actor="mia", reason="after all")
    (row,) = await office.desk.list_deliveries(Filter(), limit=1)
    assert (row.state, row.code) == ("held", "delivery.reopened")
    assert len(row.fingerprint) == 12
    assert await office.desk.retry(Filter(fingerprint=row.fingerprint), actor="mia") == 1


async def test_nothing_is_opened_again_that_something_later_has_overtaken(office, mending):
    (first,) = await office.trouble(lane="S-1")
    await office.accept(office.event(2, "S-1", "thing.urgent"))
    await office.desk.discard(Filter(ids=(first,)), actor="mia", reason="x")
    (second,) = await office.claim()
    with pytest.raises(Reject) as refused:
        await mending.reopen(decision(first))
    assert refused.value.code == "delivery.overtaken"
    assert "of the same lane is being carried out" in refused.value.message
    await office.settle(second)
    with pytest.raises(Reject) as refused:
        await office.desk.reopen(Filter(ids=(first,)), actor="mia", reason="x")
    assert f"delivery {second.id} (thing.urgent)" in refused.value.message
    assert "is done" in refused.value.message
    assert await office.state(first) == "discarded"
    assert await office.audited("reopen") == []


class Interrupted:
    """A connection on which something else happens before one of its statements."""

    def __init__(self, connection, statement, happens):
        self._connection = connection
        self._statement = statement
        self._happens = happens

    async def execute(self, statement, *values):
        return await self._connection.execute(statement, *values)

    async def fetchrow(self, statement, *values):
        if statement == self._statement:
            await self._happens()
        return await self._connection.fetchrow(statement, *values)


async def test_while_it_is_opened_again_nobody_begins_what_waits_behind_it(office):
    (first,) = await office.trouble(lane="S-1")
    await office.accept(office.event(2, "S-1", "thing.urgent"))
    await office.desk.discard(Filter(ids=(first,)), actor="mia", reason="x")
    claimed, now = [], office.world.clock.now()

    async def claim():
        claimed.append(await office.claim())

    async with office.database.transaction() as connection:
        meant = Filter(ids=(first,))
        seen = await actions.look(connection, meant, actions.REOPENABLE, now)
        chosen = await actions.lock(connection, seen, meant, actions.REOPENABLE, now)
        interrupted = Interrupted(connection, actions.DESK["overtaken"], claim)
        await actions.reopen(interrupted, chosen, now, "x")
    assert claimed == [[]]
    assert await office.claim() == []
    await office.desk.retry(Filter(ids=(first,)), actor="mia")
    assert [delivery.id for delivery in await office.claim()] == [first]


async def test_what_may_have_had_its_effect_overtakes_and_what_surely_had_none_does_not(office):
    (first,) = await office.trouble(lane="S-1")
    await office.desk.discard(Filter(ids=(first,)), actor="mia", reason="x")
    (second,) = await office.trouble(RETRYING, start=2, lane="S-1", due_s=0)
    assert await office.desk.reopen(Filter(ids=(first,)), actor="mia", reason="x") == 1
    await office.desk.discard(Filter(ids=(first,)), actor="mia", reason="x")
    (again,) = await office.claim()
    later = office.world.clock.now() + timedelta(seconds=600)
    await office.settle(again, RETRYING, due_at=later, fault_class="Unknown", fault_code="answer.lost")
    with pytest.raises(Reject) as refused:
        await office.desk.reopen(Filter(ids=(first,)), actor="mia", reason="x")
    assert f"delivery {second}" in refused.value.message
    assert "may have been carried out" in refused.value.message


async def test_another_subject_in_the_same_lane_does_not_overtake(office):
    """A customer's lane holds many orders: a later one that is done says nothing about an earlier one."""
    first, second = await office.trouble(count=2)
    async with office.database.connection() as connection:
        await connection.execute("update delivery set head = false where id = $1", second)
        await connection.execute("update delivery set lane = 'a/customer'")
    await office.desk.discard(Filter(ids=(first,)), actor="mia", reason="x")
    await office.desk.retry(Filter(ids=(second,)), actor="mia")
    (delivery,) = await office.claim()
    await office.settle(delivery)
    assert await office.desk.reopen(Filter(ids=(first,)), actor="mia", reason="x") == 1


async def test_what_is_not_closed_is_not_opened_and_what_is_closed_not_closed_again(office, mending):
    (first,) = await office.trouble()
    with pytest.raises(Reject) as refused:
        await mending.reopen(decision(first))
    assert refused.value.code == "delivery.not_mendable"
    assert (await mending.resolve(decision(first), "other")).resolution == "other"
    with pytest.raises(Reject):
        await mending.resolve(decision(first), "test")
    assert await office.desk.reopen(Filter(states=("held",)), actor="mia", reason="x") == 0


async def test_a_reopened_delivery_can_be_amended_and_released(office, mending):
    (first,) = await office.trouble(code="price.stale")
    await mending.resolve(decision(first), "fixed_in_source")
    await mending.reopen(decision(first))
    assert (await mending.release(decision(first))).state == "retrying"
    (delivery,) = await office.claim()
    assert delivery.waived == {"price.stale"}


async def test_a_retry_with_the_event_as_it_came_drops_what_was_amended(office, mending):
    (first,) = await office.trouble(DEAD)
    await mending.amend(decision(first), {"n": 99})
    (delivery,) = await office.claim()
    assert delivery.payload == {"n": 99}
    await office.settle(delivery, DeliveryState.HELD, fault_class="Reject", fault_code="x", fault_message="x")
    await mending.retry(decision(first))
    (delivery,) = await office.claim()
    assert delivery.payload == {"n": 99}, "as it is"
    await office.settle(delivery, DeliveryState.HELD, fault_class="Reject", fault_code="x", fault_message="x")
    await mending.retry(decision(first), as_it_came=True)
    (delivery,) = await office.claim()
    assert (delivery.payload, delivery.again) == ({"n": 1}, True)
    await office.settle(delivery, DEAD, fault_class="Retry", fault_code="x", fault_message="x")
    await mending.amend(decision(first), {"n": 98})
    assert await office.desk.retry(Filter(ids=(first,)), actor="mia", as_it_came=True) == 1
    (delivery,) = await office.claim()
    assert delivery.payload == {"n": 1}
    assert [detail.get("as_it_came") for _, _, detail in await office.audited("retry")] == [None, True, True]


async def test_all_of_one_cause_are_looked_after_at_once_each_with_its_row_in_the_trail(office):
    ids = await office.trouble(count=3, fingerprint="f1")
    (other,) = await office.trouble(fingerprint="f2", start=9)
    cause = Filter(fingerprint="f1")
    assert await office.desk.assign(cause, "jo", actor="mia") == 3
    assert await office.desk.tag(cause, add=["vip", "ask plant"], remove=[], actor="mia") == 3
    assert await office.desk.tag(Filter(ids=(ids[0],)), add=["late"], remove=["vip"], actor="mia") == 1
    until = office.world.clock.now() + timedelta(hours=4)
    assert await office.desk.snooze(cause, until, actor="mia", reason="plant answers at noon") == 3
    rows = {row.id: row for row in await office.desk.list_deliveries(Filter(), limit=10)}
    assert {row.assignee for row in rows.values() if row.id != other} == {"jo"}
    assert (rows[ids[0]].tags, rows[ids[1]].tags) == (("ask plant", "late"), ("ask plant", "vip"))
    assert (rows[other].assignee, rows[other].tags, rows[other].snoozed_until) == (None, (), None)
    assert await office.found(snoozed=False) == [other]
    assert [len(await office.audited(action)) for action in ("assign", "tag", "snooze")] == [3, 4, 3]
    assert await office.desk.assign(cause, None, actor="mia") == 3
    assert await office.desk.snooze(cause, None, actor="mia", reason="now") == 3
    assert len(await office.found(snoozed=False)) == 4
