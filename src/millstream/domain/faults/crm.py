"""Codes of CRM connections."""

from typing import Final

from millstream.domain.faults.words import Text

_RIGHTS: Final[Text] = (
    "it",
    "the CRM's integration user lacks a right",
    "complete its permission set, then retry",
)
_DEMANDS: Final[Text] = (
    "crm",
    "the CRM demands more than the hub gives",
    "give the field a default value, or exempt the integration user; then retry",
)
_TAKEN: Final[Text] = (
    "crm",
    "a unique value is taken already, or a key field is not marked unique",
    "merge the records the message names; mark the key field unique",
)
_NO_ORDERS: Final[Text] = (
    "it",
    "orders are not enabled in the CRM, or its edition has no API",
    "enable orders as the connector's guide says; or use another edition",
)
_UNFIT: Final[Text] = (
    "crm",
    "a value does not fit the field the message names",
    "correct the field there, or its name in the settings; then retry",
)
_MOVED: Final[Text] = (
    "crm",
    "somebody deleted or changed the record just now",
    "restore it, or retry",
)
_REFUSED: Final[Text] = (
    "crm",
    "the CRM refuses it; its own words are in the message",
    "correct what they name, then retry",
)
_IDENTITY: Final[Text] = (
    "crm",
    "it is not certain which account of the CRM this customer is",
    "merge or correct the contacts in the CRM, then retry",
)
_EVENTS: Final[Text] = (
    "nobody",
    "the CRM takes no more events for now",
    "nothing: it is tried again",
)
_DOWN: Final[Text] = (
    "nobody",
    "the CRM is in maintenance, failed over this call, or sends a page in place of an answer",
    "nothing: it is tried again",
)
_SETTING: Final[Text] = (
    "it",
    "the key file or an address of the CRM is wrong",
    "correct the named setting, then retry",
)

TEXTS: Final[dict[str, Text]] = {
    "auth.key": _SETTING,
    "auth.instance_url": _SETTING,
    "crm.field_missing": (
        "it",
        "a custom field is not there or not visible in the CRM",
        "create it, or empty its name under fields; then retry",
    ),
    "crm.field_read_only": _RIGHTS,
    "crm.access": _RIGHTS,
    "crm.field_required": _DEMANDS,
    "crm.validation_rule": _DEMANDS,
    "crm.duplicate_value": _TAKEN,
    "crm.key_not_unique": _TAKEN,
    "crm.object_missing": _NO_ORDERS,
    "crm.api_disabled": _NO_ORDERS,
    "crm.too_long": _UNFIT,
    "crm.field_invalid": _UNFIT,
    "crm.malformed_id": _UNFIT,
    "crm.deleted": _MOVED,
    "crm.changed": _MOVED,
    "crm.order_vanished": _MOVED,
    "crm.not_found": _REFUSED,
    "crm.refused": _REFUSED,
    "crm.too_many_rows": _REFUSED,
    "crm.duplicates_detected": (
        "crm",
        "a duplicate rule of the CRM refuses the record; the message names what it found",
        "use one of those records, or exempt the integration user; then retry",
    ),
    "customer.ambiguous": _IDENTITY,
    "customer.similar": _IDENTITY,
    "customer.gone": _IDENTITY,
    "customer.not_in_crm": _IDENTITY,
    "purchase.product_unknown": (
        "crm",
        "the CRM has no product for an item of the order",
        "add the product and its price book entry, then retry",
    ),
    "purchase.incomplete": (
        "crm",
        "the purchase is a draft in the CRM, which has no product for a line of it; all else goes on",
        "add the products and their price book entries, then retry: the order is completed",
    ),
    "purchase.currency": (
        "it",
        "the order's currency is not one of the CRM's",
        "correct currency or multi_currency in the settings, then retry",
    ),
    "purchase.not_recorded": ("nobody", "progress came before the purchase", "nothing: it is tried again"),
    "crm.locked": (
        "nobody",
        "somebody else holds the account or the order in the CRM",
        "nothing: it is tried again; the connection stays open",
    ),
    "crm.budget_exhausted": (
        "crm",
        "the CRM's API calls of 24 hours are used up",
        "nothing, or buy calls: the connection pauses for budget_pause_s",
    ),
    "crm.too_busy": (
        "nobody",
        "the CRM takes no more than 25 long calls at once",
        "nothing; lower concurrency if it stays",
    ),
    "crm.event_limit": _EVENTS,
    "crm.events_unavailable": _EVENTS,
    "crm.unavailable": _DOWN,
    "crm.broke": _DOWN,
    "crm.unreadable": _DOWN,
    "crm.query_timeout": _DOWN,
}
