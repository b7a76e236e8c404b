"""Separate judges of a day. Each reads plain evidence and yields a complaint for everything that is not as it must be.

They share no code with the product: what an order is worth, which rows of it are goods, and what "once" means is
written here a second time, from the rules of the systems.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from simulation.checkers_drift import three_systems_agree
from simulation.checkers_parts import (
    promises_are_judged_by_the_last_part,
    the_books_know_how_far_each_order_is,
    the_crm_knows_how_far_each_order_is,
    what_will_not_come_is_known_and_told,
)
from simulation.checkers_promises import dates_are_those_said_last, no_promise_is_invented
from simulation.checkers_stock import goods_are_conserved, no_oversell
from simulation.evidence import Evidence, Row
from simulation.reading import (
    CENT,
    called_off,
    comments_of,
    confirmed_keys,
    deliveries_of,
    goods_of,
    is_cancelled,
    key_of,
    left_alone,
    let_go,
    purchases_of,
)

EXPORTABLE = {"new", "processing", "complete"}
REVIEW = {"sku.unknown", "order.too_late"}  # what people leave in review after a day
MARK = re.compile(r"\(ref [0-9a-f]{8}\)")

Complaints = Iterator[str]


# --- the judges


def no_order_is_lost(evidence: Evidence) -> Complaints:
    """Placed, exportable, not cancelled: complete in the ERP, or in review with a reason."""
    placed = deliveries_of(evidence, "order.placed", "erp")
    for shown in evidence.store:
        order, key = shown["order"], key_of(shown["order"])
        if order["state"] not in EXPORTABLE:
            continue
        if key in evidence.erp:
            if not evidence.erp[key]["released"]:
                yield f"{key} was left half done in the ERP"
            if key not in confirmed_keys(evidence):
                yield f"{key} is in the ERP but was never confirmed"
        elif not any(one["state"] == "held" and one["fault_code"] in REVIEW for one in placed.get(key, [])):
            yield f"{key} is neither in the ERP nor in review"


def no_order_is_made_twice(evidence: Evidence) -> Complaints:
    """The ERP made each order once, and none that the store does not want made."""
    for key, times in Counter(evidence.made).items():
        if times != 1:
            yield f"{key} was made {times} times in the ERP"
    known = {key_of(shown["order"]): shown["order"] for shown in evidence.store}
    for key in evidence.erp:
        if key not in known:
            yield f"{key} is in the ERP but not in the store"
        elif known[key]["state"] == "pending_payment":
            yield f"{key} went to the ERP before it was paid"
    numbers = Counter(row["number"] for row in evidence.erp.values())
    yield from (f"ERP number {number} was given {times} times" for number, times in numbers.items() if times > 1)


def each_shopper_is_told_once(evidence: Evidence) -> Complaints:
    """One confirmation with the ERP's number, one comment per fact, no mail twice.

    None for an order that was cancelled meanwhile, unless an earlier try had come so far.
    """
    told = confirmed_keys(evidence)
    off = called_off(evidence, "order.confirmed", "store")
    for shown in evidence.store:
        order, key = shown["order"], key_of(shown["order"])
        comments = comments_of(shown)
        confirmations = [text for text in comments if text.startswith("Your order is confirmed")]
        if key in off and not is_cancelled(order):
            yield f"{key} was not confirmed to the shopper, yet it stands"
        if len(confirmations) != (key in told) and not (key in off and not confirmations):
            yield f"{key} carries {len(confirmations)} confirmations, expected {int(key in told)}"
        for mark, times in Counter(mark for text in comments for mark in MARK.findall(text)).items():
            if times > 1:
                yield f"{key} carries {times} comments {mark}"
        mails = [mail for mail in shown["emails"] if mail["template"] == "order_update"]
        notified = [comment for comment in shown["comments"] if comment["is_customer_notified"]]
        if len(mails) != len(notified):
            yield f"{key} sent {len(mails)} mails for {len(notified)} comments"
        if key in told:
            number = evidence.erp[key]["number"]
            if order.get("ext_order_id") != number:
                yield f"{key} shows the ERP number {order.get('ext_order_id')}, the ERP says {number}"
            if not all(f" {number}. " in text for text in confirmations):
                yield f"{key} was confirmed with another number than {number}"


def steps_are_told_as_they_happened(evidence: Evidence) -> Complaints:
    """A comment for every packed shipment and for every delivery, no more and no fewer."""
    delivered = Counter(event["subject"] for event in evidence.events if event["type"] == "order.delivered")
    let = let_go(evidence, "order.packed", "store") | left_alone(evidence)
    for shown in evidence.store:
        key = key_of(shown["order"])
        packed = len(evidence.erp[key]["shipments"]) if key in evidence.erp else 0
        comments = comments_of(shown)
        for word, expected in (("is packed", packed), ("was delivered", delivered[key])):
            found = sum(word in text for text in comments)
            if found != expected and key not in let:
                yield f"{key}: {found} comments say it {word}, expected {expected}"


def lines_and_money_are_conserved(evidence: Evidence) -> Complaints:
    """The same lines, quantities and cents in the store, the ERP, the books and the CRM."""
    purchases = purchases_of(evidence)
    items = defaultdict(dict)
    for item in evidence.crm["OrderItem"]:
        items[item["OrderId"]][item["Hub_Line_Id__c"]] = item
    for shown in evidence.store:
        order, key = shown["order"], key_of(shown["order"])
        goods, total = goods_of(order), Decimal(order["grand_total"]).quantize(CENT)
        parts = sum((row["net"] for row in goods.values()), Decimal(0))
        if parts + Decimal(order["shipping_amount"]) + Decimal(order["tax_amount"]) != total:
            yield f"{key} does not close in the store"
        erp = evidence.erp.get(key)
        if erp:
            if _comparable(erp["lines"]) != _comparable(goods):
                yield f"{key} differs in the ERP: {erp['lines']} instead of {goods}"
            if erp["state"] == "open" and not erp["given_up"] and erp["charged"].quantize(CENT) != total:
                yield f"{key} is charged with {erp['charged']} by the ERP, {total} in the store"
            if (erp["total"].quantize(CENT), erp["currency"]) != (total, order["order_currency_code"]):
                yield f"{key} costs {erp['total']} {erp['currency']} in the ERP, {total} in the store"
        booked = evidence.booked.get(key)
        if booked and (booked["grand_total"].quantize(CENT), booked["erp_total"].quantize(CENT)) != (total, total):
            yield f"{key} costs {booked['grand_total']}/{booked['erp_total']} in the books, {total} in the store"
        for purchase in purchases.get(key, []):
            if Decimal(purchase["Order_Total__c"]) != total:
                yield f"{key} costs {purchase['Order_Total__c']} in the CRM, {total} in the store"
            found = {
                line.rpartition("-")[2]: {"quantity": Decimal(item["Quantity"]), "net": Decimal(item["Net_Amount__c"])}
                for line, item in items[purchase["Id"]].items()
            }
            wanted = {line: {"quantity": row["quantity"], "net": row["net"]} for line, row in goods.items()}
            if _comparable(found) != _comparable(wanted):
                yield f"{key} differs in the CRM: {found} instead of {wanted}"


def _comparable(lines: dict[str, Row]) -> dict[str, Row]:
    return {
        line: {name: value.normalize() if isinstance(value, Decimal) else value for name, value in row.items()}
        for line, row in lines.items()
    }


def the_crm_knows_each_purchase_once(evidence: Evidence) -> Complaints:
    """One order per confirmed order, under the right account, announced under one id, if it still stood then."""
    refused = let_go(evidence, "order.confirmed", "crm")
    purchases = purchases_of(evidence)
    accounts = {account["Id"]: account for account in evidence.crm["Account"]}
    emails = defaultdict(set)
    for contact in evidence.crm["Contact"]:
        emails[contact["AccountId"]].add((contact.get("Email") or "").lower())
    orders = {key_of(shown["order"]): shown["order"] for shown in evidence.store}
    wanted = confirmed_keys(evidence) - refused
    for key in sorted(wanted | purchases.keys()):
        found = purchases.get(key, [])
        if len(found) != (key in wanted):
            yield f"{key} is in the CRM {len(found)} times, expected {int(key in wanted)}"
        for purchase in found:
            account = accounts.get(purchase["AccountId"], {})
            if orders[key]["customer_email"].lower() not in emails[purchase["AccountId"]]:
                yield f"{key} of {orders[key]['customer_email']} lies under {account.get('Name')}"
            if account.get("Hub_Customer_Id__c") != evidence.booked[key]["customer_id"]:
                yield f"{key} is booked for another customer than the CRM's"
            if purchase["StatusCode"] != "Activated":
                yield f"{key} was left as a draft in the CRM"
    announced = Counter(event["Hub_Event_Id__c"] for event in evidence.announced)
    off = called_off(evidence, "order.confirmed", "crm")
    yield from (f"{key} was not announced, yet it stands" for key in sorted(off) if not is_cancelled(orders[key]))
    expected = {f"order/{key}/purchased" for key in wanted}
    must = {f"order/{key}/purchased" for key in wanted - off}  # an earlier try may have announced the others
    if not must <= announced.keys() <= expected:
        yield f"announced but not bought, or bought but not announced: {sorted(announced.keys() ^ expected)}"
    marked = Counter(account["Hub_Customer_Id__c"] for account in accounts.values() if account["Hub_Customer_Id__c"])
    yield from (f"{hub_id} marks {times} accounts" for hub_id, times in marked.items() if times > 1)


def lifetime_value_is_the_sum(evidence: Evidence) -> Complaints:
    """Each customer's value in the CRM is what their orders that stand are worth, in the store's own currency."""
    orders = {key_of(shown["order"]): shown["order"] for shown in evidence.store}
    unrecorded = let_go(evidence, "order.confirmed", "crm")
    for account in evidence.crm["Account"]:
        hub_id = account["Hub_Customer_Id__c"]
        mine = [key for key, booked in evidence.booked.items() if booked["customer_id"] == hub_id]
        standing = [key for key in mine if evidence.erp[key]["state"] != "cancelled"]
        worth = {key: Decimal(orders[key]["base_grand_total"]).quantize(CENT) for key in standing}
        most = sum(worth.values(), Decimal(0))
        least = sum((amount for key, amount in worth.items() if key not in unrecorded), Decimal(0))
        shown = account.get("Lifetime_Value__c")
        if hub_id and mine and set(mine) - unrecorded and not least <= Decimal(shown or 0) <= most:
            yield f"{account['Name']} is worth {shown} in the CRM, really {most}"


def shipped_goods_agree(evidence: Evidence) -> Complaints:
    """The store shipped what the ERP shipped, line by line; each tracking number is there once."""
    let = let_go(evidence, "order.shipped", "store") | left_alone(evidence)
    for shown in evidence.store:
        key = key_of(shown["order"])
        sent = [one for one in evidence.erp.get(key, {}).get("shipments", []) if one["state"] == "shipped"]
        if key in let:
            continue
        wanted = Counter()
        for shipment in sent:
            wanted.update(shipment["lines"])
        goods = goods_of(shown["order"])
        booked = Counter()
        for shipment in shown["shipments"]:
            for item in shipment["items"]:
                if str(item["order_item_id"]) in goods:
                    booked[str(item["order_item_id"])] += Decimal(item["qty"])
        if +wanted != +booked:
            yield f"{key}: the ERP shipped {dict(wanted)}, the store {dict(booked)}"
        if len(shown["shipments"]) != len(sent):
            yield f"{key}: {len(sent)} shipments left, the store has {len(shown['shipments'])}"
        tracks = sorted(track["track_number"] for shipment in shown["shipments"] for track in shipment["tracks"])
        numbers = sorted(number for shipment in sent for number in shipment["tracking"])
        if tracks != numbers:
            yield f"{key}: tracking numbers {tracks} in the store, really {numbers}"


def cancellations_are_followed(evidence: Evidence) -> Complaints:
    """What the store cancelled is cancelled in the ERP, or waits in review as too late; and the other way round."""
    late = let_go(evidence, "order.cancelled", "erp")
    undone = let_go(evidence, "order.cancelled_by_erp", "book")
    for shown in evidence.store:
        order, key = shown["order"], key_of(shown["order"])
        erp = evidence.erp.get(key)
        if erp is None:
            continue
        if is_cancelled(order) and erp["state"] != "cancelled" and key not in late:
            yield f"{key} was cancelled in the store and lives on in the ERP"
        if erp["state"] == "cancelled" and not is_cancelled(order) and key not in undone:
            yield f"{key} was cancelled in the ERP and lives on in the store"
        booked = evidence.booked.get(key)
        if booked and bool(booked["cancelled_at"]) != (erp["state"] == "cancelled") and key not in undone:
            yield f"{key}: the books say cancelled at {booked['cancelled_at']}, the ERP says {erp['state']}"


def goods_go_where_the_shopper_lives(evidence: Evidence) -> Complaints:
    """The ERP's address is the store's, unless it was too late to change it."""
    late = let_go(evidence, "order.address_changed", "erp")
    for shown in evidence.store:
        order, key = shown["order"], key_of(shown["order"])
        erp = evidence.erp.get(key)
        if erp is None or erp["ship_to"] is None or is_cancelled(order) or erp["state"] == "cancelled" or key in late:
            continue
        address = order["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]
        wanted = {name: address[name] for name in ("street", "city", "postcode")}
        if wanted != erp["ship_to"]:
            yield f"{key} goes to {erp['ship_to']}, the shopper lives at {wanted}"


def lanes_keep_their_order(evidence: Evidence) -> Complaints:
    """Within a lane nothing is tried before everything older has ended."""
    lanes = {delivery["id"]: delivery["lane"] for delivery in evidence.deliveries}
    furthest: dict[str, int] = {}
    for row in evidence.audit:
        delivery_id = row["detail"].get("delivery")
        if not row["actor"].startswith("hub:") or delivery_id not in lanes:
            continue
        lane = lanes[delivery_id]
        if delivery_id < furthest.get(lane, 0):
            yield f"lane {lane}: delivery {delivery_id} was tried after {furthest[lane]}"
        furthest[lane] = max(delivery_id, furthest.get(lane, 0))
    tried = defaultdict(list)
    for attempt in evidence.attempts:
        tried[attempt["delivery_id"]].append(attempt)
    ends: dict[str, tuple[datetime, int]] = {}
    for delivery in evidence.deliveries:
        attempts = tried[delivery["id"]]
        began = min((attempt["started_at"] for attempt in attempts), default=None)
        before = ends.get(delivery["lane"])
        if began and before and began < before[0] - timedelta(seconds=evidence.skew_s):
            yield f"lane {delivery['lane']}: delivery {delivery['id']} began before {before[1]} ended"
        if delivery["state"] in {"done", "discarded"}:
            ended = max((attempt["ended_at"] for attempt in attempts), default=delivery["updated_at"])
            ends[delivery["lane"]] = (max(ended, before[0]) if before else ended, delivery["id"])
        done = [attempt for attempt in attempts if attempt["outcome"] == "done"]
        if len(done) != (delivery["state"] == "done"):
            yield f"delivery {delivery['id']} is {delivery['state']} after {len(done)} done attempts"


def nothing_is_left_lying(evidence: Evidence) -> Complaints:
    """At rest every delivery has ended, or is in review for a known reason, or stands behind one that is."""
    held = {delivery["lane"] for delivery in evidence.deliveries if delivery["state"] == "held" and delivery["head"]}
    for delivery in evidence.deliveries:
        what = f"delivery {delivery['id']} in lane {delivery['lane']}"
        match delivery["state"]:
            case "done" | "discarded":
                pass
            case "held" if delivery["id"] in evidence.left and delivery["fault_code"] in REVIEW:
                pass
            case "waiting" if delivery["lane"] in held:
                pass
            case state:
                yield f"{what} is {state} ({delivery['fault_code']})"
    if evidence.woken:
        yield f"{evidence.woken} lanes were asleep"
    yield from evidence.bugs


def the_story_hangs_together(evidence: Evidence) -> Complaints:
    """Every event belongs to the chain of what caused it, back to one that came from outside."""
    by_id = {event["id"]: event for event in evidence.events}
    roots = {
        "order.hinted",
        "order.placed",
        "order.cancelled",
        "order.address_changed",
        "order.rescheduled",
        "order.cancelled_by_erp",
        "order.rest_cancelled_by_erp",
        "order.delivery_reported",
        "order.promise_reported",
        "order.shipment_reported",
    }
    for event in evidence.events:
        what = f"{event['type']} {event['source_id']}"
        cause = by_id.get(event["causation_id"])
        if event["causation_id"] is None:
            if event["correlation_id"] != event["id"] or event["type"] not in roots:
                yield f"{what} has no cause, yet is no beginning"
        elif cause is None or cause["correlation_id"] != event["correlation_id"]:
            yield f"{what} is not in the chain of its cause"
        elif _beginning_of(event, by_id) != event["correlation_id"]:
            yield f"{what} belongs to a chain without a beginning"
    copies = Counter((event["source"], event["source_id"]) for event in evidence.events)
    yield from (f"event {name} is stored {times} times" for name, times in copies.items() if times > 1)
    for key in confirmed_keys(evidence):
        if not any(event["type"] == "order.placed" and event["subject"] == key for event in evidence.events):
            yield f"{key} was confirmed but never placed"


def _beginning_of(event: Row, by_id: dict) -> object:
    """The id of the event at the far end of the chain of causes; None if there is no end."""
    for _ in range(len(by_id)):
        if event["causation_id"] is None:
            return event["id"]
        event = by_id.get(event["causation_id"]) or {"causation_id": None, "id": None}
    return None


def every_report_is_settled(evidence: Evidence) -> Complaints:
    """Each carrier's report became a fact about the order it meant, however often it was handed in."""
    facts = {(event["subject"], event["source_id"]) for event in evidence.events if event["type"] == "order.delivered"}
    wanted = {(one["key"], f"order/{one['key']}/delivered/{one['number']}") for one in evidence.reported}
    wanted = {one for one in wanted if one[0] not in left_alone(evidence)}
    if facts != wanted:
        yield f"reported and made facts differ: {sorted(facts ^ wanted)}"


def the_trail_is_unbroken(evidence: Evidence) -> Complaints:
    """Everything is sealed and no seal is broken."""
    if evidence.seals["broken"] is not None or evidence.seals["unsealed"] or not evidence.seals["rows"]:
        yield f"the audit trail does not verify: {evidence.seals}"


CHECKERS: dict[str, Callable[[Evidence], Complaints]] = {
    checker.__name__: checker
    for checker in (
        no_order_is_lost,
        no_order_is_made_twice,
        each_shopper_is_told_once,
        steps_are_told_as_they_happened,
        no_promise_is_invented,
        dates_are_those_said_last,
        promises_are_judged_by_the_last_part,
        lines_and_money_are_conserved,
        the_crm_knows_each_purchase_once,
        the_crm_knows_how_far_each_order_is,
        the_books_know_how_far_each_order_is,
        what_will_not_come_is_known_and_told,
        lifetime_value_is_the_sum,
        shipped_goods_agree,
        cancellations_are_followed,
        goods_go_where_the_shopper_lives,
        lanes_keep_their_order,
        nothing_is_left_lying,
        the_story_hangs_together,
        every_report_is_settled,
        the_trail_is_unbroken,
        no_oversell,
        goods_are_conserved,
        three_systems_agree,
    )
}


def complaints(evidence: Evidence) -> list[str]:
    """Every complaint of every checker, with the checker's name in front."""
    return [f"{name}: {text}" for name, checker in CHECKERS.items() for text in checker(evidence)]
