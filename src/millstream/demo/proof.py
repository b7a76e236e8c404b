"""No loss, no duplicate: asked of the systems themselves, not of the hub."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from millstream.demo.plants import Plant
from millstream.demo.stage import Stage
from millstream.ports.audit import Proof
from millstream.ports.travellers import Traveller

CONFIRMED: Final = "Your order is confirmed."
REVIEWABLE: Final = frozenset({"sku.unknown", "customer.unknown", "price.stale", "totals.gap"})  # what people decide


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
    travellers: Sequence[Traveller]


class Witness(msgspec.Struct, frozen=True, kw_only=True):
    """One order of the store, with what every other side knows of it."""

    seen: dict[str, Any]
    traveller: Traveller | None
    sales: list[dict[str, Any]]
    purchases: int

    @property
    def number(self) -> str:
        """As the shopper reads it."""
        return str(self.seen["order"]["increment_id"])

    @property
    def cancelled(self) -> bool:
        """By the store's word."""
        return str(self.seen["order"]["state"]) == "canceled"

    @property
    def in_review(self) -> bool:
        """Whether a person is asked before it goes to the ERP, and told why."""
        placed = self.traveller and self.traveller.step("order.placed", "erp")
        return bool(placed and placed.state == "held" and placed.code in REVIEWABLE and placed.message)

    @property
    def stands(self) -> bool:
        """Whether the ERP has it for good: not as a draft somebody must decide on, not taken back unconfirmed."""
        known = self.traveller is not None and self.traveller.erp_number is not None
        return bool(self.sales) and (known or not (self.in_review or self.cancelled))


async def gather(stage: Stage, plant: Plant, travellers: Sequence[Traveller]) -> Evidence:
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
    witnesses = list(_witnesses(evidence))
    return [
        *(
            _check(name, [witness.number for witness in witnesses if offends(witness)], len(witnesses))
            for name, offends in CHECKS.items()
        ),
        _check(ANNOUNCED, list(_wrongly_announced(evidence)), len(evidence.crm)),
        _check(DEAD, [t.number for t in evidence.travellers if _is_dead(t)], len(witnesses)),
    ]


def _witnesses(evidence: Evidence) -> Iterator[Witness]:
    by_number = {traveller.number: traveller for traveller in evidence.travellers}
    sales = defaultdict(list)
    for sale in evidence.erp:
        sales[sale["web_id"]].append(sale)
    purchases = Counter(order["Hub_Order_Id__c"] for order in evidence.crm)
    for seen in evidence.store:
        traveller = by_number.get(seen["order"]["increment_id"])
        key = traveller.order_key if traveller else ""
        yield Witness(seen=seen, traveller=traveller, sales=sales[key], purchases=purchases[key])


def _is_lost(witness: Witness) -> bool:
    """What the hub has an ERP number for must be there; what it has none for must have a reason not to be."""
    if witness.traveller is None:
        return True
    if witness.sales:
        return False
    return witness.traveller.erp_number is not None or not (witness.in_review or witness.cancelled)


def _is_doubled(witness: Witness) -> bool:
    return len(witness.sales) > 1 or witness.purchases > 1


def _is_untold(witness: Witness) -> bool:
    number = witness.sales[0]["number"] if witness.sales else None
    return witness.stands and not (_times_told(witness) and witness.seen["order"].get("ext_order_id") == number)


def _is_told_twice(witness: Witness) -> bool:
    return _times_told(witness) > 1


def _is_unequal(witness: Witness) -> bool:
    """A cancelled order may be worth nothing in the ERP."""
    if not witness.stands or witness.cancelled:
        return False
    return Decimal(str(witness.seen["order"]["grand_total"])) != Decimal(str(witness.sales[0]["total_amount"]))


def _is_unknown_to_crm(witness: Witness) -> bool:
    return witness.stands and witness.purchases < 1


def _is_shipped_wrong(witness: Witness) -> bool:
    shipped = witness.traveller is not None and witness.traveller.shipped_at is not None
    tracks = [track["track_number"] for shipment in witness.seen["shipments"] for track in shipment["tracks"]]
    return tracks != ([f"TRACK-{witness.number}"] if shipped else [])


CHECKS: Final[dict[str, Callable[[Witness], bool]]] = {  # what must hold of each order of the store -> what offends it
    "every placed order is in the ERP, in review with a reason, or cancelled": _is_lost,
    "no order is in the ERP or the CRM twice": _is_doubled,
    "every order in the ERP is confirmed in the store under its ERP number": _is_untold,
    "nobody was sent a second confirmation": _is_told_twice,
    "totals of store and ERP are equal to the cent": _is_unequal,
    "every order in the ERP is a purchase in the CRM": _is_unknown_to_crm,
    "every shipped order has its tracking number in the store, once": _is_shipped_wrong,
}
ANNOUNCED: Final = "every purchase is announced, under one id of its own"
DEAD: Final = "nothing is dead"


def _wrongly_announced(evidence: Evidence) -> Iterator[str]:
    """Purchases without announcement or under two ids, announcements of no purchase, ids that two purchases share.

    A second announcement under the same id is no fault: the CRM cannot refuse it, its subscribers tell it by the id.
    """
    ids, orders = defaultdict(set), defaultdict(set)
    for event in evidence.events:
        ids[event["Hub_Order_Id__c"]].add(event["Hub_Event_Id__c"])
        orders[event["Hub_Event_Id__c"]].add(event["Hub_Order_Id__c"])
    bought = {order["Hub_Order_Id__c"] for order in evidence.crm}
    yield from (str(key) for key in sorted(bought | ids.keys(), key=str) if key not in bought or len(ids[key]) != 1)
    yield from (str(name) for name, keys in orders.items() if not name or len(keys) > 1)


def _times_told(witness: Witness) -> int:
    return sum(1 for one in witness.seen["comments"] if str(one.get("comment") or "").startswith(CONFIRMED))


def _is_dead(traveller: Traveller) -> bool:
    return any(step.state == "dead" for step in traveller.steps)


def _check(name: str, offenders: Sequence[str], total: int) -> Check:
    return Check(name=name, holds=not offenders, detail=", ".join(offenders) or f"{total} of {total}")


def examine_books(trail: Proof, sleeping_lanes: int) -> list[Check]:
    """The hub's own house. An empty trail proves nothing: everything in the play leaves a row."""
    return [
        Check(name="no lane is asleep", holds=sleeping_lanes == 0, detail=str(sleeping_lanes)),
        Check(
            name="the audit trail is untouched",
            holds=trail.untouched and trail.rows > 0,
            detail=trail.detail or f"{trail.rows} rows under {trail.seals} seals",
        ),
    ]


def examine_play(trouble: Sequence[str]) -> Check:
    """Whether everybody could do what they do in the play, in time."""
    return Check(name="the play went as written", holds=not trouble, detail="; ".join(trouble) or "yes")
