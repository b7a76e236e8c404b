"""What an order costs, computed as Magento does: per row, tax after discount, rounding carried from row to row."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from millstream.sandbox.adobe_commerce.state import exact, money

Json = dict[str, Any]
ZERO = Decimal(0)
RATES = {"EUR": Decimal(1), "USD": Decimal("1.1")}


@dataclass(kw_only=True)
class Row:
    """One row of the order to be; `price` is in base currency. A child without own price has price None."""

    product: Json
    sku: str
    name: str
    product_type: str
    quantity: Decimal
    price: Decimal | None
    original_price: Decimal = ZERO
    parent: "Row | None" = None
    options: Json | None = None
    children: list["Row"] = field(default_factory=list)

    @property
    def is_virtual(self) -> bool:
        return self.product_type == "virtual"

    @property
    def priced(self) -> bool:
        """Whether tax and discount are computed on this row (a bundle has them on its children)."""
        return self.price is not None and self.product_type != "bundle"


@dataclass(kw_only=True)
class Amounts:
    """The amounts of one row in one currency. `net` is after discount, as REST shows `row_total`."""

    price: Decimal = ZERO
    original: Decimal = ZERO
    gross: Decimal = ZERO
    discount: Decimal = ZERO
    tax: Decimal = ZERO
    price_incl_tax: Decimal = ZERO
    gross_incl_tax: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        return self.gross - self.discount

    @property
    def net_incl_tax(self) -> Decimal:
        return self.net + self.tax


def amounts_of(
    rows: list[Row], *, rate: Decimal, tax_percent: Decimal, discount_percent: Decimal, discount_total: Decimal
) -> list[Amounts]:
    """One Amounts per row, in the order of the rows."""
    found = {id(row): _plain(row, rate) for row in rows}
    priced = [row for row in rows if row.priced]
    subtotal = sum((found[id(row)].gross for row in priced), ZERO)
    spread = money(discount_total * rate)
    tax_carry = gross_carry = discount_carry = ZERO
    left = spread
    for place, row in enumerate(priced, 1):
        own = found[id(row)]
        if spread:
            own.discount = left if place == len(priced) else money(spread * own.gross / subtotal)
            left -= own.discount
        else:
            own.discount, discount_carry = _carried(own.gross * discount_percent / 100, discount_carry)
        own.tax, tax_carry = _carried(own.net * tax_percent / 100, tax_carry)
        full_tax, gross_carry = _carried(own.gross * tax_percent / 100, gross_carry)
        own.gross_incl_tax = own.gross + full_tax
        own.price_incl_tax = money(own.gross_incl_tax / row.quantity)
    for row in rows:
        if row.product_type == "bundle":
            _sum_up(found[id(row)], [found[id(child)] for child in row.children], row.quantity)
    return [found[id(row)] for row in rows]


def _plain(row: Row, rate: Decimal) -> Amounts:
    price = money((row.price or ZERO) * rate)
    return Amounts(price=price, original=money(row.original_price * rate), gross=money(price * row.quantity))


def _carried(amount: Decimal, carry: Decimal) -> tuple[Decimal, Decimal]:
    rounded = money(amount + carry)
    return rounded, amount + carry - rounded


def _sum_up(bundle: Amounts, children: list[Amounts], quantity: Decimal) -> None:
    bundle.gross = sum((child.gross for child in children), ZERO)
    bundle.discount = sum((child.discount for child in children), ZERO)
    bundle.tax = sum((child.tax for child in children), ZERO)
    bundle.gross_incl_tax = sum((child.gross_incl_tax for child in children), ZERO)
    bundle.price = bundle.original = money(bundle.gross / quantity)
    bundle.price_incl_tax = money(bundle.gross_incl_tax / quantity)


def rows_of(products: dict[str, Json], line: Json) -> list[Row]:
    """The rows one ordered line becomes: one, or a configurable's parent and child, or a bundle and its parts."""
    product = products[line["sku"]]
    quantity = exact(line.get("qty", 1))
    price = exact(line["price"] if "price" in line else product["price"])
    if product["type_id"] == "bundle":
        return _bundle(products, product, quantity)
    if "parent" in product and not line.get("as_simple"):
        return _configurable(products[product["parent"]], product, quantity, price)
    sku, surcharge, options = _custom_options(product, line.get("options") or {})
    row = Row(
        product=product,
        sku="-".join([product["sku"], *sku]),
        name=product["name"],
        product_type=product["type_id"],
        quantity=quantity,
        price=price + surcharge,
        original_price=price,
        options=options,
    )
    return [row]


def _configurable(parent: Json, child: Json, quantity: Decimal, price: Decimal) -> list[Row]:
    chosen = [{"option_id": key, "option_value": value} for key, value in child.get("choices", {}).items()]
    top = Row(
        product=parent,
        sku=child["sku"],
        name=parent["name"],
        product_type="configurable",
        quantity=quantity,
        price=price,
        original_price=price,
        options={"configurable_item_options": chosen},
    )
    inner = Row(
        product=child,
        sku=child["sku"],
        name=child["name"],
        product_type="simple",
        quantity=quantity,
        price=None,
        parent=top,
    )
    top.children.append(inner)
    return [top, inner]


def _bundle(products: dict[str, Json], product: Json, quantity: Decimal) -> list[Row]:
    chosen = [
        {"option_id": number, "option_qty": each, "option_selections": [number]}
        for number, (_, each) in enumerate(product["bundle"], 1)
    ]
    top = Row(
        product=product,
        sku=product["sku"],
        name=product["name"],
        product_type="bundle",
        quantity=quantity,
        price=ZERO,
        options={"bundle_options": chosen},
    )
    for sku, each in product["bundle"]:
        part = products[sku]
        price = exact(part["price"])
        top.children.append(
            Row(
                product=part,
                sku=sku,
                name=part["name"],
                product_type="simple",
                quantity=quantity * each,
                price=price,
                original_price=price,
                parent=top,
            )
        )
    return [top, *top.children]


def _custom_options(product: Json, wanted: Json) -> tuple[list[str], Decimal, Json | None]:
    suffixes: list[str] = []
    surcharge = ZERO
    for option in product.get("options", []):
        value = wanted.get(str(option["option_id"]))
        if value is None:
            continue
        chosen = option
        if "values" in option:
            chosen = next(one for one in option["values"] if str(one["option_type_id"]) == str(value))
        suffixes.append(chosen["sku"])
        surcharge += exact(chosen.get("price", 0))
    if not suffixes:
        return [], ZERO, None
    shown = [{"option_id": str(key), "option_value": str(value)} for key, value in wanted.items()]
    return suffixes, surcharge, {"custom_options": shown}
