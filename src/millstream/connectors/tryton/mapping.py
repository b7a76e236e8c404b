"""A sales order of the hub as Tryton's sale wants it. Pure: no call, no clock."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any, Final

import msgspec

from millstream.connectors.tryton.settings import TrytonSettings
from millstream.domain.errors import Reject
from millstream.domain.order import Address, Customer, OrderLine, SalesOrder

CENT: Final = Decimal("0.01")
PRICE_DIGITS: Final = Decimal("0.0001")  # a sale line's price has four decimals
PERCENT_SLACK: Final = Decimal("0.02")  # a tax amount is rounded to the cent, so the percent behind it is not exact
PARTY_CODE_MAX: Final = 64
LINE_MARK: Final = "Store line "
ROUNDING_MARK: Final = "Rounding difference"
# Countries whose postal addresses name the region; elsewhere it would only confuse the carrier.
REGION_COUNTRIES: Final = frozenset({"AU", "BR", "CA", "CN", "ES", "IN", "IT", "JP", "MX", "US"})
_MARKED = re.compile(rf"^{LINE_MARK}(\S+)")
_SPACES = re.compile(r"\s+")


class Masters(msgspec.Struct, frozen=True, kw_only=True):
    """What an order needs besides its own content. Found, never made: making them is a person's decision."""

    web_shop: int
    warehouse: int
    warehouse_code: str
    payment_term: int | None
    services: Mapping[str, tuple[int, int]]  # product code -> (product, unit)
    taxes: Mapping[str, int]  # percent as the settings write it -> tax


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A product of the ERP with the unit it is sold in."""

    product: int
    unit: int
    digits: int = 0


class Parties(msgspec.Struct, frozen=True, kw_only=True):
    """The customer's ids for one order."""

    party: int
    bill_to: int
    ship_to: int
    payment_term: int | None


def party_code(customer_id: str) -> str:
    """The party's code: the hub's own customer id, as long as Tryton's screens can show."""
    return _SPACES.sub("-", customer_id.strip())[:PARTY_CODE_MAX]


def line_mark(line_id: str) -> str:
    """First line of a sale line's note: how a line of the store survives to the shipment."""
    return f"{LINE_MARK}{line_id}"


def line_id_of(note: str | None) -> str | None:
    """The store's line id, None for lines that are no goods of the store's."""
    found = _MARKED.match(note or "")
    return found.group(1) if found else None


def address_values(address: Address, country_ids: Mapping[str, int]) -> dict[str, Any]:
    """A new address of a party. The party's name is replaced by who receives."""
    return {
        "party_name": address.company or address.name,
        "attn": address.name if address.company else None,
        "street": "\n".join(address.street),
        "postal_code": address.postcode,
        "city": _city(address),
        "country": country_ids[address.country] if address.country else None,
    }


def _city(address: Address) -> str:
    region = address.region_code or address.region
    if region and address.country in REGION_COUNTRIES:
        return f"{address.city}, {region}"
    return address.city


def same_address(row: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether an address in the ERP is the one wanted, spaces and capitals aside."""
    texts = ("party_name", "attn", "street", "postal_code", "city")
    return row["country"] == values["country"] and all(plain(row[name]) == plain(values[name]) for name in texts)


def plain(text: str | None) -> str:
    """A text without what Tryton, or whoever typed it again, may have changed of spaces and capitals."""
    return _SPACES.sub(" ", text or "").strip().casefold()


def party_values(customer: Customer, *, code: str, addresses: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A new party with its addresses and its e-mail address."""
    values: dict[str, Any] = {
        "name": customer.company or customer.name,
        "code": code,
        "addresses": [["create", [dict(address) for address in addresses]]],
    }
    if customer.email:
        values["contact_mechanisms"] = [["create", [{"type": "email", "value": customer.email}]]]
    return values


def net_price(line: OrderLine) -> tuple[Decimal, Decimal]:
    """The unit price after discount, and what quantity times price then lacks of the line's net amount."""
    quantity = line.quantity.amount
    price = (line.net.amount / quantity).quantize(PRICE_DIGITS, ROUND_HALF_UP)
    return price, line.net.amount - (price * quantity).quantize(CENT, ROUND_HALF_EVEN)


def wanted_skus(lines: Iterable[OrderLine]) -> list[str]:
    """Every code a line may be known by in the ERP."""
    return sorted({sku for line in lines for sku in (line.sku, line.base_sku) if sku})


def items_by_sku(rows: Iterable[Mapping[str, Any]]) -> dict[str, Item]:
    """Salable products by code. A code that two of them carry is refused: codes are not unique in Tryton."""
    found: dict[str, Item] = {}
    for row in rows:
        if not (row["active"] and row["salable"]):
            continue
        code, unit = row["code"], row["sale_uom."]
        if code in found:
            raise Reject("erp.sku_ambiguous", f"Tryton has two salable products with the code {code}", field="sku")
        found[code] = Item(product=row["id"], unit=unit["id"], digits=unit["digits"])
    return found


def _item(line: OrderLine, items: Mapping[str, Item]) -> Item:
    found = items.get(line.sku) or items.get(line.base_sku or "")
    if found is None:
        raise Reject(
            "erp.sku_unknown",
            f"Tryton sells no product with the code {line.sku}; create it there or correct the SKU in the store",
            field=f"lines[{line.id}].sku",
        )
    return found


class _Tax:
    """Sorts an order's tax into taxes Tryton computes and an amount that a line of its own carries."""

    def __init__(self, settings: TrytonSettings, masters: Masters) -> None:
        self._by_percent = {Decimal(percent): tax for percent, tax in masters.taxes.items()}
        self._settings = settings
        self.loose = Decimal(0)

    def of_line(self, line: OrderLine) -> list[int]:
        """Taxes of one line."""
        if not line.tax.amount:
            return []
        tax = None if line.tax_percent is None else self._by_percent.get(line.tax_percent)
        if tax is not None:
            return [tax]
        return self._carry(line.tax.amount, f"{line.tax_percent} %", f"lines[{line.id}].tax_percent")

    def of_shipping(self, order: SalesOrder) -> list[int]:
        """Taxes of the shipping line, whose percent no store tells: found by trying the known ones."""
        rest = order.totals.tax.amount - sum(line.tax.amount for line in order.lines)
        net = order.totals.shipping.amount
        if not rest:
            return []
        for percent, tax in self._by_percent.items():
            if net and abs(net * percent / 100 - rest) <= PERCENT_SLACK:
                return [tax]
        if not self._settings.tax_product and abs(rest) <= self._settings.rounding_tolerance:
            return []  # a cent of tax rounding, which the rounding line closes
        return self._carry(rest, "on shipping", "totals.tax")

    def _carry(self, amount: Decimal, which: str, field: str) -> list[int]:
        if not self._settings.tax_product:
            raise Reject(
                "erp.tax_unknown",
                f"No tax of the ERP is named for tax {which}; add it to the setting tax_names or set tax_product",
                field=field,
            )
        self.loose += amount
        return []


def _goods_line(line: OrderLine, item: Item, price: Decimal, taxes: list[int], sequence: int) -> dict[str, Any]:
    options = "; ".join(option.value for option in line.options)
    return {
        "type": "line",
        "sequence": sequence,
        "product": item.product,
        "unit": item.unit,
        "quantity": float(round(line.quantity.amount, item.digits)),
        "unit_price": price,
        "description": f"{line.name}; {options}" if options else line.name,
        "note": line_mark(line.id),
        "taxes": [["add", taxes]] if taxes else [],
    }


def service_line(
    service: tuple[int, int], amount: Decimal, text: str, sequence: int, taxes: Sequence[int] = ()
) -> dict[str, Any]:
    """A line that carries an amount: shipping, an adjustment, a rounding difference."""
    product, unit = service
    return {
        "type": "line",
        "sequence": sequence,
        "product": product,
        "unit": unit,
        "quantity": 1.0,
        "unit_price": amount.quantize(PRICE_DIGITS),
        "description": text,
        "note": None,
        "taxes": [["add", list(taxes)]] if taxes else [],
    }


def sale_lines(
    order: SalesOrder, items: Mapping[str, Item], masters: Masters, settings: TrytonSettings
) -> list[dict[str, Any]]:
    """Goods, then shipping, adjustments, loose tax and what prices of four decimals could not express."""
    tax = _Tax(settings, masters)
    lines: list[dict[str, Any]] = []
    residue = Decimal(0)
    for line in order.lines:
        item = _item(line, items)
        price, missing = net_price(line)
        residue += missing
        lines.append(_goods_line(line, item, price, tax.of_line(line), len(lines) + 1))
    shipping_taxes = tax.of_shipping(order)

    def add(code: str, amount: Decimal, text: str, taxes: Sequence[int] = ()) -> None:
        if amount:
            lines.append(service_line(masters.services[code], amount, text, len(lines) + 1, taxes))

    shipping_text = order.shipping_description or "Shipping"
    add(settings.shipping_product, order.totals.shipping.amount, shipping_text, shipping_taxes)
    for adjustment in order.totals.adjustments:
        add(settings.adjustment_product, adjustment.amount.amount, adjustment.label)
    if settings.tax_product:
        add(settings.tax_product, tax.loose, "Tax as charged by the store")
    add(settings.rounding_product, residue, ROUNDING_MARK)
    return lines


def description_of(order: SalesOrder) -> str:
    """What the sale is called: the order's number, and the customer's own."""
    title = f"{order.store} order {order.number}"
    return f"{title}, PO {order.po_number}" if order.po_number else title


def sale_values(
    order: SalesOrder,
    *,
    parties: Parties,
    currency: int,
    lines: Sequence[Mapping[str, Any]],
    masters: Masters,
    settings: TrytonSettings,
) -> dict[str, Any]:
    """A draft sale. Nothing is filled in by the ERP over RPC, so everything is said."""
    return {
        "party": parties.party,
        "invoice_address": parties.bill_to,
        "shipment_address": parties.ship_to,
        "currency": currency,
        "payment_term": masters.payment_term or parties.payment_term,
        "warehouse": masters.warehouse,
        "reference": order.number,
        "description": description_of(order),
        "comment": order.note,
        "sale_date": order.placed_at.date(),
        "invoice_method": settings.invoice_method,
        "shipment_method": "order",
        "web_shop": masters.web_shop,
        "web_id": order.key,
        "lines": [["create", [dict(line) for line in lines]]],
    }
