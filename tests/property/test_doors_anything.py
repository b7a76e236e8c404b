"""Whatever anybody sends: never a 5xx, never anything stored that was not signed."""

import asyncio
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.edge import Edge, delivered, encoded, hmac_headers, mageos_headers, webhook_headers
from millstream.web.problems import PROBLEMS

DOORS = ["/in/events/carrier", "/in/events/planner", "/in/mageos/mage", "/in/adobe-io/adobe"]
HEADER_NAMES = [
    "content-type", "content-length", "content-encoding", "webhook-id", "webhook-timestamp", "webhook-signature",
    "x-signature", "x-magento-signature", "x-adobe-digital-signature-1", "x-adobe-digital-signature-2",
    "x-adobe-public-key1-path", "x-adobe-public-key2-path", "ce-id", "ce-type", "ce-source", "ce-specversion",
    "ce-time", "transfer-encoding", "expect", "host", "x-forwarded-for",
]  # fmt: skip
HEADER_VALUES = st.one_of(
    st.sampled_from(
        [b"application/json", b"application/cloudevents+json", b"1.0", b"t=1,v1=00", b"v1,AAAA", b"/prod/keys/own.pem",
         b"order.delivered", b"1763884800", b"gzip", b"-1", b"\xff"]
    ),
    st.binary(max_size=60),
)  # fmt: skip
TEXTS = st.text(st.characters(codec=None, categories=None), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)
FIELDS = st.sampled_from(
    ["specversion", "id", "source", "type", "time", "data", "eventid", "recipientclientid", "entity_id", "state",
     "status", "increment_id", "updated_at", "value", "validationUrl", "delivered_at", "order_number", "ship_date"]
)  # fmt: skip
KNOWN = st.sampled_from(["1.0", "order.delivered", "order.promise_changed", "2026-11-23T07:00:00Z", "42", "\u0000"])
SHAPED = st.recursive(
    JSON | KNOWN,
    lambda inner: st.dictionaries(FIELDS, inner, max_size=8) | st.lists(inner, max_size=3),
    max_leaves=20,
)
FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check(answer) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["code"] in PROBLEMS


@FEW
@given(
    path=st.sampled_from(DOORS),
    body=st.binary(max_size=300) | SHAPED.map(lambda value: json.dumps(value).encode()),
    headers=st.lists(st.tuples(st.sampled_from(HEADER_NAMES), HEADER_VALUES), max_size=10),
)
def test_unsigned_is_never_stored_and_never_a_crash(path, body, headers):
    edge = Edge()
    answer = asyncio.run(edge.post(path, body, headers))
    check(answer)
    assert answer.status_code >= 400 or "validation" in answer.json()
    assert edge.inbox.events == []


@FEW
@given(
    name=st.text(max_size=30), kind=st.sampled_from(["events", "mageos", "adobe-io", "else"]), query=st.text(max_size=9)
)
def test_any_name_of_a_door_is_answered(name, kind, query):
    from urllib.parse import quote

    edge = Edge()
    url = f"/in/{kind}/{quote(name, safe='')}?challenge={quote(query)}"
    check(asyncio.run(edge.post(url, b"{}", {"content-type": "application/json"})))
    check(asyncio.run(edge.request("GET", url)))
    assert edge.inbox.events == []


def storable(value) -> bool:
    """What PostgreSQL takes as text and jsonb."""
    json.dumps(value, ensure_ascii=False).encode()
    return "\\u0000" not in json.dumps(value)


@FEW
@given(value=SHAPED, changes=st.dictionaries(FIELDS, SHAPED, max_size=4))
def test_signed_nonsense_is_refused_or_stored_in_storable_form(value, changes):
    edge = Edge()

    async def send() -> None:
        for content in (value, delivered() | changes, delivered() | {"data": delivered()["data"] | changes}):
            body = encoded(content)
            now = edge.clock.now()
            check(await edge.post("/in/events/carrier", body, webhook_headers(body, now)))
            check(await edge.post("/in/events/planner", body, hmac_headers(body, now)))
            check(await edge.post("/in/mageos/mage", body, mageos_headers(body)))
            check(await edge.adobe(body))

    asyncio.run(send())
    for event in edge.inbox.events:
        assert storable([event.source_id, event.subject, event.data])
        assert event.occurred_at.tzinfo is not None
