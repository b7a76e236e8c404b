"""No loss, no duplicate: asked of the systems themselves, not of the hub."""

from collections import Counter
from decimal import Decimal
from typing import Any, Final

import msgspec

from millstream.demo.plants import Plant
from millstream.demo.screen import Traveller
from millstream.demo.stage import Stage
from millstream.store.audit import AuditTrail

CONFIRMED: Final = "Your order is confirmed."
REVIEWABLE: Final = frozenset({"sku.unknown", "customer.unknown", "price.stale", "totals.gap", "order.too_late"})


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must hold."""

    name: str
    holds: bool
    detail: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the store, the ERP and the CRM say, and the hub's books beside it."""

    store: list[dict[str, Any]]  # each order with its comments, shipments and e-mails
    erp: list[dict[str, Any]]
    crm: list[dict[str, Any]]
    events: list[dict[str, Any]]
    travellers: list[Traveller]


async def gather(stage: Stage, plant: Plant, travellers: list[Traveller]) -> Evidence:
    """Reads all three systems."""
    placed = await stage.sim(stage.store_url, "GET", "orders")
    return Evidence(
        store=[await stage.sim(stage.store_url, "GET", f"orders/{order['entity_id']}") for order in placed],
        erp=await plant.sales(),
        crm=(await stage.sim(stage.crm_url, "GET", "records?object=Order"))["Order"],
        events=await stage.sim(stage.crm_url, "GET", "events"),
        travellers=travellers,
    )


def examine(evidence: Evidence) -> list[Check]:
    """Every check over the evidence."""
    by_number = {traveller.number: traveller for traveller in evidence.travellers}
    sales = Counter(sale["web_id"] for sale in evidence.erp)
    sale_of = {sale["web_id"]: sale for sale in evidence.erp}
    lost, doubled, untold, twice_told, unequal, unknown_to_crm, shipped_wrong = [], [], [], [], [], [], []
    purchases = Counter(order["Hub_Order_Id__c"] for order in evidence.crm)
    for seen in evidence.store:
        number = seen["order"]["increment_id"]
        traveller = by_number.get(number)
        key = traveller.order_key if traveller else ""
        if traveller is None or (not sales[key] and not _accounted_for(traveller)):
            lost.append(number)
            continue
        if sales[key] > 1 or purchases[key] > 1:
            doubled.append(number)
        told = sum(1 for comment in seen["comments"] if str(comment.get("comment") or "").startswith(CONFIRMED))
        if told > 1:
            twice_told.append(number)
        if traveller.erp_number is None:
            continue
        if not told or seen["order"].get("ext_order_id") != traveller.erp_number:
            untold.append(number)
        kept = traveller.cancelled_at is None  # a cancelled order may be worth nothing in the ERP
        if kept and Decimal(str(seen["order"]["grand_total"])) != Decimal(str(sale_of[key]["total_amount"])):
            unequal.append(number)
        if purchases[key] != 1:
            unknown_to_crm.append(number)
        if traveller.shipped_at and _tracks(seen) != {f"TRACK-{number}"}:
            shipped_wrong.append(number)
    announced = Counter(event["Hub_Event_Id__c"] for event in evidence.events)
    dead = [t.number for t in evidence.travellers for step in t.steps if step.state == "dead"]
    total = len(evidence.store)
    return [
        _check("every placed order is in the ERP, in review with a reason, or cancelled", lost, total),
        _check("no order is in the ERP or the CRM twice", doubled, total),
        _check("every order in the ERP is confirmed in the store under its ERP number", untold, total),
        _check("nobody was sent a second confirmation", twice_told, total),
        _check("totals of store and ERP are equal to the cent", unequal, total),
        _check("every order in the ERP is a purchase in the CRM", unknown_to_crm, total),
        _check("every shipped order has its tracking number in the store, once", shipped_wrong, total),
        _check(
            "every announced purchase carries its own id", [k for k, n in announced.items() if n > 3], len(announced)
        ),
        _check("nothing is dead", dead, total),
    ]


def _accounted_for(traveller: Traveller) -> bool:
    stuck = traveller.stuck
    if stuck is not None:
        return bool(stuck.code and stuck.message)
    placed = traveller.step("order.placed", "erp")
    return placed is not None and placed.state == "done" and bool(placed.note)  # cancelled before it got there


def _tracks(seen: dict[str, Any]) -> set[str]:
    return {track["track_number"] for shipment in seen["shipments"] for track in shipment["tracks"]}


def _check(name: str, offenders: list[str], total: int) -> Check:
    return Check(name=name, holds=not offenders, detail=", ".join(offenders) or f"{total} of {total}")


async def examine_books(audit: AuditTrail, sleeping_lanes: int) -> list[Check]:
    """The hub's own house."""
    await audit.seal()
    verdict = await audit.verify()
    return [
        Check(name="no lane is asleep", holds=sleeping_lanes == 0, detail=str(sleeping_lanes)),
        Check(
            name="the audit trail is untouched",
            holds=verdict.broken_seal is None,
            detail=verdict.detail or f"{verdict.rows} rows under {verdict.seals} seals",
        ),
    ]
