"""The sandbox org held against the recorded wire of the vendor community's client: status and shape."""

import base64
import json
from pathlib import Path

import pytest

from fakes.salesforce import BASE, SandboxOrg
from millstream.sandbox.salesforce import CLIENT_ID, CLIENT_SECRET
from millstream.wire.http import Request

FILE = Path(__file__).parents[1] / "recordings" / "crm_clients" / "salesforce-simple_salesforce.json"
RECORDED = {f"{one['method']} {one['path']}"[:80]: one for one in json.loads(FILE.read_text())}


def shape(value):
    """Names and kinds, without the values."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return "null" if value is None else type(value).__name__


def missing(recorded, answered, path="$"):
    """Every part of the recorded shape that the answer lacks; it may hold more."""
    if isinstance(recorded, dict) and isinstance(answered, dict):
        return [
            gap
            for name, one in recorded.items()
            for gap in (missing(one, answered[name], f"{path}.{name}") if name in answered else [f"{path}.{name}"])
        ]
    if isinstance(recorded, list) and isinstance(answered, list):
        return [gap for one, other in zip(recorded, answered, strict=True) for gap in missing(one, other, f"{path}[]")]
    return [] if recorded == answered else [f"{path}: {recorded} is answered as {answered}"]


async def prepared(path):
    org = SandboxOrg()
    accounts = {
        "CUST-0001": [{"Name": "Stahl", "Hub_Customer_Id__c": "CUST-0001"}],
        "DUP": [{"Name": name, "Hub_Customer_Id__c": "DUP"} for name in ("A", "B")],
        "CUST-0000": [{"Name": "Parent", "Hub_Customer_Id__c": "CUST-0000"}],
    }
    if path.endswith("DUP"):
        await org.sim("POST", "schema", {"not_unique": ["Account.Hub_Customer_Id__c"]})
    for name, rows in accounts.items():
        if path.endswith(name):
            await org.sim("POST", "seed", {"accounts": rows})
    return org


async def send(org, exchange):
    token = await org.transport.inner.send(
        Request(
            method="POST",
            url=f"{BASE}/services/oauth2/token",
            headers={"Authorization": "Basic " + basic()},
            body=b"grant_type=client_credentials",
        )
    )
    headers = {**exchange["headers"], "Authorization": f"Bearer {token.json()['access_token']}"}
    if exchange["path"].endswith("LIMIT"):
        await org.sim("POST", "limits", {"daily_max": 1, "used": 1})
    request = Request(
        method=exchange["method"], url=BASE + exchange["path"], headers=headers, body=exchange["body"].encode()
    )
    return await org.transport.inner.send(request)


def basic():
    return base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()


@pytest.mark.parametrize("name", RECORDED)
async def test_the_org_answers_the_recorded_call_with_the_recorded_status_and_shape(name):
    exchange = RECORDED[name]
    recorded = exchange["response"]
    if exchange["method"] == "PATCH" and "/sobjects/Account/Hub" in exchange["path"] and "composite" not in name:
        org = await prepared("CUST-0000")  # the recorded answer says that the record is new
    else:
        org = await prepared(exchange["path"])

    answer = await send(org, exchange)

    assert answer.status == recorded["status"]
    assert answer.headers["content-type"] == recorded["headers"]["Content-Type"]
    assert answer.headers["sforce-limit-info"].startswith("api-usage=")
    wanted, got = shape(recorded["body"]), shape(answer.json())
    if "/composite/sobjects/" in exchange["path"]:
        wanted = wanted[:1]  # one record was sent; the second recorded row shows how a failing one looks
    if "/query/" in exchange["path"]:
        wanted["records"], got["records"] = (
            [{"attributes": {"type": "str", "url": "str"}, "Id": "str"}],
            got["records"][:1],
        )
    assert missing(wanted, got) == []


async def test_a_locked_row_of_a_collection_looks_as_recorded():
    exchange = next(one for one in RECORDED.values() if "/composite/sobjects/" in one["path"])
    org = SandboxOrg()
    await org.sim("POST", "locks", {"object": "Account"})

    answer = await send(org, exchange)

    [row] = answer.json()
    assert shape(row) == shape(exchange["response"]["body"][1])
    assert row["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
