"""What counts as amiss, how it is said, and the hours in which it is said."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.engine.alerts.hours import digest_day, quiet_until, time_of_day
from millstream.engine.alerts.levels import AlertPolicy, Slo
from millstream.engine.alerts.life import has_grown, measured
from millstream.engine.alerts.rules import RULES, Sight, Stake, conditions
from millstream.engine.alerts.words import money, span
from millstream.ports.drift import Differing, Drift
from millstream.ports.gauges import Announced, Fault, FlowShare, Heartbeat, Kept, Queue, Reached, Reading
from millstream.ports.notifier import Alert, Condition

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def ago(**span):
    return NOW - timedelta(**span)


def sight(*, slo=None, policy=None, worth=None, breakers=None, seen_s=1, unknown=0, waiting=None, **reading):
    heartbeat = Heartbeat(worker="w1", started_at=ago(hours=1), seen_at=ago(seconds=seen_s), breakers=breakers or {})
    return Sight(
        reading=Reading(at=NOW, heartbeats=(heartbeat,), **reading),
        slo=slo or Slo(),
        policy=policy or AlertPolicy(),
        systems={"erp": "tryton", "store": "shop", "crm": "sales"},
        watching_since=ago(hours=1),
        failing=Stake(worth=worth or {}, unknown=unknown),
        waiting=waiting or {},
    )


def queue(state, depth=1, subscriber="erp", **age):
    return Queue(subscriber=subscriber, state=state, depth=depth, oldest_at=ago(**age), changed_at=ago(**age))


def found(sight):
    return {condition.code: condition for condition in conditions(sight)}


def test_nothing_amiss_nothing_said():
    assert conditions(sight(queues=(queue("waiting", seconds=5),), reached=Reached(orders=50, p95_s=3.0))) == []


def test_the_effect_comes_first_then_the_cause_then_that_nothing_is_lost():
    seen = sight(
        faults=(Fault(code="breaker.open", orders=37, oldest_at=ago(minutes=16)),),
        reached=Reached(orders=100, p95_s=3.0),
        worth={"EUR": Decimal(212_000)},
        breakers={"tryton": ago(minutes=17)},
    )
    assert found(seen)["orders-failing"].effect == (
        "37 orders, EUR 212 k, wait up to 16 min: tryton breaker open since 09:43 UTC; "
        "27 % of 137 in 5 min do not reach the ERP; nothing lost"
    )


def test_orders_whose_money_nobody_can_read_are_said_to_be_so():
    seen = sight(faults=(Fault(code="x", orders=2, oldest_at=ago(seconds=5)),), worth={"EUR": Decimal(10)}, unknown=1)
    assert "EUR 10 (1 order of unknown worth)" in found(seen)["orders-failing"].effect


@given(failing=st.integers(0, 50), reached=st.integers(0, 500), percent=st.sampled_from([1.0, 5.0, 50.0]))
def test_the_share_decides_to_the_order(failing, reached, percent):
    faults = (Fault(code="x", orders=failing, oldest_at=NOW),) if failing else ()
    seen = sight(slo=Slo(failing_orders_percent=percent), faults=faults, reached=Reached(orders=reached, p95_s=1.0))
    expected = failing > 0 and Decimal(failing) / (failing + reached) * 100 >= Decimal(percent)
    assert ("orders-failing" in found(seen)) == expected


def test_a_shop_may_ask_for_more_than_one_order_before_it_is_called():
    seen = sight(slo=Slo(failing_orders_min=3), faults=(Fault(code="x", orders=2, oldest_at=NOW),))
    assert "orders-failing" not in found(seen)


def test_a_breaker_that_only_a_dead_worker_told_of_is_no_news():
    assert "connection-down" in found(sight(breakers={"tryton": ago(minutes=5)}))
    late = found(sight(breakers={"tryton": ago(minutes=5)}, seen_s=40))
    assert set(late) == {"worker-silent"}


@pytest.mark.parametrize(
    ("system", "stake", "items", "effect"),
    [
        ("tryton", Stake(orders=37, worth={"EUR": Decimal(212_000)}), 37, "37 orders, EUR 212 k, wait for tryton"),
        (
            "tryton",
            Stake(orders=1, worth={"EUR": Decimal(195)}),
            4,
            "1 order, EUR 195, and 3 other items wait for tryton",
        ),
        ("tryton", None, 4, "4 items wait for tryton"),
        ("tryton", None, 0, "What is to reach tryton from now on waits"),
        ("shop", None, 2, "New orders do not arrive; 2 items wait for shop"),
    ],
)
def test_a_connection_that_is_down_says_first_which_orders_and_how_much_money_wait(system, stake, items, effect):
    subscriber = {"tryton": "erp", "shop": "store"}[system]
    queues = (queue("retrying", items, subscriber, minutes=5), queue("held", 9, subscriber, hours=1)) if items else ()
    seen = sight(breakers={system: ago(minutes=5)}, queues=queues, waiting={system: stake} if stake else {})
    assert (
        found(seen)["connection-down"].effect == f"{effect}: its breaker is open since 09:55 UTC (5 min); nothing lost"
    )


def open_alert(told, *, state="firing"):
    return Alert(
        id=1, code="orders-failing", scope="erp", cause="x", urgent=True, state=state, effect="", opened_at=NOW,
        last_true_at=NOW, told_size=told,
    )  # fmt: skip


def counted(size):
    return Condition(code="orders-failing", scope="erp", cause="x", effect="", size=size)


@pytest.mark.parametrize("state", ["firing", "acknowledged"])
def test_a_count_that_goes_up_and_down_is_told_once_and_its_doubling_once(state):
    alert, told = open_alert(4, state=state), []
    for size in (3, 5, 2, 6, 7, 8, 5, 3, 9, 15, 16, 9):
        told += [size] if has_grown(alert, counted(size)) else []
        alert = measured(alert, counted(size))
    assert (told, alert.told_size) == ([8, 16], 16)
    alert = measured(alert, counted(4))
    assert alert.told_size == 4, "far fewer: what comes after that is news again"
    assert has_grown(alert, counted(8))


def test_of_none_the_first_is_news_and_what_nobody_was_told_of_does_not_grow():
    assert [has_grown(open_alert(0), counted(size)) for size in (0, 1)] == [False, True]
    assert not has_grown(open_alert(1, state="pending"), counted(9))
    assert not has_grown(open_alert(None), counted(9))
    assert not has_grown(open_alert(1), counted(None))


def test_whatever_counts_orders_says_how_many():
    seen = sight(
        faults=(Fault(code="x", orders=37, oldest_at=ago(minutes=1)),),
        breakers={"tryton": ago(minutes=5)},
        waiting={"tryton": Stake(orders=36)},
        drift=Drift(checked=10, count=3, differing=()),
        queues=(queue("dead", 2, minutes=5),),
    )
    sizes = {code: one.size for code, one in found(seen).items() if one.size is not None}
    assert sizes == {"orders-failing": 37, "connection-down": 36, "drift": 3, "dead-letters": 2}


def test_a_short_outage_is_no_alert():
    assert found(sight(breakers={"tryton": ago(seconds=30)})) == {}


def test_when_nobody_works_what_piles_up_has_that_cause():
    seen = sight(queues=(queue("waiting", minutes=20),), seen_s=1200)
    assert {condition.cause for condition in conditions(seen)} == {"workers"}
    assert "no worker for 20 min" in found(seen)["backlog"].effect


def test_a_flow_fails_by_share_and_count():
    few = FlowShare(subscriber="crm", type="order.shipped", deliveries=10, failing=9)
    many = FlowShare(subscriber="crm", type="order.shipped", deliveries=50, failing=10)
    assert found(sight(flows=(few,))) == {}
    assert found(sight(flows=(many,)))["flow-failing"].effect.startswith("10 of 50 order.shipped of the last 15 min")


def test_a_flow_with_a_level_of_its_own_is_judged_by_it_and_the_others_by_that_of_all():
    slo = Slo(flows={"order.shipped to crm": {"percent": 60, "window_s": 7200}, "order.packed to crm": {"min": 2}})
    shipped = FlowShare(subscriber="crm", type="order.shipped", deliveries=50, failing=29)
    packed = FlowShare(subscriber="crm", type="order.packed", deliveries=9, failing=2)
    other = FlowShare(subscriber="store", type="order.packed", deliveries=9, failing=9)
    assert slo.flow_windows_s == (900.0, 7200)
    told = conditions(sight(slo=slo, flows=(shipped, packed, other)))
    assert [condition.scope for condition in told] == ["order.packed to crm"]
    worse = msgspec.structs.replace(shipped, failing=30)
    assert found(sight(slo=slo, flows=(worse,)))["flow-failing"].effect.startswith(
        "30 of 50 order.shipped of the last 2 h do not reach sales"
    )


def test_a_backlog_is_deep_or_old():
    assert found(sight(queues=(queue("waiting", 999, minutes=1),))) == {}
    assert "more comes in than goes out" in found(sight(queues=(queue("waiting", 1000, minutes=1),)))["backlog"].effect
    assert "backlog" in found(sight(queues=(queue("retrying", minutes=16),)))


def test_promises_are_judged_once_there_are_enough_shipments():
    assert found(sight(kept=Kept(shipped=19, kept=0))) == {}
    assert found(sight(kept=Kept(shipped=20, kept=18))) == {}
    assert "(85 % kept, agreed: 90 %)" in found(sight(kept=Kept(shipped=20, kept=17)))["promises-broken"].effect


def drifted(*, checked, count):
    differing = tuple(
        Differing(order_key=f"shop-1-{n}", differs=("money in the ERP",), since=ago(hours=2), checked_at=NOW)
        for n in range(min(count, 3))
    )
    return Drift(checked=checked, count=count, differing=differing)


def test_drift_is_told_from_the_agreed_share_on_with_the_first_orders_by_name():
    assert found(sight(drift=drifted(checked=0, count=0))) == {}
    assert found(sight(drift=drifted(checked=101, count=1))) == {}
    told = found(sight(drift=drifted(checked=100, count=1)))["drift"].effect
    assert told.startswith("1 of 100 orders compared in the last day")
    assert told.endswith("shop-1-0: money in the ERP")
    assert found(sight(drift=drifted(checked=100, count=7)))["drift"].effect.endswith(", and others")


class TestCanary:
    @pytest.mark.parametrize(
        ("orders", "announced", "told"),
        [
            (2, 0, None),
            (3, 0, "none of the last 3 was announced"),
            (6, 3, "3 of the last 6 were not announced"),
            (20, 15, "5 of the last 20 were not announced"),
            (20, 16, None),
            (3, 1, None),
            (0, 0, None),
        ],
    )
    def test_missed_orders_are_told_by_number_and_share(self, orders, announced, told):
        seen = found(sight(announced=Announced(orders=orders, announced=announced)))
        assert (told in seen["canary-silent"].effect) if told else ("canary-silent" not in seen)

    def test_a_webhook_that_is_back_is_not_held_against_what_it_missed_before(self):
        assert "canary-silent" in found(sight(announced=Announced(orders=20, announced=5, in_a_row=5)))
        assert "canary-silent" not in found(sight(announced=Announced(orders=20, announced=6, in_a_row=6)))


def test_late_orders_are_told():
    assert "orders-slow" in found(sight(reached=Reached(orders=20, p95_s=61.0)))


@pytest.mark.parametrize("code", RULES)
def test_every_alert_can_happen_and_leads_with_what_it_does(code):
    worst = {
        "faults": (Fault(code="x", orders=5, oldest_at=ago(hours=1)),),
        "reached": Reached(orders=5, p95_s=900.0),
        "flows": (FlowShare(subscriber="crm", type="order.shipped", deliveries=50, failing=40),),
        "queues": tuple(queue(state, hours=5) for state in ("waiting", "dead", "held")),
        "announced": Announced(orders=5, announced=0),
        "kept": Kept(shipped=50, kept=1),
        "drift": drifted(checked=50, count=5),
    }
    seen = found(sight(breakers={"tryton": ago(minutes=5)}, **worst)) | found(sight(seen_s=100, **worst))
    assert seen[code].effect
    assert not seen[code].effect.startswith(("Error", "Alert", "Warning"))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (961, "16 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_durations_are_said_as_people_do(seconds, text):
    assert span(seconds) == text


def test_money_is_short():
    sums = {"EUR": Decimal("212345.10"), "USD": Decimal("900.4"), "CHF": Decimal(1_250_000)}
    assert money(sums) == "CHF 1.2 M + EUR 212 k + USD 900"


BERLIN = {"timezone": "Europe/Berlin", "begins": "22:00", "ends": "06:30"}


class TestQuietHours:
    @pytest.mark.parametrize(
        ("now", "ends"),
        [
            (datetime(2026, 11, 23, 20, 59, tzinfo=UTC), None),
            (datetime(2026, 11, 23, 21, 0, tzinfo=UTC), datetime(2026, 11, 24, 5, 30, tzinfo=UTC)),
            (datetime(2026, 11, 24, 5, 29, tzinfo=UTC), datetime(2026, 11, 24, 5, 30, tzinfo=UTC)),
            (datetime(2026, 11, 24, 5, 30, tzinfo=UTC), None),
            (datetime(2026, 3, 28, 22, 0, tzinfo=UTC), datetime(2026, 3, 29, 4, 30, tzinfo=UTC)),  # summer time begins
            (datetime(2026, 10, 24, 21, 0, tzinfo=UTC), datetime(2026, 10, 25, 5, 30, tzinfo=UTC)),  # and ends
        ],
    )
    def test_end_at_the_local_hour_also_over_midnight_and_the_change_of_clocks(self, now, ends):
        assert quiet_until(now, **BERLIN) == ends

    def test_may_lie_within_a_day(self):
        noon = {"timezone": "UTC", "begins": "12:00", "ends": "13:00"}
        assert quiet_until(datetime(2026, 1, 1, 12, 30, tzinfo=UTC), **noon) == datetime(2026, 1, 1, 13, tzinfo=UTC)
        assert quiet_until(datetime(2026, 1, 1, 13, 0, tzinfo=UTC), **noon) is None

    def test_without_hours_there_are_none(self):
        assert quiet_until(NOW, timezone="UTC", begins=None, ends=None) is None

    @given(
        now=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants it naive
        begins=st.times(),
        ends=st.times(),
    )
    def test_never_end_in_the_past_nor_more_than_a_day_and_an_hour_away(self, now, begins, ends):
        until = quiet_until(now, timezone="Europe/Berlin", begins=f"{begins:%H:%M}", ends=f"{ends:%H:%M}")
        assert until is None or timedelta(0) < until - now <= timedelta(hours=25)

    def test_the_day_of_the_digest_begins_at_its_hour(self):
        at = {"timezone": "Europe/Berlin", "at": "07:30"}
        assert digest_day(datetime(2026, 11, 23, 6, 29, tzinfo=UTC), **at) == "2026-11-22"
        assert digest_day(datetime(2026, 11, 23, 6, 30, tzinfo=UTC), **at) == "2026-11-23"

    @pytest.mark.parametrize("text", ["7:30", "0730", "aa:bb", "24:00", ""])
    def test_what_is_no_time_of_day_is_refused(self, text):
        with pytest.raises(ValueError):
            time_of_day(text)
