"""How alike the customer of an order and an account are: points for evidence, told field by field.

The points order candidates for a person; they never link anybody. Names and addresses are compared by rapidfuzz.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Final, Literal

import msgspec
from rapidfuzz import fuzz

from millstream.domain.names import core_of, domain_of, folded, lowered
from millstream.domain.order import Address
from millstream.domain.party import CrmAccount, StatedCustomer

POINTS: Final = {
    "hub_id": 60,
    "vat_id": 50,
    "email": 40,
    "company": 25,
    "phone": 15,
    "address": 15,
    "email_domain": 10,
    "name": 10,
}
"""What each field is worth if it agrees. docs/operate/mend.md tells them; a test holds the two together."""

GUEST_EMAIL_POINTS: Final = 20  # a guest's address is what somebody typed; nobody has verified it
OTHER_VAT_POINTS: Final = -30  # a firm has one tax id, as a rule
SCORE_MAX: Final = 100
STRONG_FROM: Final = 60
LIKELY_FROM: Final = 30

AGREES_FROM: Final = 0.92
SIMILAR_FROM: Final = 0.70
PHONE_DIGITS: Final = 8  # compared from the end: country codes and trunk zeros are written in many ways


class Verdict(StrEnum):
    """How one field compares."""

    AGREES = "agrees"
    SIMILAR = "similar"
    DIFFERS = "differs"
    UNKNOWN = "unknown"  # one of the two does not say


class FieldMatch(msgspec.Struct, frozen=True, kw_only=True):
    """One field on both sides, as each writes it, and what it added to the score."""

    field: str
    stated: str | None
    found: str | None
    verdict: Verdict
    points: int


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """How much speaks for an account, 0 to 100, and why."""

    score: int
    strength: Literal["strong", "likely", "weak"]
    fields: tuple[FieldMatch, ...]


def compare(stated: StatedCustomer, account: CrmAccount) -> Match:
    """Adds up what agrees. The same two give the same answer, always."""
    fields = (
        _exact("hub_id", [stated.hub_id], [account.hub_id or ""], str, POINTS["hub_id"], differs=Verdict.UNKNOWN),
        _exact("vat_id", _given(stated.vat_id), _given(account.vat_id), _letters, POINTS["vat_id"], OTHER_VAT_POINTS),
        _exact(
            "email",
            _given(stated.email),
            list(account.emails),
            lowered,
            GUEST_EMAIL_POINTS if stated.is_guest else POINTS["email"],
        ),
        _email_domain(stated, account),
        _alike("company", stated.companies, [account.name], core_of, POINTS["company"]),
        _alike("name", _given(stated.name), [one.name for one in account.contacts], folded, POINTS["name"]),
        _exact("phone", stated.phones, list(account.phones), _last_digits, POINTS["phone"]),
        _address(stated.addresses, account),
    )
    score = max(0, min(SCORE_MAX, sum(field.points for field in fields)))
    return Match(score=score, strength=strength_of(score), fields=fields)


def strength_of(score: int) -> Literal["strong", "likely", "weak"]:
    """The score in a word."""
    if score >= STRONG_FROM:
        return "strong"
    return "likely" if score >= LIKELY_FROM else "weak"


def _exact(
    field: str,
    stated: Sequence[str],
    found: Sequence[str],
    normal: Callable[[str], str],
    points: int,
    otherwise: int = 0,
    *,
    differs: Verdict = Verdict.DIFFERS,
) -> FieldMatch:
    """Agrees if any of one side is any of the other; a score of anything less is nothing."""
    left = {normal(text): text for text in reversed(stated) if normal(text)}
    right = {normal(text): text for text in reversed(found) if normal(text)}
    shared = next((key for key in left if key in right), None)
    if shared is not None:
        return FieldMatch(field=field, stated=left[shared], found=right[shared], verdict=Verdict.AGREES, points=points)
    verdict = differs if left and right else Verdict.UNKNOWN
    return FieldMatch(
        field=field,
        stated=stated[0] if left else None,
        found=next(iter(reversed(right.values())), None),
        verdict=verdict,
        points=otherwise if verdict is Verdict.DIFFERS else 0,
    )


def _alike(
    field: str, stated: Sequence[str], found: Sequence[str], normal: Callable[[str], str], points: int
) -> FieldMatch:
    """Points in proportion to the most alike pair, none below `SIMILAR_FROM`."""
    pairs = [
        (fuzz.token_sort_ratio(normal(left), normal(right)) / 100, left, right)
        for left in stated
        for right in found
        if normal(left) and normal(right)
    ]
    if not pairs:
        stated_text, found_text = next(iter(stated), None), next(iter(found), None)
        return FieldMatch(field=field, stated=stated_text, found=found_text, verdict=Verdict.UNKNOWN, points=0)
    likeness, left, right = max(pairs, key=lambda pair: pair[0])
    verdict = _verdict(likeness)
    earned = 0 if verdict is Verdict.DIFFERS else round(points * likeness)
    return FieldMatch(field=field, stated=left, found=right, verdict=verdict, points=earned)


def _verdict(likeness: float) -> Verdict:
    if likeness >= AGREES_FROM:
        return Verdict.AGREES
    return Verdict.SIMILAR if likeness >= SIMILAR_FROM else Verdict.DIFFERS


def _email_domain(stated: StatedCustomer, account: CrmAccount) -> FieldMatch:
    """Colleagues share a domain. The website's counts like that of an address."""
    own = domain_of(stated.email)
    website = re.sub(r"^(?:https?://)?(?:www\.)?", "", lowered(account.website or "")).partition("/")[0]
    theirs = [domain for domain in (*map(domain_of, account.emails), website) if domain]
    return _exact("email_domain", _given(own), theirs, lowered, POINTS["email_domain"])


def _address(stated: Sequence[Address], account: CrmAccount) -> FieldMatch:
    """Postcode, street and city as one text; two postcodes that differ are two places."""
    found = ", ".join(part for part in (account.street, account.postcode, account.city, account.country) if part)
    texts = [(_place_of(address.street, address.postcode, address.city), address) for address in stated]
    theirs = _place_of((account.street or "",), account.postcode or "", account.city or "")
    pairs = [(fuzz.token_sort_ratio(text, theirs) / 100, address) for text, address in texts if text and theirs]
    if not pairs:
        first = _written(stated[0]) if stated else None
        return FieldMatch(field="address", stated=first or None, found=found or None, verdict=Verdict.UNKNOWN, points=0)
    likeness, address = max(pairs, key=lambda pair: pair[0])
    apart = bool(account.postcode and address.postcode) and _letters(account.postcode or "") != _letters(
        address.postcode
    )
    verdict = Verdict.DIFFERS if apart else _verdict(likeness)
    earned = 0 if verdict is Verdict.DIFFERS else round(POINTS["address"] * likeness)
    return FieldMatch(field="address", stated=_written(address), found=found, verdict=verdict, points=earned)


def _place_of(street: Iterable[str], postcode: str, city: str) -> str:
    return folded(" ".join((*street, postcode, city)))


def _written(address: Address) -> str:
    return ", ".join(part for part in (*address.street, address.postcode, address.city, address.country) if part)


def _given(text: str | None) -> list[str]:
    return [text] if text and text.strip() else []


def _letters(text: str) -> str:
    return "".join(char for char in text.upper() if char.isalnum())


def _last_digits(text: str) -> str:
    digits = "".join(char for char in text if char.isdigit())
    return digits[-PHONE_DIGITS:] if len(digits) >= PHONE_DIGITS else ""
