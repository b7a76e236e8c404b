"""The products of the sandbox store and how REST shows them."""

from typing import Any

from millstream.sandbox.adobe_commerce.errors import NO_PRODUCT, Refusal

Json = dict[str, Any]
CREATED = "2026-01-05 08:00:00"
SIMPLE = (
    ("PUMP-100", "Centrifugal pump 100", "1250.00", 48),
    ("PUMP-200", "Centrifugal pump 200", "1890.00", 71),
    ("PUMP-CFG", "Configured pump, stainless, DN50", "3100.00", 85),
    ("SKID-01", "Dosing skid", "9800.00", 420),
    ("VALVE-050", "Ball valve DN50", "89.90", 3.2),
    ("VALVE-080", "Ball valve DN80", "129.90", 5.1),
    ("GASKET-10", "Gasket set", "12.50", 0.2),
    ("SEAL-KIT", "Shaft seal kit", "59.00", 0.6),
    ("FILTER-5", "Filter element 5 um", "34.00", 0.9),
    ("SENSOR-P", "Pressure sensor", "210.00", 0.4),
    ("CTRL-PLC", "Control unit", "2400.00", 12),
    ("OIL-1L", "Gear oil 1 l", "9.90", 1),
    ("GHOST-1", "Article the ERP does not know", "49.00", 1),
)
SENSOR_OPTIONS = [
    {
        "option_id": 1,
        "title": "Tag engraving",
        "type": "field",
        "is_require": False,
        "price": 3,
        "sku": "TAG",
        "max_characters": 30,
    },
    {
        "option_id": 2,
        "title": "Calibration",
        "type": "drop_down",
        "is_require": False,
        "values": [
            {"option_type_id": 1, "title": "Works certificate", "price": 15, "sku": "CAL-W"},
            {"option_type_id": 2, "title": "Accredited certificate", "price": 45, "sku": "CAL-A"},
        ],
    },
]


CONFIGURED = [
    {"id": place, "attribute_id": attribute, "label": label, "position": place - 1, "product_id": 14}
    | {"values": [{"value_index": value}]}
    for place, (attribute, label, value) in enumerate([("93", "Material", 10), ("139", "Flange", 7)], 1)
]


def default_products() -> list[Json]:
    """Prices in EUR. PUMP-CFG-BASE is the configurable parent whose child is PUMP-CFG; PUMP-KIT is a bundle."""
    products: list[Json] = [
        {"sku": sku, "name": name, "price": price, "type_id": "simple", "weight": weight}
        for sku, name, price, weight in SIMPLE
    ]
    by_sku = {product["sku"]: product for product in products}
    by_sku["SENSOR-P"]["options"] = SENSOR_OPTIONS
    by_sku["PUMP-CFG"]["parent"] = "PUMP-CFG-BASE"
    by_sku["PUMP-CFG"]["choices"] = {"93": 10, "139": 7}
    products.append(
        {"sku": "PUMP-CFG-BASE", "name": "Configured pump", "price": "3100.00", "type_id": "configurable", "weight": 85}
        | {"extension": {"configurable_product_options": CONFIGURED, "configurable_product_links": [3]}}
    )
    products.append(
        {
            "sku": "PUMP-KIT",
            "name": "Pump with seal kits",
            "price": "0",
            "type_id": "bundle",
            "bundle": [["PUMP-100", 1], ["SEAL-KIT", 2]],
        }
    )
    products.append({"sku": "SERVICE-1", "name": "Commissioning, one day", "price": "150.00", "type_id": "virtual"})
    return products


def find_product(products: dict[str, Json], sku: str) -> Json:
    """By sku, upper or lower case. Raises the 404 that Magento gives."""
    product = products.get(sku)
    if product is None:
        product = next((one for name, one in products.items() if name.lower() == sku.lower()), None)
    if product is None:
        raise Refusal(404, NO_PRODUCT)
    return product


def as_rest(product: Json, *, single: bool) -> Json:
    """The REST shape; only a single read carries the stock item."""
    price = float(product["price"])
    options = list(product.get("options", []))
    extension: Json = {"website_ids": [1], "category_links": [{"position": 0, "category_id": "3"}]}
    if single:
        extension["stock_item"] = _stock_item(product)
    extension |= product.get("extension", {})
    shown: Json = {
        "id": product["id"],
        "sku": product["sku"],
        "name": product["name"],
        "attribute_set_id": 4,
        "price": int(price) if price.is_integer() else price,
        "status": product.get("status", 1),
        "visibility": 4,
        "type_id": product["type_id"],
        "created_at": product.get("created_at", CREATED),
        "updated_at": product.get("updated_at", CREATED),
    }
    if product["type_id"] not in {"virtual", "bundle"}:
        shown["weight"] = product.get("weight", 1)
    return {
        **shown,
        "extension_attributes": extension,
        "product_links": [],
        "options": [_option(product["sku"], option, place) for place, option in enumerate(options, 1)],
        "media_gallery_entries": [],
        "tier_prices": product.get("tier_prices", []),
        "custom_attributes": _attributes(product),
    }


def _option(sku: str, option: Json, place: int) -> Json:
    shown = {"product_sku": sku, "sort_order": place, "price_type": "fixed", **option}
    if "values" in option:
        del shown["price_type"]
        shown["values"] = [
            {"sort_order": rank, "price_type": "fixed", **value} for rank, value in enumerate(option["values"], 1)
        ]
    return shown


def _attributes(product: Json) -> list[Json]:
    has_options = "1" if product.get("options") else "0"
    values = {
        "options_container": "container2",
        "url_key": product["sku"].lower(),
        "msrp_display_actual_price_type": "0",
        "required_options": has_options,
        "has_options": has_options,
        "tax_class_id": "2",
        "category_ids": ["3"],
        **({"cost": product["cost"]} if "cost" in product else {}),
        **product.get("attributes", {}),
    }
    return [{"attribute_code": code, "value": value} for code, value in values.items()]


def _stock_item(product: Json) -> Json:
    return {
        "item_id": product["id"],
        "product_id": product["id"],
        "stock_id": 1,
        "qty": 100,
        "is_in_stock": True,
        "is_qty_decimal": False,
        "show_default_notification_message": False,
        "use_config_min_qty": True,
        "min_qty": 0,
        "use_config_min_sale_qty": 1,
        "min_sale_qty": 1,
        "use_config_max_sale_qty": True,
        "max_sale_qty": 10000,
        "use_config_backorders": True,
        "backorders": 0,
        "use_config_notify_stock_qty": True,
        "notify_stock_qty": 1,
        "use_config_qty_increments": True,
        "qty_increments": 0,
        "use_config_enable_qty_inc": True,
        "enable_qty_increments": False,
        "use_config_manage_stock": True,
        "manage_stock": True,
        "low_stock_date": None,
        "is_decimal_divided": False,
        "stock_status_changed_auto": 0,
    }
