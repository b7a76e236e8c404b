"""What people do with deliveries, against a real ledger."""

import asyncio
import json
from datetime import timedelta

import pytest

from fakes.bench import LedgerBench
from millstream.domain.delivery import Settlement
from millstream.domain.errors import Reject
from millstream.domain.states import DeliveryState
from millstream.ports.desk import Filter
from millstream.ports.tap import Call
from millstream.store.desk import BULK_MAX

HELD, DEAD, RETRYING = DeliveryState.HELD, DeliveryState.DEAD, DeliveryState.RETRYING


class Office(LedgerBench):
    """A ledger in which every delivery of subscriber `a` has come to grief in its own way."""

    async def trouble(
        self, state=HELD, *, count=1, code="sku.unknown", fingerprint="f1", start=1, lane=None, due_s=600
    ):
        """That many deliveries, each tried once and now in `state`."""
        events = [self.event(n, lane or f"S-{n}", "thing.urgent") for n in range(start, start + count)]
        await self.accept(*events)
        claimed = sorted(await self.claim(subscribers=("a",)), key=lambda delivery: delivery.id)
        for delivery in claimed:
            await self.settle(
                delivery,
                state,
                due_at=self.world.clock.now() + timedelta(seconds=due_s) if state is RETRYING else None,
                fault_class="Reject",
                fault_code=code,
                fault_message=f"what {code} means",
                fingerprint=fingerprint,
            )
        return [delivery.id for delivery in claimed]

    async def state(self, delivery_id):
        return await self.value("select state from delivery where id = $1", delivery_id)

    async def found(self, **wanted):
        return [row.id for row in await self.desk.list_deliveries(Filter(**wanted), limit=100)]

    async def audited(self, action):
        rows = await self.rows("select * from audit where action = $1 order by id", f"delivery.{action}")
        return [(row["actor"], row["subject"], json.loads(row["detail"])) for row in rows]


@pytest.fixture
def office(database):
    return Office(database)


async def test_every_member_of_a_filter_narrows_the_choice(office):
    (first,) = await office.trouble(code="sku.unknown", fingerprint="f1")
    (second,) = await office.trouble(DEAD, code="down", fingerprint="f2", start=2)
    await office.accept(office.event(3, "S-3"))
    third, fourth = await office.found(subject="S-3")
    assert await office.found() == [first, second, third, fourth]
    assert await office.found(ids=(second, fourth)) == [second, fourth]
    assert await office.found(states=("held", "dead")) == [first, second]
    assert await office.found(subscriber="b") == [fourth]
    assert await office.found(event_type="thing.happened") == [third, fourth]
    assert await office.found(code="down") == [second]
    assert await office.found(fingerprint="f1") == [first]
    assert await office.found(states=("held",), fingerprint="f2") == []
    assert await office.desk.count(Filter(states=("held", "dead"))) == 2


async def test_a_long_list_is_read_page_by_page_without_a_gap(office):
    ids = await office.trouble(count=7)
    pages, after = [], 0
    while page := await office.desk.list_deliveries(Filter(), limit=3, after=after):
        pages.append([row.id for row in page])
        after = pages[-1][-1]
    assert pages == [ids[:3], ids[3:6], ids[6:]]


async def test_a_row_says_why_it_rests_and_since_when(office):
    (delivery_id,) = await office.trouble(code="sku.unknown")
    (row,) = await office.desk.list_deliveries(Filter(), limit=1)
    assert (row.id, row.state, row.code, row.message) == (delivery_id, "held", "sku.unknown", "what sku.unknown means")
    assert (row.tries, row.attempts, row.head, row.subject, row.subscriber) == (1, 1, True, "S-1", "a")
    assert row.updated_at == office.world.clock.now()


async def test_a_retry_is_due_now_with_a_fresh_set_of_attempts_and_keeps_the_count_of_tries(office):
    (delivery_id,) = await office.trouble(DEAD)
    office.world.clock.advance(100)
    assert await office.desk.retry(Filter(ids=(delivery_id,)), actor="cli:mia") == 1
    (again,) = await office.claim()
    assert (again.id, again.attempts, again.tries, again.again) == (delivery_id, 1, 2, True)


async def test_a_retry_does_not_wait_for_the_date_the_delivery_had(office):
    (delivery_id,) = await office.trouble(RETRYING, due_s=3600)
    assert await office.claim() == []
    await office.desk.retry(Filter(ids=(delivery_id,)), actor="cli:mia")
    assert [delivery.id for delivery in await office.claim()] == [delivery_id]


async def test_many_are_retried_at_once_by_their_common_cause(office):
    ids = await office.trouble(count=5, fingerprint="f1")
    await office.trouble(count=3, fingerprint="f2", start=10)
    assert await office.desk.retry(Filter(fingerprint="f1"), actor="cli:mia") == 5
    assert sorted(delivery.id for delivery in await office.claim()) == ids
    assert await office.desk.count(Filter(states=("held",))) == 3


@pytest.mark.parametrize("state", [DeliveryState.DONE, DeliveryState.RUNNING, DeliveryState.WAITING])
async def test_what_is_well_is_not_retried(office, state):
    await office.accept(office.event(1, kind="thing.urgent"))
    if state is not DeliveryState.WAITING:
        (delivery,) = await office.claim()
        if state is DeliveryState.DONE:
            await office.settle(delivery)
    assert await office.desk.retry(Filter(), actor="cli:mia") == 0
    assert await office.value("select state from delivery") == state
    assert await office.audited("retry") == []


async def test_an_action_on_more_than_one_can_oversee_is_refused_and_nothing_is_changed(office):
    await office.trouble()
    async with office.database.connection() as connection:
        await connection.execute(
            "insert into event select gen_random_uuid(), 'x', n::text, 't', 's', now(), now(), gen_random_uuid(), "
            "null, '{}' from generate_series(1, $1::int) n",
            BULK_MAX,
        )
        await connection.execute(
            "insert into delivery (event_id, subscriber, lane, priority, state, head, due_at, created_at, updated_at) "
            "select id, 'a', 'a/bulk', 50, 'held', false, now(), now(), now() from event where source = 'x'"
        )
    with pytest.raises(Reject) as refused:
        await office.desk.retry(Filter(states=("held",)), actor="cli:mia")
    assert refused.value.code == "bulk.too_large"
    assert f"at most {BULK_MAX}" in refused.value.message
    assert await office.desk.count(Filter(states=("held",))) == BULK_MAX + 1


@pytest.mark.parametrize("state", [HELD, DEAD, RETRYING])
async def test_what_came_to_grief_can_be_amended_and_runs_with_the_amended_payload(office, state):
    (delivery_id,) = await office.trouble(state)
    await office.desk.amend(delivery_id, {"n": "mended"}, actor="cli:mia", reason="typo")
    (delivery,) = await office.claim()
    assert (delivery.payload, delivery.event.data) == ({"n": "mended"}, {"n": 1})
    story = await office.desk.show_delivery(delivery_id)
    assert (story.data, story.amended) == ({"n": 1}, {"n": "mended"})


async def test_the_amended_payload_stays_for_later_retries_until_amended_again(office):
    (delivery_id,) = await office.trouble()
    await office.desk.amend(delivery_id, {"n": "first"}, actor="cli:mia", reason="typo")
    (delivery,) = await office.claim()
    await office.settle(delivery, HELD)
    await office.desk.retry(Filter(ids=(delivery_id,)), actor="cli:mia")
    (delivery,) = await office.claim()
    assert delivery.payload == {"n": "first"}
    await office.settle(delivery, HELD)
    await office.desk.amend(delivery_id, {"n": "second"}, actor="cli:mia", reason="typo")
    (delivery,) = await office.claim()
    assert delivery.payload == {"n": "second"}


async def test_what_runs_waits_or_is_done_cannot_be_amended(office):
    await office.accept(office.event(1, kind="thing.urgent"), office.event(2, kind="thing.urgent"))
    (running,) = await office.claim()
    waiting = await office.value("select id from delivery where state = 'waiting'")
    for delivery_id in (running.id, waiting, 10**9):
        with pytest.raises(Reject) as refused:
            await office.desk.amend(delivery_id, {}, actor="cli:mia", reason="typo")
        assert (refused.value.code, str(delivery_id) in refused.value.message) == ("delivery.not_mendable", True)
    await office.settle(running)
    with pytest.raises(Reject):
        await office.desk.amend(running.id, {}, actor="cli:mia", reason="typo")
    assert await office.value("select count(*) from delivery where amended is not null") == 0


async def test_a_release_waives_the_rule_that_holds_and_the_flow_is_told(office):
    (delivery_id,) = await office.trouble(code="price.stale")
    assert await office.desk.release(Filter(ids=(delivery_id,)), actor="cli:mia", reason="agreed") == 1
    (delivery,) = await office.claim()
    assert delivery.waived == {"price.stale"}


async def test_a_release_of_several_is_refused_as_a_whole_if_one_rule_may_not_be_waived(office):
    await office.trouble(code="price.stale")
    await office.trouble(code="sku.unknown", start=2)
    with pytest.raises(Reject) as refused:
        await office.desk.release(Filter(states=("held",)), actor="cli:mia", reason="x")
    assert refused.value.message.startswith("sku.unknown cannot be waived")
    assert "price.stale" in refused.value.message
    assert await office.claim() == []


async def test_only_what_is_held_is_released(office):
    await office.trouble(DEAD, code="down")
    assert await office.desk.release(Filter(), actor="cli:mia", reason="x") == 0
    assert await office.audited("release") == []


async def test_what_waits_behind_can_be_discarded_and_its_lane_keeps_its_head(office):
    await office.accept(*(office.event(n, kind="thing.urgent") for n in (1, 2, 3)))
    first, second, third = await office.found()
    assert await office.desk.discard(Filter(ids=(second,)), actor="cli:mia", reason="twice") == 1
    (head,) = await office.claim()
    assert head.id == first
    await office.settle(head)
    (head,) = await office.claim()
    assert head.id == third
    assert await office.ledger.wake_sleeping_lanes() == 0


@pytest.mark.parametrize("state", [HELD, DEAD, RETRYING])
async def test_a_discarded_head_hands_its_lane_on_at_once(office, state):
    (head,) = await office.trouble(state, lane="S")
    await office.accept(office.event(2, "S", "thing.urgent"))
    assert await office.claim() == []
    assert await office.desk.discard(Filter(ids=(head,)), actor="cli:mia", reason="not wanted") == 1
    (following,) = await office.claim()
    assert following.event.data == {"n": 2}
    (row,) = await office.desk.list_deliveries(Filter(ids=(head,)), limit=1)
    assert (row.state, row.note, row.head) == ("discarded", "not wanted", False)


async def test_a_whole_lane_can_be_discarded(office):
    await office.trouble(HELD, lane="S")
    await office.accept(*(office.event(n, "S", "thing.urgent") for n in (2, 3)))
    assert await office.desk.discard(Filter(subject="S"), actor="cli:mia", reason="x") == 3
    assert await office.claim() == []
    assert await office.ledger.wake_sleeping_lanes() == 0


async def test_what_runs_or_is_over_is_not_discarded(office):
    await office.accept(office.event(1), office.event(2, "S-2"))
    running, done, *_ = await office.claim()
    await office.settle(done)
    assert await office.desk.discard(Filter(ids=(running.id, done.id)), actor="cli:mia", reason="x") == 0
    assert (await office.state(running.id), await office.state(done.id)) == ("running", "done")


async def test_every_change_is_in_the_audit_trail_with_who_what_and_what_it_was_before(office):
    (first,) = await office.trouble(HELD, code="price.stale")
    (second,) = await office.trouble(DEAD, code="down", start=2)
    await office.desk.release(Filter(ids=(first,)), actor="cli:mia", reason="agreed by phone")
    await office.desk.retry(Filter(ids=(first, second)), actor="cli:max")
    await office.desk.amend(second, {"n": 2}, actor="cli:max", reason="typo")
    await office.desk.discard(Filter(ids=(second,)), actor="api:ann", reason="twice")
    assert await office.audited("release") == [
        ("cli:mia", "S-1", {"delivery": first, "was": "held", "code": "price.stale", "reason": "agreed by phone"})
    ]
    assert await office.audited("retry") == [
        ("cli:max", "S-1", {"delivery": first, "was": "retrying", "code": "price.stale"}),
        ("cli:max", "S-2", {"delivery": second, "was": "dead", "code": "down"}),
    ]
    assert await office.audited("amend") == [
        (
            "cli:max",
            "S-2",
            {"delivery": second, "was": "retrying", "code": "down", "reason": "typo", "amended": {"n": 2}},
        )
    ]
    assert await office.audited("discard") == [
        ("api:ann", "S-2", {"delivery": second, "was": "retrying", "code": "down", "reason": "twice"})
    ]


async def test_a_delivery_shows_every_attempt_with_its_calls(office):
    await office.accept(office.event(1, kind="thing.urgent"))
    (delivery,) = await office.claim()
    calls = tuple(
        Call(system="erp", operation=operation, key="k", status=status, outcome=outcome, ms=1.5)
        for operation, status, outcome in (("find", 200, "ok"), ("place", None, "answer.lost"))
    )
    await office.settle(delivery, RETRYING, calls=calls, due_at=office.world.clock.now(), fault_code="answer.lost")
    (delivery,) = await office.claim()
    await office.settle(delivery, settlement=Settlement(note="it was there already"), calls=calls[:1])
    story = await office.desk.show_delivery(delivery.id)
    assert [(attempt.n, attempt.outcome, attempt.code) for attempt in story.attempts] == [
        (1, "retrying", "answer.lost"),
        (2, "done", None),
    ]
    assert [[(call.operation, call.status) for call in attempt.calls] for attempt in story.attempts] == [
        [("find", 200), ("place", None)],
        [("find", 200)],
    ]
    assert (story.row.state, story.row.note) == ("done", "it was there already")


async def test_a_delivery_nobody_knows_has_no_story(office):
    assert await office.desk.show_delivery(10**9) is None
    assert await office.desk.order_story("nothing") is None


async def test_two_people_who_press_retry_at_once_do_not_stand_in_each_others_way(office):
    (delivery_id,) = await office.trouble()
    done = await asyncio.gather(
        office.desk.retry(Filter(ids=(delivery_id,)), actor="a"),
        office.desk.retry(Filter(ids=(delivery_id,)), actor="b"),
        office.desk.discard(Filter(ids=(delivery_id,)), actor="c", reason="x"),
    )
    assert await office.state(delivery_id) in {"retrying", "discarded"}
    audited = [len(await office.audited(action)) for action in ("retry", "discard")]
    assert audited == [sum(done[:2]), done[2]]


async def test_other_processes_are_woken_by_what_somebody_mended(office):
    (delivery_id,) = await office.trouble()
    heard = asyncio.Event()
    async with office.database.connection() as connection:
        await connection.add_listener("millstream_due", lambda *_: heard.set())
        await office.desk.retry(Filter(ids=(delivery_id,)), actor="cli:mia")
        async with asyncio.timeout(10):
            await heard.wait()
        await connection.reset()
    assert heard.is_set()
