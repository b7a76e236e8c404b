"""Virtual days, each decided by its seed; and proof that the checkers would have noticed.

A failing day is lived again, out loud, with `make simulate SEED=N`.
"""

import asyncio
import os
import pickle
import sys
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from simulation.checkers import CHECKERS, complaints
from simulation.checkers_promises import TOLD_DATE
from simulation.factory import DEEDS
from simulation.life import lived
from simulation.reading import deliveries_of, key_of
from simulation.trouble import KINDS

SEEDS = range(1, 101)
BLOCK = 10  # seeds of one test; each kind of trouble happens in every block
EVERY_TIME = 10  # so many seeds are lived for each change, the others by `make thorough`
BLOCKS = [
    pytest.param(seeds := SEEDS[start : start + BLOCK], marks=[pytest.mark.thorough] if seeds[0] > EVERY_TIME else [])
    for start in range(0, len(SEEDS), BLOCK)
]
TWICE = (5, 12)  # the seeds that are lived several times
JUDGED = 45  # the seed whose remains are tampered with


@pytest.mark.parametrize("seeds", BLOCKS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_a_day_of_faults_loses_doubles_and_disorders_nothing(seeds, database):
    found, suffered, deeds = [], Counter(), Counter()
    for seed in seeds:
        day, evidence = await lived(seed, database)
        found += [f"make simulate SEED={seed}: {complaint}" for complaint in complaints(evidence)]
        suffered.update(evidence.suffered)
        assert day.crashes >= 1
        assert len(evidence.store) >= 20
        assert len(evidence.crm["Order"]) >= 8
        deeds.update(day.factory.deeds)
    assert not found, "\n".join(found)
    assert [kind for kind in KINDS if not suffered[kind]] == [], "these never happened"
    assert [deed for deed in DEEDS if not deeds[deed]] == [], "nobody in the plant ever did these"


@pytest.mark.parametrize("seed", [TWICE[0], pytest.param(TWICE[1], marks=pytest.mark.thorough)])
async def test_a_seed_decides_everything(seed, database):
    _, first = await lived(seed, database)
    _, second = await lived(seed, database)
    assert first.differences(second) == []
    assert first.suffered == second.suffered


@pytest.mark.thorough
async def test_another_process_lives_the_same_day_whatever_its_hashes_and_its_load(database, postgres):
    _, evidence = await lived(TWICE[0], database)
    spinners = [await _python("while True: pass")]
    try:
        others = [await _live_elsewhere(TWICE[0], postgres, hash_seed) for hash_seed in ("1", "2")]
    finally:
        for spinner in spinners:
            spinner.kill()
            await spinner.wait()
    assert others == [evidence.digest()] * 2


async def _live_elsewhere(seed, postgres, hash_seed):
    """The digest of the day as `simulation.run` prints it."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "MILLSTREAM_TEST_DATABASE_URL": postgres}
    arguments = ("-m", "simulation.run", "--seed", str(seed), "--digest")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env=environment,
        cwd=Path(__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    return told.decode().split()[-1]


async def _python(program):
    return await asyncio.create_subprocess_exec(sys.executable, "-c", program)


# --- who judges the judges


def lose_an_order(evidence):
    del evidence.erp[_shipped(evidence)]


def make_an_order_twice(evidence):
    evidence.made.append(evidence.made[0])


def say_a_thing_twice(evidence):
    comments = _store_order(evidence, _shipped(evidence))["comments"]
    comments.append(next(one for one in comments if "confirmed" in one["comment"]))


def take_a_confirmation_back(evidence):
    comments = _store_order(evidence, _shipped(evidence))["comments"]
    comments.remove(next(one for one in comments if "confirmed" in one["comment"]))


def call_off_the_confirmation_of_an_order_that_stands(evidence):
    _confirming(evidence, "store")["note"] = "cancelled meanwhile"


def call_off_the_announcement_of_an_order_that_stands(evidence):
    _confirming(evidence, "crm")["note"] = "cancelled meanwhile"


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


def take_a_part_for_the_whole_in_the_crm(evidence):
    partly = next(one for one in evidence.crm["Order"] if one["Hub_Status__c"] == "partly shipped")
    partly["Hub_Status__c"] = "shipped"


def take_a_part_for_the_whole_in_the_books(evidence):
    key = next(one["Hub_Order_Id__c"] for one in evidence.crm["Order"] if one["Hub_Status__c"] == "partly shipped")
    evidence.booked[key]["shipped_at"] = evidence.booked[key]["packed_at"]


def give_up_a_piece_in_the_books_alone(evidence):
    key = _untouched(evidence)[0]
    line = next(iter(evidence.erp[key]["lines"]))
    evidence.off.append({"order_key": key, "line_id": line, "cancelled": Decimal(1)})


def deliver_what_is_on_the_road(evidence):
    key = next(one["Hub_Order_Id__c"] for one in evidence.crm["Order"] if one["Hub_Status__c"] == "shipped")
    evidence.booked[key]["delivered_at"] = evidence.booked[key]["shipped_at"]


def judge_a_promise_too_soon(evidence):
    next(row for row in evidence.promises if row["kept"] is None and row["line_id"] is None)["kept"] = True


def call_a_late_promise_kept(evidence):
    row = next(row for row in evidence.promises if row["kept"] is not None)
    row["kept"] = not row["kept"]


def let_the_erp_move_a_date_unheard(evidence):
    key = next(key for key in _untouched(evidence) if evidence.erp[key]["date"])
    evidence.erp[key]["date"] = "2030-04-01"


def tell_another_date_last(evidence):
    comments = _store_order(evidence, _untouched(evidence)[0])["comments"]
    comments.append({"comment": "Your order is now expected to ship on 1 April 2030."})


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


def _confirming(evidence, subscriber):
    """The delivery that tells that such an order is confirmed."""
    (delivery,) = deliveries_of(evidence, "order.confirmed", subscriber)[_shipped(evidence)]
    return delivery


def _neighbours(evidence):
    """Two deliveries that stand one behind the other in a lane, both done."""
    before = {}
    for row in evidence.deliveries:
        if row["state"] == "done" and row["lane"] in before:
            return before[row["lane"]], row["id"]
        if row["state"] == "done":
            before[row["lane"]] = row["id"]
    raise AssertionError("no lane holds two deliveries")


def confirm_more_than_there_is(evidence):
    evidence.stock["VALVE-050"]["claimed"] += 1000


def promise_too_much_for_a_moment(evidence):
    evidence.oversold.append("12:00:00 VALVE-050: 3 confirmed, 2 there or coming")


def reserve_in_the_books_alone(evidence):
    key = next(key for key in _untouched(evidence) if set(evidence.erp[key]["reserved"].values()) != {None})
    line = next(one for one in evidence.booked[key]["acknowledgement"]["lines"] if one["reserved"])
    line["reserved"]["amount"] = str(Decimal(line["reserved"]["amount"]) + 1)


def lose_a_pallet(evidence):
    evidence.stock["GASKET-10"]["places"]["1010"]["on_hand"] -= 1


def scrap_without_a_paper(evidence):
    del evidence.movements[next(n for n, one in enumerate(evidence.movements) if one["GoodsMovementType"] == "551")]


def let_goods_leave_without_a_delivery_note(evidence):
    evidence.erp[_shipped(evidence)]["shipments"].pop()


def deliver_more_than_was_ordered(evidence):
    shipment = evidence.erp[_shipped(evidence)]["shipments"][0]
    shipment["lines"][next(iter(shipment["lines"]))] += 100


def charge_another_total_in_the_erp(evidence):
    evidence.erp[next(iter(_standing(evidence)))]["charged"] += Decimal("0.01")


def leave_an_order_on_hold(evidence):
    evidence.erp[_shipped(evidence)]["released"] = False


def forget_the_number_in_the_crm(evidence):
    evidence.crm["Order"][0]["ERP_Order_Number__c"] = None


def show_another_date_in_the_crm(evidence):
    dated = {key for key in _untouched(evidence) if evidence.erp[key]["date"]}
    row = next(one for one in evidence.crm["Order"] if one["Hub_Order_Id__c"] in dated)
    row["Expected_Ship_Date__c"] = "2030-04-01"


def show_another_currency_in_the_store(evidence):
    _store_order(evidence, _shipped(evidence))["order"]["order_currency_code"] = "CHF"


def show_another_total_in_the_crm(evidence):
    evidence.crm["Order"][0]["Order_Total__c"] += Decimal("0.01")


def lose_a_piece_in_the_crm(evidence):
    evidence.crm["OrderItem"][0]["Quantity"] += 1


def show_another_parcel_in_the_store(evidence):
    _store_order(evidence, _shipped(evidence))["shipments"][0]["tracks"][0]["track_number"] = "1Z-somebody-elses"


def cancel_in_the_erp_alone(evidence):
    evidence.erp[_untouched(evidence)[0]]["state"] = "cancelled"


def _untouched(evidence):
    """Orders that stand, are booked, and of which nothing was packed yet."""
    return [key for key in _standing(evidence) if key in evidence.booked and not evidence.erp[key]["shipments"]]


TAMPERED = {
    lose_an_order: "no_order_is_lost",
    make_an_order_twice: "no_order_is_made_twice",
    say_a_thing_twice: "each_shopper_is_told_once",
    take_a_confirmation_back: "each_shopper_is_told_once",
    call_off_the_confirmation_of_an_order_that_stands: "each_shopper_is_told_once",
    call_off_the_announcement_of_an_order_that_stands: "the_crm_knows_each_purchase_once",
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
    take_a_part_for_the_whole_in_the_crm: "the_crm_knows_how_far_each_order_is",
    take_a_part_for_the_whole_in_the_books: "the_books_know_how_far_each_order_is",
    give_up_a_piece_in_the_books_alone: "what_will_not_come_is_known_and_told",
    deliver_what_is_on_the_road: "the_books_know_how_far_each_order_is",
    judge_a_promise_too_soon: "promises_are_judged_by_the_last_part",
    call_a_late_promise_kept: "promises_are_judged_by_the_last_part",
    let_the_erp_move_a_date_unheard: "dates_are_those_said_last",
    tell_another_date_last: "dates_are_those_said_last",
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
    confirm_more_than_there_is: "no_oversell",
    promise_too_much_for_a_moment: "no_oversell",
    reserve_in_the_books_alone: "no_oversell",
    lose_a_pallet: "goods_are_conserved",
    scrap_without_a_paper: "goods_are_conserved",
    let_goods_leave_without_a_delivery_note: "goods_are_conserved",
    deliver_more_than_was_ordered: "goods_are_conserved",
    charge_another_total_in_the_erp: "lines_and_money_are_conserved",
    leave_an_order_on_hold: "no_order_is_lost",
    forget_the_number_in_the_crm: "three_systems_agree",
    show_another_date_in_the_crm: "three_systems_agree",
    show_another_currency_in_the_store: "three_systems_agree",
    show_another_total_in_the_crm: "three_systems_agree",
    lose_a_piece_in_the_crm: "three_systems_agree",
    show_another_parcel_in_the_store: "three_systems_agree",
    cancel_in_the_erp_alone: "three_systems_agree",
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
