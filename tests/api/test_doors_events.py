"""Carriers, partners and planner's tools at /in/events."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from fakes.edge import (
    MAX,
    NEXT_WEBHOOK_SECRET,
    WEBHOOK_SECRET,
    Edge,
    delivered,
    encoded,
    hmac_headers,
    webhook_headers,
)
from millstream.domain.errors import Retry


def code(answer) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["code"]


async def test_signed_delivery_report_is_stored_before_it_is_thanked_for():
    edge = Edge()
    answer = await edge.carrier(encoded(delivered(order_number="000000042")))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "ignored": 0})
    (event,) = edge.inbox.events
    assert (event.source, event.source_id, event.type) == ("door:carrier", "evt-1", "order.delivery_reported")
    assert event.subject == "000000042"
    assert event.occurred_at == datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
    assert event.data["tracking_number"] == "1Z999"
    assert event.data["delivered_at"] == "2026-11-23T07:30:00Z"


@pytest.mark.parametrize(
    ("given", "subject"),
    [({"shipment_number": "S-7"}, "S-7"), ({"tracking_number": "1Z999"}, "1Z999")],
)
async def test_any_one_of_the_numbers_names_the_order(given, subject):
    edge = Edge()
    await edge.carrier(encoded(delivered(**{"tracking_number": None, **given})))
    assert edge.inbox.events[0].subject == subject


async def test_second_copy_is_answered_as_a_duplicate_and_stored_once():
    edge = Edge()
    body = encoded(delivered())
    await edge.carrier(body)
    answer = await edge.carrier(body, message_id="msg_2")
    assert (answer.status_code, answer.json()) == (200, {"accepted": 0, "duplicates": 1, "ignored": 0})
    assert len(edge.inbox.events) == 1


@pytest.mark.parametrize("secret", [WEBHOOK_SECRET, NEXT_WEBHOOK_SECRET])
async def test_during_a_rotation_both_secrets_are_valid(secret):
    edge = Edge()
    answer = await edge.carrier(encoded(delivered()), secret=secret)
    assert answer.status_code == 202


async def test_one_fitting_signature_among_several_is_enough():
    edge = Edge()
    body = encoded(delivered())
    headers = webhook_headers(body, edge.clock.now())
    headers["webhook-signature"] = f"v1a,xyz v1,AAAA {headers['webhook-signature']}"
    assert (await edge.post("/in/events/carrier", body, headers)).status_code == 202


async def test_hmac_scheme_signs_time_and_body():
    edge = Edge()
    answer = await edge.planner(encoded(delivered()))
    assert answer.status_code == 202
    assert edge.inbox.events[0].source == "door:planner"


async def test_planner_changes_a_promise():
    edge = Edge()
    promise = {"order_number": "000000042", "ship_date": "2026-12-04", "reason": "press 3 is down"}
    event = delivered(type="order.promise_changed", time="2026-11-23T07:59:00+01:00") | {"data": promise}
    answer = await edge.planner(encoded(event))
    assert answer.status_code == 202
    (stored,) = edge.inbox.events
    assert (stored.type, stored.subject, stored.data) == ("order.promise_reported", "000000042", promise)
    assert stored.occurred_at == datetime(2026, 11, 23, 6, 59, tzinfo=UTC)


async def test_a_carrier_may_not_change_promises_unless_allowed():
    edge = Edge()
    answer = await edge.carrier(encoded(delivered(type="order.promise_changed")))
    assert (answer.status_code, code(answer)) == (422, "event.type_refused")
    assert answer.json()["errors"][0]["field"] == "type"
    assert edge.inbox.events == []


class TestBinaryMode:
    def headers(self, **changes) -> dict:
        attributes = {"specversion": "1.0", "id": "evt-9", "source": "/dhl", "type": "order.delivered", **changes}
        return {"content-type": "application/json", **{f"ce-{name}": value for name, value in attributes.items()}}

    async def test_attributes_may_travel_in_headers(self):
        edge = Edge()
        body = encoded(delivered()["data"])
        answer = await edge.carrier(body, message_id="evt-9", **self.headers())
        assert answer.status_code == 202
        assert edge.inbox.events[0].source_id == "evt-9"

    async def test_an_id_outside_the_signature_is_refused(self):
        edge = Edge()
        answer = await edge.carrier(encoded(delivered()["data"]), message_id="other", **self.headers())
        assert (answer.status_code, code(answer)) == (422, "event.invalid")
        assert answer.json()["errors"][0]["field"] == "ce-id"

    async def test_hmac_covers_id_and_type(self):
        edge = Edge()
        body = encoded(delivered()["data"])
        answer = await edge.planner(body, attributes=["evt-9", "order.delivered"], **self.headers())
        assert answer.status_code == 202

    async def test_a_replay_under_a_new_id_is_refused(self):
        edge = Edge()
        body = encoded(delivered()["data"])
        headers = hmac_headers(body, edge.clock.now(), attributes=["evt-9", "order.delivered"], **self.headers(id="x"))
        assert code(await edge.post("/in/events/planner", body, headers)) == "signature.invalid"

    async def test_hmac_over_the_body_alone_is_refused(self):
        edge = Edge()
        answer = await edge.planner(encoded(delivered()["data"]), **self.headers())
        assert code(answer) == "signature.invalid"
        assert "t.id.type.body" in answer.json()["detail"]


class TestUnsigned:
    @pytest.mark.parametrize("door", ["carrier", "planner"])
    async def test_without_signature_headers(self, door):
        edge = Edge()
        headers = {"content-type": "application/cloudevents+json"}
        answer = await edge.post(f"/in/events/{door}", encoded(delivered()), headers)
        assert (answer.status_code, code(answer)) == (401, "signature.missing")
        assert edge.inbox.events == []

    async def test_with_another_secret(self):
        edge = Edge()
        other = "whsec_" + base64.b64encode(b"a secret nobody agreed on").decode()
        assert code(await edge.carrier(encoded(delivered()), secret=other)) == "signature.invalid"
        assert code(await edge.planner(encoded(delivered()), secret="another secret")) == "signature.invalid"
        assert edge.inbox.events == []

    async def test_with_a_body_changed_on_the_way(self):
        edge = Edge()
        headers = webhook_headers(encoded(delivered()), edge.clock.now())
        answer = await edge.post("/in/events/carrier", encoded(delivered(order_number="000000043")), headers)
        assert code(answer) == "signature.invalid"
        assert edge.inbox.events == []

    @pytest.mark.parametrize(
        "header",
        ["v1=00", "t=,v1=00", "t=1,t=2,v1=00", "t=9999999999999999,v1=00", "t=-1,v1=00", "t=1e3,v1=00", "nonsense",
         "t=١٢٣,v1=00", ",,,,", "t=1763884800,v1=é", "=" * 5000],
    )  # fmt: skip
    async def test_with_a_malformed_signature_header(self, header):
        edge = Edge()
        headers = [("content-type", "application/json"), ("x-signature", header.encode())]
        answer = await edge.post("/in/events/planner", encoded(delivered()), headers)
        assert (answer.status_code, code(answer)) == (401, "signature.invalid")

    @pytest.mark.parametrize(
        ("name", "value"),
        [("webhook-timestamp", "now"), ("webhook-timestamp", "9" * 5000), ("webhook-timestamp", "nan"),
         ("webhook-signature", "v1"), ("webhook-signature", "v1,%%%"), ("webhook-signature", "v2,AAAA"),
         ("webhook-signature", "é,é"), ("webhook-id", "é")],
    )  # fmt: skip
    async def test_with_malformed_webhook_headers(self, name, value):
        edge = Edge()
        body = encoded(delivered())
        headers = {**webhook_headers(body, edge.clock.now()), name: value.encode()}
        assert code(await edge.post("/in/events/carrier", body, list(headers.items()))) == "signature.invalid"

    async def test_with_bytes_that_are_no_text(self):
        edge = Edge()
        headers = webhook_headers(b"", edge.clock.now())
        assert code(await edge.post("/in/events/carrier", b"\xff\xfe", headers)) == "signature.invalid"


class TestStale:
    @pytest.mark.parametrize("drift_s", [-301, 301])
    @pytest.mark.parametrize("door", ["carrier", "planner"])
    async def test_a_signature_outside_the_window_is_refused(self, door, drift_s):
        edge = Edge()
        body = encoded(delivered())
        signed_at = edge.clock.now() + timedelta(seconds=drift_s)
        headers = (webhook_headers if door == "carrier" else hmac_headers)(body, signed_at)
        answer = await edge.post(f"/in/events/{door}", body, headers)
        assert (answer.status_code, code(answer)) == (401, "signature.stale")
        assert edge.inbox.events == []

    @pytest.mark.parametrize("drift_s", [-299, 299])
    async def test_a_signature_inside_the_window_is_accepted(self, drift_s):
        edge = Edge()
        body = encoded(delivered())
        headers = webhook_headers(body, edge.clock.now() + timedelta(seconds=drift_s))
        assert (await edge.post("/in/events/carrier", body, headers)).status_code == 202

    async def test_a_captured_request_is_worthless_after_the_window(self):
        edge = Edge()
        body = encoded(delivered())
        headers = hmac_headers(body, edge.clock.now())
        edge.clock.advance(301)
        assert code(await edge.post("/in/events/planner", body, headers)) == "signature.stale"

    async def test_an_unsigned_request_does_not_learn_whether_it_is_stale(self):
        edge = Edge()
        headers = {"content-type": "application/json", "x-signature": "t=1,v1=00"}
        assert code(await edge.post("/in/events/planner", encoded(delivered()), headers)) == "signature.invalid"


class TestMalformed:
    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"nonsense", b"NaN", b'{"a":1e999}', b"1" * 5000, b"[" * 60000, b'"\\ud800"', b"\xef\xbb\xbf{}",
         b'{"id":"a"} trailing', b'{"a":' * 10000],
        ids=["empty", "cut", "word", "nan", "overflow", "huge number", "deep list", "lone surrogate", "bom", "trailing",
             "deep object"],
    )  # fmt: skip
    async def test_signed_nonsense_is_refused_as_no_json(self, body):
        edge = Edge()
        answer = await edge.carrier(body)
        assert (answer.status_code, code(answer)) == (400, "body.not_json")
        assert edge.inbox.events == []

    async def test_signed_bytes_that_are_no_text(self):
        edge = Edge()
        assert code(await edge.planner(b'{"id":"\xff"}')) == "body.not_json"

    @pytest.mark.parametrize(
        ("event", "field"),
        [
            ([], "(the whole body)"),
            ("text", "(the whole body)"),
            (None, "(the whole body)"),
            ({}, "specversion"),
            (delivered(id=None), "id"),
            (delivered(id=""), "id"),
            (delivered(id=7), "id"),
            (delivered(id="x" * 201), "id"),
            (delivered(id="a\u0000b"), "id"),
            (delivered(id="a\nb"), "id"),
            (delivered(source=None), "source"),
            (delivered(type=None), "type"),
            (delivered(type={}), "type"),
            (delivered(specversion="0.3"), "specversion"),
            (delivered(time="yesterday"), "time"),
            (delivered(time="2026-11-23T07:30:00"), "time"),
            (delivered() | {"data": None}, "data"),
            (delivered() | {"data": "text"}, "data"),
            (delivered() | {"data": {}}, "data.delivered_at"),
            (delivered(tracking_number=None), "data"),
            (delivered(tracking_number=7), "data.tracking_number"),
            (delivered(tracking_number=" "), "data.tracking_number"),
            (delivered(tracking_number="x" * 101), "data.tracking_number"),
            (delivered(tracking_number="1Z\u0000"), "data.tracking_number"),
            (delivered(received_by="a\x1b[2Jb"), "data.received_by"),
            (delivered(delivered_at="2026-11-23"), "data.delivered_at"),
            (delivered(delivered_at="2026-11-23T07:30:00"), "data.delivered_at"),
            (delivered(delivered_at="2026-11-23T25:30:00Z"), "data.delivered_at"),
            (delivered(delivered_at="2026-11-24T08:00:00Z"), "data.delivered_at"),
            (delivered(delivered_at="9999-12-31T23:59:59-12:00"), "data.delivered_at"),
            (delivered(delivered_at="0001-01-01T00:00:00+14:00"), "data.delivered_at"),
            (delivered(delivered_at=1763884800), "data.delivered_at"),
        ],
    )
    async def test_the_offending_field_is_named(self, event, field):
        edge = Edge()
        answer = await edge.carrier(encoded(event))
        assert (answer.status_code, code(answer)) == (422, "event.invalid")
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert edge.inbox.events == []

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({"ship_date": "2026-12-04", "reason": "x"}, "data.order_number"),
            ({"order_number": "1", "ship_date": None, "reason": "x"}, "data.ship_date"),
            ({"order_number": "1", "reason": "x"}, "data.ship_date"),
            ({"order_number": "1", "ship_date": "04.12.2026", "reason": "x"}, "data.ship_date"),
            ({"order_number": "1", "ship_date": "9999-01-01", "reason": "x"}, "data.ship_date"),
            ({"order_number": "1", "ship_date": "2026-12-04", "reason": "x" * 501}, "data.reason"),
            ({"order_number": "1\u202e", "ship_date": "2026-12-04", "reason": "x"}, "data.order_number"),
        ],
    )
    async def test_a_malformed_promise_is_refused(self, data, field):
        edge = Edge()
        answer = await edge.planner(encoded(delivered(type="order.promise_changed") | {"data": data}))
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert edge.inbox.events == []

    async def test_of_a_key_given_twice_the_last_one_counts(self):
        edge = Edge()
        body = encoded(delivered()).replace(b'{"specversion"', b'{"id": "first", "specversion"')
        await edge.carrier(body)
        assert edge.inbox.events[0].source_id == "evt-1"

    @pytest.mark.parametrize(
        "hostile",
        ["'; DROP TABLE event; --", "<script>alert(1)</script>", "${jndi:ldap://x}", "../../etc/passwd", "=1+1",
         "%s%n", "😀 Müller 王", "a\u0301"],
    )  # fmt: skip
    async def test_hostile_text_is_kept_as_text(self, hostile):
        edge = Edge()
        await edge.carrier(encoded(delivered(order_number=hostile, received_by=hostile)))
        (event,) = edge.inbox.events
        assert (event.subject, event.data["received_by"]) == (hostile, hostile)

    async def test_unknown_fields_are_dropped(self):
        edge = Edge()
        event = delivered()
        event["data"]["__proto__"] = {"admin": True}
        await edge.carrier(encoded(event | {"traceparent": "00-1"}))
        assert set(edge.inbox.events[0].data) <= {
            "delivered_at", "order_number", "shipment_number", "tracking_number", "received_by",
        }  # fmt: skip


class TestWrongWrapping:
    @pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "text/html"])
    async def test_other_content_types_are_refused(self, content_type):
        edge = Edge()
        answer = await edge.carrier(encoded(delivered()), **{"content-type": content_type})
        assert (answer.status_code, code(answer)) == (415, "content_type.unsupported")

    async def test_compressed_bodies_are_refused(self):
        edge = Edge()
        answer = await edge.carrier(encoded(delivered()), **{"content-encoding": "gzip"})
        assert (answer.status_code, code(answer)) == (415, "content_encoding.unsupported")

    async def test_a_declared_oversize_is_refused_unread(self):
        edge = Edge()
        answer = await edge.post("/in/events/carrier", b"{}", {"content-length": "9" * 5000})
        assert (answer.status_code, code(answer)) == (413, "body.too_large")

    async def test_a_streamed_oversize_is_cut(self):
        edge = Edge()
        sent = 0

        async def endless():
            nonlocal sent
            while sent < 100 * MAX:
                sent += 4096
                yield b"x" * 4096

        answer = await edge.request("POST", "/in/events/carrier", content=endless())
        assert (answer.status_code, code(answer)) == (413, "body.too_large")
        assert answer.headers["connection"] == "close"
        assert edge.inbox.events == []

    async def test_a_body_of_exactly_the_limit_is_read(self):
        edge = Edge()
        answer = await edge.carrier(encoded(delivered()).ljust(MAX))
        assert answer.status_code == 202


@pytest.mark.parametrize("name", ["nobody", "adobe", "..%2f..", "carrier%00", "Carrier", "x" * 5000, "%F0%9F%98%80"])
async def test_unknown_doors_and_doors_of_another_kind_are_refused_alike(name):
    edge = Edge()
    unknown = await edge.post("/in/events/nobody", encoded(delivered()))
    answer = await edge.post(f"/in/events/{name}", encoded(delivered()))
    assert answer.status_code == 404
    assert code(answer) in {"door.unknown", "path.unknown"}
    if code(answer) == "door.unknown":
        assert {**answer.json(), "instance": ""} == {**unknown.json(), "instance": ""}


async def test_an_inbox_in_trouble_means_come_back_later_and_nothing_lost():
    edge = Edge()
    edge.inbox.failures = [Retry("store.down", "postgresql://secret@db refused", after_s=7.2)]
    body = encoded(delivered())
    answer = await edge.carrier(body)
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (503, "inbox.busy", "8")
    assert "postgresql" not in answer.text
    assert (await edge.carrier(body)).status_code == 202
    assert len(edge.inbox.events) == 1


async def test_every_refusal_is_counted_and_told():
    edge = Edge()
    await edge.post("/in/events/carrier", b"{}", {"content-type": "application/json"})
    await edge.post("/in/events/carrier", b"{}", {"content-type": "application/json"})
    await edge.post("/in/events/nobody", b"{}")
    await edge.request("GET", "/in/events/carrier")
    assert edge.refusals.of_door("carrier") == {"method.not_allowed": 1, "signature.missing": 2}
    assert edge.refusals.of_door("unknown") == {"door.unknown": 1}
    assert edge.tap.named("door.refused")[0] == {"door": "carrier", "code": "signature.missing"}
    assert len(edge.tap.named("door.refused")) == 4
    ready = (await edge.request("GET", "/readyz")).json()
    assert ready["doors_refused"] == {"door.unknown": 1, "method.not_allowed": 1, "signature.missing": 2}


async def test_a_full_door_asks_to_come_back():
    from millstream.web.door_settings import DoorSettings

    edge = Edge(doors={"carrier": DoorSettings(kind="events", secrets=[WEBHOOK_SECRET], in_flight_max=1)})
    second = None

    async def body_that_waits():
        nonlocal second
        second = await edge.carrier(encoded(delivered()))
        yield encoded(delivered())

    headers = webhook_headers(encoded(delivered()), edge.clock.now())
    first = await edge.request("POST", "/in/events/carrier", content=body_that_waits(), headers=headers)
    assert (second.status_code, code(second), second.headers["retry-after"]) == (429, "door.busy", "2")
    assert first.status_code == 202
    assert (await edge.carrier(encoded(delivered(id="evt-2")))).status_code == 202
