"""What speaks for an account: points by field, the same for the same two, never more than there is evidence for."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from millstream.domain.matching import GUEST_EMAIL_POINTS, OTHER_VAT_POINTS, POINTS, SCORE_MAX, compare, strength_of
from millstream.domain.names import core_of, domain_of, folded
from millstream.domain.order import Address
from millstream.domain.party import CrmAccount, CrmContact, StatedCustomer

MEND = (Path(__file__).parents[2] / "docs/operate/mend.md").read_text()
HERE = {"street": ("Industriestraße 3",), "postcode": "50667", "city": "Köln", "country": "DE"}


def stated(**changes):
    address = Address(name="Nora Neu", phone="+49 (0)40 5550 1234", **HERE)
    return StatedCustomer(
        **{
            "store": "shop", "login": "7", "hub_id": "C-7", "store_customer_id": "7", "email": "nora@gruen.example",
            "name": "Nora Neu", "company": "Gruen Chemie", "vat_id": None, "group": None, "bill_to": address,
            "ship_to": None,
        }
        | changes
    )  # fmt: skip


def account(**changes):
    return CrmAccount(**{"crm_id": "001", "name": "Other Firm"} | changes)


def verdict(match, name):
    (field,) = [field for field in match.fields if field.field == name]
    return field.verdict, field.points


def contact(**changes):
    return CrmContact(**{"name": "Somebody Else"} | changes)


@pytest.mark.parametrize(
    ("field", "theirs", "points"),
    [
        ("hub_id", account(hub_id="C-7"), POINTS["hub_id"]),
        ("vat_id", account(vat_id="de 123 456 789"), POINTS["vat_id"]),
        ("email", account(contacts=(contact(email=" NORA@gruen.example"),)), POINTS["email"]),
        ("email_domain", account(contacts=(contact(email="x@gruen.example"),)), POINTS["email_domain"]),
        ("email_domain", account(website="https://www.gruen.example/de"), POINTS["email_domain"]),
        ("company", account(name="GRÜN Chemie AG"), POINTS["company"]),
        ("name", account(contacts=(contact(name="Neu, Nora"),)), POINTS["name"]),
        ("phone", account(phone="004940-55501234"), POINTS["phone"]),
        ("address", account(street="Industriestrasse 3", postcode="50667", city="KÖLN"), POINTS["address"]),
    ],
)
def test_what_agrees_in_whichever_spelling_earns_its_points(field, theirs, points):
    assert verdict(compare(stated(vat_id="DE123456789"), theirs), field) == ("agrees", points)


def test_strong_identifiers_outweigh_everything_that_only_resembles():
    resembling = account(name="Gruen Chemie", contacts=(contact(name="Nora Neu"),))
    for identified in (account(hub_id="C-7"), account(vat_id="DE1")):
        assert compare(stated(vat_id="DE1"), identified).score > compare(stated(vat_id="DE1"), resembling).score


def test_the_email_of_a_guest_is_worth_half_as_nobody_verified_it():
    theirs = account(contacts=(contact(email="nora@gruen.example"),))
    assert verdict(compare(stated(store_customer_id=None), theirs), "email") == ("agrees", GUEST_EMAIL_POINTS)
    assert POINTS["email"] == GUEST_EMAIL_POINTS * 2


def test_another_tax_id_speaks_against_a_like_name():
    alike = {"name": "Gruen Chemie"}
    match = compare(stated(vat_id="DE1"), account(vat_id="DE2", **alike))
    assert verdict(match, "vat_id") == ("differs", OTHER_VAT_POINTS)
    assert match.score == 0
    assert compare(stated(vat_id="DE1"), account(**alike)).score == POINTS["company"]


def test_a_mistyped_name_is_similar_and_another_one_differs_without_points():
    near, points = verdict(compare(stated(), account(name="Gruen Chmie")), "company")
    assert near in {"similar", "agrees"}
    assert 0 < points < POINTS["company"]
    assert verdict(compare(stated(), account(name="Tiny Plumbing")), "company") == ("differs", 0)


def test_two_postcodes_are_two_places_however_alike_the_streets():
    elsewhere = account(street="Industriestraße 3", postcode="50668", city="Köln")
    assert verdict(compare(stated(), elsewhere), "address") == ("differs", 0)


def test_what_one_side_does_not_say_is_unknown_and_worth_nothing():
    match = compare(stated(), account(name=""))
    assert {field.verdict for field in match.fields} == {"unknown"}
    assert match.score == 0


def test_a_mail_domain_anybody_can_have_makes_nobody_a_colleague():
    theirs = account(contacts=(contact(email="other@gmail.com"),))
    assert verdict(compare(stated(email="nora@gmail.com"), theirs), "email_domain") == ("unknown", 0)
    assert domain_of("a@GMX.de ") is None
    assert domain_of("a@gruen.example") == "gruen.example"
    assert domain_of("nonsense") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("STAHL & SOEHNE GMBH & CO. KG", "Stahl Söhne"),
        ("Martin Eaux S.A.R.L.", "martin eaux"),
        ("Łódź Serwis Sp. z o.o.", "lodz serwis z oo"),
        ("Gr\u0075\u0308n AG", "Grün"),
    ],
)
def test_a_name_is_compared_without_legal_form_accents_and_case(one, other):
    assert core_of(one) == core_of(other)


def test_a_name_that_is_nothing_but_a_legal_form_stays_a_name():
    assert core_of("AG") == "ag"


texts = st.text(max_size=30)
optional = st.none() | texts
contacts = st.builds(CrmContact, name=texts, email=optional, phone=optional)
accounts = st.builds(
    CrmAccount, crm_id=texts, name=texts, hub_id=optional, vat_id=optional, phone=optional, website=optional,
    street=optional, postcode=optional, city=optional, country=optional, contacts=st.lists(contacts).map(tuple),
)  # fmt: skip
addresses = st.builds(
    Address, name=texts, company=optional, street=st.lists(texts, max_size=2).map(tuple), postcode=texts, city=texts,
    country=texts, phone=optional,
)  # fmt: skip
customers = st.builds(
    StatedCustomer, store=texts, login=texts, hub_id=texts, store_customer_id=optional, email=texts, name=texts,
    company=optional, vat_id=optional, group=optional, bill_to=addresses, ship_to=st.none() | addresses,
)  # fmt: skip


@given(customers, accounts)
def test_whatever_is_compared_the_score_is_its_parts_within_its_bounds(customer, found):
    match = compare(customer, found)
    assert match == compare(customer, found)
    assert match.score == max(0, min(SCORE_MAX, sum(field.points for field in match.fields)))
    assert match.strength == strength_of(match.score)
    assert all(field.points == 0 for field in match.fields if field.verdict == "unknown")
    assert [field.field for field in match.fields] == list(dict.fromkeys(field.field for field in match.fields))
    assert {field.field for field in match.fields} == POINTS.keys()


@pytest.mark.parametrize(("odd", "plain"), [("ϒ", "υ"), ("Ǽgir", "aegir"), ("ﬁrm", "firm")])
def test_a_letter_that_hides_another_is_folded_to_its_end(odd, plain):
    assert folded(odd) == plain


@given(st.text())
@example("ϒ")
def test_folding_twice_is_folding_once(text):
    assert folded(folded(text)) == folded(text)


def test_the_runbook_tells_the_points():
    told = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| (\d+) \|", MEND[MEND.index("## Reviews") :], re.MULTILINE))
    assert {name: int(points) for name, points in told.items()} == POINTS
    assert f"a guest's counts {GUEST_EMAIL_POINTS}" in MEND
    assert f"takes {-OTHER_VAT_POINTS} away" in MEND
