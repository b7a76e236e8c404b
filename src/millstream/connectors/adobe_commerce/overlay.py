"""What may be laid over this connector's mapping: fields of the hub's order, and custom attributes of the store's."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec

from millstream.connectors.adobe_commerce.mapping import sales_order
from millstream.connectors.adobe_commerce.members import dicts_in
from millstream.connectors.adobe_commerce.settings import AdobeCommerceSettings
from millstream.domain.events import ORDER_CONFIRMED, ORDER_PLACED
from millstream.domain.order import SalesOrder
from millstream.ports.overlay import Overlay, Piece, Sample, Surface, Target

Row = dict[str, Any]

CUSTOM: Final = "custom."
CUSTOM_FIELDS: Final = r"custom\.[a-z][a-z0-9_]{0,39}"
_TEACH_CUSTOM: Final = (
    "What is taken from the store stands beside the hub's own fields, as custom.name: small letters, digits and _. "
    "Connectors that write to other systems find it there."
)
ATTRIBUTE: Final = r"(custom_attributes|extension_attributes)\.[a-z][a-z0-9_]{0,59}"


def inbound(name: str) -> Surface:
    """From the store's order to the hub's."""

    def target(of: str, what: str, example: str) -> Target:
        return Target(name=of, what=what, fields=CUSTOM_FIELDS, example=example, teach=_TEACH_CUSTOM)

    return Surface(
        connection=name,
        direction="inbound",
        samples=ORDER_PLACED,
        targets=(
            target("order", "the hub's sales order", "custom.gift_note"),
            target("line", "each line of it", "custom.engraving"),
            target("customer", "who ordered", "custom.segment"),
        ),
        pieces=lambda sample: inbound_pieces(sample.raw or {}, sales_order(dict(sample.raw or {}), name)),
    )


def inbound_pieces(raw: Mapping[str, Any], order: SalesOrder) -> list[Piece]:
    """The order, its customer, its lines; each as the store sent it and as the hub understood it."""
    plain = msgspec.to_builtins(order)
    rows = {str(row.get("item_id")): row for row in dicts_in(raw.get("items"))}
    head = {name: value for name, value in raw.items() if name != "items"}
    return [
        Piece(target="order", label=f"order {order.number}", given={"source": raw}, mapped=plain),
        Piece(target="customer", label="customer", given={"source": head}, mapped=plain["customer"]),
        *(
            Piece(
                target="line",
                label=f"line {line.id} {line.sku}",
                given={"source": rows.get(line.id, {}), "order": head},
                mapped=mapped,
            )
            for line, mapped in zip(order.lines, plain["lines"], strict=True)
        ),
    ]


def with_custom(order: SalesOrder, raw: Mapping[str, Any], overlay: Overlay) -> SalesOrder:
    """The order with what an overlay takes from the store's. Raises Reject where a rule gives no value."""
    values = overlay.values(lambda: inbound_pieces(raw, order))
    if not values:
        return order
    of_order, of_customer, *of_lines = (_custom(one) for one in values)
    return msgspec.structs.replace(
        order,
        custom=of_order,
        customer=msgspec.structs.replace(order.customer, custom=of_customer),
        lines=tuple(
            msgspec.structs.replace(line, custom=custom) for line, custom in zip(order.lines, of_lines, strict=True)
        ),
    )


def _custom(values: Mapping[str, Any]) -> Row | msgspec.UnsetType:
    plain: Row = msgspec.to_builtins({name.removeprefix(CUSTOM): value for name, value in values.items()})
    return plain or msgspec.UNSET


def outbound(name: str, settings: AdobeCommerceSettings) -> Surface:
    """From the ERP's acknowledgement to the store's order."""

    def pieces(sample: Sample) -> Sequence[Piece]:
        if sample.acknowledgement is None or sample.order is None:
            return ()
        entity: Row = {"entity_id": sample.order.store_order_id, "increment_id": sample.order.number}
        number, ship_date = sample.acknowledgement.number, sample.acknowledgement.ship_date
        return [acknowledgement_piece({**entity, "ext_order_id": number}, ship_date)]

    promise = f"custom_attributes.{settings.promise_attribute}"
    return Surface(
        connection=name,
        direction="outbound",
        samples=ORDER_CONFIRMED,
        targets=(
            Target(
                name="order",
                what="the store's order when the ERP confirms it",
                fields=ATTRIBUTE,
                example="custom_attributes.erp_reference",
                teach=(
                    "Write custom_attributes.code or extension_attributes.code; the store must know the attribute "
                    "(Adobe's custom order attributes, or a module of yours)."
                ),
                owned=frozenset({promise}) if settings.promise_attribute else frozenset(),
            ),
        ),
        pieces=pieces,
    )


def acknowledgement_piece(entity: Mapping[str, Any], ship_date: date | None) -> Piece:
    """What is written on the store's order when the ERP has it."""
    given = {
        "store_order_id": str(entity["entity_id"]),
        "number": entity["increment_id"],
        "erp_number": entity["ext_order_id"],
        "ship_date": None if ship_date is None else ship_date.isoformat(),
    }
    return Piece(target="order", label=f"order {entity['increment_id']}", given=given, mapped=entity)


def with_attributes(entity: Row, ship_date: date | None, overlay: Overlay) -> Row:
    """The entity with the attributes an overlay adds. Raises Reject where a rule gives no value."""
    values = overlay.values(lambda: [acknowledgement_piece(entity, ship_date)])
    if not values or not values[0]:
        return entity
    custom, extension = list(entity.get("custom_attributes", ())), dict(entity.get("extension_attributes", {}))
    for field, value in msgspec.to_builtins(values[0]).items():
        kind, _, code = field.partition(".")
        if kind == "custom_attributes":
            custom.append({"attribute_code": code, "value": value})
        else:
            extension[code] = value
    return {
        **entity,
        **({"custom_attributes": custom} if custom else {}),
        **({"extension_attributes": extension} if extension else {}),
    }
