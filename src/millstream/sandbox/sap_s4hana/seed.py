"""The sandbox manufacturer as SAP knows it: the same goods, stock and customers as everywhere in the sandbox."""

from datetime import date
from decimal import Decimal
from typing import Any

from millstream.sandbox.tryton.catalogue import (
    CUSTOMERS,
    PRODUCTION_LEAD_DAYS,
    PRODUCTS,
    SERVICE_PRICES,
    SERVICES,
    STOCK,
    SUPPLIERS,
    Product,
)

Row = dict[str, Any]

SALES_ORGANIZATION = "1010"
CHANNEL = "10"
DIVISION = "00"
PLANTS = {"EAST": "1010", "WEST": "1020"}
MAIN_PLANT = PLANTS["EAST"]
CURRENCY = "EUR"
REPLENISHMENT_DAYS = 7
WEB_CUSTOMER = "10009999"  # the collective customer of web shops
FIRST_CUSTOMER = 10001000
IDENTIFICATION_TYPE = "ZHUB"

CATEGORIES = {"made_to_order": "TAK", "supplier": "TAB", "service": "TAD"}  # of sales order items; else TAN
_SUPPLIER_DAYS = {sku: days for supplier in SUPPLIERS for sku, days in supplier.lead_days.items()}


def products() -> dict[str, Row]:
    goods = {one.code: product(one.code, one.name, one.kind, one.price, _days(one)) for one in PRODUCTS}
    services = {
        code: product(code, name, "service", SERVICE_PRICES.get(code), 0)
        for code, name in SERVICES.items()
        if code in SERVICE_PRICES
    }
    return {**goods, **services}


def _days(one: Product) -> int:
    made = PRODUCTION_LEAD_DAYS.get(one.code) if one.kind == "made_to_order" else None
    bought = _SUPPLIER_DAYS.get(one.code) if one.kind == "supplier" else None
    return made or bought or REPLENISHMENT_DAYS


def product(code: str, name: str, kind: str, price: str | None, days: int | None) -> Row:
    """What the plant needs to know of one material; parts are made, never sold."""
    return {
        "code": code,
        "name": name,
        "kind": kind,
        "salable": kind != "part",
        "price": None if price is None else Decimal(price),
        "replenishment_days": days,
    }


def stock() -> dict[tuple[str, str], Decimal]:
    return {
        (code, PLANTS[place]): Decimal(quantity)
        for code, quantities in STOCK.items()
        for place, quantity in zip(PLANTS, quantities, strict=True)
    }


def customers() -> dict[str, Row]:
    """Business partners; the number they are known by elsewhere is an identification of theirs."""
    found = {
        str(FIRST_CUSTOMER + n): {
            "name": one.name,
            "street": one.street,
            "postcode": one.postcode,
            "city": one.city,
            "country": one.country,
            "external": one.code,
            "limit": None if one.credit_limit is None else Decimal(one.credit_limit),
        }
        for n, one in enumerate(CUSTOMERS, 1)
    }
    web = {"name": "Web shop customers", "street": "", "postcode": "", "city": "", "country": "DE"}
    return {**found, WEB_CUSTOMER: {**web, "external": "WEB", "limit": None}}


VALID_FROM = date(2026, 1, 1)
VALID_TO = date(9999, 12, 31)
