"""Websites, stores, store views, sources and modules: what a hub reads to find its way around."""

from typing import Any

Json = dict[str, Any]
WEBSITES: list[Json] = [
    {"id": 0, "code": "admin", "name": "Admin", "default_group_id": 0},
    {"id": 1, "code": "base", "name": "Main Website", "default_group_id": 1},
]
GROUPS: list[Json] = [
    {"id": 0, "website_id": 0, "root_category_id": 0, "default_store_id": 0, "name": "Default", "code": "default"},
    {
        "id": 1,
        "website_id": 1,
        "root_category_id": 2,
        "default_store_id": 1,
        "name": "Main Website Store",
        "code": "main_website_store",
    },
]
VIEWS: list[Json] = [
    {"id": 1, "code": "default", "name": "Default Store View", "website_id": 1, "store_group_id": 1, "is_active": 1},
    {"id": 0, "code": "admin", "name": "Admin", "website_id": 0, "store_group_id": 0, "is_active": 1},
    {"id": 2, "code": "en_us", "name": "English US", "website_id": 1, "store_group_id": 1, "is_active": 1},
]
DISPLAY = {1: ("de_DE", "EUR"), 2: ("en_US", "USD")}


def new_view(store_id: int, code: str, name: str) -> Json:
    return {"id": store_id, "code": code, "name": name, "website_id": 1, "store_group_id": 1, "is_active": 1}


def configs(base_url: str) -> list[Json]:
    found = []
    for view in VIEWS:
        if view["id"] not in DISPLAY:
            continue
        locale, currency = DISPLAY[view["id"]]
        links: Json = {}
        for prefix in ("", "secure_"):
            links |= {
                f"{prefix}base_url": base_url,
                f"{prefix}base_link_url": base_url,
                f"{prefix}base_static_url": f"{base_url}static/version1/",
                f"{prefix}base_media_url": f"{base_url}media/",
            }
        found.append(
            {
                "id": view["id"],
                "code": view["code"],
                "website_id": view["website_id"],
                "locale": locale,
                "base_currency_code": "EUR",
                "default_display_currency_code": currency,
                "timezone": "Europe/Berlin",
                "weight_unit": "kgs",
                **links,
            }
        )
    return found


def sources() -> list[Json]:
    return [_source("default", "Default Source"), _source("wh_east", "East Works"), _source("wh_west", "West Works")]


def _source(code: str, name: str) -> Json:
    source: Json = {"source_code": code, "name": name}
    if code != "default":
        source |= {"email": "works@works.example", "contact_name": "Joe"}
    source["enabled"] = True
    if code == "default":
        source |= {"description": name, "latitude": 0, "longitude": 0, "country_id": "DE", "postcode": "00000"}
    else:
        source |= {"country_id": "DE", "region_id": 81, "region": "Bayern", "city": "Augsburg"}
        source |= {"street": "Werkstraße 1", "postcode": "86150", "phone": "+49 821 1"}
    return {
        **source,
        "use_default_carrier_config": True,
        "carrier_links": [],
        "extension_attributes": {
            "is_pickup_location_active": False,
            "frontend_name": "" if code == "default" else name,
        },
    }
