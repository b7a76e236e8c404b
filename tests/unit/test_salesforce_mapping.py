from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from msgspec import UNSET

from fakes.salesforce import customer, line, purchase
from millstream.connectors.salesforce import Fields, SalesforceSettings
from millstream.connectors.salesforce.mapping import (
    PricebookEntry,
    accounts_like,
    announcement,
    contacts_by_email,
    line_key,
    new_account,
    new_contact,
    plan_purchase,
    pricebook_entries,
    progress,
    quoted,
    to_json,
)
from millstream.domain.values import Money

ENTRIES = {
    "pump-100": PricebookEntry(id="01u1", pricebook_id="01s1"),
    "seal-kit": PricebookEntry(id="01u2", pricebook_id="01s1"),
}


def settings(**changes):
    raw = {"login_url": "https://x.test", "client_id": "id", "client_secret": "s", **changes}
    return SalesforceSettings.model_validate(raw)


def test_amounts_travel_as_exact_numbers():
    assert to_json({"a": Decimal("12.50"), "b": Decimal("0.1"), "c": Decimal("12345678901234.56")}) == (
        b'{"a":12.50,"b":0.1,"c":12345678901234.56}'
    )


@pytest.mark.parametrize(
    ("text", "literal"),
    [("plain", "'plain'"), ("o'brien", r"'o\'brien'"), ("a\\", r"'a\\'"), ("x\ny", r"'x\ny'"), ("\\'", r"'\\\''")],
)
def test_soql_literals_cannot_be_left(text, literal):
    assert quoted(text) == literal


def test_queries_name_the_configured_fields():
    fields = Fields(account_key="Ext__c", account_vat_id="Vat__c")

    assert "Account.Ext__c FROM Contact WHERE Email = 'a@b.example'" in contacts_by_email(" a@b.example ", fields)
    both = accounts_like(customer(company="Acme", vat_id="DE1"), fields)
    assert "WHERE Vat__c = 'DE1' OR Name = 'Acme'" in both
    assert accounts_like(customer(), fields) is None


def test_price_book_entries_are_asked_for_in_the_chosen_book_and_currency():
    named = settings(pricebook="01s000000000001AAA", multi_currency=True)

    query = pricebook_entries(["A", "B"], named, "EUR")

    assert "Pricebook2Id = '01s000000000001AAA'" in query
    assert "IN ('A', 'B')" in query
    assert "CurrencyIsoCode = 'EUR'" in query
    assert "Pricebook2.IsStandard = true" in pricebook_entries(["A"], settings(), "EUR")


def test_a_line_key_is_stable_unique_and_fits_the_field():
    assert line_key("main-1-42", "7") == "main-1-42-7"
    long = [line_key("k" * 64, f"{'9' * 20}{n}") for n in range(3)]
    assert len(set(long)) == 3
    assert all(len(key) <= 80 for key in long)


def test_the_price_paid_is_the_net_by_piece_and_the_net_itself_is_kept_exactly():
    odd = line(1, quantity="3", unit_price="10.00", discount="0.01")

    [row] = plan_purchase(purchase(odd), ENTRIES, settings()).rows

    assert row["UnitPrice"] == Decimal("10.00")
    assert row["Net_Amount__c"] == Decimal("29.99")


def test_a_line_of_no_pieces_divides_by_nothing():
    [row] = plan_purchase(purchase(line(1, quantity="0")), ENTRIES, settings()).rows

    assert row["UnitPrice"] == Decimal("1250.00")


def test_an_order_with_an_unknown_product_is_not_complete():
    plan = plan_purchase(purchase(line(1), line(2, "NO-SUCH")), ENTRIES, settings())

    assert not plan.complete
    assert plan.unknown_skus == ("NO-SUCH",)
    assert plan.order["Pricebook2Id"] == "01s1"


def test_an_order_without_any_known_product_names_no_price_book():
    plan = plan_purchase(purchase(), {}, settings())

    assert "Pricebook2Id" not in plan.order
    assert plan.rows == ()
    assert not plan.complete


def test_fields_the_org_does_not_have_are_not_written():
    none = {name: "" for name in Fields.model_fields if not name.endswith("_key")}
    bare = settings(fields=none)

    plan = plan_purchase(purchase(), ENTRIES, bare)

    assert plan.account == {}
    assert "Order_Total__c" not in plan.order
    assert "Net_Amount__c" not in plan.rows[0]
    assert "" not in plan.order


def test_the_lifetime_value_is_written_in_the_orgs_currency_only():
    foreign = purchase(lifetime_value=Money(Decimal(5), "USD"), order_total=Money(Decimal(5), "USD"))

    plan = plan_purchase(foreign, ENTRIES, settings(multi_currency=True))

    assert "Lifetime_Value__c" not in plan.account
    assert plan.order["CurrencyIsoCode"] == "USD"


def test_moments_are_told_in_utc():
    berlin = timezone(timedelta(hours=1))
    late = purchase(purchased_at=datetime(2026, 11, 24, 0, 30, tzinfo=berlin))

    assert plan_purchase(late, ENTRIES, settings()).order["EffectiveDate"] == "2026-11-23"
    assert announcement(late, "e")["Purchased_At__c"] == "2026-11-23T23:30:00Z"


def test_progress_holds_only_what_is_known():
    nothing = {
        "status": None,
        "expected_ship_date": UNSET,
        "shipped_at": None,
        "tracking_numbers": (),
        "delivered_at": None,
        "cancelled_at": None,
    }
    delivered = datetime(2026, 11, 25, 10, tzinfo=UTC)

    assert progress(Fields(), **nothing) == {}
    assert progress(Fields(), **nothing | {"delivered_at": delivered}) == {"Delivered_At__c": "2026-11-25T10:00:00Z"}
    withdrawn = nothing | {"expected_ship_date": None}
    assert progress(Fields(), **withdrawn) == {"Expected_Ship_Date__c": None}
    assert progress(Fields(order_expected_ship_date=""), **withdrawn) == {}


def test_tracking_numbers_that_do_not_fit_are_left_out_whole():
    numbers = [f"TRACKING-{n:010d}" for n in range(30)]
    nothing = dict.fromkeys(("status", "shipped_at", "delivered_at", "cancelled_at"))

    text = progress(Fields(), tracking_numbers=numbers, expected_ship_date=UNSET, **nothing)["Tracking_Numbers__c"]

    assert len(text) <= 255
    assert text.split(", ") == numbers[: len(text.split(", "))]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("Anna Maria Albers", "Anna Maria", "Albers"), ("Cher", None, "Cher"), ("", None, "anna"), ("  ", None, "anna")],
)
def test_names_are_split_at_the_last_word(name, first, last):
    contact = new_contact(customer(name=name))

    assert contact.get("FirstName") == first
    assert contact["LastName"] == last


def test_an_account_is_named_after_the_firm_else_the_person():
    assert new_account(customer(company="Acme"), "h", Fields())["Name"] == "Acme"
    assert new_account(customer(), "h", Fields())["Name"] == "Anna Albers"


def test_fractional_quantities_stay_exact():
    [row] = plan_purchase(purchase(line(1, quantity="2.5")), ENTRIES, settings()).rows

    assert to_json(row["Quantity"]) == b"2.5"
