"""Words of reviews, as people read them."""

from typing import Final

HIDDEN: Final = "not shown without the right “view payload”"
KINDS: Final = {
    "customer.unknown": "Nobody in the CRM has the e-mail",
    "customer.ambiguous": "Several accounts have the e-mail",
    "customer.similar": "An account looks like the firm",
    "customer.gone": "The account is gone from the CRM",
}
FIELDS: Final = {
    "hub_id": "Key of the hub",
    "vat_id": "Tax id",
    "email": "E-mail",
    "email_domain": "Mail domain",
    "company": "Firm",
    "name": "Person",
    "phone": "Phone",
    "address": "Address",
}
VERDICTS: Final = {"agrees": "good", "similar": "warn", "differs": "bad", "unknown": "idle"}
STRENGTHS: Final = {"strong": "good", "likely": "warn", "weak": "idle"}
