import json

import pytest

from millstream.connectors.salesforce import SalesforceSettings
from millstream.connectors.salesforce.errors import (
    ERRORS,
    ApiError,
    Interpreter,
    read_composite_errors,
    read_errors,
)
from millstream.domain.errors import Conflict, Reject, Retry
from millstream.wire.http import Response


@pytest.fixture
def interpreter():
    settings = SalesforceSettings(login_url="https://x.test", client_id="id", client_secret="s")
    return Interpreter("salesforce", settings)


def answer(status, body):
    return Response(status=status, headers={"content-type": "application/json"}, body=json.dumps(body).encode())


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_code_of_the_table_becomes_its_word(interpreter, code):
    meaning = ERRORS[code]

    failure = interpreter.failure(ApiError(code=code, message="why"), doing="test")

    assert type(failure) is {"retry": Retry, "reject": Reject, "conflict": Conflict}[meaning.word]
    assert failure.code == meaning.code
    assert "why" in failure.message
    assert code in failure.message


@pytest.mark.parametrize("code", sorted(code for code, meaning in ERRORS.items() if meaning.word == "reject"))
def test_every_refusal_says_what_to_do(code):
    assert ERRORS[code].fix


def test_a_refused_field_is_named_with_how_to_create_it(interpreter):
    message = "No such column 'Delivered_At__c' on sobject of type Order"

    failure = interpreter.failure(ApiError(code="INVALID_FIELD", message=message), doing="progress")

    assert failure.field == "Order.Delivered_At__c"
    assert "Create the field Delivered_At__c on Order" in failure.message


def test_a_field_missing_in_a_query_is_named_too(interpreter):
    message = "\nSELECT Foo__c FROM Account\n^\nERROR at Row:1\nNo such column 'Foo__c' on entity 'Account'. If you"

    failure = interpreter.failure(ApiError(code="INVALID_FIELD", message=message), doing="find")

    assert failure.field == "Account.Foo__c"


@pytest.mark.parametrize("code", ["INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS"])
def test_missing_rights_name_the_permissions(interpreter, code):
    failure = interpreter.failure(ApiError(code=code, message="insufficient access rights"), doing="record")

    assert failure.code == "crm.access"
    assert "Edit Activated Orders" in failure.message


def test_the_two_limits_of_one_code_are_told_apart(interpreter):
    total = ApiError(code="REQUEST_LIMIT_EXCEEDED", message="TotalRequests Limit exceeded.")
    busy = ApiError(
        code="REQUEST_LIMIT_EXCEEDED", message="ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    )

    assert interpreter.failure(total, status=403, doing="x").after_s == 900.0
    assert interpreter.failure(busy, status=403, doing="x").after_s == 5.0


@pytest.mark.parametrize(("status", "word"), [(500, Retry), (503, Retry), (400, Reject), (404, Reject)])
def test_an_unknown_code_is_judged_by_its_status(interpreter, status, word):
    assert type(interpreter.failure(ApiError(code="NEW_CODE", message="?"), status=status, doing="x")) is word


def test_the_culprit_of_a_composite_comes_before_those_it_took_down():
    halted = {"errorCode": "PROCESSING_HALTED", "message": "The transaction was rolled back"}
    parts = [
        {"referenceId": "order", "httpStatusCode": 400, "body": [halted]},
        {
            "referenceId": "lines0",
            "httpStatusCode": 200,
            "body": [
                {"success": False, "errors": [{"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": "x"}]},
                {"success": False, "errors": [{"statusCode": "STRING_TOO_LONG", "message": "Description: too large"}]},
            ],
        },
    ]

    errors = read_composite_errors(parts)

    assert (errors[0].code, errors[0].where) == ("STRING_TOO_LONG", "lines0")
    assert len(errors) == 3


def test_a_good_composite_has_no_errors_even_where_an_event_was_queued():
    queued = {"id": "e00", "success": True, "errors": [{"statusCode": "OPERATION_ENQUEUED", "message": "u"}]}

    assert read_composite_errors([{"referenceId": "e", "httpStatusCode": 201, "body": queued}]) == ()


@pytest.mark.parametrize(("doing", "counts"), [("purchase.announce", False), ("purchase.record", True)])
def test_the_hourly_limit_of_events_is_waited_for_and_another_limit_is_a_failure(interpreter, doing, counts):
    failure = interpreter.failure(ApiError(code="LIMIT_EXCEEDED", message="why"), doing=doing)
    assert failure.counts is counts


@pytest.mark.parametrize("member", ["duplicateResult", "duplicateResut"])
def test_what_a_duplicate_rule_found_is_named_accounts_by_name_and_persons_by_id_alone(interpreter, member):
    account = {"attributes": {"type": "Account"}, "Id": "001A", "Name": "Acme"}
    person = {"attributes": {"type": "Contact"}, "Id": "003B", "Name": "Anna Albers"}
    found = [{"matchRecords": [{"record": account}, {"record": person}]}, {"matchRecords": None}, "?"]
    told = {member: {"duplicateRule": "Rule_1", "matchResults": found}, "errorCode": "DUPLICATES_DETECTED"}

    (error,) = read_errors(answer(400, [told]))
    failure = interpreter.failure(error, doing="customer.create")

    assert (error.rule, error.resembles) == ("Rule_1", ("Account Acme (001A)", "Contact (003B)"))
    assert "Rule_1 found Account Acme (001A); Contact (003B)" in failure.message
    assert "Anna" not in failure.message


def test_every_shape_of_a_bad_answer_is_read():
    assert read_errors(answer(200, {"id": "1"})) == ()
    assert read_errors(answer(400, [{"errorCode": "A", "message": "m", "fields": ["F"]}]))[0].fields == ("F",)
    assert read_errors(answer(300, ["/a/1", "/a/2"]))[0].code == "MULTIPLE_CHOICES"
    assert read_errors(Response(status=412))[0].code == "PRECONDITION_FAILED"
    html = Response(status=503, headers={"content-type": "text/html"}, body=b"<html>token</html>")
    assert read_errors(html) == (ApiError(code="HTTP_503", message="an HTML page"),)
