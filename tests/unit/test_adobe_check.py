"""The connection check and the settings it speaks of."""

from urllib.parse import unquote, urlsplit

import pytest
from pydantic import ValidationError

from fakes.adobe import open_store, recorded_answer, response, scripted, settings
from millstream.connectors.adobe_commerce import SPEC
from millstream.wire.http import TransportError

STORES = recorded_answer("store-configs-list")
SOURCES = recorded_answer("inventory-sources-list")
NONE = response({"items": [], "total_count": 0})
WELL = {"store/storeConfigs": STORES, "inventory/sources": SOURCES, "orders": NONE, "shipments": NONE, "products": NONE}


def denied(resource):
    body = {"message": "The consumer isn't authorized to access %resources.", "parameters": {"resources": resource}}
    return response(body, 401)


class Store:
    """Answers every question the same way however often it is asked; `changed` ones in a way of their own."""

    def __init__(self, **changed):
        self.answers = WELL | {path.replace("__", "/"): answer for path, answer in changed.items()}
        self.requests = []

    async def send(self, request):
        self.requests.append(request)
        return self.answers[urlsplit(request.url).path.partition("/V1/")[2]]


PERMISSIONS = {
    "store views": ("store__storeConfigs", "Magento_Backend::store"),
    "orders": ("orders", "Magento_Sales::actions_view"),
    "shipments": ("shipments", "Magento_Sales::shipment"),
    "products": ("products", "Magento_Catalog::products"),
    "inventory sources": ("inventory__sources", "Magento_InventoryApi::source"),
}


async def findings(*answers, transport=None, **changes):
    store = open_store(transport, **changes) if transport else scripted(*answers, **changes)[0]
    return {finding.what: finding for finding in await store.check()}


async def test_a_store_that_is_well_has_nothing_to_mend():
    transport = Store()
    found = await findings(transport=transport, sources={"EAST": "wh_east"})
    assert all(finding.ok for finding in found.values())
    assert {"credentials", *PERMISSIONS, "scope"} <= found.keys()
    assert {request.method for request in transport.requests} == {"GET"}
    probes = [unquote(request.url) for request in transport.requests if request.url.split("?")[0].endswith("s")]
    assert sum("[pageSize]=1&" in probe for probe in probes) == 3


@pytest.mark.parametrize(("what", "permission"), PERMISSIONS.items())
async def test_a_missing_permission_is_told_from_a_bad_token_and_named(what, permission):
    path, resource = permission
    found = await findings(transport=Store(**{path: denied(resource)}), sources={"E": "wh_east"})
    assert [name for name, finding in found.items() if not finding.ok] == [what]
    assert resource in found[what].detail
    assert found[what].missing == (resource,)
    assert "integration" in found[what].fix


async def test_a_token_that_opens_nothing_is_a_bad_token():
    found = await findings(*[denied(each) for each in "abcde"])
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
    found = await findings(*[recorded_answer(name)] * 5)
    assert setting in found["credentials"].fix


async def test_a_clock_that_is_ahead_is_called_a_clock():
    found = await findings(*[recorded_answer("error-oauth1-timestamp-two-hours-ahead")] * 5)
    assert "set the clock" in found["credentials"].fix


async def test_an_unreachable_store_is_a_finding_and_no_exception():
    found = await findings(*[TransportError("cannot connect", sent=False)] * 5)
    assert not any(finding.ok for finding in found.values())


async def test_a_scope_or_source_that_does_not_exist_is_found_with_what_does():
    found = await findings(transport=Store(), scope="nope", sources={"EAST": "wh_north"})
    assert "wholesale_en" in found["scope"].fix
    assert "wh_east" in found["source for warehouse EAST"].fix


async def test_several_sources_without_a_mapping_are_pointed_out():
    found = await findings(transport=Store())
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
    transport = Store()
    await open_store(transport, **changes).check()
    nonces = {request.headers["Authorization"] for request in transport.requests}
    assert len(nonces) == len(WELL)
    assert all(header.startswith('OAuth oauth_consumer_key="ck"') for header in nonces)
