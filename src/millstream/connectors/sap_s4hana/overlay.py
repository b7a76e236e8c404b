"""What may be laid over this connector's mapping: fields of the sales order's header and items."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec

from millstream.connectors.sap_s4hana.mapping import order_body
from millstream.connectors.sap_s4hana.odata import day_value
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.events import ORDER_PLACED
from millstream.domain.order import SalesOrder
from millstream.ports.overlay import Overlay, Piece, Sample, Surface, Target

Row = dict[str, Any]

CUSTOM_FIELD: Final = r"YY1_\w{1,40}"
HEADER: Final = (
    "AdditionalCustomerGroup[1-5]",
    "CompleteDeliveryIsDefined",
    "CustomerGroup",
    "SalesDistrict",
    "SalesGroup",
    "SalesOffice",
    "ShippingCondition",
)
ITEM: Final = (
    "DeliveryPriority",
    "MaterialByCustomer",
    "ShippingPoint",
    "StorageLocation",
    "UnderlyingPurchaseOrderItem",
)
LOOKED_UP: Final = "(looked up)"
_TEACH: Final = "Name a field of your own, YY1_…, as the service's metadata spells it; besides these: "


def outbound(name: str, settings: S4HanaSettings) -> Surface:
    """From the hub's order to the deep insert."""

    def target(of: str, what: str, example: str, standard: Sequence[str]) -> Target:
        teach = _TEACH + ", ".join(standard) + "."
        return Target(name=of, what=what, fields="|".join((CUSTOM_FIELD, *standard)), example=example, teach=teach)

    def pieces(sample: Sample) -> Sequence[Piece]:
        order = sample.order
        if order is None:
            return ()
        body = order_body(
            order,
            customer=sample.customer_id or LOOKED_UP,
            materials={line.id: line.base_sku or line.sku for line in order.lines},
            digest=LOOKED_UP,
            settings=settings,
        )
        return pieces_of(body, order)

    return Surface(
        connection=name,
        direction="outbound",
        samples=ORDER_PLACED,
        targets=(
            target("order", "the sales order's header, when it is made", "YY1_GiftNote_SDH", HEADER),
            target("line", "each of its items", "YY1_Engraving_SDI", ITEM),
        ),
        pieces=pieces,
    )


def pieces_of(body: Row, order: SalesOrder) -> list[Piece]:
    """The header, then the items in the order's own order."""
    plain = msgspec.to_builtins(order)
    head = {name: value for name, value in plain.items() if name != "lines"}
    return [
        Piece(target="order", label=f"order {order.number}", given={"order": plain}, mapped=body),
        *(
            Piece(target="line", label=label_of(line), given={"line": line, "order": head}, mapped=row)
            for line, row in zip(plain["lines"], body["to_Item"]["results"], strict=True)
        ),
    ]


def label_of(line: Mapping[str, Any]) -> str:
    """Which line, for people."""
    return f"line {line['id']} {line['sku']}"


def overlaid(body: Row, order: SalesOrder, overlay: Overlay) -> Row:
    """The deep insert with the fields an overlay adds. Raises Reject where a rule gives no value."""
    values = overlay.values(lambda: pieces_of(body, order))
    if not values:
        return body
    header, *items = values
    rows = [row | _spelled(more) for row, more in zip(body["to_Item"]["results"], items, strict=True)]
    return {**body, **_spelled(header), "to_Item": {"results": rows}}


def _spelled(values: Mapping[str, Any]) -> Row:
    """As OData V2 writes them: decimals as text, days in its own form."""
    return {name: _value(value) for name, value in values.items()}


def _value(value: Any) -> Any:
    match value:
        case date():
            return day_value(value)
        case Decimal() | float():
            return format(Decimal(str(value)), "f")
    return value
