"""Adobe I/O Events at /in/adobe-io."""

import json
from datetime import UTC, datetime

import pytest

from fakes.edge import CLIENT_ID, VECTOR, Edge, encoded
from fakes.transport import ScriptedTransport
from fakes.world import ManualClock
from millstream.domain.errors import Reject, Retry
from millstream.web.adobe_keys import AdobeKeys
from millstream.wire.http import Response, TransportError

URL = "/in/adobe-io/adobe"
BODY = VECTOR["raw_body"].encode()
HEADERS = {"content-type": "application/json", **VECTOR["headers"]}


def code(answer) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["code"]


def io_event(name="observer.sales_order_save_commit_after", value=None, **changes) -> dict:
    event = {
        "specversion": "1.0",
        "id": "producer-id",
        "type": f"com.adobe.commerce.{name}",
        "time": "2026-11-23T07:59:58.123Z",
        "eventid": "io-1",
        "recipientclientid": CLIENT_ID,
        "data": {"value": {"entity_id": "42", "updated_at": "2026-11-23 07:59:57"} if value is None else value},
        **changes,
    }
    return {name: value for name, value in event.items() if value is not None}


class TestChallenge:
    async def test_is_echoed_as_plain_text(self):
        answer = await Edge().request("GET", URL, params={"challenge": "8ec8d794-e0ab-42df-9017-e3dada8e84f7"})
        assert (answer.status_code, answer.text) == (200, "8ec8d794-e0ab-42df-9017-e3dada8e84f7")
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("challenge", [None, "", "<script>", "a b", "a\r\nset-cookie: x", "é", "x" * 201, "\u0000"])
    async def test_that_is_no_id_is_not_echoed(self, challenge):
        answer = await Edge().request("GET", URL, params={} if challenge is None else {"challenge": challenge})
        assert (answer.status_code, code(answer)) == (400, "challenge.invalid")
        assert "script" not in answer.text

    async def test_of_an_unknown_door_is_not_answered(self):
        answer = await Edge().request("GET", "/in/adobe-io/nobody", params={"challenge": "1"})
        assert (answer.status_code, code(answer)) == (404, "door.unknown")


class TestValidationUrl:
    async def test_of_adobe_is_noted_and_not_opened(self):
        edge = Edge()
        url = "https://csm.adobe.io/csm/registration/validate?id=1"
        answer = await edge.post(URL, encoded({"validationUrl": url}), {"content-type": "application/json"})
        assert answer.status_code == 202
        assert edge.tap.named("door.validation_asked") == [{"door": "adobe", "url": url}]
        assert edge.keys_asked == []

    @pytest.mark.parametrize(
        "url",
        ["http://csm.adobe.io/x", "https://169.254.169.254/latest/meta-data", "https://evil.example/?.adobe.io",
         "https://adobe.io.evil.example/", "https://user@csm.adobe.io/", "https://csm.adobe.io:8443/", "https://[", "",
         "https://evil.example#.adobe.io", "https://evil.example\\.adobe.io/", "https://csm.adobe.io/\nx", 7, None,
         {"a": 1}, "https://csm.adobe.io/" + "x" * 600, "file:///etc/passwd", "https://évil.adobe.io/"],
    )  # fmt: skip
    async def test_of_anybody_else_is_refused_and_not_opened(self, url):
        edge = Edge()
        answer = await edge.post(URL, encoded({"validationUrl": url}), {"content-type": "application/json"})
        assert (answer.status_code, code(answer)) == (422, "validation_url.refused")
        assert edge.tap.named("door.validation_asked") == []


class TestSignature:
    async def test_vector_is_accepted(self):
        edge = Edge()
        answer = await edge.post(URL, BODY, HEADERS)
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "ignored": 0})
        (event,) = edge.inbox.events
        assert (event.source, event.type, event.subject) == ("shop", "order.hinted", "shop-42")
        assert event.source_id == "io/b0f2b088-5490-4d16-9ce9-0cb1fb3e5ed0"
        assert event.data == {"store_order_id": "42", "updated_at": "2026-08-17 15:48:41"}
        assert event.occurred_at == datetime(2026, 8, 17, 15, 48, 42, 436000, tzinfo=UTC)

    @pytest.mark.parametrize("gone", ["1", "2"])
    async def test_either_of_the_two_is_enough(self, gone):
        edge = Edge()
        headers = {name: value for name, value in HEADERS.items() if name != f"x-adobe-digital-signature-{gone}"}
        assert (await edge.post(URL, BODY, headers)).status_code == 202

    @pytest.mark.parametrize("trouble", [Reject("key.unknown", "gone"), Retry("key.unreachable", "down"), "no pem"])
    async def test_one_unreadable_key_does_not_hinder_the_other(self, trouble):
        edge = Edge()
        edge.keys["/prod/keys/pub-key-test1.pem"] = trouble
        assert (await edge.post(URL, BODY, HEADERS)).status_code == 202

    async def test_tampered_body_is_refused(self):
        edge = Edge()
        answer = await edge.post(URL, VECTOR["tampered_body_must_fail"].encode(), HEADERS)
        assert (answer.status_code, code(answer)) == (401, "signature.invalid")
        assert edge.inbox.events == []

    async def test_missing_is_refused(self):
        edge = Edge()
        answer = await edge.post(URL, BODY, {"content-type": "application/json"})
        assert (answer.status_code, code(answer)) == (401, "signature.missing")

    @pytest.mark.parametrize(
        "path",
        ["https://evil.example/key.pem", "//evil.example/key.pem", "/prod/keys/../../evil.pem", "@evil.example/k.pem",
         "/other/key.pem", "/prod/keys/a/b.pem", "/prod/keys/a.pem?x=1", "", "/prod/keys/%2e%2e/a"],
    )  # fmt: skip
    async def test_a_key_elsewhere_is_never_asked_for(self, path):
        edge = Edge()
        headers = {**HEADERS, "x-adobe-public-key1-path": path, "x-adobe-public-key2-path": path}
        answer = await edge.post(URL, BODY, headers)
        assert (answer.status_code, code(answer)) == (401, "signature.invalid")
        assert edge.keys_asked == []

    async def test_a_key_that_cannot_be_read_now_means_come_back_later(self):
        edge = Edge()
        down = Retry("key.unreachable", "down")
        edge.keys = dict.fromkeys(edge.keys, down)
        answer = await edge.post(URL, BODY, HEADERS)
        assert (answer.status_code, code(answer)) == (503, "public_key.unavailable")
        assert answer.headers["retry-after"] == "15"

    async def test_an_event_for_another_client_is_refused(self):
        edge = Edge()
        answer = await edge.adobe(io_event(recipientclientid="somebody else"))
        assert (answer.status_code, code(answer)) == (401, "recipient.foreign")
        assert CLIENT_ID not in answer.text
        assert edge.inbox.events == []

    async def test_one_foreign_event_spoils_the_batch(self):
        edge = Edge()
        answer = await edge.adobe([io_event(), io_event(recipientclientid="x", eventid="io-2")])
        assert code(answer) == "recipient.foreign"
        assert answer.json()["errors"][0]["field"] == "[1].recipientclientid"
        assert edge.inbox.events == []

    async def test_the_older_spelling_of_the_envelope_is_read(self):
        edge = Edge()
        old = io_event(eventid=None, recipientclientid=None, event_id="io-9", recipient_client_id=CLIENT_ID)
        assert (await edge.adobe(old)).status_code == 202
        assert edge.inbox.events[0].source_id == "io/io-9"


class TestBatch:
    async def test_hints_come_in_and_others_are_ignored(self):
        edge = Edge()
        batch = [io_event(eventid=f"io-{n}", value={"id": n}) for n in range(1, 19)]
        batch += [io_event("observer.catalog_product_save_commit_after", eventid="p"), io_event(eventid="io-1")]
        answer = await edge.adobe(batch)
        assert (answer.status_code, answer.json()) == (202, {"accepted": 18, "duplicates": 1, "ignored": 1})
        assert [event.data["store_order_id"] for event in edge.inbox.events] == [str(n) for n in range(1, 19)]

    async def test_delivered_again_is_acknowledged_and_stored_once(self):
        edge = Edge()
        await edge.adobe(io_event())
        answer = await edge.adobe([io_event()])
        assert (answer.status_code, answer.json()) == (200, {"accepted": 0, "duplicates": 1, "ignored": 0})
        assert len(edge.inbox.events) == 1

    async def test_of_more_than_twenty_is_refused(self):
        edge = Edge()
        answer = await edge.adobe([io_event(eventid=f"io-{n}") for n in range(21)])
        assert (answer.status_code, code(answer)) == (422, "batch.too_large")
        assert edge.inbox.events == []

    async def test_of_none_is_acknowledged(self):
        assert (await Edge().adobe([])).json() == {"accepted": 0, "duplicates": 0, "ignored": 0}

    async def test_of_more_than_two_megabytes_is_refused(self):
        edge = Edge()
        answer = await edge.adobe(b" " * (2 * 1024 * 1024 + 1))
        assert (answer.status_code, code(answer)) == (413, "body.too_large")


class TestPayload:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("observer.sales_order_save_commit_after", {"entity_id": 42}),
            ("observer.sales_order_save_after", {"id": "42"}),
            ("observer.checkout_submit_all_after", {"order": {"entity_id": 42}, "quote": {}}),
            ("plugin.sales.api.order_management.place", {"entity_id": 42}),
            ("plugin.sales.api.order_repository.save", {"entity_id": 42}),
            ("observer.sales_order_invoice_save_after", {"entity_id": 7, "order_id": 42}),
            ("observer.sales_order_creditmemo_save_after", {"entity_id": 7, "order_id": 42}),
            ("observer.sales_order_shipment_save_after", {"entity_id": 7, "order_id": "42"}),
            ("observer.sales_order_shipment_track_save_after", {"entity_id": 7, "parent_id": 5, "order_id": 42}),
            ("observer.sales_order_status_history_save_after", {"entity_id": 7, "parent_id": 42}),
            ("observer.big_orders", {"entity_id": 42}),
        ],
    )
    async def test_order_id_is_found_where_the_event_keeps_it(self, name, value):
        edge = Edge()
        await edge.adobe(io_event(name, value))
        assert edge.inbox.events[0].data["store_order_id"] == "42"

    @pytest.mark.parametrize("name", ["observer.customer_save_commit_after", "observer.unknown", "", "<script>"])
    async def test_other_events_are_acknowledged_and_counted(self, name):
        edge = Edge()
        answer = await edge.adobe(io_event(name))
        assert (answer.status_code, answer.json()) == (200, {"accepted": 0, "duplicates": 0, "ignored": 1})
        assert edge.tap.named("door.answered") == [{"door": "adobe", "accepted": 0, "duplicates": 0, "ignored": 1}]
        assert edge.inbox.events == []

    @pytest.mark.parametrize(
        "value",
        [{}, [], "x", 7, {"entity_id": None}, {"entity_id": True}, {"entity_id": 4.5}, {"entity_id": "42; DROP"},
         {"entity_id": -1}, {"entity_id": "٤٢"}, {"entity_id": 10**25}, {"entity_id": "042"}, {"entity_id": []}],
    )  # fmt: skip
    async def test_order_event_without_a_usable_id_is_acknowledged_and_told(self, value):
        edge = Edge()
        answer = await edge.adobe([io_event(value=value), io_event(eventid="io-2")])
        assert answer.json() == {"accepted": 1, "duplicates": 0, "ignored": 1}
        (note,) = edge.tap.named("door.unreadable")
        assert note["what"] == "observer.sales_order_save_commit_after without entity_id or id"

    @pytest.mark.parametrize(
        ("message", "field"),
        [
            ("text", "(the whole body)"),
            ([7], "[0]"),
            ([io_event(), {}], "[1].type"),
            (io_event(type=7), "type"),
            (io_event(eventid=None), "eventid"),
            (io_event(eventid="a b"), "eventid"),
            (io_event(eventid="a\u0000"), "eventid"),
            (io_event(eventid="x" * 201), "eventid"),
            (io_event(eventid=7), "eventid"),
        ],
    )
    async def test_the_offending_field_of_a_malformed_envelope_is_named(self, message, field):
        edge = Edge()
        answer = await edge.adobe(message)
        assert (answer.status_code, code(answer)) == (422, "event.invalid")
        assert answer.json()["errors"][0]["field"] == field
        assert edge.inbox.events == []

    @pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"a":"\\ud800"}', b"\xff", b"1e999"])
    async def test_signed_nonsense_is_refused(self, body):
        edge = Edge()
        answer = await edge.adobe(body)
        assert (answer.status_code, code(answer)) == (400, "body.not_json")

    @pytest.mark.parametrize("time", ["", "soon", "2026-11-23 07:59", "9999-12-31T23:59:59Z", 1e300, {}, None])
    async def test_a_senseless_time_becomes_now(self, time):
        edge = Edge()
        await edge.adobe(io_event(time=time))
        assert edge.inbox.events[0].occurred_at == edge.clock.now()

    @pytest.mark.parametrize("updated_at", ["now", 7, "2026-11-23 07:59:57\u0000", {"a": 1}])
    async def test_a_senseless_change_time_is_dropped(self, updated_at):
        edge = Edge()
        await edge.adobe(io_event(value={"entity_id": 42, "updated_at": updated_at}))
        assert edge.inbox.events[0].data == {"store_order_id": "42", "updated_at": None}


async def test_an_inbox_in_trouble_is_never_answered_with_4xx_because_adobe_would_drop_the_event():
    edge = Edge()
    edge.inbox.failures = [Retry("store.down", "x"), RuntimeError("bug")]
    answers = [await edge.adobe(io_event()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 500, 202]
    assert answers[0].headers["retry-after"] == "5"
    assert len(edge.inbox.events) == 1


async def test_an_inbox_that_hangs_is_given_up_before_adobe_gives_up():
    import asyncio

    edge = Edge(accept_timeout_s=0.01)
    never = asyncio.Event()

    async def hang(events):
        await never.wait()

    edge.inbox.accept = hang
    answer = await edge.adobe(io_event())
    assert (answer.status_code, code(answer)) == (503, "inbox.busy")


@pytest.mark.parametrize("content_type", ["text/plain", ""])
async def test_other_content_types_are_refused(content_type):
    answer = await Edge().adobe(io_event(), **{"content-type": content_type})
    assert (answer.status_code, code(answer)) == (415, "content_type.unsupported")


class TestKeys:
    PEM = VECTOR["public_keys"]["/prod/keys/pub-key-test1.pem"]
    PATH = "/prod/keys/pub-key-test1.pem"

    def good(self) -> Response:
        return Response(status=200, body=self.PEM.encode())

    async def test_are_read_from_the_pinned_host_and_kept_for_a_day(self):
        transport, clock = ScriptedTransport(self.good(), self.good()), ManualClock()
        keys = AdobeKeys(transport, clock)
        assert await keys(self.PATH) == await keys(self.PATH) == self.PEM
        assert [request.url for request in transport.requests] == ["https://static.adobeioevents.com" + self.PATH]
        clock.advance(24 * 3600)
        await keys(self.PATH)
        assert len(transport.requests) == 2

    @pytest.mark.parametrize(
        "trouble", [TransportError("refused", sent=False), Response(status=503), Response(status=429)]
    )
    async def test_that_cannot_be_read_now_are_asked_for_again(self, trouble):
        keys = AdobeKeys(ScriptedTransport(trouble, self.good()), ManualClock())
        with pytest.raises(Retry, match=r"key\.unreachable"):
            await keys(self.PATH)
        assert await keys(self.PATH) == self.PEM

    @pytest.mark.parametrize(
        "answer",
        [
            Response(status=404),
            Response(status=302, headers={"location": "https://evil.example"}),
            Response(status=200, body=b"<html>"),
            Response(status=200, body=b"-----BEGIN" + b"x" * 20_000),
        ],
    )
    async def test_that_are_none_are_refused(self, answer):
        with pytest.raises(Reject, match=r"key\.unknown"):
            await AdobeKeys(ScriptedTransport(answer), ManualClock())(self.PATH)

    async def test_strangers_cannot_make_us_call_without_end(self):
        transport, clock = ScriptedTransport(*[Response(status=404)] * 10, self.good()), ManualClock()
        keys = AdobeKeys(transport, clock)
        for n in range(10):
            with pytest.raises(Reject):
                await keys(f"/prod/keys/{n}")
        with pytest.raises(Retry, match=r"key\.too_many_reads"):
            await keys("/prod/keys/11")
        assert len(transport.requests) == 10
        clock.advance(60)
        assert await keys(self.PATH) == self.PEM

    async def test_memory_for_keys_is_bounded(self):
        transport, clock = ScriptedTransport(*[self.good()] * 40), ManualClock()
        keys = AdobeKeys(transport, clock)
        for n in range(40):
            clock.advance(10)
            await keys(f"/prod/keys/{n}")
        assert len(keys._kept) == 16


def test_the_recorded_message_is_the_one_in_use():
    assert json.loads(BODY)["data"]["value"]["id"] == "42"
