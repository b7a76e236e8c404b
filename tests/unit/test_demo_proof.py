"""Who judges the judge of the demo: a batch without fault, spoiled in one way for each thing it must notice."""

import copy
import io
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from rich.console import Console

from millstream.demo.proof import (
    ANNOUNCED,
    CHECKS,
    CONFIRMED,
    DEAD,
    Check,
    Evidence,
    examine,
    examine_books,
    examine_play,
)
from millstream.demo.summary import figures, first_confirmed, print_summary
from millstream.ports.audit import Proof
from millstream.ports.travellers import Step, Traveller

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SHIPPED, WAITING, CANCELLED, GHOST, FORGOTTEN = (f"00000000{n}" for n in range(1, 6))

LOST, DOUBLED, UNTOLD, TOLD_TWICE, UNEQUAL, UNKNOWN_TO_CRM, SHIPPED_WRONG = CHECKS


def key_of(number):
    return f"shop-1-{number}"


def step(event_type, subscriber, state="done", **fields):
    fields = {"id": 1, "tries": 1, "updated_at": NOON + timedelta(seconds=2), **fields}
    return Step(type=event_type, subscriber=subscriber, state=state, **fields)


def traveller(number, *, erp_number=None, state="done", **fields):
    placed = step("order.placed", "erp", state, code=fields.pop("code", None), message=fields.pop("message", None))
    told = [step("order.confirmed", subscriber) for subscriber in ("store", "crm")] if erp_number else []
    confirmed_at = NOON + timedelta(seconds=1) if erp_number else None
    return Traveller(
        order_key=key_of(number),
        number=number,
        received_at=NOON,
        erp_number=erp_number,
        confirmed_at=confirmed_at,
        steps=(placed, *told),
        **fields,
    )


def seen(number, *, erp_number=None, state="processing", tracks=(), total=100.10):
    comments = [{"comment": "thanks"}, {"comment": None}]
    if erp_number:
        comments.append({"comment": f"{CONFIRMED} Our number: {erp_number}."})
    order = {"increment_id": number, "state": state, "ext_order_id": erp_number, "grand_total": total}
    shipments = [{"tracks": [{"track_number": track} for track in tracks]}] if tracks else []
    return {"order": order, "comments": comments, "shipments": shipments}


def sale(number, erp_number, total="100.10"):
    return {"web_id": key_of(number), "number": erp_number, "total_amount": total}


def announced(number, event_id=None):
    return {"Hub_Order_Id__c": key_of(number), "Hub_Event_Id__c": event_id or f"order/{key_of(number)}/purchased"}


@pytest.fixture
def evidence():
    """One order shipped, one waiting, one cancelled after it was confirmed, one in review, one cancelled before."""
    bought = {SHIPPED: "SO1", WAITING: "SO2", CANCELLED: "SO3"}
    return Evidence(
        store=[
            seen(SHIPPED, erp_number="SO1", tracks=[f"TRACK-{SHIPPED}"]),
            seen(WAITING, erp_number="SO2"),
            seen(CANCELLED, erp_number="SO3", state="canceled"),
            seen(GHOST),
            seen(FORGOTTEN, state="canceled"),
        ],
        erp=[sale(SHIPPED, "SO1"), sale(WAITING, "SO2", "100.1"), sale(CANCELLED, "SO3", "0.00")],
        crm=[{"Hub_Order_Id__c": key_of(number)} for number in bought],
        events=[announced(number) for number in bought],
        travellers=[
            traveller(SHIPPED, erp_number="SO1", shipped_at=NOON),
            traveller(WAITING, erp_number="SO2"),
            traveller(CANCELLED, erp_number="SO3", cancelled_at=NOON),
            traveller(GHOST, state="held", code="sku.unknown", message="erp does not sell GHOST-1."),
            traveller(FORGOTTEN),
        ],
    )


def failing(evidence):
    return {check.name: check.detail for check in examine(evidence) if not check.holds}


def known(evidence, number, **changed):
    """Another word of the books about an order."""
    n = next(n for n, one in enumerate(evidence.travellers) if one.number == number)
    evidence.travellers[n] = msgspec.structs.replace(evidence.travellers[n], **changed)


def of_store(evidence, number):
    return next(one for one in evidence.store if one["order"]["increment_id"] == number)


# --- one way to spoil it for each check, and more where a check has several sides


def lose_it_in_the_hub(evidence):
    evidence.travellers[:] = [one for one in evidence.travellers if one.number != GHOST]


def lose_it_in_the_erp(evidence):
    evidence.erp[:] = [one for one in evidence.erp if one["number"] != "SO2"]


def lose_a_cancelled_one_that_had_a_number(evidence):
    evidence.erp[:] = [one for one in evidence.erp if one["number"] != "SO3"]


def hold_it_without_a_word(evidence):
    known(evidence, GHOST, steps=(step("order.placed", "erp", "held", code="sku.unknown"),))


def hold_it_for_what_nobody_can_decide(evidence):
    known(evidence, GHOST, steps=(step("order.placed", "erp", "held", code="hub.fault", message="KeyError"),))


def call_it_done_without_the_erp(evidence):
    known(evidence, GHOST, steps=(step("order.placed", "erp", note="it went somewhere"),))


def say_it_is_cancelled_in_the_hub_alone(evidence):
    of_store(evidence, FORGOTTEN)["order"]["state"] = "processing"


def place_it_twice_in_the_erp(evidence):
    evidence.erp.append(sale(WAITING, "SO9"))


def record_it_twice_in_the_crm(evidence):
    evidence.crm.append({"Hub_Order_Id__c": key_of(WAITING)})


def leave_the_shopper_without_a_word(evidence):
    of_store(evidence, WAITING)["comments"].pop()


def show_another_number_in_the_store(evidence):
    of_store(evidence, WAITING)["order"]["ext_order_id"] = "SO1"


def place_it_in_the_erp_and_tell_nobody(evidence):
    evidence.store.append(seen("000000006"))
    evidence.erp.append(sale("000000006", "SO6"))
    evidence.crm.append({"Hub_Order_Id__c": key_of("000000006")})
    evidence.events.append(announced("000000006"))
    evidence.travellers.append(traveller("000000006"))


def mail_it_twice(evidence):
    comments = of_store(evidence, SHIPPED)["comments"]
    comments.append(comments[-1])


def charge_a_cent_more(evidence):
    evidence.erp[0]["total_amount"] = "100.11"


def lose_it_in_the_crm(evidence):
    evidence.crm[:] = evidence.crm[1:]
    evidence.events[:] = evidence.events[1:]


def forget_the_parcel(evidence):
    of_store(evidence, SHIPPED)["shipments"].clear()


def tell_of_the_parcel_twice(evidence):
    shipments = of_store(evidence, SHIPPED)["shipments"]
    shipments.append(copy.deepcopy(shipments[0]))


def tell_of_another_parcel(evidence):
    of_store(evidence, SHIPPED)["shipments"][0]["tracks"][0]["track_number"] = f"TRACK-{WAITING}"


def ship_what_is_not_packed(evidence):
    of_store(evidence, WAITING)["shipments"].append({"tracks": [{"track_number": f"TRACK-{WAITING}"}]})


def announce_nothing(evidence):
    evidence.events.pop()


def announce_one_under_two_ids(evidence):
    evidence.events.append(announced(WAITING, "another id"))


def announce_two_under_one_id(evidence):
    evidence.events[0]["Hub_Event_Id__c"] = evidence.events[1]["Hub_Event_Id__c"]


def announce_without_an_id(evidence):
    evidence.events[0]["Hub_Event_Id__c"] = None


def announce_what_nobody_bought(evidence):
    evidence.events.append(announced(GHOST))


def use_up_all_tries(evidence):
    steps = (*evidence.travellers[1].steps, step("order.shipped", "store", "dead"))
    known(evidence, WAITING, steps=steps)


SPOILED = {
    lose_it_in_the_hub: LOST,
    lose_it_in_the_erp: LOST,
    lose_a_cancelled_one_that_had_a_number: LOST,
    hold_it_without_a_word: LOST,
    hold_it_for_what_nobody_can_decide: LOST,
    call_it_done_without_the_erp: LOST,
    say_it_is_cancelled_in_the_hub_alone: LOST,
    place_it_twice_in_the_erp: DOUBLED,
    record_it_twice_in_the_crm: DOUBLED,
    leave_the_shopper_without_a_word: UNTOLD,
    show_another_number_in_the_store: UNTOLD,
    place_it_in_the_erp_and_tell_nobody: UNTOLD,
    mail_it_twice: TOLD_TWICE,
    charge_a_cent_more: UNEQUAL,
    lose_it_in_the_crm: UNKNOWN_TO_CRM,
    forget_the_parcel: SHIPPED_WRONG,
    tell_of_the_parcel_twice: SHIPPED_WRONG,
    tell_of_another_parcel: SHIPPED_WRONG,
    ship_what_is_not_packed: SHIPPED_WRONG,
    announce_nothing: ANNOUNCED,
    announce_one_under_two_ids: ANNOUNCED,
    announce_two_under_one_id: ANNOUNCED,
    announce_without_an_id: ANNOUNCED,
    announce_what_nobody_bought: ANNOUNCED,
    use_up_all_tries: DEAD,
}


def test_a_batch_without_fault_passes_every_check(evidence):
    assert failing(evidence) == {}


@pytest.mark.parametrize(("spoil", "name"), SPOILED.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_every_check_notices_what_it_was_made_for_and_the_others_stay_silent(evidence, spoil, name):
    spoil(evidence)
    assert list(failing(evidence)) == [name]


def test_every_check_is_shown_a_batch_it_must_refuse(evidence):
    assert [check.name for check in examine(evidence)] == list(dict.fromkeys(SPOILED.values()))


def test_who_offends_is_named(evidence):
    place_it_twice_in_the_erp(evidence)
    charge_a_cent_more(evidence)
    assert failing(evidence) == {DOUBLED: WAITING, UNEQUAL: SHIPPED}


def test_an_announcement_that_came_twice_with_its_id_is_no_fault(evidence):
    evidence.events.extend(copy.deepcopy(evidence.events))
    assert failing(evidence) == {}


def test_a_draft_that_waits_for_a_decision_needs_no_confirmation(evidence):
    evidence.erp.append(sale(GHOST, "SO4", "99.00"))
    assert failing(evidence) == {}


@pytest.mark.parametrize(
    ("trail", "lanes", "expected"),
    [
        ({}, 0, []),
        ({}, 1, ["no lane is asleep"]),
        ({"untouched": False, "broken_seal": 1, "detail": "a row was altered"}, 0, ["the audit trail is untouched"]),
        ({"rows": 0, "seals": 0}, 0, ["the audit trail is untouched"]),
    ],
)
def test_the_hubs_own_house_is_looked_into(trail, lanes, expected):
    proof = Proof(
        **{"untouched": True, "rows": 21, "seals": 2, "unsealed": 0, "broken_seal": None, "detail": ""} | trail
    )
    assert [check.name for check in examine_books(proof, lanes) if not check.holds] == expected


def test_what_went_wrong_in_the_play_is_told():
    assert examine_play([]).holds
    check = examine_play(["ship 000000001: busy", "not finished in time: 000000002"])
    assert (check.holds, check.detail) == (False, "ship 000000001: busy; not finished in time: 000000002")


# --- what is told of it


PLACED_AT = {key_of(number): NOON - timedelta(seconds=1) for number in (SHIPPED, WAITING)}


def page_of(evidence, checks, *, installed=True, max_s=30.0):
    told = figures(evidence.travellers, PLACED_AT, checks)
    told |= first_confirmed(
        evidence.travellers, started_at=NOON - timedelta(seconds=20), max_s=max_s, installed=installed
    )
    page = io.StringIO()
    print_summary(Console(width=200, file=page), told)
    return told, page.getvalue()


def test_one_check_that_fails_fails_the_whole(evidence):
    told, page = page_of(evidence, examine(evidence))
    assert (told["all_checks_hold"], "✗" in page) == (True, False)
    charge_a_cent_more(evidence)
    told, page = page_of(evidence, examine(evidence))
    assert told["all_checks_hold"] is False
    assert {"name": UNEQUAL, "holds": False, "detail": SHIPPED} in told["checks"]
    assert f"✗ {UNEQUAL}: {SHIPPED}" in page


@pytest.mark.parametrize(
    ("promise", "in_time", "sentence"),
    [
        ({}, True, "first order confirmed 21.0 s after the start (promised: within 30 s)"),
        ({"max_s": 10.0}, False, "first order confirmed 21.0 s after the start, later than promised (within 10 s)"),
        ({"installed": False}, None, "21.0 s after the start, installing included (promised from the second time on"),
    ],
)
def test_the_first_order_is_held_against_its_promise(evidence, promise, in_time, sentence):
    told, page = page_of(evidence, [Check(name="any", holds=True, detail="")], **promise)
    assert (told["first_confirmed_s"], told["first_confirmed_in_time"]) == (21.0, in_time)
    assert sentence in page


def test_without_a_first_order_no_time_is_claimed(evidence):
    evidence.travellers[:] = [one for one in evidence.travellers if one.number == GHOST]
    told, page = page_of(evidence, [])
    assert (told["first_confirmed_s"], told["first_confirmed_in_time"]) == (None, None)
    assert "the ERP has no order yet (promised: within 30 s)" in page
