"""Codes of ERP connections."""

from typing import Final

from millstream.domain.faults.words import Text

_BUSY: Final[Text] = ("nobody", "a lock, a limit or a long transaction in the ERP", "nothing: it is tried again")
_DOWN: Final[Text] = (
    "it",
    "the ERP or its database is down, starting or failed over this call",
    "nothing: it is tried again; if it stays, read the ERP's log",
)
_MOVED: Final[Text] = (
    "nobody",
    "somebody changed the document in the ERP just now",
    "nothing: it is read again",
)
_NOT_ERP: Final[Text] = (
    "it",
    "something answers that is not the ERP this connector knows",
    "check base_url and what stands in front of the ERP",
)
_LOGIN: Final[Text] = (
    "it",
    "the hub's user lacks a company, logs in by more than a password, or may not read what it makes",
    "set the user up as the connector's guide says, then retry",
)
_CSRF: Final[Text] = (
    "it",
    "something between hub and ERP drops the header x-csrf-token or cookies",
    "let them through, then retry",
)
_MASTER: Final[Text] = ("erp", "the ERP has no such record", "add it in the ERP, then retry")
_SKU: Final[Text] = (
    "erp",
    "no product of the ERP, or more than one, has this code",
    "correct the product's code in the ERP, then retry",
)
_CUSTOMER: Final[Text] = (
    "erp",
    "no customer of the ERP, or more than one, stands for this customer; or it is blocked or inactive",
    "give one of them the number, unblock it, or name a customer in the settings; then retry",
)

TEXTS: Final[dict[str, Text]] = {
    "erp.total_differs": (
        "erp",
        "the ERP comes to another total than the store",
        "correct prices or taxes there, then retry; the message has both totals",
    ),
    "credit.limit_exceeded": (
        "credit",
        "the order would exceed the customer's credit limit",
        "raise the limit, take a payment or release its credit in the ERP, then release it here, with release_credit",
    ),
    "erp.sku_unknown": _SKU,
    "erp.sku_ambiguous": _SKU,
    "erp.master_missing": (
        "it",
        "the setting named points to nothing in the ERP",
        "create the record or correct the setting, then retry",
    ),
    "erp.country_unknown": _MASTER,
    "erp.currency_unknown": _MASTER,
    "erp.tax_unknown": (
        "it",
        "the ERP has no tax for what the store charged",
        "correct tax_names, or the store's taxes, then retry",
    ),
    "erp.customer_inactive": _CUSTOMER,
    "erp.customer_unknown": _CUSTOMER,
    "erp.customer_ambiguous": _CUSTOMER,
    "erp.customer_blocked": _CUSTOMER,
    "erp.needs_confirmation": (
        "erp",
        "the ERP asks a question that a person must answer",
        "answer the warning in the ERP, or add it to skip_warnings; then retry",
    ),
    "erp.order_cancelled": (
        "desk",
        "somebody cancelled the order in the ERP",
        "cancel it in the store, too, and resolve this; or open it again in the ERP and retry",
    ),
    "erp.duplicate_order": (
        "erp",
        "two released orders of the ERP carry one key",
        "reject one of them, then retry",
    ),
    "erp.address_too_long": (
        "store",
        "the address does not fit into the ERP's fields",
        "shorten it in the store and retry, or amend it",
    ),
    "erp.no_fiscal_year": ("erp", "the ERP has no fiscal year for this date", "create it, then retry"),
    "erp.refused": (
        "erp",
        "the ERP refuses it; its own words are in the message",
        "correct what they name, then retry",
    ),
    "erp.no_such_database": ("it", "the ERP has no such database", "correct database, then retry"),
    "erp.method_forbidden": (
        "it",
        "the ERP does not offer a function the hub needs",
        "activate the modules that the connector's guide names",
    ),
    "erp.unknown_name": (
        "it",
        "the ERP has no such field or model: a module that brings it is not active",
        "activate the module that millstream doctor names, then retry; if it names none, read the ERP's log",
    ),
    "erp.bad_request": ("it", "the ERP does not understand the call: another series", "use a series that is supported"),
    "erp.no_company": _LOGIN,
    "erp.login_incomplete": _LOGIN,
    "erp.session_refused": _LOGIN,
    "erp.customer_invisible": _LOGIN,
    "erp.cursor_unreadable": (
        "it",
        "the stored position of the feed is none of this connector's",
        "millstream connections rewind, to a moment before it broke",
    ),
    "erp.forbidden": (
        "it",
        "the hub's user lacks a communication scenario or an authorization",
        "grant what the message names, then retry",
    ),
    "erp.not_found": ("it", "base_url is wrong, or a service of the ERP is not active", "correct it, then retry"),
    "erp.redirected": ("it", "the ERP redirects our calls", "correct base_url, then retry"),
    "erp.csrf_missing": _CSRF,
    "erp.csrf_refused": _CSRF,
    "erp.busy": _BUSY,
    "erp.throttled": _BUSY,
    "erp.too_slow": _BUSY,
    "erp.locked": ("nobody", "somebody has the document open in the ERP", "nothing: it is tried again"),
    "erp.unavailable": _DOWN,
    "erp.server_error": _DOWN,
    "erp.not_ready": _DOWN,
    "erp.not_json": _NOT_ERP,
    "erp.unreadable": _NOT_ERP,
    "erp.too_many": _NOT_ERP,
    "erp.not_processed_yet": (
        "it",
        "confirmed, and the ERP's worker has not processed it yet",
        (
            "nothing, if it passes: it is asked again for as long as it takes; if it stays, start the ERP's worker "
            "process and read the ERP's list of errors"
        ),
    ),
    "erp.order_missing": ("nobody", "the order is not there yet, or was deleted just now", "nothing: it is read again"),
    "erp.changed_meanwhile": _MOVED,
    "erp.still_changing": _MOVED,
}
