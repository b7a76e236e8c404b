"""Alerts, their rules and their channels, over HTTP: seen, taken on, changed within bounds, and back again."""

from datetime import timedelta

import msgspec
import pytest
from test_problems import assert_problem

from fakes.house import House
from fakes.notifier import RecordingNotifier
from fakes.operating_desk import Operator
from millstream.alerting import level_of
from millstream.domain.errors import Retry
from millstream.ports.notifier import Condition
from millstream.settings import AlertsSection

pytestmark = pytest.mark.quick_commits
REASON = {"reason": "the sale has begun"}


class Watched(House):
    """A house with two channels; the desk works, the other one does not."""

    def build(self):
        hub = super().build()
        notifier = RecordingNotifier("desk", "boss")
        notifier.refusing = {"boss"}
        hub.watch.notifier = notifier
        return hub

    async def look(self, seconds=0):
        self.world.clock.advance(seconds)
        await self.hub.pulse.beat()
        await self.hub.watch.look()

    async def fail_an_order(self):
        async def refuse(order, *, customer_id, key):
            raise Retry("connection.refused", "erp: nobody answers", after_s=600, counts=False)

        self.erp.place_order = refuse
        await self.place_and_work()

    async def place_and_work(self):
        await self.place()
        self.world.clock.advance(10)
        await self.hub.poller.poll_all()
        while await self.hub.worker.run_due():
            pass


@pytest.fixture
async def desk(database):
    house = Watched(database)
    yield Operator(house)
    await house.hub.operating.close()


async def an_alert(desk):
    await desk.house.look()
    await desk.house.fail_an_order()
    await desk.house.look(15)
    return (await desk.get("/alerts", open=True))["items"][0]


async def level(desk, name):
    rules = await desk.get("/alerts/rules")
    return next(one for one in rules["levels"] if one["level"]["name"] == name)


async def rule(desk, code):
    return next(one for one in (await desk.get("/alerts/rules"))["rules"] if one["code"] == code)


async def test_before_anybody_looked_it_is_not_known_whether_anything_is_amiss(desk):
    assert await desk.get("/alerts") == {"items": [], "next": None, "looked_at": None}
    await desk.house.look()
    seen = await desk.get("/alerts")
    assert (seen["items"], seen["looked_at"]) == ([], desk.house.world.clock.now().isoformat().replace("+00:00", "Z"))


async def test_an_alert_says_effect_cause_since_when_what_to_do_and_who_was_told(desk):
    shown = await an_alert(desk)
    alert = shown["alert"]
    assert (alert["code"], alert["scope"], alert["state"], alert["urgent"]) == ("orders-failing", "erp", "firing", True)
    assert alert["effect"].startswith("1 order, EUR ")
    assert alert["cause"] == "flow/erp"
    assert shown["runbook"] == "docs/operate/runbooks/orders-failing.md"
    page = await desk.get(f"/alerts/{alert['id']}")
    assert page["alert"] == alert
    assert page["what_to_do"].startswith("# Orders do not reach the ERP: `orders-failing`")
    told = {one["channel"]: (one["state"], one["problem"]) for one in page["told"]}
    assert told == {"desk": ("sent", None), "boss": ("waiting", "the channel did not take it")}


async def test_who_takes_an_alert_on_is_named_with_what_they_said(desk):
    alert = (await an_alert(desk))["alert"]
    page = await desk.post(f"/alerts/{alert['id']}/acknowledge", {"note": "calling the plant"})
    taken = page["alert"]
    assert (taken["state"], taken["acknowledged_by"], taken["note"]) == (
        "acknowledged", "mia.admin", "calling the plant",
    )  # fmt: skip
    (row,) = await desk.house.rows("select actor, detail::text from audit where action = 'alert.acknowledge'")
    assert row["actor"] == "mia.admin"
    assert msgspec.json.decode(row["detail"])["note"] == "calling the plant"
    again = await desk.ask("POST", f"/alerts/{alert['id']}/acknowledge", {})
    assert_problem(again, 409, "alert.not_firing")
    assert_problem(await desk.ask("POST", "/alerts/99/acknowledge", {}), 404, "alert.unknown")
    assert_problem(await desk.ask("GET", "/alerts/99"), 404, "alert.unknown")


async def test_what_is_over_is_told_apart_and_paged_by_its_place(desk):
    book, now = desk.house.hub.watch.book, desk.house.world.clock.now()
    for n in range(5):
        alert = await book.open(Condition(code="backlog", scope=f"s{n}", cause="x", effect="slow"), now=now)
        if n < 3:
            over = msgspec.structs.replace(alert, state="resolved", fired_at=now, resolved_at=now)
            await book.change(over, now=now)
    past = await desk.get("/alerts", open=False, limit=2)
    rest = await desk.get("/alerts", open=False, limit=2, after=past["next"])
    assert [one["alert"]["scope"] for one in past["items"] + rest["items"]] == ["s2", "s1", "s0"]
    assert rest["next"] is None
    assert [one["alert"]["scope"] for one in (await desk.get("/alerts", open=True))["items"]] == ["s4", "s3"]
    assert (await desk.get("/alerts", code="orders-slow"))["items"] == []
    assert len((await desk.get("/alerts", state="pending"))["items"]) == 2
    assert_problem(await desk.ask("GET", "/alerts", after="x"), 422, "request.invalid")


async def test_a_level_says_its_value_its_bounds_and_where_it_comes_from(desk):
    one = await level(desk, "slo.failing_orders_percent")
    assert (one["value"], one["source"], one["changed"], one["problem"]) == (5.0, "default", None, None)
    assert (one["level"]["more_than"], one["level"]["at_most"], one["level"]["kind"]) == (0.0, 100.0, "number")


async def test_a_changed_level_holds_from_the_next_look_on_in_every_process(desk):
    house = desk.house
    other = house.build()
    await desk.ask("PUT", "/alerts/rules/levels", {"values": {"slo.failing_orders_percent": 100}, **REASON})
    await house.look()
    house.world.clock.advance(15)
    await other.watch.look()  # another process, that never heard of it but by the database
    for hub in (house.hub, other):
        assert hub.watch._holds.slo.failing_orders_percent == 100
    for _ in range(3):
        await house.place_and_work()
    await house.fail_an_order()
    await house.look(15)
    assert (await desk.get("/alerts", open=True))["items"] == [], "one of four is fewer than all"
    one = await level(desk, "slo.failing_orders_percent")
    assert (one["value"], one["source"], one["changed"]["actor"]) == (100, "changed", "mia.admin")
    answer = await desk.ask("DELETE", "/alerts/rules/levels", name="slo.failing_orders_percent")
    assert answer.status_code == 200
    assert (await level(desk, "slo.failing_orders_percent"))["source"] == "default"
    await house.look(15)
    assert (await desk.get("/alerts", open=True))["items"][0]["alert"]["code"] == "orders-failing"
    await other.operating.close()


async def test_both_ends_of_the_quiet_hours_are_changed_together_or_not_at_all(desk):
    half = await desk.ask("PUT", "/alerts/rules/levels", {"values": {"alerts.quiet_from": "22:00"}, **REASON})
    assert_problem(half, 422, "alert.level_refused")
    both = {"alerts.quiet_from": "22:00", "alerts.quiet_until": "06:30", "alerts.timezone": "Europe/Berlin"}
    assert (await desk.ask("PUT", "/alerts/rules/levels", {"values": both, **REASON})).status_code == 200
    policy = (await desk.house.hub.rules.in_force()).policy
    assert (policy.quiet_from, policy.quiet_until, policy.timezone) == ("22:00", "06:30", "Europe/Berlin")
    assert_problem(
        await desk.ask("DELETE", "/alerts/rules/levels", name="alerts.quiet_from"), 422, "alert.level_refused"
    )
    assert (await desk.house.hub.rules.in_force()).policy.quiet_from == "22:00"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slo.failing_orders_percent", 0),
        ("slo.failing_orders_percent", 101),
        ("slo.failing_orders_percent", "7"),
        ("slo.failing_orders_percent", None),
        ("slo.failing_orders_percent", 1e300),
        ("slo.failing_orders_min", 1.5),
        ("slo.failing_orders_window_s", 1e12),
        ("alerts.every_s", 31),
        ("alerts.digest_at", "24:00"),
        ("alerts.digest_at", 7),
        ("alerts.timezone", "Europe/Atlantis"),
        ("alerts.escalate_to", ["nobody"]),
        ("alerts.escalate_to", "boss"),
    ],
)
async def test_a_level_out_of_bounds_is_refused_and_nothing_changes(desk, name, value):
    wish = {"values": {name: value, "slo.oldest_item_s": 7}, **REASON}
    assert_problem(await desk.ask("PUT", "/alerts/rules/levels", wish), 422, "alert.level_refused")
    assert (await level(desk, "slo.oldest_item_s"))["source"] == "default"


@pytest.mark.parametrize(
    "wish",
    [
        {"values": {}, **REASON},
        {"values": {"slo.oldest_item_s": True}, **REASON},
        {"values": {"slo.oldest_item_s": {}}, **REASON},
        {"values": {"slo.oldest_item_s": 7}},
        {"values": {"slo.oldest_item_s": 7}, "reason": " "},
    ],
)
async def test_a_change_that_is_no_change_is_refused(desk, wish):
    assert_problem(await desk.ask("PUT", "/alerts/rules/levels", wish), 422, "request.invalid")


async def test_only_what_there_is_can_be_changed(desk):
    wish = {"values": {"alerts.channels": ["x"]}, **REASON}
    assert_problem(await desk.ask("PUT", "/alerts/rules/levels", wish), 404, "alert.unknown")
    assert_problem(await desk.ask("DELETE", "/alerts/rules/levels", name="slo.nothing"), 404, "alert.unknown")
    assert_problem(await desk.ask("PUT", "/alerts/rules/nothing", {"on": False, **REASON}), 404, "alert.unknown")


async def test_a_change_that_no_longer_fits_is_passed_over_and_says_so(desk):
    await desk.house.rows(
        "insert into alert_level (name, value, reason, actor, changed_at) values "
        "('alerts.escalate_to', '[\"gone\"]', 'x', 'mia', now()), ('slo.oldest_item_s', '60', 'x', 'mia', now()), "
        "('slo.of_a_newer_version', '1', 'x', 'mia', now()) returning name"
    )
    now = await desk.house.hub.rules.in_force()
    assert (now.policy.escalate_to, now.slo.oldest_item_s) == ((), 900.0), "they do not go together: the settings hold"
    one = await level(desk, "alerts.escalate_to")
    assert (one["value"], one["source"]) == (None, "default")
    assert "no such channel" in one["problem"]


async def test_levels_from_the_settings_are_told_apart_from_defaults(desk):
    house = desk.house
    given = house.hub.settings.model_copy(update={"alerts": AlertsSection(backlog_depth=7)})
    given.model_fields_set.add("alerts")
    assert (level_of(given, "alerts.backlog_depth").is_set, level_of(given, "alerts.backlog_depth").setting) == (
        True,
        7,
    )
    assert not level_of(given, "alerts.every_s").is_set


async def test_a_rule_that_is_switched_off_says_nothing_and_whoever_was_told_hears_that(desk):
    house = desk.house
    await an_alert(desk)
    answer = await desk.ask("PUT", "/alerts/rules/orders-failing", {"on": False, "reason": "the ERP is being moved"})
    assert answer.status_code == 200
    await house.look(15)
    assert (await desk.get("/alerts", open=True))["items"] == []
    assert house.hub.watch.notifier.titles()[-1].startswith("No longer watched: 1 order")
    off = await rule(desk, "orders-failing")
    assert (off["on"], off["switched"]["actor"], off["switched"]["reason"]) == (
        False, "mia.admin", "the ERP is being moved",
    )  # fmt: skip
    assert (await rule(desk, "backlog"))["on"]
    await desk.ask("PUT", "/alerts/rules/orders-failing", {"on": True, **REASON})
    await house.look(15)
    assert (await desk.get("/alerts", open=True))["items"][0]["alert"]["state"] == "firing"


async def test_a_rule_can_be_off_for_a_while(desk):
    until = desk.house.world.clock.now() + timedelta(minutes=10)
    await desk.ask("PUT", "/alerts/rules/orders-failing", {"on": False, "until": until.isoformat(), **REASON})
    await an_alert_not(desk)
    assert not (await rule(desk, "orders-failing"))["on"]
    await desk.house.fail_an_order()
    await desk.house.look(600)
    assert (await rule(desk, "orders-failing"))["on"]
    assert (await desk.get("/alerts", open=True, code="orders-failing"))["items"] != []
    past = (desk.house.world.clock.now() - timedelta(seconds=1)).isoformat()
    for wish in ({"on": False, "until": past}, {"on": True, "until": until.isoformat()}):
        refused = await desk.ask("PUT", "/alerts/rules/backlog", {**wish, **REASON})
        assert_problem(refused, 422, "alert.level_refused")


async def an_alert_not(desk):
    await desk.house.look()
    await desk.house.fail_an_order()
    await desk.house.look(15)
    assert (await desk.get("/alerts", open=True))["items"] == []


async def test_the_digest_names_the_rules_that_are_off(desk):
    house = desk.house
    await desk.ask("PUT", "/alerts/rules/levels", {"values": {"alerts.digest_at": "09:00"}, **REASON})
    await desk.ask("PUT", "/alerts/rules/canary-silent", {"on": False, "reason": "no webhook yet"})
    await house.look()
    house.world.clock.advance(24 * 3600)
    await house.look()
    (told,) = [body for _, title, body in house.hub.watch.notifier.told if title.startswith("Millstream, ")]
    assert "Not watched: canary-silent, switched off by mia.admin: no webhook yet" in told


async def test_every_change_stands_in_the_audit_trail_with_what_was_before(desk):
    for value in (60, 90):
        await desk.ask("PUT", "/alerts/rules/levels", {"values": {"slo.oldest_item_s": value}, **REASON})
    await desk.ask("DELETE", "/alerts/rules/levels", name="slo.oldest_item_s", reason="over")
    await desk.ask("PUT", "/alerts/rules/backlog", {"on": False, **REASON})
    rows = await desk.house.rows(
        "select actor, action, subject, detail::text from audit where action like 'alert.%' order by id"
    )
    assert [(row["action"], row["subject"], msgspec.json.decode(row["detail"])) for row in rows] == [
        ("alert.level_changed", "alert_level/slo.oldest_item_s", {**REASON, "is": 60}),
        ("alert.level_changed", "alert_level/slo.oldest_item_s", {**REASON, "was": 60, "is": 90}),
        ("alert.level_reset", "alert_level/slo.oldest_item_s", {"reason": "over", "was": 90}),
        ("alert.rule_off", "alert_rule/backlog", REASON),
    ]
    assert {row["actor"] for row in rows} == {"mia.admin"}


async def test_a_channel_is_tried_and_its_address_stays_unsaid(desk):
    took = await desk.post("/alerts/test-channel", {"channel": "desk"})
    assert took == {"channel": "desk", "ok": True, "problem": None}
    assert desk.house.hub.watch.notifier.titles() == ["Millstream: a test"]
    refused = await desk.post("/alerts/test-channel", {"channel": "boss"})
    assert refused == {"channel": "boss", "ok": False, "problem": "the channel did not take it"}
    assert_problem(await desk.ask("POST", "/alerts/test-channel", {"channel": "fax"}), 404, "alert.unknown")
    assert (await desk.get("/alerts/rules"))["channels"] == ["desk", "boss"]
    rows = await desk.house.rows("select subject from audit where action = 'alert.channel_tested' order by id")
    assert [row["subject"] for row in rows] == ["channel/desk", "channel/boss"]
