"""Whom a person may choose from: everything that resembles, nothing more, in a few calls."""

import pytest

from fakes.salesforce import HUB_ID, SandboxOrg
from millstream.domain.errors import Retry
from millstream.domain.order import Address
from millstream.domain.party import StatedCustomer

NOBODY = "nobody@nowhere.example"


@pytest.fixture
def org():
    return SandboxOrg(fields={"account_vat_id": "VAT_Id__c"})


def stated(**changes):
    bill_to = Address(name="Nora Neu", company=None, postcode="1", city="X")
    return StatedCustomer(
        **{
            "store": "shop", "login": "7", "hub_id": HUB_ID, "store_customer_id": "7", "email": NOBODY,
            "name": "Qx Zz", "company": None, "vat_id": None, "group": None, "bill_to": bill_to, "ship_to": None,
        }
        | changes
    )  # fmt: skip


async def names(org, **changes):
    return sorted(account.name for account in (await org.crm.candidates(stated(**changes))).accounts)


async def test_nobody_resembles_nobody(org):
    found = await org.crm.candidates(stated())
    assert (found.accounts, found.complete) == ((), True)


async def test_an_email_a_mail_domain_a_tax_id_a_key_and_a_part_of_the_name_each_find_the_account(org):
    await org.sim("POST", "seed", {"accounts": [{"Name": "By tax id", "VAT_Id__c": "DE123456789"}]})
    assert await names(org, email="anna@acme-water.example") == ["Acme Water GmbH"]
    assert await names(org, email="other@ACME-water.example") == ["Acme Water GmbH"]
    assert await names(org, vat_id="DE123456789") == ["By tax id"]
    assert await names(org, company="ACME Wasser GmbH") == ["Acme Water GmbH"]
    assert await names(org, company="Gruen Chemical AG") == ["Grün Chemie AG"]
    await org.adopted()
    assert await names(org) == ["Acme Water GmbH"]


async def test_a_mail_domain_that_anybody_has_finds_nobody(org):
    contact = {"LastName": "Public", "Email": "someone@gmail.com"}
    await org.sim("POST", "seed", {"accounts": [{"Name": "Public", "contacts": [contact]}]})
    assert await names(org, email="other@gmail.com") == []


async def test_an_account_comes_with_what_it_is_recognised_by(org):
    fields = {
        "Name": "Neu Pumpen GmbH", "Phone": "+49 1", "Website": "neu.example", "BillingStreet": "Weg 1",
        "BillingPostalCode": "01067", "BillingCity": "Dresden", "BillingCountry": "DE", "AccountNumber": "K-1",
        "VAT_Id__c": "DE1", "contacts": [{"FirstName": "Nora", "LastName": "Neu", "Email": "n@neu.example",
                                          "Phone": "+49 2"}],
    }  # fmt: skip
    await org.sim("POST", "seed", {"accounts": [fields]})
    (found,) = (await org.crm.candidates(stated(company="Neu Pumpen"))).accounts
    assert (found.name, found.vat_id, found.number, found.hub_id) == ("Neu Pumpen GmbH", "DE1", "K-1", None)
    assert (found.street, found.postcode, found.city, found.country) == ("Weg 1", "01067", "Dresden", "DE")
    assert [(one.name, one.email, one.phone) for one in found.contacts] == [("Nora Neu", "n@neu.example", "+49 2")]
    assert await org.crm.read_account(found.crm_id) == found
    assert await org.crm.read_account(found.crm_id[:15]) == found


@pytest.mark.parametrize("crm_id", ["001xx0000000zzzAAA", "", "nonsense", "' OR Name != '", "0" * 400])
async def test_an_id_that_names_nothing_is_nobody(org, crm_id):
    assert await org.crm.read_account(crm_id) is None


@pytest.mark.parametrize("text", ["o'brien\\' OR Name != '", "100% _ GmbH", "%%%%", "\n\t'"])
async def test_whatever_a_customer_calls_themselves_stays_a_value(org, text):
    found = await org.crm.candidates(stated(company=text, email=f"{text}@x.example", vat_id=text, name=text))
    assert len(found.accounts) < 10  # not everybody


async def test_more_than_is_read_is_said_to_be_more(org):
    await org.sim("POST", "seed", {"accounts": [{"Name": f"Pumpenbau {n}"} for n in range(120)]})
    found = await org.crm.candidates(stated(company="Pumpenbau Nord"))
    assert len(found.accounts) == 100
    assert found.complete is False


async def test_it_takes_four_calls_at_most_and_writes_nothing(org):
    await org.crm.candidates(stated())
    before = len(org.transport.requests)
    await org.crm.candidates(stated(email="anna@acme-water.example", company="Tiny Plumbing"))
    calls = org.transport.requests[before:]
    assert len(calls) == 4
    assert {call.method for call in calls} == {"GET"}


async def test_a_crm_that_is_down_is_a_retry(org):
    await org.crm.candidates(stated())
    await org.sim("POST", "outage", {"on": True})
    with pytest.raises(Retry):
        await org.crm.candidates(stated())
