"""A shipment the store will book exactly as meant. Pure.

The store caps quantities silently, ignores rows it does not want to ship and takes stock off its default source
unless told otherwise (measured on 2.4.7), so the request is built line by line here and refused here.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from millstream.connectors.adobe_commerce.comments import has_comment, reference
from millstream.connectors.adobe_commerce.members import Row, read_number
from millstream.domain.errors import Reject
from millstream.domain.fulfilment import Parcel, Shipment

Quantities = dict[int, Decimal]
"""Order item id -> quantity, as the ship call wants them."""


def remaining(row: Row) -> Decimal:
    """What is left to ship of one order row; for configurable products the parent row keeps count."""
    left = _quantity(row, "qty_ordered")
    for name in ("qty_canceled", "qty_refunded", "qty_shipped"):
        left -= _quantity(row, name)
    return max(left, Decimal(0))


def bundles_in_doubt(shipment: Shipment, rows: Sequence[Row]) -> dict[int, int]:
    """Bundle rows this shipment touches that have shipped nothing yet: row id -> product id.

    Only the product says whether such a bundle ships together or in parts; one that has begun to ship shows it.
    """
    by_id = _by_id(rows)
    found = {}
    for line in shipment.lines:
        row = by_id.get(line.line_id)
        bundle = None if row is None else _bundle_of(row, by_id)
        if bundle is not None and _ships_apart(bundle, rows) is None:
            found[int(bundle["item_id"])] = int(bundle.get("product_id") or 0)
    return found


def quantities_to_ship(shipment: Shipment, rows: Sequence[Row], *, apart: Collection[int] = ()) -> Quantities:
    """What to ask the store for. `apart` names the bundle rows whose parts ship separately.

    Raises Reject: shipment.unknown_line, .bundle_split, .fractional, .over_ship, .nothing_to_ship.
    """
    by_id = _by_id(rows)
    wanted: Quantities = {}
    together: dict[int, Quantities] = {}
    for line in shipment.lines:
        row = by_id.get(line.line_id)
        if row is None:
            raise Reject(
                "shipment.unknown_line",
                f"Shipment {shipment.number} has {line.sku}, but the store's order has no line {line.line_id}.",
                field="lines",
            )
        _add_line(wanted, together, row, line.quantity.amount, by_id, rows, apart)
    for bundle_id, parts in together.items():
        _add(wanted, bundle_id, _whole_bundles(parts, by_id[str(bundle_id)], rows, shipment))
    wanted = {item_id: quantity for item_id, quantity in wanted.items() if quantity > 0}
    if not wanted:
        raise Reject("shipment.nothing_to_ship", f"Shipment {shipment.number} contains nothing the store can ship.")
    for item_id, quantity in wanted.items():
        _refuse_unless_possible(by_id[str(item_id)], quantity, shipment)
    return wanted


def _add_line(
    wanted: Quantities,
    together: dict[int, Quantities],
    row: Row,
    quantity: Decimal,
    by_id: Mapping[str, Row],
    rows: Sequence[Row],
    apart: Collection[int],
) -> None:
    if _quantity(row, "is_virtual"):
        return  # services and downloads leave no warehouse
    bundle = _bundle_of(row, by_id)
    if bundle is None:
        _add(wanted, int(row["item_id"]), quantity)
    elif not (_ships_apart(bundle, rows) or int(bundle["item_id"]) in apart):
        if bundle is row:
            _add(wanted, int(row["item_id"]), quantity)
        else:
            _add(together.setdefault(int(bundle["item_id"]), {}), int(row["item_id"]), quantity)
    elif bundle is row:
        for part in _parts(bundle, rows):
            per_bundle = _quantity(part, "qty_ordered") / _quantity(bundle, "qty_ordered")
            _add(wanted, int(part["item_id"]), quantity * per_bundle)
    else:
        _add(wanted, int(row["item_id"]), quantity)


def _whole_bundles(parts: Quantities, bundle: Row, rows: Sequence[Row], shipment: Shipment) -> Decimal:
    ordered = _quantity(bundle, "qty_ordered")
    counts = {
        parts.get(int(part["item_id"]), Decimal(0)) * ordered / _quantity(part, "qty_ordered")
        for part in _parts(bundle, rows)
    }
    if len(counts) != 1:
        raise Reject(
            "shipment.bundle_split",
            f"Shipment {shipment.number} contains a part of the bundle {bundle.get('sku')}, which the store only ships "
            "whole. Ship the missing parts with it, or set the bundle to ship separately in the store.",
            field="lines",
        )
    return counts.pop()


def _refuse_unless_possible(row: Row, quantity: Decimal, shipment: Shipment) -> None:
    left = remaining(row)
    if quantity > left:
        raise Reject(
            "shipment.over_ship",
            f"Shipment {shipment.number} has {quantity:f} of {row.get('sku')}, the store's order has {left:f} left to "
            "ship. Compare the order's shipments in the store and in the ERP; nothing was shipped in the store.",
            field="lines.quantity",
        )
    if quantity % 1 and not _quantity(row, "is_qty_decimal"):
        raise Reject(
            "shipment.fractional",
            f"Shipment {shipment.number} has {quantity:f} of {row.get('sku')}, which the store sells in whole pieces.",
            field="lines.quantity",
        )


def ship_body(
    wanted: Quantities, shipment: Shipment, *, source_code: str, notify: bool, key: str, carriers: Mapping[str, str]
) -> dict[str, Any]:
    """The body of the ship call: explicit quantities, source inside `arguments`, our mark in the comment."""
    return {
        "items": [{"order_item_id": item_id, "qty": wire_number(quantity)} for item_id, quantity in wanted.items()],
        "notify": notify,
        "appendComment": False,  # the mark is for us, not for the e-mail
        "comment": {"comment": f"Shipment {shipment.number} {reference(key)}"[:255], "is_visible_on_front": 0},
        "tracks": [track(parcel, carriers) for parcel in numbered(shipment.parcels)],
        "packages": [],
        "arguments": {"extension_attributes": {"source_code": source_code}},
    }


def numbered(parcels: Iterable[Parcel]) -> list[Parcel]:
    """The parcels that have a tracking number; the store refuses a track without one."""
    return [parcel for parcel in parcels if parcel.tracking_number and parcel.tracking_number.strip()]


def track(parcel: Parcel, carriers: Mapping[str, str]) -> dict[str, str]:
    """One track. The store refuses one without carrier or title, and says nothing of the reason."""
    code = carriers.get(parcel.carrier_code, parcel.carrier_code).strip() or "custom"
    title = parcel.carrier_title.strip() or "Carrier"
    return {"track_number": str(parcel.tracking_number).strip(), "title": title, "carrier_code": code}


def find_shipment(existing: Iterable[Row], wanted: Mapping[int, Decimal], shipment: Shipment, key: str) -> Row | None:
    """The store's shipment that is this one already: it carries our mark, or the same goods and tracking numbers."""
    numbers = {str(parcel.tracking_number).strip() for parcel in numbered(shipment.parcels)}
    for candidate in existing:
        if has_comment(candidate.get("comments") or (), key):
            return candidate
        if numbers and numbers <= track_numbers(candidate) and not missing_quantities(candidate, wanted):
            return candidate
    return None


def the_only_one_of(existing: Iterable[Row], wanted: Mapping[int, Decimal]) -> Row | None:
    """The store's one shipment of these goods, whoever made it; None if there are several, or none."""
    same = [candidate for candidate in existing if not missing_quantities(candidate, wanted)]
    return same[0] if len(same) == 1 else None


def track_numbers(store_shipment: Row) -> set[str]:
    """The tracking numbers the store has for a shipment."""
    return {str(each.get("track_number") or "") for each in store_shipment.get("tracks") or ()}


def missing_quantities(store_shipment: Row, wanted: Mapping[int, Decimal]) -> dict[int, tuple[Decimal, Decimal]]:
    """Where the store shipped other than asked: order item id -> (asked, shipped). Empty means as asked."""
    shipped: Quantities = {}
    for item in store_shipment.get("items") or ():
        _add(shipped, int(item["order_item_id"]), _quantity(item, "qty"))
    return {
        item_id: (quantity, shipped.get(item_id, Decimal(0)))
        for item_id, quantity in wanted.items()
        if shipped.get(item_id, Decimal(0)) != quantity
    }


def wire_number(quantity: Decimal) -> int | float:
    """A quantity as a JSON number."""
    return float(quantity) if quantity % 1 else int(quantity)


def _by_id(rows: Sequence[Row]) -> dict[str, Row]:
    return {str(row.get("item_id")): row for row in rows}


def _bundle_of(row: Row, by_id: Mapping[str, Row]) -> Row | None:
    """The bundle a row is or belongs to."""
    candidate = by_id.get(str(row.get("parent_item_id")), row)
    return candidate if candidate.get("product_type") == "bundle" else None


def _parts(bundle: Row, rows: Sequence[Row]) -> list[Row]:
    bundle_id = str(bundle.get("item_id"))
    return [
        row
        for row in rows
        if str(row.get("parent_item_id")) == bundle_id
        and not _quantity(row, "is_virtual")
        and _quantity(row, "qty_ordered")
    ]


def _ships_apart(bundle: Row, rows: Sequence[Row]) -> bool | None:
    """What earlier shipments show: True in parts, False together, None nothing was shipped yet."""
    if _quantity(bundle, "qty_shipped"):
        return False
    return True if any(_quantity(part, "qty_shipped") for part in _parts(bundle, rows)) else None


def _add(quantities: Quantities, item_id: int, quantity: Decimal) -> None:
    quantities[item_id] = quantities.get(item_id, Decimal(0)) + quantity


def _quantity(row: Row, name: str) -> Decimal:
    return read_number(row, name, "items")
