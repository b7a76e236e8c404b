"""The read-only services around orders: store, sources, products, customers, modules."""

from collections.abc import Callable
from typing import Any

from millstream.sandbox.adobe_commerce import columns, stores
from millstream.sandbox.adobe_commerce.call import Call, Route
from millstream.sandbox.adobe_commerce.catalog import CREATED, as_rest, find_product
from millstream.sandbox.adobe_commerce.errors import Refusal, no_such
from millstream.sandbox.adobe_commerce.search import Table, parse

Json = dict[str, Any]
STORE = "Magento_Backend::store"
DEFAULTS = {"status": 1, "visibility": 4, "attribute_set_id": 4, "created_at": CREATED, "updated_at": CREATED}
EVERYTHING = {"searchCriteria": ""}
PRODUCTS = "Magento_Catalog::products"


def _product_value(row: Json, field: str) -> Any:
    if field == "entity_id":
        return row["id"]
    if field == "website_id":
        return 1
    if field == "category_id":
        return 3
    if field == "price":
        return float(row["price"])
    return row.get(field, DEFAULTS.get(field))


def search_products(call: Call) -> Json:
    products = call.shop.products
    codes = {code for product in products.values() for code in product.get("attributes", {})}
    table = Table(products, columns=columns.PRODUCT | codes, eav=True, value=_attribute_value)
    found = table.find(parse(call.query))
    found["items"] = [as_rest(product, single=False) for product in found["items"]]
    return found


def _attribute_value(row: Json, field: str) -> Any:
    value = _product_value(row, field)
    return row.get("attributes", {}).get(field) if value is None else value


def get_product(call: Call) -> Json:
    return as_rest(find_product(call.shop.products, call.path["sku"]), single=True)


def search_customers(call: Call) -> Json:
    return Table(call.shop.customers, columns=columns.CUSTOMER, eav=True).find(parse(call.query))


def get_customer(call: Call) -> Json:
    number = call.number("id")
    customer = call.shop.customers.get(number)
    if customer is None:
        raise no_such("customerId", number)
    return customer


def list_sources(call: Call) -> Json:
    table = Table({source["source_code"]: source for source in stores.sources()})
    return table.find(parse(call.query or EVERYTHING))


def list_modules(call: Call) -> list[str]:
    criteria = parse(call.query or EVERYTHING)
    names = columns.MODULES + (columns.SAAS_MODULES if call.is_saas else [])
    return names[: criteria.page_size] if criteria.page_size else names


def list_statuses(call: Call) -> list[Json]:
    """SaaS only: elsewhere no service tells which statuses there are."""
    if not call.is_saas:
        raise Refusal(404, "Request does not match any route.")
    return [
        {"status": name, "label": name.capitalize(), "state": state, "default": not place, "visible_on_front": True}
        for state, names in call.shop.statuses.items()
        for place, name in enumerate(names)
    ]


def _fixed(rows: list[Json]) -> Callable[[Call], list[Json]]:
    return lambda _call: rows


ROUTES = [
    Route(method="GET", path="store/websites", resource=STORE, serve=_fixed(stores.WEBSITES)),
    Route(method="GET", path="store/storeGroups", resource=STORE, serve=_fixed(stores.GROUPS)),
    Route(method="GET", path="store/storeViews", resource=STORE, serve=lambda call: call.shop.views),
    Route(
        method="GET",
        path="store/storeConfigs",
        resource=STORE,
        serve=lambda call: stores.configs(call.base_url),
    ),
    Route(method="GET", path="inventory/sources", resource="Magento_InventoryApi::source", serve=list_sources),
    Route(method="GET", path="products", resource=PRODUCTS, serve=search_products),
    Route(method="GET", path="products/:sku", resource=PRODUCTS, serve=get_product),
    Route(method="GET", path="customers/search", resource="Magento_Customer::customer", serve=search_customers),
    Route(method="GET", path="customers/:id", resource="Magento_Customer::customer", serve=get_customer),
    Route(method="GET", path="order-statuses", resource="Magento_Sales::actions_view", serve=list_statuses),
    Route(method="GET", path="modules", resource="Magento_Backend::admin", serve=list_modules),
]
