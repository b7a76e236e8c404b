from datetime import UTC, datetime
from decimal import Decimal

import pytest

from millstream.sandbox.salesforce import seed, soql
from millstream.sandbox.salesforce.ids import long_id, new_id, short_id
from millstream.sandbox.salesforce.org import Org
from millstream.sandbox.salesforce.problems import Problem
from millstream.sandbox.salesforce.rest import Call, Rest

ROOT = "/services/data/v66.0"


@pytest.fixture
def rest():
    org = Org(now=lambda: datetime(2026, 11, 23, 8, tzinfo=UTC))
    seed.fill(org)
    return Rest(org, versions=("66.0",))


def call(rest, method, path, body=None):
    return rest.call(Call(method=method, url=ROOT + path, body=body))


def names(rest, where, select="Name", frm="Account"):
    _query, rows = soql.run(rest.org, f"SELECT {select} FROM {frm} WHERE {where}")
    return [row[select] for row in rows]


def draft(rest, **changes):
    account = rest.org.all("Account")[0]["Id"]
    body = {
        "AccountId": account,
        "EffectiveDate": "2026-11-23",
        "Status": "Draft",
        "Pricebook2Id": seed.STANDARD_PRICEBOOK,
    }
    return call(rest, "POST", "/sobjects/Order", body | changes).body["id"]


def item(rest, order, code="PUMP-100"):
    entry = soql.run(rest.org, f"SELECT Id FROM PricebookEntry WHERE Product2.ProductCode = '{code}'")[1][0]["Id"]
    body = {"OrderId": order, "PricebookEntryId": entry, "Quantity": Decimal("2.5"), "UnitPrice": Decimal("10.01")}
    return call(rest, "POST", "/sobjects/OrderItem", body)


def activate(rest, order):
    return call(rest, "PATCH", f"/sobjects/Order/{order}", {"Status": "Activated"})


def code(answer):
    return answer.body[0]["errorCode"]


def test_long_ids_keep_the_case_of_the_short_ones():
    assert long_id("001xx000003DGb2") == "001xx000003DGb2AAG"
    assert short_id("001xx000003DGb2AAG", "001") == "001xx000003DGb2"
    assert new_id("001", 62) == "001xx0000000010"


@pytest.mark.parametrize("bad", ["", "001", "001xx000003DGb2AAA", "001xx000003DGb-", "003xx0000000001"])
def test_an_id_of_the_wrong_kind_is_malformed(bad):
    with pytest.raises(Problem, match="MALFORMED_ID"):
        short_id(bad, "001")


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("Name = 'ACME WATER GMBH'", 1),
        ("Name != 'Acme Water GmbH'", 9),
        ("Name LIKE 'tiny%' OR Name LIKE '%SL'", 2),
        ("(Name LIKE 'A%' OR Name LIKE 'T%') AND NOT Name = 'Tiny Plumbing'", 1),
        ("Name IN ('Acme Water GmbH', 'Tiny Plumbing', 'Nobody')", 2),
        ("Name NOT IN ('Acme Water GmbH')", 9),
        ("Hub_Customer_Id__c = null", 10),
        ("Lifetime_Value__c > 0", 0),
        ("CreatedDate >= 2026-11-23T08:00:00Z AND IsDeleted = false", 10),
        ("CreatedDate > 2026-11-23T09:00:00+01:00", 0),
    ],
)
def test_soql_selects(rest, where, count):
    assert len(names(rest, where)) == count


def test_soql_reads_escapes_in_strings(rest):
    seed.add_account(rest.org, {"Name": "O'Brien \\ Sons"}, [])

    assert names(rest, r"Name = 'O\'Brien \\ Sons'") == ["O'Brien \\ Sons"]


def test_soql_sorts_with_empty_values_first_and_cuts(rest):
    rest.org.update(rest.org.schema.find("Account"), rest.org.all("Account")[3]["Id"], {"Lifetime_Value__c": 5})
    _query, rows = soql.run(
        rest.org, "SELECT Id FROM Account ORDER BY Lifetime_Value__c DESC NULLS LAST LIMIT 1 OFFSET 0"
    )

    assert rows[0]["Lifetime_Value__c"] == Decimal("5.00")


def test_an_order_needs_a_product_to_be_activated(rest):
    order = draft(rest)

    assert code(activate(rest, order)) == "FAILED_ACTIVATION"
    assert item(rest, order).status == 201
    assert activate(rest, order).status == 204


def test_an_activated_order_takes_and_loses_no_products_but_custom_fields_stay_open(rest):
    order = draft(rest)
    line = item(rest, order).body["id"]
    activate(rest, order)

    assert code(item(rest, order)) == "FIELD_INTEGRITY_EXCEPTION"
    assert code(call(rest, "PATCH", f"/sobjects/OrderItem/{line}", {"Quantity": 1})) == "FIELD_INTEGRITY_EXCEPTION"
    assert code(call(rest, "DELETE", f"/sobjects/OrderItem/{line}")) == "FIELD_INTEGRITY_EXCEPTION"
    assert code(call(rest, "PATCH", f"/sobjects/Order/{order}", {"EffectiveDate": "2026-11-24"})) == (
        "FIELD_INTEGRITY_EXCEPTION"
    )
    delivered = {"Delivered_At__c": "2026-11-25T10:00:00Z"}
    assert call(rest, "PATCH", f"/sobjects/Order/{order}", delivered).status == 204


def test_order_totals_are_computed_exactly(rest):
    order = draft(rest)
    item(rest, order)

    assert call(rest, "GET", f"/sobjects/Order/{order}").body["TotalAmount"] == Decimal("25.02")


def test_a_custom_price_needs_a_standard_price_first(rest):
    book = call(rest, "POST", "/sobjects/Pricebook2", {"Name": "Gold", "IsActive": True}).body["id"]
    product = call(rest, "POST", "/sobjects/Product2", {"Name": "New"}).body["id"]
    entry = {"Product2Id": product, "Pricebook2Id": book, "UnitPrice": 1, "IsActive": True}

    assert code(call(rest, "POST", "/sobjects/PricebookEntry", entry)) == "STANDARD_PRICE_NOT_DEFINED"
    standard = {**entry, "Pricebook2Id": seed.STANDARD_PRICEBOOK}
    assert call(rest, "POST", "/sobjects/PricebookEntry", standard).status == 201
    assert call(rest, "POST", "/sobjects/PricebookEntry", entry).status == 201


def test_an_entry_of_another_price_book_does_not_fit_the_order(rest):
    book = call(rest, "POST", "/sobjects/Pricebook2", {"Name": "Gold", "IsActive": True}).body["id"]

    assert code(item(rest, draft(rest, Pricebook2Id=book))) == "FIELD_INTEGRITY_EXCEPTION"


def test_a_failing_part_of_a_composite_undoes_the_others_and_only_it_tells_why(rest):
    parts = [
        {"method": "POST", "url": f"{ROOT}/sobjects/Account", "referenceId": "a", "body": {"Name": "A"}},
        {"method": "POST", "url": f"{ROOT}/sobjects/Contact", "referenceId": "b", "body": {"AccountId": "@{a.id}"}},
        {"method": "POST", "url": f"{ROOT}/sobjects/Account", "referenceId": "c", "body": {"Name": "C"}},
    ]

    answer = call(rest, "POST", "/composite", {"allOrNone": True, "compositeRequest": parts})

    assert answer.status == 200
    codes = [part["body"][0]["errorCode"] for part in answer.body["compositeResponse"]]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert len(rest.org.all("Account")) == 10


def test_without_all_or_none_the_parts_that_do_not_depend_on_the_failure_stay(rest):
    parts = [
        {"method": "POST", "url": f"{ROOT}/sobjects/Account", "referenceId": "a", "body": {}},
        {"method": "POST", "url": f"{ROOT}/sobjects/Contact", "referenceId": "b", "body": {"AccountId": "@{a.id}"}},
        {"method": "POST", "url": f"{ROOT}/sobjects/Account", "referenceId": "c", "body": {"Name": "C"}},
    ]

    answer = call(rest, "POST", "/composite", {"allOrNone": False, "compositeRequest": parts})

    assert [part["httpStatusCode"] for part in answer.body["compositeResponse"]] == [400, 400, 201]


def test_a_failing_row_of_a_collection_undoes_the_whole_composite(rest):
    rows = [{"attributes": {"type": "Account"}, "Name": "B"}, {"attributes": {"type": "Account"}}]
    parts = [
        {"method": "POST", "url": f"{ROOT}/sobjects/Account", "referenceId": "a", "body": {"Name": "A"}},
        {"method": "POST", "url": f"{ROOT}/composite/sobjects", "referenceId": "b", "body": {"records": rows}},
    ]

    answer = call(rest, "POST", "/composite", {"allOrNone": True, "compositeRequest": parts})

    [first, second] = answer.body["compositeResponse"]
    assert first["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert [row["errors"][0]["statusCode"] for row in second["body"]] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert len(rest.org.all("Account")) == 10


def test_a_composite_has_its_limits(rest):
    part = {"method": "GET", "url": f"{ROOT}/limits", "referenceId": "a"}
    many = {"compositeRequest": [part | {"referenceId": f"r{n}"} for n in range(26)]}
    rows = {"records": [{"attributes": {"type": "Account"}, "Name": "A"}] * 201}
    queries = {"compositeRequest": [part | {"url": f"{ROOT}/query?q=x", "referenceId": f"r{n}"} for n in range(6)]}

    assert code(call(rest, "POST", "/composite", many)) == "LIMIT_EXCEEDED"
    assert code(call(rest, "POST", "/composite", queries)) == "LIMIT_EXCEEDED"
    assert code(call(rest, "POST", "/composite/sobjects", rows)) == "EXCEEDED_ID_LIMIT"


def test_an_upsert_by_key_may_be_told_to_create_nothing(rest):
    path = "/sobjects/Account/Hub_Customer_Id__c/C1"

    assert call(rest, "PATCH", f"{path}?updateOnly=true", {"Name": "A"}).status == 404
    assert call(rest, "PATCH", path, {"Name": "A", "Hub_Customer_Id__c": "C1"}).status == 400
    assert call(rest, "PATCH", path, {"Name": "A"}).status == 201
    assert call(rest, "PATCH", f"{path}?updateOnly=true", {"Name": "B"}).status == 200


def test_a_deleted_record_frees_its_key_and_is_not_found_again(rest):
    made = call(rest, "POST", "/sobjects/Account", {"Name": "A", "Hub_Customer_Id__c": "C1"}).body["id"]
    call(rest, "DELETE", f"/sobjects/Account/{made}")

    assert code(call(rest, "GET", f"/sobjects/Account/{made}")) == "ENTITY_IS_DELETED"
    assert call(rest, "PATCH", "/sobjects/Account/Hub_Customer_Id__c/C1", {"Name": "B"}).status == 201


def test_an_unknown_version_or_resource_is_not_found(rest):
    assert rest.call(Call(method="GET", url="/services/data/v12.0/limits")).status == 404
    assert call(rest, "GET", "/nothing").status == 404
    assert call(rest, "GET", "/sobjects/Nothing/describe").status == 404
    assert call(rest, "PATCH", "/sobjects/Account/Name/A", {"Phone": "1"}).status == 404
