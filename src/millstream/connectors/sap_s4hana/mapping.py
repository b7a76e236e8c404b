"""A sales order of the hub as SAP's deep insert wants it. Pure: no call, no clock."""

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Any, Final

import msgspec

from millstream.connectors.sap_s4hana.odata import day_value
from millstream.connectors.sap_s4hana.rows import Address as SapAddress
from millstream.connectors.sap_s4hana.rows import Text
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.errors import Reject
from millstream.domain.order import Address, OrderLine, SalesOrder

Row = dict[str, Any]

REFERENCE_MAX: Final = 35
ITEM_TEXT_MAX: Final = 40
ITEM_STEP: Final = 10
CENT: Final = Decimal("0.01")
PRICE_UNITS: Final = (1, 10, 100, 1000, 10000)  # a price finer than a cent is told per so many pieces
LINE_MARK: Final = "Store line "
_MARKED: Final = re.compile(rf"{LINE_MARK}(\S+)")
_NAME_WIDTH, _STREET_WIDTH = 40, 60
_NAMES: Final = ("OrganizationName1", "OrganizationName2", "OrganizationName3", "OrganizationName4")
_STREETS: Final = ("StreetName", "StreetSuffixName1", "StreetSuffixName2", "StreetPrefixName1")
_WIDTHS: Final = {"CityName": 40, "PostalCode": 10, "Region": 3, "Country": 3, "PhoneNumber": 30, "EmailAddress": 241}


def reference_of(order_key: str) -> str:
    """The customer reference an order is looked up by: the key, or as much of it as fits and a digest of the whole."""
    if len(order_key) <= REFERENCE_MAX:
        return order_key
    digest = sha256(order_key.encode()).hexdigest()[:10]
    return f"{order_key[: REFERENCE_MAX - 11]}-{digest}"


def key_text(order_key: str, digest: str) -> str:
    """The header text that says whose order this is, and in which wording it was sent."""
    return f"{order_key} {digest}"


def key_and_digest(texts: Sequence[Text], text_id: str) -> tuple[str, str]:
    """What `key_text` wrote; empty where there is no such text."""
    words = next((text.long_text.split() for text in texts if text.long_text_id == text_id), [])
    return (words[0] if words else "", words[1] if len(words) > 1 else "")


def line_id_of(texts: Sequence[Text], text_id: str) -> str | None:
    """The store's line id, None for items that are no line of the store's."""
    for text in texts:
        found = _MARKED.match(text.long_text) if text.long_text_id == text_id else None
        if found:
            return found[1]
    return None


def order_digest(order: SalesOrder, customer: str, overlay: str = "") -> str:
    """Changes with everything that is sent. `overlay` names the version that is laid over it, if one is."""
    sent = msgspec.structs.replace(order, state="", status="")
    return sha256(msgspec.json.encode((sent, customer, overlay) if overlay else (sent, customer))).hexdigest()[:12]


def order_body(
    order: SalesOrder, *, customer: str, materials: Mapping[str, str], digest: str, settings: S4HanaSettings
) -> Row:
    """The deep insert. The order is blocked for delivery: only what was checked is released."""
    placed_on = day_value(order.placed_at.date())
    body: Row = {
        "SalesOrderType": settings.order_type,
        "SalesOrganization": settings.sales_organization,
        "DistributionChannel": settings.distribution_channel,
        "OrganizationDivision": settings.division,
        "SoldToParty": customer,
        "PurchaseOrderByCustomer": reference_of(order.key),
        "PurchaseOrderByShipToParty": (order.po_number or "")[:REFERENCE_MAX],
        "CustomerPurchaseOrderDate": placed_on,
        "SalesOrderDate": placed_on,
        "PricingDate": placed_on,
        "RequestedDeliveryDate": placed_on,
        "TransactionCurrency": order.currency,
        "DeliveryBlockReason": settings.hold_block,
        "to_Text": {"results": _header_texts(order, digest, settings)},
        "to_Partner": {"results": _partners(order, customer, settings)},
        "to_PricingElement": {"results": _header_conditions(order, settings)},
        "to_Item": {"results": _items(order, materials, settings)},
    }
    if settings.purchase_order_type:
        body["CustomerPurchaseOrderType"] = settings.purchase_order_type
    return body


def _header_texts(order: SalesOrder, digest: str, settings: S4HanaSettings) -> list[Row]:
    texts = [_text(settings.key_text, key_text(order.key, digest), settings)]
    if settings.note_text and order.note:
        texts.append(_text(settings.note_text, order.note, settings))
    return texts


def _text(text_id: str, text: str, settings: S4HanaSettings) -> Row:
    return {"Language": settings.language, "LongTextID": text_id, "LongText": text}


def _partners(order: SalesOrder, customer: str, settings: S4HanaSettings) -> list[Row]:
    wanted = {settings.bill_to_function: order.bill_to, settings.ship_to_function: order.ship_to or order.bill_to}
    return [
        {"PartnerFunction": function, "Customer": customer, "to_Address": address_body(address, function)}
        for function, address in wanted.items()
    ]


def address_body(address: Address, place: str = "ship_to") -> Row:
    """An address of one order, spread over SAP's fields. Raises Reject when it does not fit: nothing is cut off."""
    names = [address.company, address.name] if address.company else [address.name]
    body = {
        **_spread(names, _NAMES, _NAME_WIDTH, place),
        **_spread(address.street, _STREETS, _STREET_WIDTH, place),
        "CityName": address.city,
        "PostalCode": address.postcode,
        "Region": address.region_code or "",
        "Country": address.country,
        "PhoneNumber": address.phone or "",
        "EmailAddress": address.email or "",
    }
    if len(body["Region"]) > _WIDTHS["Region"]:
        body["Region"] = ""  # the store's own code, not SAP's
    for name, width in _WIDTHS.items():
        if len(body[name]) > width:
            raise _too_long(name, width, place)
    return body


def _spread(lines: Sequence[str | None], fields: Sequence[str], width: int, place: str) -> dict[str, str]:
    pieces = [
        line[start : start + width]
        for line in (one.strip() for one in lines if one)
        for start in range(0, len(line), width)
    ]
    if len(pieces) > len(fields):
        raise _too_long(fields[0], width * len(fields), place)
    return dict.fromkeys(fields, "") | dict(zip(fields, pieces, strict=False))


def _too_long(field: str, width: int, place: str) -> Reject:
    text = (
        f"The address ({place}) does not fit SAP: {field} takes {width} characters. Shorten it in the store, then retry"
    )
    return Reject("erp.address_too_long", text, field=place)


def same_address(known: SapAddress | None, body: Mapping[str, str]) -> bool:
    """Whether the order already goes there. The e-mail address is no part of where it goes."""
    if known is None:
        return False
    shown = msgspec.to_builtins(known)
    wanted = {name: value for name, value in body.items() if name != "EmailAddress"}
    return all((shown.get(name) or "") == value for name, value in wanted.items())


def _header_conditions(order: SalesOrder, settings: S4HanaSettings) -> list[Row]:
    adjustments = sum((one.amount.amount for one in order.totals.adjustments), Decimal(0))
    amounts = (
        (settings.shipping_condition, order.totals.shipping.amount),
        (settings.adjustment_condition, adjustments),
    )
    return [condition(kind, amount, order.currency) for kind, amount in amounts if amount]


def condition(kind: str, amount: Decimal, currency: str, quantity: int = 1) -> Row:
    """A condition with its amount."""
    return {
        "ConditionType": kind,
        "ConditionRateValue": format(amount, "f"),
        "ConditionCurrency": currency,
        "ConditionQuantity": str(quantity),
    }


def unit_price(price: Decimal) -> tuple[Decimal, int]:
    """A price of at most two decimals, and for how many pieces it is."""
    for pieces in PRICE_UNITS:
        scaled = price * pieces
        if scaled == scaled.quantize(CENT):
            return scaled.quantize(CENT), pieces
    return (price * PRICE_UNITS[-1]).quantize(CENT, ROUND_HALF_UP), PRICE_UNITS[-1]


def _items(order: SalesOrder, materials: Mapping[str, str], settings: S4HanaSettings) -> list[Row]:
    loose_tax = order.totals.tax.amount - sum((line.tax.amount for line in order.lines), Decimal(0))
    last = order.lines[-1].id if order.lines else ""
    return [
        _item(n, line, materials[line.id], loose_tax if line.id == last else Decimal(0), settings)
        for n, line in enumerate(order.lines, 1)
    ]


def _item(n: int, line: OrderLine, material: str, extra_tax: Decimal, settings: S4HanaSettings) -> Row:
    price, pieces = unit_price(line.unit_price.amount)
    currency = line.unit_price.currency
    conditions = [condition(settings.price_condition, price, currency, pieces)]
    if line.discount.amount:
        conditions.append(condition(settings.discount_condition, -line.discount.amount, currency))
    if settings.tax_condition:
        conditions.append(condition(settings.tax_condition, line.tax.amount + extra_tax, currency))
    options = "; ".join(option.value for option in line.options)
    mark = f"{LINE_MARK}{line.id}" + (f"\n{options}" if options else "")
    return {
        "SalesOrderItem": str(n * ITEM_STEP),
        "Material": material,
        "SalesOrderItemText": line.name[:ITEM_TEXT_MAX],
        "RequestedQuantity": format(line.quantity.amount.normalize(), "f"),
        "RequestedQuantityUnit": settings.unit,
        "ProductionPlant": settings.plant,
        "to_PricingElement": {"results": conditions},
        "to_Text": {"results": [_text(settings.line_text, mark, settings)]},
    }
