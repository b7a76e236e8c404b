"""Between the hub's values and Salesforce's records; pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP
from hashlib import sha256
from typing import Any, Final

import msgspec

from millstream.connectors.salesforce.settings import Fields, SalesforceSettings
from millstream.domain.order import Customer, OrderLine
from millstream.domain.purchase import CrmCustomer, Purchase
from millstream.domain.values import CENT, Money

Json = dict[str, Any]

KEY_LENGTH_MAX: Final = 80
NAME_LENGTH_MAX: Final = 80
ACCOUNT_NAME_LENGTH_MAX: Final = 255
FIRST_NAME_LENGTH_MAX: Final = 40
DESCRIPTION_LENGTH_MAX: Final = 32000
LINE_DESCRIPTION_LENGTH_MAX: Final = 255
TRACKING_LENGTH_MAX: Final = 255
ROWS_MAX: Final = 200  # records in one collection
MATCHES_MAX: Final = 200
DESCRIBED_BELOW: Final = "Lines without a product in the price book:"

_SOQL_ESCAPES: Final = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class PricebookEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What an order line needs to name its product."""

    id: str
    pricebook_id: str


class PurchasePlan(msgspec.Struct, frozen=True, kw_only=True):
    """The records one purchase becomes. `complete` = every line is an order product; only then it may be activated."""

    order: Json
    rows: tuple[Json, ...]  # order products without their OrderId
    account: Json
    unknown_skus: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing on the order."""
        return bool(self.rows) and not self.unknown_skus


# --- SOQL


def quoted(text: str) -> str:
    """A SOQL string literal."""
    return f"'{text.translate(_SOQL_ESCAPES)}'"


def select(columns: Sequence[str], sobject: str, where: str, *tail: str) -> str:
    """A SOQL query; every value in `where` went through `quoted`."""
    return " ".join(("SELECT", ", ".join(columns), "FROM", sobject, "WHERE", where, *tail))


def contacts_by_email(email: str, fields: Fields) -> str:
    """Which accounts a person of this e-mail belongs to."""
    columns = ("AccountId", "Account.Name", f"Account.{fields.account_key}")
    where = f"Email = {quoted(email.strip())} AND AccountId != null"
    return select(columns, "Contact", where, f"ORDER BY AccountId LIMIT {MATCHES_MAX}")


def accounts_like(customer: Customer, fields: Fields) -> str | None:
    """Which accounts look like this customer's firm; None if nothing is known that could tell."""
    tests = []
    if customer.vat_id and fields.account_vat_id:
        tests.append(f"{fields.account_vat_id} = {quoted(customer.vat_id.strip())}")
    if customer.company:
        tests.append(f"Name = {quoted(customer.company.strip())}")
    return select(("Id", "Name"), "Account", " OR ".join(tests), "ORDER BY Id LIMIT 10") if tests else None


def pricebook_entries(skus: Iterable[str], settings: SalesforceSettings, currency: str) -> str:
    """The active price book entries of these product codes."""
    book = settings.pricebook
    tests = [
        "Pricebook2.IsStandard = true" if book == "standard" else f"Pricebook2Id = {quoted(book)}",
        "IsActive = true",
        f"Product2.ProductCode IN ({', '.join(map(quoted, skus))})",
    ]
    if settings.multi_currency:
        tests.append(f"CurrencyIsoCode = {quoted(currency)}")
    columns = ("Id", "Pricebook2Id", "Product2.ProductCode")
    return select(columns, "PricebookEntry", " AND ".join(tests), "ORDER BY Id")


def order_state(order_key: str, fields: Fields) -> str:
    """The order of this key: whether it is activated, and what else may have to be mended on it."""
    columns = ("Id", "StatusCode", "Pricebook2Id", "Description")
    return select(columns, "Order", f"{fields.order_key} = {quoted(order_key)}")


def recorded_lines(order_id: str, fields: Fields) -> str:
    """The keys of the lines an order has."""
    return select((fields.line_key,), "OrderItem", f"OrderId = {quoted(order_id)}", "ORDER BY Id")


# --- customers


def accounts_of(contacts: Sequence[Json], fields: Fields) -> tuple[CrmCustomer, ...]:
    """The distinct accounts behind contact rows, in the order found."""
    found: dict[str, CrmCustomer] = {}
    for row in contacts:
        account = row.get("Account") or {}
        found[row["AccountId"]] = CrmCustomer(
            crm_id=row["AccountId"], name=account.get("Name") or "", hub_id=account.get(fields.account_key) or None
        )
    return tuple(found.values())


def new_account(customer: Customer, hub_id: str, fields: Fields) -> Json:
    """The account a customer becomes: the firm, or the person where no firm is named."""
    name = (customer.company or customer.name or customer.email).strip()
    account: Json = {"Name": name[:ACCOUNT_NAME_LENGTH_MAX], fields.account_key: hub_id}
    if customer.vat_id and fields.account_vat_id:
        account[fields.account_vat_id] = customer.vat_id
    return account


def new_contact(customer: Customer) -> Json:
    """The person. Salesforce wants a last name: the last word of the name, or what stands before the @."""
    first, _, last = customer.name.strip().rpartition(" ")
    contact = {
        "LastName": (last or customer.email.partition("@")[0] or "-")[:NAME_LENGTH_MAX],
        "Email": customer.email.strip(),
    }
    if first:
        contact["FirstName"] = first.strip()[:FIRST_NAME_LENGTH_MAX]
    return {name: value for name, value in contact.items() if value}


# --- purchases


def line_key(order_key: str, line_id: str) -> str:
    """The key of one order product: unique over all orders and short enough for the field."""
    key = f"{order_key}-{line_id}"
    if len(key) <= KEY_LENGTH_MAX:
        return key
    return f"{key[: KEY_LENGTH_MAX - 17]}-{sha256(key.encode()).hexdigest()[:16]}"


def codes_of(line: OrderLine) -> tuple[str, ...]:
    """The product codes a line may be known by, the best first."""
    return tuple(dict.fromkeys(code for code in (line.sku, line.base_sku) if code))


def plan_purchase(
    purchase: Purchase, entries: Mapping[str, PricebookEntry], settings: SalesforceSettings
) -> PurchasePlan:
    """What to write for one purchase. `entries` is keyed by product code in lower case."""
    rows: list[Json] = []
    books: list[str] = []
    missing: list[OrderLine] = []
    for line in purchase.lines:
        entry = next((entries[code.lower()] for code in codes_of(line) if code.lower() in entries), None)
        if entry is None:
            missing.append(line)
        else:
            rows.append(_row(purchase, line, entry, settings.fields))
            books.append(entry.pricebook_id)
    return PurchasePlan(
        order=_order(purchase, books[0] if books else None, missing, settings),
        rows=tuple(rows),
        account=_account(purchase, settings),
        unknown_skus=tuple(line.sku for line in missing),
    )


def _row(purchase: Purchase, line: OrderLine, entry: PricebookEntry, fields: Fields) -> Json:
    quantity = line.quantity.amount
    # The price that was paid: Salesforce has no discount per line. To the cent; the exact net has its own field.
    price = (line.net.amount / quantity).quantize(CENT, ROUND_HALF_UP) if quantity else line.unit_price.amount
    row: Json = {
        "attributes": {"type": "OrderItem"},
        fields.line_key: line_key(purchase.order_key, line.id),
        "PricebookEntryId": entry.id,
        "Quantity": quantity,
        "UnitPrice": price,
        "Description": line.name[:LINE_DESCRIPTION_LENGTH_MAX],
    }
    return _with(row, {fields.line_net: line.net.amount})


def _order(
    purchase: Purchase, pricebook_id: str | None, missing: Sequence[OrderLine], settings: SalesforceSettings
) -> Json:
    fields = settings.fields
    order: Json = {
        fields.order_key: purchase.order_key,
        "Account": {fields.account_key: purchase.customer_id},
        "EffectiveDate": purchase.purchased_at.astimezone(UTC).date().isoformat(),
        "Status": settings.draft_status,
        "Name": purchase.order_number[:NAME_LENGTH_MAX],
        "OrderReferenceNumber": purchase.order_number[:NAME_LENGTH_MAX],
    }
    if pricebook_id is not None:
        order["Pricebook2Id"] = pricebook_id
    if missing:
        order["Description"] = described_lines(missing)
    if settings.multi_currency:
        order["CurrencyIsoCode"] = purchase.order_total.currency
    return _with(
        order,
        {
            fields.order_erp_number: purchase.erp_number,
            fields.order_total: purchase.order_total.amount,
            fields.order_expected_ship_date: _day(purchase.expected_ship_date),
        },
    )


def described_lines(lines: Sequence[OrderLine]) -> str:
    """The lines that name no product of the price book, for a person to read."""
    return "\n".join([DESCRIBED_BELOW, *map(_described, lines)])[:DESCRIPTION_LENGTH_MAX]


def without_described(text: str, lines: Sequence[OrderLine]) -> str:
    """A description without what `described_lines` wrote of these lines; what people wrote stays."""
    if DESCRIBED_BELOW not in text:
        return text
    ours = {
        part.strip() for part in (DESCRIBED_BELOW, *(row for line in lines for row in _described(line).splitlines()))
    }
    return "\n".join(row for row in text.splitlines() if row.strip() not in ours)


def _described(line: OrderLine) -> str:
    return f"{line.quantity} x {line.sku} {line.name} = {line.net}"


def _account(purchase: Purchase, settings: SalesforceSettings) -> Json:
    last_purchase = {settings.fields.account_last_purchase_at: _moment(purchase.purchased_at)}
    return _with(account_value(purchase.lifetime_value, purchase.orders_count, settings), last_purchase)


def account_value(lifetime_value: Money, orders_count: int, settings: SalesforceSettings) -> Json:
    """What a customer's orders are worth. A total in another currency would be read as the org's: it is left out."""
    fields = settings.fields
    value = lifetime_value.amount if lifetime_value.currency == settings.currency else None
    return _with({}, {fields.account_orders_count: orders_count, fields.account_lifetime_value: value})


def announcement(purchase: Purchase, event_id: str) -> Json:
    """The platform event. `Hub_Event_Id__c` is the same however often it is published."""
    return _with(
        {},
        {
            "Hub_Event_Id__c": event_id,
            "Hub_Order_Id__c": purchase.order_key,
            "Hub_Customer_Id__c": purchase.customer_id,
            "Order_Number__c": purchase.order_number,
            "ERP_Order_Number__c": purchase.erp_number,
            "Order_Total__c": purchase.order_total.amount,
            "Currency__c": purchase.order_total.currency,
            "Lifetime_Value__c": purchase.lifetime_value.amount,
            "Orders_Count__c": purchase.orders_count,
            "Purchased_At__c": _moment(purchase.purchased_at),
        },
    )


EVENT_FIELDS: Final = (
    "Hub_Event_Id__c",
    "Hub_Order_Id__c",
    "Hub_Customer_Id__c",
    "Order_Number__c",
    "ERP_Order_Number__c",
    "Order_Total__c",
    "Currency__c",
    "Lifetime_Value__c",
    "Orders_Count__c",
    "Purchased_At__c",
)


def progress(
    fields: Fields,
    *,
    status: str | None,
    expected_ship_date: date | msgspec.UnsetType | None,
    shipped_at: datetime | None,
    tracking_numbers: Sequence[str],
    delivered_at: datetime | None,
    cancelled_at: datetime | None,
) -> Json:
    """The fields to set; absent values leave theirs alone. A date that is no longer known empties its field."""
    day = fields.order_expected_ship_date
    dated = {} if expected_ship_date is msgspec.UNSET or not day else {day: _day(expected_ship_date)}
    return _with(
        dated,
        {
            fields.order_status: status,
            fields.order_shipped_at: _moment(shipped_at),
            fields.order_tracking_numbers: _joined(tracking_numbers),
            fields.order_delivered_at: _moment(delivered_at),
            fields.order_cancelled_at: _moment(cancelled_at),
        },
    )


def _with(record: Json, values: Mapping[str, Any]) -> Json:
    """The record with every value whose field has a name and that is not None."""
    return record | {name: value for name, value in values.items() if name and value is not None}


def _joined(numbers: Sequence[str]) -> str | None:
    text = ""
    for number in dict.fromkeys(numbers):
        longer = f"{text}, {number}" if text else number
        if len(longer) > TRACKING_LENGTH_MAX:
            break
        text = longer
    return text or None


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _moment(value: datetime | None) -> str | None:
    return None if value is None else f"{value.astimezone(UTC).isoformat()[:19]}Z"


def to_json(value: Any) -> bytes:
    """JSON with amounts as exact numbers, never by way of a binary float."""
    return _ENCODER.encode(value)


_ENCODER = msgspec.json.Encoder(decimal_format="number")
