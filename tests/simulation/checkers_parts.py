"""Judges of how far orders are that leave in parts: see `checkers`."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal

from simulation.evidence import Evidence, Row
from simulation.reading import comments_of, is_gone, key_of, left_alone, let_go, purchases_of

Complaints = Iterator[str]


def the_books_know_how_far_each_order_is(evidence: Evidence) -> Complaints:
    """Shipped exactly when every piece has left; delivered only when every parcel arrived, and then it is."""
    for key, booked in evidence.booked.items():
        erp = evidence.erp[key]
        gone = is_gone(erp)
        if bool(booked["shipped_at"]) != gone:
            yield f"{key}: the books have it shipped at {booked['shipped_at']}, everything left: {gone}"
        surely, possibly = _arrived(evidence, key)
        if booked["delivered_at"] and not possibly:
            yield f"{key} is delivered in the books, yet something is open or on the road"
        if surely and not booked["delivered_at"]:
            yield f"{key} is not delivered in the books, yet everything arrived"


def the_crm_knows_how_far_each_order_is(evidence: Evidence) -> Complaints:
    """Status never falls back; all tracking numbers are there; dates are set exactly when the step was over."""
    for key, found in purchases_of(evidence).items():
        erp, booked = evidence.erp[key], evidence.booked[key]
        tracking = sorted(number for shipment in erp["shipments"] for number in shipment["tracking"])
        for purchase in found:
            status = _status(erp, booked)
            if purchase.get("Hub_Status__c") != status:
                yield f"{key} is {purchase.get('Hub_Status__c')} in the CRM, really {status}"
            shown = sorted(filter(None, (purchase.get("Tracking_Numbers__c") or "").split(", ")))
            if shown != tracking:
                yield f"{key} has the tracking numbers {shown} in the CRM, really {tracking}"
            for field, happened in (
                ("Shipped_At__c", is_gone(erp)),
                ("Delivered_At__c", bool(booked["delivered_at"])),
                ("Cancelled_At__c", erp["state"] == "cancelled"),
            ):
                if bool(purchase.get(field)) != happened:
                    yield f"{key}: {field} is {purchase.get(field)}, happened: {happened}"


def promises_are_judged_by_the_last_part(evidence: Evidence) -> Complaints:
    """Open while anything is to leave; then kept exactly if the last part left in time."""
    for key, erp in evidence.erp.items():
        dated = [row for row in evidence.promises if row["order_key"] == key and row["line_id"] is None]
        dated = [row for row in dated if row["ship_date"] is not None]
        if not dated or key in left_alone(evidence):
            continue
        *earlier, last = dated
        if any(row["kept"] is not None for row in earlier):
            yield f"{key}: a promise that did not stand any more was judged"
        days = [shipment["left_on"] for shipment in erp["shipments"] if shipment["state"] == "shipped"]
        kept = max(days) <= last["ship_date"] if is_gone(erp) else None
        if last["kept"] is not kept:
            yield f"{key} was promised for {last['ship_date']}, left on {days}: kept is {last['kept']}, really {kept}"


def what_will_not_come_is_known_and_told(evidence: Evidence) -> Complaints:
    """The books have what the ERP gave up of each line, the facts add up to it, and the shopper read every one."""
    off: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for row in evidence.off:
        off[row["order_key"]][row["line_id"]] = row["cancelled"]
    told: dict[str, Counter[str]] = defaultdict(Counter)
    facts: Counter[str] = Counter()
    for event in evidence.events:
        if event["type"] == "order.rest_cancelled":
            facts[event["subject"]] += 1
            told[event["subject"]].update({one["line_id"]: Decimal(one["quantity"]) for one in event["data"]["lines"]})
    for key, erp in evidence.erp.items():
        if key in evidence.booked and erp["state"] == "open":
            given_up = {line: quantity for line, quantity in erp["given_up"].items() if quantity}
            if off[key] != given_up or dict(told[key]) != given_up:
                yield f"{key}: the ERP gave up {given_up}, the books have {off[key]}, the facts {dict(told[key])}"
    let = let_go(evidence, "order.rest_cancelled", "store") | left_alone(evidence)
    for shown in evidence.store:
        key = key_of(shown["order"])
        read = sum("we cannot deliver this part" in text for text in comments_of(shown))
        if read != facts[key] and key not in let:
            yield f"{key}: {read} comments say what will not come, expected {facts[key]}"


def _status(erp: Row, booked: Row) -> str | None:
    states = {shipment["state"] for shipment in erp["shipments"]}
    if erp["state"] == "cancelled":
        return "cancelled"
    if booked["delivered_at"]:
        return "delivered"
    if is_gone(erp):
        return "shipped"
    if "shipped" in states:
        return "partly shipped"
    return "packed" if states else None


def _arrived(evidence: Evidence, key: str) -> tuple[bool, bool]:
    """Whether all of it surely arrived, and whether it may have: a report by the order's number says little."""
    reports = [event["data"]["delivered"] for event in evidence.events if _is_report(event, key)]
    numbers = {report["tracking_number"] for report in reports}
    sent = {number for shipment in evidence.erp[key]["shipments"] for number in shipment["tracking"]}
    gone = is_gone(evidence.erp[key])
    return gone and sent <= numbers, gone and (sent <= numbers or None in numbers)


def _is_report(event: Row, key: str) -> bool:
    return event["type"] == "order.delivered" and event["subject"] == key
