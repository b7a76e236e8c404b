"""Source items: how much of a SKU a source holds. All or nothing, and any SKU is accepted."""

from typing import Any

from millstream.sandbox.adobe_commerce.call import Call, Route, decimal
from millstream.sandbox.adobe_commerce.errors import Refusal
from millstream.sandbox.adobe_commerce.search import Table, parse
from millstream.sandbox.adobe_commerce.state import SOURCES

Json = dict[str, Any]
READ = "Magento_InventoryApi::source"
WRITE = "Magento_InventoryApi::source_edit"


def search_source_items(call: Call) -> Json:
    """Only what was ever written or shipped from; an unwritten source counts as full."""
    rows = {
        (sku, source): {
            "sku": sku,
            "source_code": source,
            "quantity": quantity,
            "status": call.shop.stock_status.get((source, sku), 1),
        }
        for (source, sku), quantity in sorted(call.shop.stock.items(), key=lambda one: one[0][::-1])
    }
    return Table(rows).find(parse(call.query))


def save_source_items(call: Call) -> list[Any]:
    """Writes absolute quantities. One bad row refuses all."""
    given = call.body.get("sourceItems") or []
    if not given:
        raise Refusal(400, "Input data is empty")
    names = {sku.lower(): sku for sku in call.shop.products}
    checked = [_checked(row) for row in given]
    for row in checked:
        sku = names.get(str(row["sku"]).lower(), str(row["sku"]))
        call.shop.stock[row["source_code"], sku] = row["quantity"]
        call.shop.stock_status[row["source_code"], sku] = row["status"]
    return []


def _checked(row: Json) -> Json:
    quantity = decimal(row, "quantity")
    for name in ("quantity", "status"):
        if name not in row:
            _refuse('"%field" should be numeric.', name)
    if row["status"] not in {0, 1}:
        _refuse('"%field" should a known status.', "status")  # the real text lacks the "be" too
    if row.get("source_code") not in SOURCES:
        raise Refusal(400, "Could not save Source Item")
    whole = int(quantity) if quantity.is_integer() else quantity
    return {**row, "quantity": whole}


def _refuse(template: str, field: str) -> None:
    shown = template.replace("%field", field)
    raise Refusal(400, f"Validation Failed: {shown}", errors=[{"message": template, "parameters": {"field": field}}])


def delete_source_items(call: Call) -> list[Any]:
    """Forgets rows; one that does not exist is no mistake."""
    for row in call.body.get("sourceItems") or []:
        call.shop.stock.pop((row.get("source_code"), row.get("sku")), None)
    return []


ROUTES = [
    Route(method="GET", path="inventory/source-items", resource=READ, serve=search_source_items),
    Route(method="POST", path="inventory/source-items", resource=WRITE, serve=save_source_items),
    Route(method="POST", path="inventory/source-items-delete", resource=WRITE, serve=delete_source_items),
]
