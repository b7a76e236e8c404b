"""Alerts over the whole hub, on a manual clock: what goes wrong is told in time, once, and is over by itself."""

from datetime import timedelta
from typing import ClassVar

import msgspec
import pytest

from fakes.house import House
from fakes.notifier import RecordingNotifier
from millstream.domain.errors import Reject, Retry
from millstream.engine.alerts.levels import AlertPolicy, Slo
from millstream.engine.alerts.rulebook import InForce
from millstream.ports.desk import Filter
from millstream.ports.notifier import AlertWish, Condition
from millstream.web.order_hint import order_hint

pytestmark = pytest.mark.quick_commits


class FixedRules:
    """What is in force, as the test says."""

    def __init__(self):
        self.now = InForce(slo=Slo(), policy=AlertPolicy())

    async def in_force(self):
        return self.now


class Watched(House):
    """A house whose hub is watched every 15 s."""

    def __init__(self, database, **policy):
        super().__init__(database, **policy)
        self.notifier = RecordingNotifier()
        self.rules = FixedRules()
        self.watch_over()
        self.place_order = self.erp.place_order

    def watch_over(self):
        self.watch = self.hub.watch
        self.watch.notifier = self.notifier
        self.watch.rules = self.rules

    def restart(self):
        self.hub = self.build()
        self.watch_over()

    def change(self, **policy):
        self.rules.now = msgspec.structs.replace(
            self.rules.now, policy=msgspec.structs.replace(self.rules.now.policy, **policy)
        )

    def expect(self, **slo):
        self.rules.now = msgspec.structs.replace(self.rules.now, slo=msgspec.structs.replace(self.rules.now.slo, **slo))

    def erp_fails(self, code="connection.refused"):
        async def refuse(order, *, customer_id, key):
            raise Retry(code, "erp: nobody answers", after_s=60, counts=False)

        self.erp.place_order = refuse

    def breaker_opens(self):
        self.hub.tap.note("breaker.opened", system="erp", failures=5, cooldown_s=1.0)

    def erp_works(self):
        self.erp.place_order = self.place_order

    async def go(self, seconds):
        """Time passes in steps of 15 s; workers work, and somebody looks."""
        for _ in range(int(seconds / 15)):
            await self.turn()
            self.world.clock.advance(15)
        await self.turn()

    async def turn(self):
        await self.hub.pulse.beat()
        await self.hub.poller.poll_all()
        while await self.hub.worker.run_due():
            pass
        await self.watch.look()

    async def alerts(self):
        return {alert.code: alert for alert in await self.watch.book.page(AlertWish(), limit=50)}


@pytest.fixture
def house(database):
    return Watched(database)


async def test_five_percent_of_orders_failing_to_reach_the_erp_alert_within_a_minute(house):
    for _ in range(19):
        await house.place()
    await house.go(30)
    house.world.clock.advance(60)
    assert await house.alerts() == {}
    house.erp_fails()
    await house.place()
    failed_at = house.world.clock.now()
    await house.go(60)
    alert = (await house.alerts())["orders-failing"]
    assert alert.fired_at - failed_at <= timedelta(seconds=60)
    assert alert.urgent
    assert alert.effect.startswith("1 order, USD ") or alert.effect.startswith("1 order, EUR "), alert.effect
    assert "5 % of 20" in alert.effect
    assert "connection.refused on 1 of them" in alert.effect
    assert alert.effect.endswith("nothing lost")
    assert len(house.notifier.titles()) == 1
    assert house.notifier.told[0][2].startswith("1 order, EUR 195, wait up to 0 s: connection.refused on 1 of them")


async def test_fewer_than_five_percent_alert_nobody(house):
    for _ in range(20):
        await house.place()
    await house.go(15)
    house.erp_fails()
    house.expect(failing_orders_percent=5.1)
    await house.place()
    await house.go(60)
    assert "orders-failing" not in await house.alerts()


async def test_an_alert_is_told_once_is_over_by_itself_and_may_come_again(house):
    house.erp_fails()
    await house.place()
    await house.go(300)
    assert [title.partition(",")[0] for title in house.notifier.titles()] == ["1 order"]
    house.erp_works()
    await house.go(180)
    alert = (await house.alerts())["orders-failing"]
    assert alert.state == "resolved"
    assert [title[:13] for title in house.notifier.titles() if title.startswith("Over")] == ["Over: 1 order"]
    house.erp_fails()
    await house.place()
    await house.go(60)
    rows = await house.rows("select state from alert where code = 'orders-failing' order by id")
    assert [row["state"] for row in rows] == ["resolved", "firing"]


async def test_an_order_held_for_a_reason_counts_as_not_in_the_erp(house):
    async def refuse(order, *, customer_id, key):
        raise Reject("erp.credit_limit", "the credit limit is reached")

    house.erp.place_order = refuse
    await house.place()
    await house.go(30)
    assert "erp.credit_limit on 1 of them" in (await house.alerts())["orders-failing"].effect


async def test_alerts_of_one_cause_are_told_as_one(house):
    house.erp_fails()
    await house.place()
    house.breaker_opens()
    await house.go(120)
    alerts = await house.alerts()
    assert {alerts["connection-down"].cause, alerts["orders-failing"].cause} == {"connection/erp"}
    assert alerts["connection-down"].told_with == alerts["orders-failing"].id
    assert len(house.notifier.titles()) == 1
    assert "erp breaker open since 08:00 UTC" in house.notifier.told[0][2]


async def test_what_hid_behind_another_alert_is_told_when_that_one_is_over(house):
    house.erp_fails()
    await house.place()
    house.breaker_opens()
    await house.go(90)
    house.erp_works()
    await house.go(180)  # the order is in, and yet nobody told that the breaker closed
    alerts = await house.alerts()
    assert (alerts["orders-failing"].state, alerts["connection-down"].state) == ("resolved", "firing")
    assert "What is to reach erp from now on waits" in house.notifier.titles()


async def test_orders_that_fail_while_somebody_is_on_the_breaker_are_told_within_a_minute_with_their_money(house):
    house.change(escalate_after_s=120)
    house.erp_fails()
    await house.turn()
    house.breaker_opens()  # at night: polling found the ERP away, and no order is about
    await house.go(75)
    down = (await house.alerts())["connection-down"]
    assert house.notifier.titles() == ["What is to reach erp from now on waits"]
    await house.watch.book.acknowledge(down.id, actor="cli:ann", now=house.world.clock.now())
    house.world.clock.advance(600)
    await house.place()
    failed_at = house.world.clock.now()
    await house.go(60)
    alert = (await house.alerts())["orders-failing"]
    assert (alert.state, alert.told_with) == ("firing", None)
    assert alert.fired_at - failed_at <= timedelta(seconds=60)
    _, title, body = house.notifier.told[-1]
    assert title.startswith("1 order, EUR 195, wait up to")
    assert "\nAlso: 1 order, EUR 195, wait for erp: its breaker is open since 08:00 UTC" in body
    await house.go(150)
    assert house.notifier.titles()[-1].startswith("Nobody is on it: 1 order, EUR 195")


async def test_a_breaker_that_opens_on_orders_says_how_many_wait_and_what_they_are_worth(house):
    house.erp_fails()
    house.expect(failing_orders_min=10)
    for _ in range(3):
        await house.place()
    await house.turn()
    house.breaker_opens()
    await house.go(75)
    assert house.notifier.titles() == ["3 orders, EUR 584, wait for erp"]


async def test_orders_that_an_earlier_version_hid_behind_a_breaker_are_told(house):
    house.erp_fails()
    await house.turn()
    house.breaker_opens()
    await house.go(75)
    leader = (await house.alerts())["connection-down"]
    await house.place()
    await house.go(15)
    hidden = msgspec.structs.replace((await house.alerts())["orders-failing"], told_with=leader.id)
    await house.watch.book.change(hidden, now=house.world.clock.now())
    await house.go(15)
    assert (await house.alerts())["orders-failing"].told_with is None


async def test_when_every_worker_is_dead_the_web_edge_still_sees_it(house):
    await house.turn()
    for _ in range(5):
        house.world.clock.advance(15)
        await house.watch.look()  # `serve --no-worker` does nothing else
    alert = (await house.alerts())["worker-silent"]
    assert alert.state == "firing"
    assert (alert.fired_at - house.world.clock.now()) <= timedelta(0)
    assert alert.fired_at - alert.opened_at <= timedelta(seconds=15)
    await house.go(90)
    assert (await house.alerts())["worker-silent"].state == "resolved"


async def test_a_hub_no_worker_was_ever_started_for_is_told_too(house):
    for _ in range(6):
        await house.watch.look()
        house.world.clock.advance(15)
    assert (await house.alerts())["worker-silent"].state == "firing"


async def test_only_one_process_looks_at_a_time(house):
    other = house.build()
    assert await house.watch.look()
    assert not await other.watch.look()
    house.world.clock.advance(15)
    assert await other.watch.look()


async def test_two_processes_that_look_at_once_open_one_alert(house):
    await house.place()
    house.erp_fails()
    await house.go(15)
    book, now = house.watch.book, house.world.clock.now()
    (alert,) = [alert for alert in await book.open_alerts() if alert.code == "orders-failing"]
    again = await book.open(Condition(code="orders-failing", scope="erp", cause="x", effect="other words"), now=now)
    assert again.id == alert.id


async def test_dead_letters_reviews_and_backlog_are_told(house):
    async def give_up(order, *, customer_id, key):
        raise Retry("erp.status", "the ERP answered 500")

    house.erp.place_order = give_up
    house.change(backlog_depth=1)
    await house.place()
    await house.go(1800)
    alerts = await house.alerts()
    assert alerts["dead-letters"].effect.startswith("1 item for erp will not go on without you")
    assert alerts["dead-letters"].state == "firing"


class Impatient(Watched):
    """One failure makes a dead letter."""

    more_settings: ClassVar = {"retry": {"attempts_max": 1}}


async def test_dead_letters_are_told_again_whenever_there_are_twice_as_many(database):
    house = Impatient(database)

    async def give_up(order, *, customer_id, key):
        raise Retry("erp.status", "the ERP answered 500")

    house.erp.place_order = give_up
    told = []
    for total in range(1, 6):
        await house.place()
        await house.go(15)
        if total == 2:
            (alert,) = [one for one in await house.watch.book.open_alerts() if one.code == "dead-letters"]
            await house.watch.book.acknowledge(alert.id, actor="cli:ann", now=house.world.clock.now())
        told.append([title for title in house.notifier.titles() if "will not go on" in title])
    assert told[0] == ["1 item for erp will not go on without you"]
    assert told[1] == [*told[0], "More: 2 items for erp will not go on without you"]
    assert told[2] == told[1]
    assert told[3] == [*told[1], "More: 4 items for erp will not go on without you"]
    assert told[4] == told[3]
    alert = await house.watch.book.find(alert.id)
    assert (alert.state, alert.told_size) == ("acknowledged", 4)
    heard = [one.occasion for one in await house.watch.book.notifications(alert_id=alert.id)]
    assert heard == [f"alert/{alert.id}/grown-4", f"alert/{alert.id}/grown-2", f"alert/{alert.id}/fired"]


async def test_dead_letters_that_became_fewer_are_measured_from_there(database):
    house = Impatient(database)

    async def give_up(order, *, customer_id, key):
        raise Retry("erp.status", "the ERP answered 500")

    house.erp.place_order = give_up
    for _ in range(5):
        await house.place()
    await house.go(15)
    dead = [row["id"] for row in await house.rows("select id from delivery where state = 'dead'")]
    await house.hub.desk.discard(Filter(ids=tuple(dead[:4])), actor="cli:ann", reason="placed twice")
    await house.go(15)
    assert (await house.alerts())["dead-letters"].told_size == 1
    await house.place()
    await house.go(15)
    assert [title for title in house.notifier.titles() if "will not go on" in title] == [
        "5 items for erp will not go on without you",
        "More: 2 items for erp will not go on without you",
    ]


async def test_orders_that_fail_are_told_again_whenever_there_are_twice_as_many_though_somebody_is_on_it(house):
    house.erp_fails()
    told = []
    for more in (1, 1, 1, 5):
        for _ in range(more):
            await house.place()
        await house.go(15)
        alert = (await house.alerts())["orders-failing"]
        if alert.state == "firing":
            await house.watch.book.acknowledge(alert.id, actor="cli:ann", now=house.world.clock.now())
        told.append([title.partition(",")[0] for title in house.notifier.titles()])
    first = ["1 order"]
    assert told == [first, [*first, "More: 2 orders"], [*first, "More: 2 orders"],
                    [*first, "More: 2 orders", "More: 8 orders"]]  # fmt: skip
    assert "Taken on by cli:ann" in house.notifier.told[-1][2]
    assert "alerts ack" not in house.notifier.told[-1][2]


async def test_orders_that_wait_for_a_system_that_is_down_are_counted_once_for_all_alerts_of_that_cause(house):
    house.erp_fails()
    house.breaker_opens()
    await house.go(90)
    assert house.notifier.titles()[-1].startswith("What is to reach erp from now on waits")
    for _ in range(4):
        await house.place()
        await house.go(15)
    alerts = await house.alerts()
    assert {alerts[code].cause for code in ("connection-down", "orders-failing")} == {"connection/erp"}
    assert (alerts["connection-down"].told_size, alerts["orders-failing"].told_size) == (4, 4)
    grown = [title for title in house.notifier.titles() if title.startswith("More: ")]
    assert [title.partition(", EUR")[0] for title in grown] == ["More: 2 orders", "More: 4 orders"]
    assert all("wait up to" in title for title in grown), "the one that says how many orders, and not both"


async def test_what_grows_in_quiet_hours_is_told_once_when_they_end(database):
    house = Impatient(database)

    async def give_up(order, *, customer_id, key):
        raise Retry("erp.status", "the ERP answered 500")

    house.erp.place_order = give_up
    await house.place()
    await house.go(15)
    now = house.world.clock.now()
    house.change(quiet_from=f"{now:%H:%M}", quiet_until=f"{now + timedelta(minutes=30):%H:%M}", digest_at=None)
    house.change(escalate_after_s=86_400.0)
    before = len(house.notifier.told)
    for _ in range(7):
        await house.place()
        await house.go(15)
    told = [title for title in house.notifier.titles()[before:] if "will not go on" in title]
    assert told == [], "dead letters can wait"
    house.world.clock.advance(1800)
    await house.go(15)
    assert [title for title in house.notifier.titles() if "will not go on" in title] == [
        "1 item for erp will not go on without you",
        "More: 8 items for erp will not go on without you",
    ]


async def test_a_review_that_waits_too_long_is_told(house):
    async def refuse(order, *, customer_id, key):
        raise Reject("erp.credit_limit", "the credit limit is reached")

    house.erp.place_order = refuse
    await house.place()
    await house.go(30)
    assert "reviews-waiting" not in await house.alerts()
    house.world.clock.advance(4 * 3600)
    await house.turn()
    assert "wait for a decision, the longest 4 h" in (await house.alerts())["reviews-waiting"].effect


async def test_what_waits_too_long_is_a_backlog(house):
    house.erp_fails()
    await house.place()
    await house.go(1000)
    assert "up to 16 min" in (await house.alerts())["backlog"].effect


async def test_orders_that_only_polling_brings_while_a_webhook_is_set_up_are_told(house):
    house.watch._store = "shop"
    for _ in range(3):
        await house.place()
    await house.go(150)
    assert "none of the last 3 was announced" in (await house.alerts())["canary-silent"].effect


def with_door(*, store):
    return {"doors": {"hook": {"kind": "mageos", "store": store, "secrets": ["0123456789abcdef"]}}}


class Announced(Watched):
    """A house whose settings have a door that the store is to announce its orders at."""

    more_settings: ClassVar = with_door(store="shop")

    async def order(self, *, announced):
        placed = await self.place()
        if announced:
            number = str(placed["entity_id"])
            now = self.world.clock.now()
            hint = order_hint("shop", number, source_id=f"h{number}", updated_at=None, occurred_at=now)
            await self.hub.ledger.accept([hint])
        await self.go(15)


async def test_a_door_in_the_settings_sets_the_canary_and_a_shop_of_two_orders_an_hour_hears_of_it(database):
    house = Announced(database)
    await house.turn()
    for _ in range(3):
        await house.order(announced=False)
        house.world.clock.advance(1785)
    await house.go(45)
    assert "none of the last 3 was announced" in (await house.alerts())["canary-silent"].effect


async def test_a_door_for_another_store_sets_no_canary(database):
    class Elsewhere(Announced):
        more_settings: ClassVar = with_door(store="outlet")

    house = Elsewhere(database)
    for _ in range(3):
        await house.order(announced=False)
    await house.go(150)
    assert "canary-silent" not in await house.alerts()


async def test_a_webhook_that_loses_every_second_order_is_told_and_over_once_it_is_back(database):
    house = Announced(database)
    await house.turn()
    for n in range(6):
        await house.order(announced=n % 2 == 0)
    await house.go(120)
    assert "3 of the last 6 were not announced" in (await house.alerts())["canary-silent"].effect
    for _ in range(6):
        await house.order(announced=True)
    await house.go(150)
    assert (await house.alerts())["canary-silent"].state == "resolved"


async def test_orders_of_before_the_door_was_set_up_are_none_that_a_webhook_missed(database):
    house = Watched(database)
    for _ in range(3):
        await house.place()
    await house.go(30)
    house.world.clock.advance(60)
    house.more_settings = with_door(store="shop")
    house.restart()
    await house.go(150)
    assert "canary-silent" not in await house.alerts()


async def test_orders_that_the_webhook_announced_keep_the_canary_quiet(database):
    house = Announced(database)
    for _ in range(3):
        await house.order(announced=True)
    await house.go(150)
    assert await house.value("select count(*) from event where type = 'order.placed'") == 3
    assert "canary-silent" not in await house.alerts()


async def test_each_flow_is_measured_over_the_window_that_it_is_judged_by(house):
    house.expect(
        failing_flow_min=1, failing_flow_window_s=60, flows={"order.placed to erp": {"window_s": 7200, "percent": 100}}
    )
    house.erp_fails()
    await house.place()
    await house.go(15)
    house.world.clock.advance(600)
    await house.go(45)
    assert "1 of 1 order.placed of the last 2 h" in (await house.alerts())["flow-failing"].effect


async def test_acknowledging_stops_escalation_and_is_in_the_audit_trail(house):
    house.change(escalate_after_s=120)
    house.erp_fails()
    await house.place()
    await house.go(30)
    alert = (await house.alerts())["orders-failing"]
    taken = await house.watch.book.acknowledge(alert.id, actor="cli:ann", now=house.world.clock.now())
    assert (taken.state, taken.acknowledged_by) == ("acknowledged", "cli:ann")
    await house.go(300)
    assert (await house.alerts())["orders-failing"].state == "acknowledged"
    assert len(house.notifier.titles()) == 1
    assert await house.value("select actor from audit where action = 'alert.acknowledge'") == "cli:ann"
    with pytest.raises(Reject, match="does not fire"):
        await house.watch.book.acknowledge(alert.id, actor="cli:ann", now=house.world.clock.now())


class Public(Watched):
    """A house that people reach at an address."""

    more_settings: ClassVar = {"access": {"public_url": "https://hub.example.com"}}


async def test_a_message_leads_to_the_page_of_its_alert(database):
    house = Public(database)
    house.erp_fails()
    await house.place()
    await house.go(30)
    house.erp_works()
    await house.go(180)
    alert = (await house.alerts())["orders-failing"]
    bodies = [body for _, _, body in house.notifier.told if "orders-failing" in body]
    assert [body.splitlines()[-1] for body in bodies] == [
        f"See it and take it on: https://hub.example.com/console/alerts/{alert.id}",
        f"See it: https://hub.example.com/console/alerts/{alert.id}",
    ]


async def test_without_a_public_address_a_message_leads_nowhere(house):
    house.erp_fails()
    await house.place()
    await house.go(30)
    assert "http" not in house.notifier.told[0][2]


async def test_what_nobody_takes_on_is_escalated_once_to_those_named_for_it(house):
    house.notifier.channels = ("desk", "boss")
    house.change(escalate_after_s=120, escalate_to=("boss",))
    house.erp_fails()
    await house.place()
    await house.go(400)
    assert len(house.notifier.titles("desk")) == 1
    assert [title[:16] for title in house.notifier.titles("boss")][1:] == ["Nobody is on it:"]


async def test_quiet_hours_hold_back_what_can_wait_and_nothing_urgent(house):
    house.change(quiet_from="07:00", quiet_until="10:00", canary_s=4 * 3600)
    house.watch._store = "shop"
    for _ in range(3):
        await house.place()
    await house.go(150)
    assert (await house.alerts())["canary-silent"].state == "firing"
    assert house.notifier.titles() == []
    assert f"{await house.value('select due_at from notification'):%H:%M}" == "10:00"
    house.erp_fails()
    await house.place()
    await house.go(30)
    (urgent,) = house.notifier.titles()
    assert urgent.startswith("1 order")
    house.world.clock.advance(2 * 3600)
    await house.turn()
    assert any("Orders arrive later than they could" in title for title in house.notifier.titles())


async def test_what_is_over_before_the_quiet_hours_end_is_told_nobody(house):
    house.change(quiet_from="07:00", quiet_until="10:00", canary_s=300)
    house.watch._store = "shop"
    for _ in range(3):
        await house.place()
    await house.go(600)
    assert (await house.alerts())["canary-silent"].state == "resolved"
    house.world.clock.advance(2 * 3600)
    await house.turn()
    assert house.notifier.titles() == []
    assert await house.value("select state from notification") == "dropped"


async def test_a_message_that_could_not_be_sent_is_tried_again_and_then_on_record(house):
    house.notifier.refusing = {"desk"}
    house.erp_fails()
    await house.place()
    await house.go(600)
    (row,) = [each for each in await house.watch.book.notifications() if each.occasion.endswith("/fired")]
    assert (row.state, row.tries, row.problem) == ("failed", 5, "the channel did not take it")
    assert (await house.watch.book.tally())["notification", "desk", "failed"] >= 1
    assert house.hub.meter.counts["notifications"]["desk", "failed"] == 1


async def test_the_digest_comes_once_a_day_at_its_hour(house):
    house.change(digest_at="09:00")
    await house.place()
    await house.go(30)
    house.world.clock.advance(3600)
    await house.go(60)
    (told,) = [title for title in house.notifier.titles() if title.startswith("Millstream, ")]
    assert told == "Millstream, 2026-11-23: Nothing waits for a person"
    assert "1 order reached the ERP in the last day" in house.notifier.told[-1][2]


async def test_shipments_later_than_first_promised_are_told(house):
    house.expect(promise_shipments_min=1)
    placed = await house.place(("PUMP-CFG", 1))
    await house.go(30)
    key = f"shop-1-{placed['increment_id']}"
    await house.rows("update promise set ship_date = '2026-11-23' returning id")  # shipped on the 24th
    house.world.clock.advance(30 * 86400)
    house.erp.ship(key)
    await house.go(15)
    house.world.clock.advance(900)
    await house.go(15)
    assert "1 of 1 shipment in 7 d left later than first promised" in (await house.alerts())["promises-broken"].effect
