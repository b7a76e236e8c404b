"""Rules of orders, order products and price books."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from millstream.sandbox.salesforce.ids import short_id
from millstream.sandbox.salesforce.problems import Problem
from millstream.sandbox.salesforce.values import timestamp

if TYPE_CHECKING:
    from millstream.sandbox.salesforce.org import Org, Row

LOCKED_ONCE_ACTIVATED = ("AccountId", "Pricebook2Id", "EffectiveDate")


def _at(org: "Org", name: str, record_id: str) -> "Row":
    return org.rows[name][short_id(record_id)]


def _items(org: "Org", order_id: str) -> list["Row"]:
    return [row for row in org.rows["OrderItem"].values() if row["OrderId"] == order_id and not row["IsDeleted"]]


def computed(org: "Org", name: str, row: "Row") -> "Row":
    if name == "Order":
        total = sum((item["UnitPrice"] * item["Quantity"] for item in _items(org, row["Id"])), Decimal(0))
        return {"TotalAmount": total.quantize(Decimal("0.01"))}
    if name == "OrderItem":
        return {"TotalPrice": (row["UnitPrice"] * row["Quantity"]).quantize(Decimal("0.01"))}
    if name == "Contact":
        return {"Name": " ".join(filter(None, (row.get("FirstName"), row.get("LastName"))))}
    return {}


def _integrity(field: str, why: str) -> Problem:
    return Problem("FIELD_INTEGRITY_EXCEPTION", f"field integrity exception: {field} ({why})", fields=(field,))


def before_create(org: "Org", name: str, row: "Row") -> None:
    match name:
        case "Order":
            _new_order(org, row)
        case "OrderItem":
            _new_item(org, row)
        case "PricebookEntry":
            _new_entry(org, row)
        case _:
            pass


def _new_order(org: "Org", row: "Row") -> None:
    if row["Status"] != "Draft":
        raise Problem("FAILED_ACTIVATION", "An order must have at least one product.")
    row["StatusCode"] = "Draft"
    row["OrderNumber"] = f"{org.numbers['Order'] + 100:08d}"


def _new_item(org: "Org", row: "Row") -> None:
    order = _at(org, "Order", row["OrderId"])
    entry = _at(org, "PricebookEntry", row["PricebookEntryId"])
    _refuse_activated(order)
    if entry["Pricebook2Id"] != order["Pricebook2Id"]:
        raise _integrity("PricebookEntryId", "pricebook entry is in a different pricebook than the one assigned")
    if not entry["IsActive"]:
        raise _integrity("PricebookEntryId", "pricebook entry is inactive")
    row["Product2Id"] = entry["Product2Id"]
    row["ListPrice"] = entry["UnitPrice"]


def _new_entry(org: "Org", row: "Row") -> None:
    entries = [one for one in org.rows["PricebookEntry"].values() if one["Product2Id"] == row["Product2Id"]]
    if any(one["Pricebook2Id"] == row["Pricebook2Id"] for one in entries):
        raise Problem("DUPLICATE_VALUE", "This price definition already exists in this price book")
    if _at(org, "Pricebook2", row["Pricebook2Id"])["IsStandard"]:
        return
    if not any(_at(org, "Pricebook2", one["Pricebook2Id"])["IsStandard"] for one in entries):
        message = "Before creating a custom price, create a standard price."
        raise Problem("STANDARD_PRICE_NOT_DEFINED", message)


def before_update(org: "Org", name: str, before: "Row", changes: "Row") -> "Row":
    """What the platform changes along with it."""
    if name == "OrderItem":
        _refuse_activated(_at(org, "Order", before["OrderId"]))
    if name != "Order":
        return {}
    moved = [one for one in LOCKED_ONCE_ACTIVATED if one in changes and changes[one] != before[one]]
    if moved and before["StatusCode"] == "Activated":
        raise _integrity(moved[0], "the order is activated")
    if "Pricebook2Id" in moved and _items(org, before["Id"]):
        raise _integrity("Pricebook2Id", "the order has order products")
    return _status(org, before, changes.get("Status", before["Status"]))


def _status(org: "Org", before: "Row", status: Any) -> "Row":
    if status not in {"Draft", "Activated"}:
        message = f"Status: bad value for restricted picklist field: {status}"
        raise Problem("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=("Status",))
    if status == "Draft":
        return {"StatusCode": "Draft", "ActivatedDate": None}
    if not _items(org, before["Id"]):
        raise Problem("FAILED_ACTIVATION", "An order must have at least one product.")
    return {"StatusCode": "Activated", "ActivatedDate": before.get("ActivatedDate") or timestamp(org.now())}


def before_delete(org: "Org", name: str, row: "Row") -> None:
    if name == "PricebookEntry" and any(one["PricebookEntryId"] == row["Id"] for one in org.rows["OrderItem"].values()):
        raise Problem("DELETE_FAILED", "Your attempt to delete it could not be completed because it is used by orders")
    if name == "Order":
        _refuse_activated(row)
    if name == "OrderItem":
        _refuse_activated(_at(org, "Order", row["OrderId"]))


def _refuse_activated(order: "Row") -> None:
    if order["StatusCode"] == "Activated":
        raise _integrity("OrderId", "the order is activated")
