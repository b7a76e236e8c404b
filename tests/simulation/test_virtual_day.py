"""Virtual days, each decided by its seed; and proof that the checkers would have noticed.

A failing day is lived again, out loud, with `cd tests && python -m simulation.run --seed N`.
"""

import pickle
from datetime import timedelta
from decimal import Decimal

import pytest

from simulation.checkers import CHECKERS, TOLD_DATE, complaints, key_of
from simulation.day import VirtualDay
from simulation.evidence import gather

SEEDS = range(1, 31)
TWICE = 5  # the seed that is lived two times
JUDGED = 3  # the seed whose remains are tampered with


async def lived(seed, database):
    day = VirtualDay(seed, database)
    try:
        await day.live()
    except BaseException:
        print(f"\nseed {seed} did not reach its evening: cd tests && python -m simulation.run --seed {seed}")
        raise
    return day, await gather(day, database)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_day_of_faults_loses_doubles_and_disorders_nothing(seed, database):
    day, evidence = await lived(seed, database)
    found = complaints(evidence)
    assert not found, "\n".join([f"cd tests && python -m simulation.run --seed {seed}", *found])
    assert day.crashes >= 1
    assert len(evidence.store) >= 40
    assert len(evidence.crm["Order"]) >= 15


async def test_a_seed_decides_everything(postgres, database):
    first = await _history(TWICE, database)
    async with database.connection() as connection:
        tables = "event, delivery, attempt, call, schedule, link, sales_order, order_line, promise, order_alias, audit"
        await connection.execute(f"truncate {tables}, audit_seal restart identity")
    assert await _history(TWICE, database) == first


async def _history(seed, database):
    _, evidence = await lived(seed, database)
    return (
        [(row["type"], row["source_id"], row["received_at"]) for row in evidence.events],
        [(row["id"], row["lane"], row["state"], row["tries"]) for row in evidence.deliveries],
        [(row["delivery_id"], row["n"], row["ended_at"], row["outcome"], row["code"]) for row in evidence.attempts],
    )


# --- who judges the judges


def lose_an_order(evidence):
    del evidence.erp[_shipped(evidence)]


def make_an_order_twice(evidence):
    evidence.made.append(evidence.made[0])


def say_a_thing_twice(evidence):
    comments = _store_order(evidence, _shipped(evidence))["comments"]
    comments.append(next(one for one in comments if "confirmed" in one["comment"]))


def forget_the_number(evidence):
    _store_order(evidence, _shipped(evidence))["order"]["ext_order_id"] = "SO99999"


def leave_out_that_it_is_packed(evidence):
    shown = _store_order(evidence, _shipped(evidence))
    shown["comments"] = [one for one in shown["comments"] if "packed" not in one["comment"]]


def invent_a_date(evidence):
    for one in _store_order(evidence, _shipped(evidence))["comments"]:
        one["comment"] = TOLD_DATE.sub("expected to ship on 1 April 2030", one["comment"])


def change_a_cent_in_the_crm(evidence):
    evidence.crm["OrderItem"][0]["Net_Amount__c"] += Decimal("0.01")


def change_a_cent_in_the_erp(evidence):
    next(iter(evidence.erp[_shipped(evidence)]["lines"].values()))["net"] -= Decimal("0.01")


def change_a_quantity(evidence):
    next(iter(evidence.erp[_shipped(evidence)]["lines"].values()))["quantity"] += 1


def lose_a_line_in_the_crm(evidence):
    evidence.crm["OrderItem"].pop()


def record_a_purchase_twice(evidence):
    evidence.crm["Order"].append(evidence.crm["Order"][0])


def announce_nothing(evidence):
    announced = evidence.announced
    announced[:] = [one for one in announced if one["Hub_Event_Id__c"] != announced[0]["Hub_Event_Id__c"]]


def give_a_purchase_to_somebody_else(evidence):
    orders = evidence.crm["Order"]
    other = next(one for one in orders if one["AccountId"] != orders[0]["AccountId"])
    orders[0]["AccountId"] = other["AccountId"]


def fall_back_a_step(evidence):
    next(one for one in evidence.crm["Order"] if one["Hub_Status__c"] == "delivered")["Hub_Status__c"] = "shipped"


def lose_a_tracking_number_in_the_crm(evidence):
    next(one for one in evidence.crm["Order"] if one["Tracking_Numbers__c"])["Tracking_Numbers__c"] = None


def count_a_cancelled_order(evidence):
    best = max(evidence.crm["Account"], key=lambda one: one["Lifetime_Value__c"] or 0)
    best["Lifetime_Value__c"] += Decimal("0.01")


def ship_one_more(evidence):
    shown = _store_order(evidence, _shipped(evidence))
    for item in shown["shipments"][0]["items"]:
        item["qty"] += 1


def track_a_parcel_twice(evidence):
    tracks = _store_order(evidence, _shipped(evidence))["shipments"][0]["tracks"]
    tracks.append(tracks[0])


def ignore_a_cancellation(evidence):
    key = next(key for key, row in evidence.erp.items() if row["state"] == "cancelled")
    evidence.erp[key]["state"] = "open"


def send_it_to_the_old_address(evidence):
    key = next(key for key in _standing(evidence) if evidence.erp[key]["ship_to"])
    evidence.erp[key]["ship_to"]["city"] = "Nowhere"


def swap_two_of_a_lane(evidence):
    one, two = _neighbours(evidence)
    for row in evidence.audit:
        number = row["detail"].get("delivery")
        row["detail"] = {**row["detail"], "delivery": {one: two, two: one}.get(number, number)}


def begin_before_the_older_ended(evidence):
    _, two = _neighbours(evidence)
    for attempt in evidence.attempts:
        if attempt["delivery_id"] == two:
            attempt["started_at"] -= timedelta(days=1)


def forget_a_delivery(evidence):
    next(row for row in evidence.deliveries if row["state"] == "done")["state"] = "retrying"


def put_a_lane_to_sleep(evidence):
    evidence.woken = 1


def break_a_chain(evidence):
    event = next(row for row in evidence.events if row["type"] == "order.confirmed")
    event["causation_id"] = event["id"]


def lose_a_report(evidence):
    evidence.reported.append({"key": _shipped(evidence), "number": "1Z-never-seen"})


def alter_the_trail(evidence):
    evidence.seals["broken"] = 1


def _store_order(evidence, key):
    return next(shown for shown in evidence.store if key_of(shown["order"]) == key)


def _standing(evidence):
    late = {row["lane"] for row in evidence.deliveries if row["fault_code"] == "order.too_late"}
    return [key for key, row in evidence.erp.items() if row["state"] == "open" and f"erp/{key}" not in late]


def _shipped(evidence):
    """An order that stands and of which something was shipped and told."""
    return next(
        key
        for key in _standing(evidence)
        if _store_order(evidence, key)["shipments"] and _store_order(evidence, key)["shipments"][0]["tracks"]
    )


def _neighbours(evidence):
    """Two deliveries that stand one behind the other in a lane, both done."""
    before = {}
    for row in evidence.deliveries:
        if row["state"] == "done" and row["lane"] in before:
            return before[row["lane"]], row["id"]
        if row["state"] == "done":
            before[row["lane"]] = row["id"]
    raise AssertionError("no lane holds two deliveries")


TAMPERED = {
    lose_an_order: "no_order_is_lost",
    make_an_order_twice: "no_order_is_made_twice",
    say_a_thing_twice: "each_shopper_is_told_once",
    forget_the_number: "each_shopper_is_told_once",
    leave_out_that_it_is_packed: "steps_are_told_as_they_happened",
    invent_a_date: "no_promise_is_invented",
    change_a_cent_in_the_crm: "lines_and_money_are_conserved",
    change_a_cent_in_the_erp: "lines_and_money_are_conserved",
    change_a_quantity: "lines_and_money_are_conserved",
    lose_a_line_in_the_crm: "lines_and_money_are_conserved",
    record_a_purchase_twice: "the_crm_knows_each_purchase_once",
    announce_nothing: "the_crm_knows_each_purchase_once",
    give_a_purchase_to_somebody_else: "the_crm_knows_each_purchase_once",
    fall_back_a_step: "the_crm_knows_how_far_each_order_is",
    lose_a_tracking_number_in_the_crm: "the_crm_knows_how_far_each_order_is",
    count_a_cancelled_order: "lifetime_value_is_the_sum",
    ship_one_more: "shipped_goods_agree",
    track_a_parcel_twice: "shipped_goods_agree",
    ignore_a_cancellation: "cancellations_are_followed",
    send_it_to_the_old_address: "goods_go_where_the_shopper_lives",
    swap_two_of_a_lane: "lanes_keep_their_order",
    begin_before_the_older_ended: "lanes_keep_their_order",
    forget_a_delivery: "nothing_is_left_lying",
    put_a_lane_to_sleep: "nothing_is_left_lying",
    break_a_chain: "the_story_hangs_together",
    lose_a_report: "every_report_is_settled",
    alter_the_trail: "the_trail_is_unbroken",
}


async def test_every_checker_notices_the_world_it_was_made_for(database):
    _, evidence = await lived(JUDGED, database)
    assert complaints(evidence) == []
    whole = pickle.dumps(evidence)
    unnoticed = []
    for tamper, checker in TAMPERED.items():
        broken = pickle.loads(whole)
        tamper(broken)
        if not list(CHECKERS[checker](broken)):
            unnoticed.append(f"{checker} does not notice {tamper.__name__}")
    assert unnoticed == []
    assert set(TAMPERED.values()) == set(CHECKERS)
