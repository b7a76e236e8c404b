"""The connection check and the settings it speaks of."""

import pytest
from pydantic import ValidationError

from fakes.adobe import open_store, recorded_answer, response, scripted, settings
from millstream.connectors.adobe_commerce import SPEC
from millstream.wire.http import TransportError

STORES = recorded_answer("store-configs-list")
SOURCES = recorded_answer("inventory-sources-list")
ORDERS = response({"items": [], "total_count": 0})


def denied(resource):
    body = {"message": "The consumer isn't authorized to access %resources.", "parameters": {"resources": resource}}
    return response(body, 401)


async def findings(*answers, **changes):
    store, _ = scripted(*answers, **changes)
    return {finding.what: finding for finding in await store.check()}


async def test_a_store_that_is_well_has_nothing_to_mend():
    found = await findings(STORES, ORDERS, SOURCES, sources={"EAST": "wh_east"})
    assert all(finding.ok for finding in found.values())
    assert {"credentials", "store views", "orders", "inventory sources", "scope"} <= found.keys()


async def test_a_missing_permission_is_told_from_a_bad_token_and_named():
    found = await findings(STORES, denied("Magento_Sales::actions_view"), SOURCES, sources={"E": "wh_east"})
    assert found["credentials"].ok
    assert not found["orders"].ok
    assert "Magento_Sales::actions_view" in found["orders"].detail
    assert found["orders"].missing == ("Magento_Sales::actions_view",)
    assert "integration" in found["orders"].fix


async def test_a_token_that_opens_nothing_is_a_bad_token():
    found = await findings(denied("a"), denied("b"), denied("c"))
    assert not found["credentials"].ok
    assert "access_token" in found["credentials"].fix


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("error-oauth1-bad-signature", "consumer_secret"),
        ("error-oauth1-unknown-consumer-key", "consumer_key"),
        ("error-oauth1-revoked-token", "access_token"),
    ],
)
async def test_bad_credentials_name_the_setting(name, setting):
    found = await findings(*[recorded_answer(name)] * 3)
    assert setting in found["credentials"].fix


async def test_a_clock_that_is_ahead_is_called_a_clock():
    found = await findings(*[recorded_answer("error-oauth1-timestamp-two-hours-ahead")] * 3)
    assert "set the clock" in found["credentials"].fix


async def test_an_unreachable_store_is_a_finding_and_no_exception():
    found = await findings(*[TransportError("cannot connect", sent=False)] * 3)
    assert not any(finding.ok for finding in found.values())


async def test_a_scope_or_source_that_does_not_exist_is_found_with_what_does():
    found = await findings(STORES, ORDERS, SOURCES, scope="nope", sources={"EAST": "wh_north"})
    assert "wholesale_en" in found["scope"].fix
    assert "wh_east" in found["source for warehouse EAST"].fix


async def test_several_sources_without_a_mapping_are_pointed_out():
    found = await findings(STORES, ORDERS, SOURCES)
    assert not found["sources"].ok


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_url": "shop.example"}, "full address"),
        ({"base_url": "https://shop.example/rest/V1"}, "ends before /rest"),
        ({"base_url": "https://u:p@shop.example"}, "no user name"),
        ({"scope": "a/b"}, "store view code"),
        ({"auth": "oauth1"}, "consumer_key, consumer_secret, access_token_secret"),
        ({"flavour": "saas"}, "needs auth = ims"),
        ({"flavour": "open_source", "auth": "ims"}, "does not know ims"),
        ({"flavour": "paas", "auth": "ims"}, "ims_client_id"),
        ({"page_size": 101}, "100"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_settings_that_cannot_work_say_what_to_change(changes, words):
    with pytest.raises(ValidationError, match=words):
        settings(**changes)


def test_secrets_are_hidden_in_the_settings():
    assert "secret-token-1" not in repr(settings()) + settings().model_dump_json()


def test_the_spec_opens_a_store_by_its_name():
    store = open_store(None)
    assert (store.name, SPEC.kind, SPEC.name) == ("shop", "commerce", "adobe_commerce")


async def test_oauth_credentials_sign_requests():
    changes = {"auth": "oauth1", "consumer_key": "ck", "consumer_secret": "cs", "access_token_secret": "ts"}
    store, transport = scripted(STORES, ORDERS, SOURCES, **changes)
    await store.check()
    nonces = {request.headers["Authorization"] for request in transport.requests}
    assert len(nonces) == 3
    assert all(header.startswith('OAuth oauth_consumer_key="ck"') for header in nonces)
