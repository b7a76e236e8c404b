"""One trace from the store's event over the ERP's call to the shipment, days later and whatever process was at it."""

import gzip
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from fakes.house import House
from fakes.world import ManualClock
from millstream.domain.errors import Retry
from millstream.engine.telemetry import CALLS_MAX, SpanTap, otlp
from millstream.engine.trace import root_span_id, trace_id, traceparent
from millstream.web.order_hint import order_hint
from millstream.web.trace_context import with_context

pytestmark = pytest.mark.quick_commits


@pytest.fixture
def exported():
    return InMemorySpanExporter()


@pytest.fixture
def house(database, exported):
    house = House(database)
    house.extra_taps.append(SpanTap(SimpleSpanProcessor(exported), house.world.clock))
    house.hub = house.build()
    return house


def spans_of(exported, subject):
    return [span for span in exported.get_finished_spans() if span.context.trace_id == trace_id(subject)]


async def test_store_event_erp_call_and_shipment_are_one_trace_over_days_and_processes(house, exported):
    placed = await house.place()
    key = f"shop-1-{placed['increment_id']}"
    await house.settle_down()
    house.world.clock.advance(3 * 86400)
    house.hub = house.build()  # another process
    house.erp.ship(key)
    await house.settle_down()
    spans = spans_of(exported, key)
    names = [span.name for span in spans]
    for name in ("order", "order.placed to erp", "erp create", "order.confirmed to store", "order.confirmed to crm",
                 "order.shipment_reported to book", "order.shipped to store", "order.shipped to crm"):  # fmt: skip
        assert name in names, name
    ids = {span.context.span_id: span for span in spans}
    assert len(ids) == len(spans), "two spans share an id"
    roots = [span for span in spans if span.parent is None]
    assert [span.name for span in roots] == ["order"]
    assert all(span.parent.span_id in ids for span in spans if span.parent is not None), "a parent nobody told of"
    create = next(span for span in spans if span.name == "erp create")
    assert ids[create.parent.span_id].name == "order.placed to erp"
    shipped = next(span for span in spans if span.name == "order.shipped to store")
    assert (shipped.start_time - create.start_time) / 1e9 > 3 * 86400 - 60
    assert any(span.parent and span.parent.span_id == shipped.context.span_id for span in spans), (
        "its call to the store"
    )


class Listening:
    """Keeps the traceparent of every request on its way out."""

    def __init__(self, transport):
        self.transport = transport
        self.heard = []

    async def send(self, request):
        self.heard.append((request.url, request.headers.get("traceparent")))
        return await self.transport.send(request)

    async def close(self):
        await self.transport.close()


async def test_calls_carry_the_trace_to_the_systems_as_children_of_their_try(house, exported):
    house.transport = Listening(house.transport)
    house.hub = house.build()
    placed = await house.place()
    house.transport.heard.clear()
    await house.settle_down()
    key = f"shop-1-{placed['increment_id']}"
    tries = {span.context.span_id for span in spans_of(exported, key) if span.name.startswith("order.")}
    carried = {parent for _, parent in house.transport.heard if parent is not None}
    assert carried
    for parent in carried:
        version, trace, span, flags = parent.split("-")
        assert (version, int(trace, 16), flags) == ("00", trace_id(key), "01")
        assert int(span, 16) in tries
    polls = [parent for url, parent in house.transport.heard if "searchCriteria" in url]
    assert polls
    assert set(polls) == {None}, "polling is about no order"


async def test_without_traces_no_call_carries_one(database):
    house = House(database)
    house.transport = Listening(house.transport)
    house.hub = house.build()
    await house.place()
    await house.settle_down()
    assert len(house.transport.heard) > 5
    assert {parent for _, parent in house.transport.heard} == {None}


async def test_a_hint_leads_to_the_trace_of_its_order(house, exported):
    placed = await house.place()
    now = house.world.clock.now()
    await house.hub.ledger.accept(
        [order_hint("shop", str(placed["entity_id"]), source_id="h1", updated_at=None, occurred_at=now)]
    )
    await house.hub.worker.run_due()  # before polling brings the order, too
    await house.settle_down()
    (hinted,) = [span for span in exported.get_finished_spans() if span.name == "order.hinted to inbox"]
    key = f"shop-1-{placed['increment_id']}"
    assert [(link.context.trace_id, link.context.span_id) for link in hinted.links] == [
        (trace_id(key), root_span_id(key))
    ]


async def test_a_sender_that_told_its_trace_is_linked_to(house, exported):
    placed = await house.place()
    hint = order_hint(
        "shop", str(placed["entity_id"]), source_id="h1", updated_at=None, occurred_at=house.world.clock.now()
    )
    await house.hub.ledger.accept(with_context([hint], "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
    await house.hub.worker.run_due()
    await house.settle_down()
    (hinted,) = [span for span in exported.get_finished_spans() if span.name == "order.hinted to inbox"]
    linked = {(link.context.trace_id, link.context.span_id) for link in hinted.links}
    key = f"shop-1-{placed['increment_id']}"
    assert linked == {
        (0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331),
        (trace_id(key), root_span_id(key)),
    }


async def test_a_failed_try_is_a_span_with_its_code_and_the_next_one_another(house, exported):
    works, fails = house.erp.place_order, [True]

    async def place(order, *, customer_id, key):
        if fails:
            fails.pop()
            raise Retry("erp.busy", "try again", after_s=5)
        return await works(order, customer_id=customer_id, key=key)

    house.erp.place_order = place
    placed = await house.place()
    await house.settle_down()
    tries = [span for span in spans_of(exported, f"shop-1-{placed['increment_id']}") if "placed to erp" in span.name]
    assert [(span.status.status_code, span.status.description) for span in tries] == [
        (StatusCode.ERROR, "erp.busy"),
        (StatusCode.UNSET, None),
    ]


async def test_no_personal_fact_is_in_a_span(house, exported):
    await house.place()
    await house.settle_down()
    told = " ".join(span.to_json() for span in exported.get_finished_spans())
    assert "@" not in told
    customer = (await house.rows("select \"order\" -> 'customer' ->> 'name' as name from sales_order"))[0]["name"]
    assert customer
    assert customer not in told


def test_an_attempt_with_very_many_calls_keeps_its_spans_bounded(exported, house):
    tap = SpanTap(SimpleSpanProcessor(exported), house.world.clock)
    now = house.world.clock.now()
    about = {"delivery": 1, "subscriber": "erp", "type": "order.placed", "subject": "s"}
    tap.note("delivery.started", **about, tries=1, event="e", cause=None, occurred_at=now)
    for _ in range(CALLS_MAX + 5):
        tap.note("call.ended", system="erp", operation="read", key=None, status=200, outcome="ok", ms=1.0)
    tap.note(
        "delivery.settled", **about, state="retrying", code="x", fault="Retry", message="", events=(), occurred_at=now
    )
    spans = exported.get_finished_spans()
    assert len(spans) == CALLS_MAX + 1
    assert spans[0].attributes["millstream.calls.left_out"] == 5


def test_the_context_of_an_order_is_a_valid_traceparent_and_always_the_same():
    assert traceparent("shop-1-000000042") == traceparent("shop-1-000000042")
    version, trace, span, flags = traceparent("shop-1-000000042").split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")
    assert int(trace, 16) == trace_id("shop-1-000000042")
    assert trace_id("a") != trace_id("b")


@pytest.mark.parametrize(
    ("modules", "never"),
    [
        ("millstream.cli.serve", {"opentelemetry", "apprise", "prometheus_client", "requests", "google"}),
        # FastAPI brings the interface of OpenTelemetry along; what does the work must not come with it.
        ("millstream.cli.edge, millstream.web.metrics", {"opentelemetry.sdk", "opentelemetry.exporter", "apprise",
                                                         "prometheus_client", "requests", "google"}),
    ],
    ids=["work", "serve"],
)  # fmt: skip
def test_a_process_without_traces_loads_no_opentelemetry_and_no_apprise(modules, never):
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, {modules}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")},
    )
    assert never & set(said.stdout.split()) == set()


class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


def test_spans_reach_a_collector_over_http():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.got = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        clock = ManualClock()
        tap = SpanTap(otlp(f"http://127.0.0.1:{server.server_address[1]}/v1/traces"), clock)
        about = {"delivery": 1, "subscriber": "erp", "type": "order.placed", "subject": "shop-1-7"}
        when = {"occurred_at": clock.now()}
        tap.note("delivery.started", **about, tries=1, event="e", cause=None, **when)
        tap.note("delivery.settled", **about, state="done", code=None, fault=None, message="", events=(), **when)
        tap.close()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    ((path, body),) = server.got
    assert path == "/v1/traces"
    assert trace_id("shop-1-7").to_bytes(16) in (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
