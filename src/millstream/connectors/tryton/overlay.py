"""What may be laid over this connector's mapping: fields of the sale and of its lines of goods."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from millstream.connectors.tryton.mapping import (
    Item,
    Masters,
    Parties,
    line_id_of,
    sale_lines,
    sale_values,
    wanted_skus,
)
from millstream.connectors.tryton.settings import TrytonSettings
from millstream.domain.events import ORDER_PLACED
from millstream.domain.order import SalesOrder
from millstream.ports.overlay import Overlay, Piece, Sample, Surface, Target

Row = dict[str, Any]

FIELD: Final = r"[a-z][a-z0-9_]{0,62}"
LOOKED_UP: Final = 0  # an id only Tryton knows
_OF_SALE: Final = """party invoice_party shipment_party invoice_address shipment_address currency payment_term warehouse
    reference description comment sale_date invoice_method shipment_method web_shop web_id lines id number state company
    invoices shipments shipment_returns moves untaxed_amount tax_amount total_amount untaxed_amount_cache
    tax_amount_cache total_amount_cache invoice_state shipment_state price_list quoted_by confirmed_by
    create_date create_uid write_date write_uid"""
_OF_LINE: Final = """type sequence product unit quantity actual_quantity unit_price base_price gross_unit_price discount
    discount_rate discount_amount description note taxes amount id sale invoice_lines moves moves_ignored
    moves_recreated create_date create_uid write_date write_uid"""
SALE_OWNED: Final = frozenset(_OF_SALE.split())
LINE_OWNED: Final = frozenset(_OF_LINE.split())
_TEACH: Final = "Name a field of a module of yours as Tryton spells it: small letters, digits and _."


def outbound(name: str, settings: TrytonSettings) -> Surface:
    """From the hub's order to the draft sale."""
    return Surface(
        connection=name,
        direction="outbound",
        samples=ORDER_PLACED,
        targets=(
            Target(
                name="order",
                what="the sale, while it is a draft",
                fields=FIELD,
                example="gift_note",
                teach=_TEACH,
                owned=SALE_OWNED,
            ),
            Target(
                name="line",
                what="each of its lines of goods",
                fields=FIELD,
                example="engraving",
                teach=_TEACH,
                owned=LINE_OWNED,
            ),
        ),
        pieces=lambda sample: _sampled(sample, settings),
    )


def pieces_of(values: Row, order: SalesOrder) -> list[Piece]:
    """The sale, then its lines of goods; shipping and rounding are no lines of the store's."""
    plain = msgspec.to_builtins(order)
    head = {name: value for name, value in plain.items() if name != "lines"}
    lines = {line["id"]: line for line in plain["lines"]}
    return [
        Piece(target="order", label=f"order {order.number}", given={"order": plain}, mapped=values),
        *(
            Piece(
                target="line",
                label=f"line {line_id} {lines[line_id]['sku']}",
                given={"line": lines[line_id], "order": head},
                mapped=row,
            )
            for line_id, row in _goods(values)
        ),
    ]


def _goods(values: Row) -> list[tuple[str, Row]]:
    rows = [(line_id_of(row["note"]), row) for row in values["lines"][-1][1]]
    return [(line_id, row) for line_id, row in rows if line_id is not None]


def overlaid(values: Row, order: SalesOrder, overlay: Overlay) -> Row:
    """The sale's values with the fields an overlay adds. Raises Reject where a rule gives no value."""
    found = overlay.values(lambda: pieces_of(values, order))
    if not found:
        return values
    sale, *of_lines = found
    more = {id(row): extra for (_, row), extra in zip(_goods(values), of_lines, strict=True)}
    *before, (verb, rows) = values["lines"]
    lines = [*before, [verb, [{**row, **more.get(id(row), {})} for row in rows]]]
    return {**values, **sale, "lines": lines}


def _sampled(sample: Sample, settings: TrytonSettings) -> Sequence[Piece]:
    """Ids that only Tryton knows are 0."""
    order = sample.order
    if order is None:
        return ()
    service = (LOOKED_UP, LOOKED_UP)
    codes = (settings.shipping_product, settings.rounding_product, settings.adjustment_product, settings.tax_product)
    masters = Masters(
        web_shop=LOOKED_UP,
        warehouse=LOOKED_UP,
        warehouse_code=settings.warehouse,
        payment_term=None,
        services={code: service for code in codes if code},
        taxes=dict.fromkeys(settings.tax_names, LOOKED_UP),
    )
    items = {sku: Item(product=LOOKED_UP, unit=LOOKED_UP, digits=3) for sku in wanted_skus(order.lines)}
    parties = Parties(party=LOOKED_UP, bill_to=LOOKED_UP, ship_to=LOOKED_UP, payment_term=None)
    lines = sale_lines(order, items, masters, settings)
    values = sale_values(order, parties=parties, currency=LOOKED_UP, lines=lines, masters=masters, settings=settings)
    return pieces_of(values, order)
