"""Fills an empty Tryton with a small manufacturer, over HTTP only. Re-runnable: every record is found first.

A plant (EAST) and a warehouse (WEST), pumps made to stock and to order with bills of materials and lead times,
bought parts with supplier lead times, opening stock, customers with credit limits, a web shop and the user `hub`.
"""

import datetime as dt
from decimal import Decimal
from typing import Any, Final

from millstream.sandbox.tryton.catalogue import (
    BOMS,
    COUNTRIES,
    CUSTOMERS,
    HUB_GROUPS,
    ORDER_POINTS,
    PRODUCTION_LEAD_DAYS,
    PRODUCTS,
    SERVICE_PRICES,
    SERVICES,
    STOCK,
    SUPPLIERS,
    TAXES,
)
from millstream.sandbox.tryton.rpc import Rpc

HUB_USER: Final = "hub"
HUB_PASSWORD: Final = "hub-Secret-9471"
WEB_SHOP: Final = "Adobe Commerce"
ACCOUNT_KINDS: Final = ("receivable", "payable", "revenue", "expense")

Ids = dict[str, Any]


def years() -> tuple[int, int]:
    """The fiscal years a seeded database can invoice in: without one, confirming fails at the turn of the year."""
    this_year = dt.datetime.now(dt.UTC).year
    return this_year, this_year + 1


def seed(rpc: Rpc) -> Ids:
    """Makes everything that is missing; returns ids by name."""
    ids: Ids = {}
    _currencies(rpc, ids)
    _company(rpc, ids)
    _chart(rpc, ids)
    _fiscal_years(rpc, ids)
    _taxes(rpc, ids)
    _warehouses(rpc, ids)
    _products(rpc, ids)
    _bills_of_materials(rpc, ids)
    _countries(rpc, ids)
    _suppliers(rpc, ids)
    _opening_stock(rpc, ids)
    _order_points(rpc, ids)
    _customers(rpc, ids)
    _shop_and_hub(rpc, ids)
    return ids


def _currencies(rpc: Rpc, ids: Ids) -> None:
    made = {}
    for code, name, symbol, rate in (("EUR", "Euro", "€", "1"), ("USD", "US Dollar", "$", "1.10")):
        values = {"name": name, "code": code, "symbol": symbol, "rounding": Decimal("0.01"), "digits": 2}
        made[code], new = rpc.ensure("currency.currency", [["code", "=", code]], values)
        if new:
            since = dt.date(2000, 1, 1)
            rpc.create("currency.currency.rate", {"date": since, "rate": Decimal(rate), "currency": made[code]})
    ids["currency"] = made


def _company(rpc: Rpc, ids: Ids) -> None:
    found = rpc.find("company.company", [])
    if not found:
        address = {"street": "1 Plant Road", "postal_code": "10115", "city": "Berlin"}
        party = rpc.create(
            "party.party",
            {"name": "Demo Pumps Manufacturing", "code": "SELF", "addresses": [["create", [address]]]},
        )
        found = [rpc.create("company.company", {"party": party, "currency": ids["currency"]["EUR"]})]
        rpc.write("res.user", rpc.user_id, {"companies": [["add", found]], "company": found[0]})
        rpc.refresh_context()
    ids["company"] = found[0]


def _chart(rpc: Rpc, ids: Ids) -> None:
    company = ids["company"]
    if not rpc.find("account.account", [["company", "=", company]]):
        template = rpc.call("ir.model.data.get_id", "account", "account_template_root_en")
        wizard, *_ = rpc.rpc("wizard.account.create_chart.create")
        step = "wizard.account.create_chart.execute"
        rpc.rpc(step, wizard, {}, "account")
        chart = {"company": company, "account_template": template}
        rpc.rpc(step, wizard, {"account": chart}, "create_account")
        accounts = _accounts(rpc, company)
        properties = {
            "company": company,
            "account_receivable": accounts["receivable"],
            "account_payable": accounts["payable"],
            "category_account_expense": accounts["expense"],
            "category_account_revenue": accounts["revenue"],
        }
        rpc.rpc(step, wizard, {"account": chart, "properties": properties}, "create_properties")
        rpc.rpc("wizard.account.create_chart.delete", wizard)
    ids["account"] = _accounts(rpc, company)
    remainder = {"type": "remainder", "relativedeltas": [["create", [{"days": 30}]]]}
    ids["payment_term"], _ = rpc.ensure(
        "account.invoice.payment_term",
        [["name", "=", "Net 30"]],
        {"name": "Net 30", "lines": [["create", [remainder]]]},
    )


def _accounts(rpc: Rpc, company: int) -> dict[str, int]:
    domain = [["company", "=", company], ["closed", "!=", True]]
    return {kind: rpc.find("account.account", [[f"type.{kind}", "=", True], *domain])[0] for kind in ACCOUNT_KINDS}


def _fiscal_years(rpc: Rpc, ids: Ids) -> None:
    def sequence(name: str, kind: str) -> int:
        kind_id = rpc.find("ir.sequence.type", [["name", "=", kind]])[0]
        return rpc.create("ir.sequence.strict", {"name": name, "sequence_type": kind_id, "company": ids["company"]})

    for year in years():
        if rpc.find("account.fiscalyear", [["name", "=", f"FY{year}"]]):
            continue
        invoices = sequence(f"Invoices {year}", "Invoice")
        per_kind = dict.fromkeys(
            ("out_invoice_sequence", "in_invoice_sequence", "out_credit_note_sequence", "in_credit_note_sequence"),
            invoices,
        )
        made = rpc.create(
            "account.fiscalyear",
            {
                "name": f"FY{year}",
                "company": ids["company"],
                "start_date": dt.date(year, 1, 1),
                "end_date": dt.date(year, 12, 31),
                "move_sequence": sequence(f"Moves {year}", "Account Move"),
                "invoice_sequences": [["create", [{"company": ids["company"], **per_kind}]]],
            },
        )
        rpc.call("account.fiscalyear.create_period", [made])


def _taxes(rpc: Rpc, ids: Ids) -> None:
    made = {}
    account = rpc.find("account.account", [["name", "ilike", "Accrued Taxes%"], ["type", "!=", None]])
    account_id = account[0] if account else ids["account"]["payable"]
    for name, rate in TAXES.items():
        values = {
            "name": name,
            "description": name,
            "company": ids["company"],
            "type": "percentage",
            "rate": Decimal(rate),
            "invoice_account": account_id,
            "credit_note_account": account_id,
        }
        made[name], _ = rpc.ensure("account.tax", [["name", "=", name]], values)
    ids["tax"] = made


def _warehouses(rpc: Rpc, ids: Ids) -> None:
    def location(name: str, code: str) -> int:
        return rpc.create("stock.location", {"name": name, "type": "storage", "code": code})

    plant = rpc.find("stock.location", [["type", "=", "warehouse"]])[0]
    rpc.write("stock.location", plant, {"name": "DC East (plant)", "code": "EAST"})
    if not rpc.find("stock.location", [["type", "=", "warehouse"], ["code", "=", "WEST"]]):
        rpc.create(
            "stock.location",
            {
                "name": "DC West",
                "type": "warehouse",
                "code": "WEST",
                "input_location": location("West input", "WEST-IN"),
                "storage_location": location("West storage", "WEST-STO"),
                "output_location": location("West output", "WEST-OUT"),
                "production_location": rpc.find("stock.location", [["type", "=", "production"]])[0],
                # Without it confirming an inventory fails.
                "lost_found_location": rpc.find("stock.location", [["type", "=", "lost_found"]])[0],
            },
        )
    ids["warehouse"], ids["storage"] = {}, {}
    for row in rpc.find("stock.location", [["type", "=", "warehouse"]], ["code", "storage_location"]):
        ids["warehouse"][row["code"]] = row["id"]
        ids["storage"][row["code"]] = row["storage_location"]


def _products(rpc: Rpc, ids: Ids) -> None:
    unit = ids["unit"] = rpc.find("product.uom", [["symbol", "=", "u"]])[0]
    account = ids["account"]
    category, _ = rpc.ensure(
        "product.category",
        [["name", "=", "Goods"], ["accounting", "=", True]],
        {
            "name": "Goods",
            "accounting": True,
            "account_expense": account["expense"],
            "account_revenue": account["revenue"],
        },
    )
    made: dict[str, int] = {row["code"]: row["id"] for row in rpc.find("product.product", [], ["code"])}
    common = {"default_uom": unit, "salable": True, "sale_uom": unit, "account_category": category}
    for product in PRODUCTS:
        if product.code in made:
            continue
        bought = product.kind in {"stock", "supplier", "part"}
        values = {
            **common,
            "name": product.name,
            "code": product.code,
            "type": "goods",
            "list_price": Decimal(product.price),
            "cost_price_method": "fixed",
            "lead_time": None if product.lead_days is None else dt.timedelta(days=product.lead_days),
            "purchasable": bought,
            "purchase_uom": unit if bought else None,
            "producible": product.kind in {"made_to_stock", "made_to_order"},
            "supply_on_sale": {"made_to_order": "always", "supplier": "always", "made_to_stock": "stock_first"}.get(
                product.kind
            ),
        }
        made[product.code] = _create_product(rpc, values)
        rpc.write("product.product", made[product.code], {"cost_price": Decimal(product.cost)})
    for code, name in SERVICES.items():
        if code not in made:
            price = Decimal(SERVICE_PRICES.get(code, "0"))
            values = {**common, "name": name, "code": code, "type": "service", "list_price": price}
            made[code] = _create_product(rpc, {**values, "cost_price_method": "fixed"})
    ids["product"] = made


def _create_product(rpc: Rpc, values: dict[str, Any]) -> int:
    template = rpc.create("product.template", {**values, "products": [["create", [{"suffix_code": ""}]]]})
    return int(rpc.find("product.product", [["template", "=", template]])[0])


def _bills_of_materials(rpc: Rpc, ids: Ids) -> None:
    unit, product = ids["unit"], ids["product"]
    for code, parts in BOMS.items():
        inputs = [{"product": product[part], "quantity": float(count), "unit": unit} for part, count in parts.items()]
        outputs = [{"product": product[code], "quantity": 1.0, "unit": unit}]
        bom, new = rpc.ensure(
            "production.bom",
            [["name", "=", f"BOM {code}"]],
            {"name": f"BOM {code}", "inputs": [["create", inputs]], "outputs": [["create", outputs]]},
        )
        if new:
            lead = {"bom": bom, "lead_time": dt.timedelta(days=PRODUCTION_LEAD_DAYS[code])}
            values = {"boms": [["create", [{"bom": bom}]]], "production_lead_times": [["create", [lead]]]}
            rpc.write("product.product", product[code], values)


def _countries(rpc: Rpc, ids: Ids) -> None:
    known = {row["code"]: row["id"] for row in rpc.find("country.country", [], ["code"])}
    missing = [{"name": name, "code": code} for code, name in COUNTRIES.items() if code not in known]
    if missing:
        rpc.call("country.country.create", missing)
        known = {row["code"]: row["id"] for row in rpc.find("country.country", [], ["code"])}
    ids["country"] = known


def _party(rpc: Rpc, code: str, name: str, **address: Any) -> int:
    where = {"street": "Street 1", "postal_code": "10000", "city": "City", **address}
    values = {"name": name, "code": code, "addresses": [["create", [where]]]}
    made, _ = rpc.ensure("party.party", [["code", "=", code]], values)
    return made


def _suppliers(rpc: Rpc, ids: Ids) -> None:
    for supplier in SUPPLIERS:
        party = _party(rpc, supplier.code, supplier.name)
        for code, lead_days in supplier.lead_days.items():
            template = rpc.find("product.template", [["code", "=", code]])[0]
            price = {"quantity": 0.0, "unit_price": Decimal(supplier.price)}
            rpc.ensure(
                "purchase.product_supplier",
                [["template", "=", template]],
                {
                    "template": template,
                    "party": party,
                    "currency": ids["currency"]["EUR"],
                    "lead_time": dt.timedelta(days=lead_days),
                    "prices": [["create", [price]]],
                },
            )


def _opening_stock(rpc: Rpc, ids: Ids) -> None:
    for index, warehouse in enumerate(("EAST", "WEST")):
        storage = ids["storage"][warehouse]
        if rpc.find("stock.inventory", [["location", "=", storage]]):
            continue
        lines = [
            {"product": ids["product"][code], "quantity": float(counts[index])}
            for code, counts in STOCK.items()
            if counts[index]
        ]
        inventory = rpc.create(
            "stock.inventory",
            {
                "location": storage,
                "date": dt.datetime.now(dt.UTC).date(),
                "lines": [["create", lines]],
                "empty_quantity": "keep",
            },
        )
        rpc.call("stock.inventory.confirm", [inventory])


def _order_points(rpc: Rpc, ids: Ids) -> None:
    for code, minimum in ORDER_POINTS.items():
        product = ids["product"][code]
        rpc.ensure(
            "stock.order_point",
            [["product", "=", product], ["type", "=", "production"]],
            {
                "product": product,
                "type": "production",
                "location": ids["warehouse"]["EAST"],
                "min_quantity": float(minimum),
                "target_quantity": float(minimum * 2),
            },
        )


def _customers(rpc: Rpc, ids: Ids) -> None:
    ids["customer"] = {}
    for customer in CUSTOMERS:
        party = _party(
            rpc,
            customer.code,
            customer.name,
            party_name=customer.name,
            street=customer.street,
            postal_code=customer.postcode,
            city=customer.city,
            country=ids["country"][customer.country],
        )
        limit = None if customer.credit_limit is None else Decimal(customer.credit_limit)
        rpc.write("party.party", party, {"customer_payment_term": ids["payment_term"], "credit_limit_amount": limit})
        ids["customer"][customer.code] = party


def _shop_and_hub(rpc: Rpc, ids: Ids) -> None:
    company = ids["company"]
    shop = {
        "name": WEB_SHOP,
        "company": company,
        "currency": ids["currency"]["EUR"],
        "warehouses": [["add", list(ids["warehouse"].values())]],
    }
    # The database itself keeps (web shop, web id) unique: that is what makes placing an order idempotent.
    ids["web_shop"], _ = rpc.ensure("web.shop", [["name", "=", WEB_SHOP]], shop)
    ids["package_type"], _ = rpc.ensure("stock.package.type", [["name", "=", "Carton"]], {"name": "Carton"})
    groups = rpc.find("res.group", [["name", "in", list(HUB_GROUPS)]])
    user = {
        "name": "Integration hub",
        "login": HUB_USER,
        "password": HUB_PASSWORD,
        "companies": [["add", [company]]],
        "company": company,
        "groups": [["add", groups]],
    }
    ids["hub_user"], _ = rpc.ensure("res.user", [["login", "=", HUB_USER]], user)
    key = [["user", "=", ids["hub_user"]], ["application", "=", "rest"]]
    rpc.ensure("res.user.application", key, {"user": ids["hub_user"], "application": "rest"})
