"""Codes of store connections."""

from typing import Final

from millstream.domain.faults.words import Text

_BUSY: Final[Text] = (
    "nobody",
    "the store is busy, slow, in maintenance or failed over this call",
    "nothing: it is tried again, after the time the store asks for",
)
_STATE: Final[Text] = (
    "store",
    "the order's state in the store does not allow it",
    "do what the message says, then retry",
)
_NOT_JSON: Final[Text] = (
    "it",
    "something else than the store's API answers: a login page, a firewall, a cache",
    "check base_url, then retry",
)
_BAD_VALUE: Final[Text] = (
    "desk",
    "an id or search value that the store would misread was not sent",
    "correct the payload",
)
_NOT_IN_ORDER: Final[Text] = (
    "desk",
    "the ERP shipped what the store's order does not have",
    "compare both; correct one of them, then retry or amend",
)

TEXTS: Final[dict[str, Text]] = {
    "auth.signature": (
        "it",
        "the store does not accept the signature of our calls",
        "set consumer_secret or access_token_secret anew; behind a proxy that ends TLS, set signature_base_url",
    ),
    "auth.not_allowed": (
        "it",
        "the integration may not use a resource of the store; the message names it",
        "give the integration that resource, then retry",
    ),
    "auth.forbidden": (
        "it",
        "the store or a firewall before it turns the hub away",
        "cloud service: check ims_org_id, product profile and admin role; elsewhere let this machine through",
    ),
    "auth.clock": (
        "it",
        "this machine's clock is more than ten minutes ahead of the store's",
        "set the clock, then retry",
    ),
    "auth.nonce": ("nobody", "the store saw the signature of this call before", "nothing: the request is signed anew"),
    "commerce.no_such_route": (
        "it",
        "the store has no such path in its API",
        "check flavour and base_url, and that the store has the module",
    ),
    "commerce.scope": ("it", "the store has no such store view", "check scope, then retry"),
    "commerce.redirected": ("it", "the store redirects our calls", "set base_url to the address it redirects to"),
    "commerce.not_json": _NOT_JSON,
    "commerce.unexpected": _NOT_JSON,
    "commerce.not_found": (
        "store",
        "the store does not have the record any more",
        "if it was deleted on purpose, resolve this; else restore it there and retry",
    ),
    "commerce.refused": (
        "store",
        "the store refuses it; its words say why",
        "correct the cause in the store or in the order, then retry",
    ),
    "commerce.bad_id": _BAD_VALUE,
    "criteria.unsafe": _BAD_VALUE,
    "commerce.paging": (
        "it",
        "the store sends pages that do not move on or come in another order",
        "find the cache or module that changes its search",
    ),
    "commerce.slow": _BUSY,
    "commerce.busy": _BUSY,
    "commerce.maintenance": _BUSY,
    "commerce.failed": _BUSY,
    "poll.cursor": (
        "it",
        "the stored polling position cannot be read",
        "millstream connections rewind, to a moment before it broke",
    ),
    "order.unmappable": (
        "store",
        "a member of the order is missing or no number or time; the message names it",
        "correct the order in the store and retry, or amend the payload",
    ),
    "order.not_visible": ("nobody", "an event ran ahead of the store's database", "nothing: it is tried again"),
    "order.erp_number_too_long": (
        "it",
        "the store keeps 32 characters of the ERP's number, and this one is longer",
        "give the ERP a shorter number range",
    ),
    "order.not_holdable": _STATE,
    "order.not_releasable": _STATE,
    "order.not_cancellable": _STATE,
    "shipment.over_ship": (
        "desk",
        "the ERP shipped more than the store's order has left; nothing was shipped in the store",
        "compare both, correct one of them, then retry or amend",
    ),
    "shipment.not_in_store": (
        "desk",
        "a tracking number came later, and the store has no shipment that is the ERP's one",
        "enter the number in the store and resolve this, or make the shipment there and retry",
    ),
    "shipment.unknown_line": _NOT_IN_ORDER,
    "shipment.nothing_to_ship": _NOT_IN_ORDER,
    "shipment.bundle_split": (
        "store",
        "a bundle was shipped in parts, and the store ships it whole",
        "ship the bundle whole, or set it to ship separately in the store",
    ),
    "shipment.fractional": (
        "store",
        "the store sells this item in whole pieces",
        "allow decimal quantities of it in the store, or correct the shipment",
    ),
    "shipment.order_on_hold": ("store", "the order is on hold in the store", "release it in the store, then retry"),
    "shipment.source_unmapped": (
        "it",
        "no inventory source of the store is named for this warehouse",
        "name it under sources, then retry",
    ),
    "shipment.differs": (
        "store",
        "somebody shipped at the same moment",
        "correct the shipment in the store, then resolve this",
    ),
}
