import asyncio

import pytest

from fakes.salesforce import HUB_ID, SandboxOrg, customer
from millstream.domain.errors import Reject, Retry


@pytest.fixture
def org():
    return SandboxOrg()


async def test_a_buyer_is_found_by_the_email_of_a_contact_whatever_its_case(org):
    found = await org.crm.find_customer(customer(email=" Anna@ACME-water.example "))

    assert found.name == "Acme Water GmbH"
    assert found.hub_id is None


async def test_nobody_with_this_email_is_nobody(org):
    assert await org.crm.find_customer(customer(email="new@nowhere.example")) is None


async def test_an_email_with_quotes_and_backslashes_stays_a_value(org):
    assert await org.crm.find_customer(customer(email="o'brien\\' OR Name != '@x.example")) is None


async def test_one_email_in_two_accounts_is_for_a_person_to_decide(org):
    contact = {"LastName": "Albers", "Email": "anna@acme-water.example"}
    await org.sim("POST", "seed", {"accounts": [{"Name": "Acme Water Plant 2", "contacts": [contact]}]})

    with pytest.raises(Reject, match="Acme Water Plant 2") as refusal:
        await org.crm.find_customer(customer())

    assert refusal.value.code == "customer.ambiguous"


async def test_two_contacts_of_one_account_are_one_customer(org):
    crm_id = (await org.crm.find_customer(customer())).crm_id
    again = {"accounts": [{"Name": "X", "contacts": [{"AccountId": crm_id, "LastName": "A", "Email": "a@b.example"}]}]}
    await org.sim("POST", "seed", again)

    assert (await org.crm.find_customer(customer(email="a@b.example"))).crm_id == crm_id


async def test_a_like_name_is_noted_but_never_taken_for_the_customer(org):
    found = await org.crm.find_customer(customer(email="second.buyer@acme-water.example", company="ACME Water GmbH"))

    assert found is None
    [note] = org.tap.named("crm.customer_similar")
    assert "Acme Water GmbH" in note["accounts"][0]


async def test_a_like_vat_number_holds_the_customer_where_the_settings_say_so():
    org = SandboxOrg(similar_accounts="hold", fields={"account_vat_id": "VAT_Id__c"})
    await org.sim("POST", "seed", {"accounts": [{"Name": "Other", "VAT_Id__c": "DE123456789"}]})

    with pytest.raises(Reject, match="Other") as refusal:
        await org.crm.find_customer(customer(email="who@acme.example", vat_id="DE123456789"))

    assert refusal.value.code == "customer.similar"


async def test_adopting_writes_the_hub_id_once_and_the_first_one_stays(org):
    crm_id = (await org.crm.find_customer(customer())).crm_id

    assert await org.crm.adopt_customer(crm_id, hub_id=HUB_ID, key="a") == HUB_ID
    assert await org.crm.adopt_customer(crm_id, hub_id="other", key="b") == HUB_ID
    assert (await org.crm.find_customer(customer())).hub_id == HUB_ID


async def test_of_two_hub_ids_racing_for_one_account_both_callers_learn_the_same_winner(org):
    crm_id = (await org.crm.find_customer(customer())).crm_id
    other = org.connect()
    await other.find_customer(customer())  # both are signed in, so that their calls interleave

    carried = await asyncio.gather(
        org.crm.adopt_customer(crm_id, hub_id="first", key="a"), other.adopt_customer(crm_id, hub_id="second", key="b")
    )

    accounts = {row["Id"]: row for row in await org.records("Account")}
    assert set(carried) == {accounts[crm_id]["Hub_Customer_Id__c"]}


async def test_a_hub_id_of_another_account_is_refused_naming_that_account(org):
    first = await org.adopted()
    second = (await org.crm.find_customer(customer(email="tom@tiny-plumbing.example"))).crm_id

    with pytest.raises(Reject, match=first[:15]) as refusal:
        await org.crm.adopt_customer(second, hub_id=HUB_ID, key="b")

    assert refusal.value.code == "crm.duplicate_value"


async def test_an_account_that_is_gone_is_said_to_be_gone(org):
    with pytest.raises(Reject, match="deleted or merged") as refusal:
        await org.crm.adopt_customer("001xx0000000zzzAAA"[:15], hub_id=HUB_ID, key="a")

    assert refusal.value.code == "customer.gone"


async def test_creating_one_customer_twice_makes_one_account_and_one_contact(org):
    new = customer(email="new@neu.example", name="Nora Neu", company="Neu GmbH")

    first = await org.crm.create_customer(new, hub_id=HUB_ID, key="c")
    second = await org.crm.create_customer(new, hub_id=HUB_ID, key="c")

    assert first == second
    assert [row["Id"] for row in await org.records("Account") if row["Hub_Customer_Id__c"] == HUB_ID] == [first]
    [contact] = [row for row in await org.records("Contact") if row["Email"] == "new@neu.example"]
    assert (contact["FirstName"], contact["LastName"], contact["AccountId"]) == ("Nora", "Neu", first)


async def test_creating_again_leaves_the_name_that_sales_gave_the_account(org):
    new = customer(email="new@neu.example", company="Neu GmbH")
    crm_id = await org.crm.create_customer(new, hub_id=HUB_ID, key="c")
    api = org.crm._api
    await api.call("PATCH", f"/sobjects/Account/{crm_id}", operation="rename", body={"Name": "Neu Group"})

    await org.crm.create_customer(new, hub_id=HUB_ID, key="c")

    assert [row["Name"] for row in await org.records("Account") if row["Id"] == crm_id] == ["Neu Group"]


async def test_a_lost_answer_after_creating_a_customer_leaves_one_account(org):
    new = customer(email="new@neu.example", company="Neu GmbH")
    await org.crm.find_customer(new)
    await org.sim("POST", "faults", {"script": [{"kind": "timeout_after", "match": "POST */composite"}]})

    with pytest.raises(Retry):
        await org.crm.create_customer(new, hub_id=HUB_ID, key="c")
    crm_id = await org.crm.create_customer(new, hub_id=HUB_ID, key="c")

    assert [row["Id"] for row in await org.records("Account") if row["Name"] == "Neu GmbH"] == [crm_id]


async def duplicate_rule(org, action):
    rule = {"sobject": "Account", "fields": ["Name"], "action": action, "name": "Same_Name"}
    await org.sim("POST", "duplicate_rules", {"rules": [rule]})


TWIN = customer(email="new@neu.example", name="Nora Neu", company="ACME Water GmbH")


async def test_an_alert_of_a_duplicate_rule_holds_the_new_customer_and_names_who_is_there(org):
    await duplicate_rule(org, "alert")
    [acme] = [row for row in await org.records("Account") if row["Name"] == "Acme Water GmbH"]

    with pytest.raises(Reject, match=f"Same_Name.*Account Acme Water GmbH .{acme['Id']}") as refusal:
        await org.crm.create_customer(TWIN, hub_id=HUB_ID, key="c")

    assert refusal.value.code == "customer.similar"
    assert "new@neu.example" not in refusal.value.message
    assert len(await org.records("Account")) == 10


async def test_an_alert_is_passed_where_the_settings_or_a_person_say_so(org):
    await duplicate_rule(org, "alert")
    lenient = org.connect(duplicate_alerts="allow")

    by_setting = await lenient.create_customer(TWIN, hub_id=HUB_ID, key="c")
    by_a_person = await org.crm.create_customer(TWIN, hub_id="another-hub-id", key="d", decided=True)

    made = {row["Id"] for row in await org.records("Account") if row["Name"] == "ACME Water GmbH"}
    assert made == {by_setting, by_a_person}


async def test_a_rule_that_blocks_is_passed_by_nobody_and_says_whom_it_found(org):
    await duplicate_rule(org, "block")

    with pytest.raises(Reject, match="Account Acme Water GmbH") as asked:
        await org.connect(duplicate_alerts="allow").create_customer(TWIN, hub_id=HUB_ID, key="c")
    with pytest.raises(Reject, match="Account Acme Water GmbH") as decided:
        await org.crm.create_customer(TWIN, hub_id=HUB_ID, key="c", decided=True)

    assert (asked.value.code, decided.value.code) == ("customer.similar", "crm.duplicates_detected")
    assert len(await org.records("Account")) == 10


async def test_what_an_earlier_try_made_is_no_duplicate_of_itself(org):
    await duplicate_rule(org, "alert")
    new = customer(email="new@neu.example", company="Neu GmbH")
    first = await org.crm.create_customer(new, hub_id=HUB_ID, key="c")

    assert await org.crm.create_customer(new, hub_id=HUB_ID, key="c") == first


async def test_the_rules_of_duplicates_do_not_hinder_what_is_written_on_a_record_that_is_there(org):
    await org.sim("POST", "seed", {"accounts": [{"Name": "Acme Water GmbH"}]})
    await duplicate_rule(org, "block")

    crm_id = await org.adopted()

    assert [row["Id"] for row in await org.records("Account") if row["Hub_Customer_Id__c"] == HUB_ID] == [crm_id]


async def test_a_guest_without_a_name_becomes_an_account_named_by_the_email(org):
    crm_id = await org.crm.create_customer(customer(email="q@x.example", name=""), hub_id=HUB_ID, key="c")

    assert [row["Name"] for row in await org.records("Account") if row["Id"] == crm_id] == ["q@x.example"]
    assert [row["LastName"] for row in await org.records("Contact") if row["AccountId"] == crm_id] == ["q"]
