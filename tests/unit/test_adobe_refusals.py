"""What answers mean, tried on recorded ones."""

import pytest

from fakes.adobe import recorded_answer, response
from fakes.world import START
from millstream.connectors.adobe_commerce.refusals import MEANINGS, interpolate, meaning_of
from millstream.domain.errors import Reject, Retry, Unknown
from millstream.wire.connection import AuthExpired
from millstream.wire.http import Response


def meaning(answer, *, repeatable=True):
    found = meaning_of(answer, system="shop", operation="x", key="k-1", repeatable=repeatable, now=START)
    return found.failure if isinstance(found, AuthExpired) else found


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("error-401-no-credentials", Reject, "auth.not_allowed"),
        ("error-oauth1-resource-not-authorised", Reject, "auth.not_allowed"),
        ("error-oauth1-bad-signature", Reject, "auth.signature"),
        ("error-auth-oauth1-hmac-sha1-attempt", Reject, "auth.signature"),
        ("error-oauth1-revoked-token", Reject, "auth.refused"),
        ("error-oauth1-unknown-consumer-key", Reject, "auth.refused"),
        ("error-oauth1-unknown-token", Reject, "auth.refused"),
        ("error-oauth1-timestamp-two-hours-ahead", Reject, "auth.clock"),
        ("error-oauth1-nonce-reused", Retry, "auth.nonce"),
        ("error-unknown-store-code", Reject, "commerce.scope"),
        ("error-404-no-such-route", Reject, "commerce.no_such_route"),
        ("error-shipment-not-found", Reject, "commerce.not_found"),
        ("error-order-comment-with-unknown-status", Reject, "commerce.refused"),
        ("error-ship-already-fully-shipped", Reject, "commerce.refused"),
        ("error-order-hold-twice", Reject, "commerce.refused"),
        ("error-414-url-too-long", Reject, "commerce.refused"),
        ("error-500-internal-report-id", Retry, "commerce.failed"),
        ("error-accept-not-supported", Retry, "commerce.failed"),
        ("error-inventory-salable-qty-unknown-sku", Retry, "commerce.failed"),
    ],
)
def test_recorded_refusals_mean_what_the_table_says(name, kind, code):
    found = meaning(recorded_answer(name))
    assert (type(found), found.code) == (kind, code)
    assert "\n" not in found.message
    assert "<" not in found.message


@pytest.mark.parametrize(
    "name", ["orders-search-empty-result", "order-cancel", "prices-base-prices-post-partial-errors"]
)
def test_a_good_answer_means_nothing(name):
    assert meaning(recorded_answer(name)) is None


def test_the_missing_permission_is_named():
    assert "Magento_Backend::store" in meaning(recorded_answer("error-oauth1-resource-not-authorised")).message


def test_trap_14_the_message_is_filled_in_and_its_line_break_is_gone():
    found = meaning(recorded_answer("error-order-comment-with-unknown-status"))
    assert 'The status "no_such_status" is not part of the order status history.' in found.message


def test_trap_28_maintenance_pages_and_throttling_are_waited_out_as_long_as_asked():
    html = {"content-type": "text/html", "retry-after": "90"}
    for status in (503, 429):
        found = meaning(Response(status=status, headers=html, body=b"<html><title>Down</title>Back soon</html>"))
        assert (type(found), found.after_s) == (Retry, 90)
        assert "Back soon" in found.message


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_failed_write_that_must_not_be_repeated_is_unknown(status):
    found = meaning(response({"message": "Internal Error."}, status), repeatable=False)
    assert (type(found), found.key) == (Unknown, "k-1")
    assert type(meaning(response({"message": "Internal Error."}, status))) is Retry


def test_a_write_refused_for_maintenance_did_not_happen():
    assert type(meaning(Response(status=503), repeatable=False)) is Retry


def test_a_web_page_instead_of_json_is_a_wrong_address():
    found = meaning(Response(status=200, headers={"content-type": "text/html"}, body=b"<h1>Welcome</h1>"))
    assert (found.code, found.field) == ("commerce.not_json", "base_url")
    assert meaning(Response(status=302)).field == "base_url"


def test_a_web_servers_404_is_a_wrong_address_and_not_a_missing_order():
    page = Response(status=404, headers={"content-type": "text/html"}, body=b"<h1>404 Not Found</h1>")
    assert (meaning(page).code, meaning(page).field) == ("commerce.no_such_route", "base_url")


def test_every_401_but_the_clock_renews_a_credential_that_can_be_renewed():
    def raw(name):
        return meaning_of(recorded_answer(name), system="s", operation="x", key=None, repeatable=True, now=START)

    assert isinstance(raw("error-401-no-credentials"), AuthExpired)
    assert isinstance(raw("error-oauth1-bad-signature"), AuthExpired)
    assert isinstance(raw("error-oauth1-timestamp-two-hours-ahead"), Reject)


@pytest.mark.parametrize(
    ("template", "parameters", "text"),
    [
        ("Invalid product data: %1", ["no set"], "Invalid product data: no set"),
        ('"%fieldName" is required.', {"fieldName": "searchCriteria"}, '"searchCriteria" is required.'),
        ("Invalid attribute %fieldName = %fieldValue.", ["SKU", "NO-SUCH"], "Invalid attribute SKU = NO-SUCH."),
        ("%1 of %2, %10", ["a", "b"], "a of b, %10"),
        ("%name and %nameLong", {"name": "n", "nameLong": "l"}, "n and l"),
        ("100 % sure", None, "100 % sure"),
        ('part of <a href="x">KIT</a>\n   now', None, "part of KIT now"),
        ("%1", ["<script>alert(1)</script>ok"], "ok"),
    ],
)
def test_templates_are_filled_and_cleaned(template, parameters, text):
    assert interpolate(template, parameters) == text


def test_detailed_errors_and_fatal_errors_are_shown():
    detailed = {"message": "Validation Failed", "errors": [{"message": "Unknown source %1", "parameters": ["wh"]}]}
    assert "Validation Failed Unknown source wh" in meaning(response(detailed, 400)).message
    fatal = {"messages": {"error": [{"code": 500, "message": "Fatal Error: x"}]}}
    assert "Fatal Error: x" in meaning(response(fatal, 500)).message


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"{}", b"\xff\xfe", b'{"message":5}'])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500, 503, 599])
def test_every_status_with_any_body_has_a_meaning(status, body):
    assert isinstance(meaning(Response(status=status, body=body)), Reject | Retry)


def test_the_table_ends_with_a_row_for_every_status_from_300():
    assert all(any(status in row.status and not row.says for row in MEANINGS) for status in range(300, 600))
