"""Judges of the stock: see `checkers`."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from simulation.evidence import Evidence

Complaints = Iterator[str]
ISSUE, TRANSFER = "601", "301"


def no_oversell(evidence: Evidence) -> Complaints:
    """Never was more confirmed than was there or on its way; and the hub counts as reserved what the ERP reserved."""
    yield from (f"more was promised than there was: {moment}" for moment in evidence.oversold)
    for material, row in evidence.stock.items():
        there = sum((place["on_hand"] for place in row["places"].values() if place["sells"]), Decimal(0))
        if row["claimed"] > there + row["planned"]:
            yield f"{material}: {row['claimed']} are confirmed, {there} there and {row['planned']} on their way"
        reserved = _still_reserved(evidence, material)
        if reserved > there + row["planned"]:
            yield f"{material}: the hub counts {reserved} as reserved, {there} are there, {row['planned']} on their way"
    for key, erp in evidence.erp.items():
        if erp["state"] == "cancelled" or key not in evidence.booked or erp["shipments"]:
            continue
        books = {
            line["line_id"]: _amount(line["reserved"]) for line in evidence.booked[key]["acknowledgement"]["lines"]
        }
        if books != erp["reserved"]:
            yield f"{key}: the hub has {books} reserved, the ERP {erp['reserved']}"


def _still_reserved(evidence: Evidence, material: str) -> Decimal:
    """What the hub's books hold on the shelf for orders that stand and of which nothing has left."""
    standing = {key for key, erp in evidence.erp.items() if erp["state"] == "open" and not erp["shipments"]}
    booked = [row["acknowledgement"]["lines"] for key, row in evidence.booked.items() if key in standing]
    mine = [line for lines in booked for line in lines if line["sku"] == material]
    return sum((_amount(line["reserved"]) or Decimal(0) for line in mine), Decimal(0))


def _amount(reserved) -> Decimal | None:
    return None if reserved is None else Decimal(reserved["amount"])


def goods_are_conserved(evidence: Evidence) -> Complaints:
    """What was there and came in is what left, was thrown away and is there; and what left is on delivery notes."""
    issued: Counter[str] = Counter()
    for one in evidence.movements:
        if one["GoodsMovementType"] == ISSUE:
            issued[one["Material"]] -= one["Quantity"]
    for material, row in evidence.stock.items():
        for at, place in row["places"].items():
            moved = [one["Quantity"] for one in evidence.movements if (one["Material"], one["Plant"]) == (material, at)]
            wanted = place["opening"] + sum(moved, Decimal(0))
            if wanted != place["on_hand"] or wanted < 0:
                yield f"{material} in {at}: {place['on_hand']} are there, the movements leave {wanted}"
        made = sum((one["Quantity"] for one in evidence.movements if _is_transfer(one, material)), Decimal(0))
        if made:
            yield f"{material}: transfers between plants made {made} pieces"
    shipped: Counter[str] = Counter()
    for key, erp in evidence.erp.items():
        left: Counter[str] = Counter()
        for shipment in erp["shipments"]:
            if shipment["state"] == "shipped":
                left.update(shipment["lines"])
        for line, quantity in left.items():
            shipped[erp["lines"][line]["sku"]] += quantity
            if quantity > erp["lines"][line]["quantity"]:
                yield f"{key}: {quantity} of line {line} left, {erp['lines'][line]['quantity']} were ordered"
    if +shipped != +issued:
        yield f"delivery notes and goods issues differ: {dict(shipped - issued)}, {dict(issued - shipped)}"


def _is_transfer(movement, material: str) -> bool:
    return movement["GoodsMovementType"] == TRANSFER and movement["Material"] == material
