"""Whether Tryton has every field the connector reads, and which module brings one that is missing.

A question for a field that no active module brings is answered with a bare server error.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from millstream.connectors.tryton import cancellation, customers, masters, orders, redirection, wording
from millstream.connectors.tryton.client import UNREADABLE, TrytonClient
from millstream.connectors.tryton.feed import STREAMS
from millstream.connectors.tryton.reading import TOTAL_FIELDS
from millstream.connectors.tryton.shape import Row
from millstream.wire.misread import reading

REFERENCE: Final = "reference"
MODULES: Final[Mapping[str, str]] = {
    "sale.line.productions": "sale_supply_production",
    "sale.line.purchase_request": "sale_supply",
    "sale.line.supply_state": "sale_supply",
    "sale.sale.web_id": "web_shop",
    "sale.sale.web_shop": "web_shop",
    "sale.sale": "sale",
    "sale.line": "sale",
    "stock.move.sale": "sale",
    "stock.shipment.out.carrier": "stock_shipment_cost",
    "stock.shipment.out.packages": "stock_package",
    "stock.shipment.out": "stock",
    "stock.move": "stock",
    "stock.location": "stock",
    "stock.package.shipping_reference": "stock_package_shipping",
    "stock.package.shipping_tracking_url": "stock_package_shipping",
    "stock.package": "stock_package",
    "product.product.production_lead_times": "production",
    "production.lead_time": "production",
    "production": "production",
    "product.template.product_suppliers": "purchase",
    "purchase.line.requests": "purchase_request",
    "purchase.request": "purchase_request",
    "purchase.line": "purchase",
    "purchase.purchase": "purchase",
    "purchase.product_supplier": "purchase",
    "product.product.salable": "sale",
    "product.product.sale_price_uom": "sale",
    "product.product.sale_uom": "sale",
    "product.product.lead_time": "sale",
    "product.product": "product",
    "product.template": "product",
    "product.uom": "product",
    "party.party.credit_amount": "account_credit_limit",
    "party.party.credit_limit_amount": "account_credit_limit",
    "party.party.customer_payment_term": "account_invoice",
    "party.party": "party",
    "party.address": "party",
    "account.invoice": "account_invoice",
    "carrier": "carrier",
    "company.company": "company",
    "currency.currency": "currency",
}
"""Which module brings a field, or all others of its model: the longest name counts."""


LeadsTo = Mapping[tuple[str, str], str | None]


class Need(NamedTuple):
    """A path from a model to a field. `through` says what the references on it refer to, one after the other."""

    model: str
    path: str
    through: tuple[str, ...] = ()

    @property
    def first(self) -> str:
        """The field the path begins with."""
        return self.path.partition(".")[0]

    def next(self, leads_to: LeadsTo) -> "Need | None":
        """The rest of the path, from the model its first field leads to; None at its end and where that is missing."""
        rest = self.path.partition(".")[2]
        there = leads_to.get((self.model, self.first))
        if not rest or there is None:
            return None
        return Need(self.through[0], rest, self.through[1:]) if there == REFERENCE else Need(there, rest, self.through)


def _needs() -> frozenset[Need]:
    of_sale = {
        *cancellation.FIELDS,
        *TOTAL_FIELDS,
        *redirection.HEADER_FIELDS,
        *wording.WORDING_FIELDS,
        *orders.LIMIT_FIELDS,
    }
    needs = {Need("sale.sale", path) for path in {*of_sale, "web_shop"}}
    needs |= {Need("product.product", path) for path in masters.PRODUCT_FIELDS}
    needs |= {Need("party.party", path) for path in customers.PARTY_FIELDS}
    needs |= {Need("party.address", path) for path in customers.ADDRESS_FIELDS}
    for stream in STREAMS:
        paths = [path for path in (stream.column, stream.sale, stream.ours) if path]
        needs |= {Need(stream.model, path, stream.through) for path in paths}
    return frozenset(needs)


NEEDS: Final = _needs()
DROP_SHIPMENTS: Final = Need("sale.sale", "drop_shipments")  # brought by sale_supply_drop_shipment alone


class Fields(NamedTuple):
    """What was found on the way along every path: names as `model.field`."""

    present: frozenset[str]
    missing: frozenset[str]

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that bring what is missing."""
        return tuple(sorted({module_of(name) for name in self.missing}))


def module_of(name: str) -> str:
    """The module that brings a field, by `model.field`; "" = not known here."""
    while name:
        if name in MODULES:
            return MODULES[name]
        name = name.rpartition(".")[0]
    return ""


async def look_up(client: TrytonClient, needs: Iterable[Need] = NEEDS) -> Fields:
    """Follows every path, one call for each step away from the start. Raises Failure."""
    present: set[str] = set()
    missing: set[str] = set()
    steps = set(needs)
    while steps:
        leads_to = await _leads_to(client, steps)
        present |= {f"{step.model}.{step.first}" for step in steps if (step.model, step.first) in leads_to}
        missing |= {f"{step.model}.{step.first}" for step in steps if (step.model, step.first) not in leads_to}
        steps = {further for step in steps if (further := step.next(leads_to)) is not None}
    return Fields(frozenset(present), frozenset(missing))


async def _leads_to(client: TrytonClient, steps: Iterable[Need]) -> LeadsTo:
    """The fields at the start of the paths that exist, each with the model it leads to, if it leads to one.

    Tryton lists the fields of its active modules and takes away what a module that was deactivated had brought.
    """
    models, names = {step.model for step in steps}, {step.first for step in steps}
    domain = [["model", "in", sorted(models)], ["name", "in", sorted(names)]]
    rows = await client.search_read("ir.model.field", domain, ("model", "name", "ttype", "relation"))
    with reading(client.system, "ir.model.field", code=UNREADABLE):
        return {_name(row): REFERENCE if row["ttype"] == REFERENCE else _relation(row) for row in rows}


def _name(row: Row) -> tuple[str, str]:
    match row:
        case {"model": str(model), "name": str(name)}:
            return model, name
    raise TypeError("a field without a name")


def _relation(row: Row) -> str | None:
    relation = row["relation"]
    if relation is None or isinstance(relation, str):
        return relation or None
    raise TypeError(f"{type(relation).__name__} in place of a model")
