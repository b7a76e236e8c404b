"""Codes of the flows: what rules of the hub's own hold."""

from typing import Final

from millstream.domain.faults.words import Text

TEXTS: Final[dict[str, Text]] = {
    "sku.unknown": (
        "erp",
        "the ERP does not sell an item of the order",
        "create or activate it in the ERP, then retry; or amend the SKU",
    ),
    "price.stale": (
        "desk",
        "a price differs from the ERP's by more than the tolerance",
        "correct one of them and retry; or release",
    ),
    "price.other_currency": (
        "desk",
        "the ERP prices an item in another currency alone, and the store tells no rate between the two",
        "give it a price in the order's currency and retry; or release",
    ),
    "customer.unknown": (
        "crm",
        "no account in the CRM has this e-mail",
        "review it: link, create, reject; or correct it there, then retry; or set policy.unknown_customer",
    ),
    "totals.gap": (
        "store",
        "the order's money does not close to the cent; the message says where",
        "correct the order in the store and retry; or amend",
    ),
    "address.missing": ("store", "the order lost its ship-to address", "correct it in the store, then retry"),
    "order.unreadable": (
        "store",
        "the store sent a row without an id",
        "correct it in the store; discard this one, the next change brings it again",
    ),
    "order.too_late": (
        "desk",
        "a cancellation or new address came when plant or warehouse had begun",
        "decide with them; then discard, or retry once they have undone it",
    ),
    "order.amended_too_late": (
        "desk",
        "the order was amended when the ERP had made it already, in other words",
        (
            "change it in the ERP to what was amended, then retry; or cancel it there and in the store, then resolve "
            "this"
        ),
    ),
    "order.ambiguous": (
        "desk",
        "a report's number belongs to several orders",
        "amend the payload with a tracking or ERP number",
    ),
    "order.not_found": (
        "desk",
        "no order has the number a report gives; after five looks a person is asked",
        "amend the number, or discard",
    ),
    "order.not_ready": (
        "nobody",
        "the order is on hold in the store",
        "nothing: it goes on when the store releases it; no attempt is counted",
    ),
    "order.replaces_pending": (
        "nobody",
        "the order replaces one whose cancellation is not through yet",
        "nothing: it goes on once the ERP has let that one go; if that one is in review, decide about it first",
    ),
    "order.replaces_unfinished": (
        "desk",
        "the order replaces one that the ERP would not take back: both would be made",
        "retry that cancellation once plant and warehouse have undone it, then this; or release this; or discard it",
    ),
    "order.not_booked": (
        "nobody",
        "news of an order that the ERP has not confirmed to us yet",
        "nothing: it comes after the confirmation, however long that takes; if it stays, mend the order's own delivery",
    ),
}
