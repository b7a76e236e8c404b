"""What a delivery of each kind would send, worked out without any system."""

import inspect
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from fakes.books import FakeBooks
from fakes.overlays import overlays
from fakes.world import START, ManualWorld
from millstream.domain import events
from millstream.domain.acknowledgement import Acknowledgement, LineSchedule
from millstream.domain.errors import Conflict, Reject, Retry
from millstream.domain.fulfilment import CancelledLine, Parcel, Shipment, ShipmentLine
from millstream.domain.order import Address, Customer, OrderLine, SalesOrder, Totals
from millstream.domain.values import Money, Quantity
from millstream.flows import ROUTES
from millstream.flows.dry_run import Rehearsal
from millstream.flows.hub import Hub
from millstream.flows.preview import Previews, next_try
from millstream.flows.preview_recorder import PORTS, TARGETS, AnswerNeeded, Recorder, natures
from millstream.flows.replaced import UNFINISHED
from millstream.ports.desk import DeliveryRow, DeliveryStory, EventRow, Filter
from millstream.ports.records import BookedOrder, LifetimeValue, Placement
from millstream.web.console.delivery.payload import about, documents

KEY, STORE_ID = "shop-1-7", "17"
DAY, LATER = date(2026, 12, 1), date(2026, 12, 24)
AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
ALL_ROUTES = [(kind, route.subscriber) for kind, routes in ROUTES.items() for route in routes]


def euro(amount):
    return Money(Decimal(amount), "EUR")


ORDER = SalesOrder(
    key=KEY, store="shop", store_view_id="1", store_order_id=STORE_ID, number="7", state="new", status="pending",
    placed_at=START, currency="EUR", base_currency="EUR",
    customer=Customer(store_customer_id="5", email="mia@miller.example", name="Mia Miller"),
    bill_to=Address(name="Mia Miller"), ship_to=Address(name="Mia Miller", city="Ulm"),
    lines=(
        OrderLine(
            id="1", sku="PUMP", name="Pump", quantity=Quantity(Decimal(2)), unit_price=euro("100.10"),
            discount=euro(0), net=euro("200.20"), tax=euro(0), ship_item_id="1",
        ),
    ),
    totals=Totals(
        subtotal=euro("200.20"), discount=euro(0), shipping=euro(0), tax=euro(0), grand_total=euro("200.20")
    ),
)  # fmt: skip


def acknowledged(day=DAY):
    schedule = LineSchedule(line_id="1", sku="PUMP", quantity=Quantity(Decimal(2)), ship_date=day, reason="in stock")
    return Acknowledgement(
        erp_id="9", number="SO9", state="open", warehouse=None, lines=(schedule,), ship_date=day, net=euro("200.20"),
        tax=euro(0), gross=euro("200.20"),
    )  # fmt: skip


SHIPMENT = Shipment(
    erp_id="s1", number="SH1", order_key=KEY, state="shipped", warehouse="EAST",
    lines=(ShipmentLine(line_id="1", sku="PUMP", quantity=Quantity(Decimal(2))),),
    parcels=(Parcel(tracking_number="1Z9", carrier_code="ups", carrier_title="UPS"),), shipped_on=DAY,
)  # fmt: skip
CONFIRMED = {"customer_id": "C-1", "order": ORDER, "acknowledgement": acknowledged()}
SHIPPED = {"customer_id": "C-1", "shipment": SHIPMENT, "part": False}
DELIVERED = {"customer_id": "C-1", "delivered": {"delivered_at": AT, "received_by": "Bo"}, "part": False}
MOVED = {"customer_id": "C-1", "ship_date": DAY, "before": LATER, "reason": "in stock", "rest": False}
REPORT = {"delivered_at": AT, "tracking_number": "1Z9"}
REST = CancelledLine(line_id="1", sku="PUMP", quantity=Quantity(Decimal(1)))
WITHOUT_REST = {
    "customer_id": "C-1", "lines": [{"line_id": "1", "sku": "PUMP", "name": "Pump", "quantity": "1"}],
}  # fmt: skip
IN_STORE = {"store_order_id": STORE_ID, "number": "7", "ship_to_fingerprint": None, "order": {"any": "thing"}}

BOOKED = BookedOrder(order=ORDER, customer_id="C-1", acknowledgement=acknowledged(), ship_date=DAY)
LEFT = msgspec.structs.replace(BOOKED, left_at=AT, shipped_at=AT)
ARRIVED = msgspec.structs.replace(LEFT, delivered_at=AT)
TOTALS = (LifetimeValue(amount=Decimal("1234.50"), currency="EUR", orders=3),)
LINKED = {("login", "shop", "5"): "C-1", ("customer", "crm", "001"): "C-1"}
FIND_ITEMS, READ_ORDER = "needs an answer of plant: find items", "needs an answer of shop: read order"

# (event, subscriber): payload, books as they are then, what is asked, what is needed, facts that come of it
EXPECTED = {
    (events.ORDER_HINTED, "inbox"): (IN_STORE, None, [], READ_ORDER, []),
    (events.ORDER_PLACED, "erp"): (IN_STORE, None, [], FIND_ITEMS, []),
    (events.ORDER_CANCELLED, "erp"): (
        IN_STORE, BOOKED, ["plant cancel_order"], "needs an answer of plant: cancel order", [],
    ),
    (events.ORDER_ADDRESS_CHANGED, "erp"): (IN_STORE, BOOKED, [], READ_ORDER, []),
    (events.ORDER_CONFIRMED, "store"): (CONFIRMED, BOOKED, ["shop acknowledge", "shop tell_customer"], None, []),
    (events.ORDER_CONFIRMED, "crm"): (
        CONFIRMED, BOOKED, ["crm record_purchase", "crm announce_purchase"],
        "needs an answer of crm: record purchase", [],
    ),
    (events.ORDER_INCOMPLETE_IN_CRM, "crm"): (CONFIRMED, BOOKED, ["crm complete_purchase"], None, []),
    (events.ORDER_SHIPMENT_REPORTED, "book"): (
        {"kind": "shipped", "shipment": SHIPMENT, "acknowledgement": None}, BOOKED, [], None, [events.ORDER_SHIPPED],
    ),
    (events.ORDER_PACKED, "store"): (SHIPPED, BOOKED, ["shop tell_customer"], None, []),
    (events.ORDER_PACKED, "crm"): (SHIPPED, BOOKED, ["crm record_progress"], None, []),
    (events.ORDER_SHIPPED, "store"): (SHIPPED, LEFT, ["shop ship"], None, []),
    (events.ORDER_SHIPPED, "crm"): (SHIPPED, LEFT, ["crm record_progress"], None, []),
    (events.ORDER_TRACKED, "store"): (SHIPPED, LEFT, ["shop ship"], None, []),
    (events.ORDER_TRACKED, "crm"): (SHIPPED, LEFT, ["crm record_progress"], None, []),
    (events.ORDER_DELIVERED, "store"): (DELIVERED, ARRIVED, ["shop tell_customer"], None, []),
    (events.ORDER_DELIVERED, "crm"): (DELIVERED, ARRIVED, ["crm record_progress"], None, []),
    (events.ORDER_DELIVERY_REPORTED, "book"): (
        {**REPORT, "order_key": KEY}, LEFT, [], None, [events.ORDER_DELIVERED],
    ),
    (events.ORDER_RESCHEDULED, "promise"): (
        {"kind": "schedule", "acknowledgement": acknowledged(LATER)}, BOOKED, [], None, [events.ORDER_PROMISE_CHANGED],
    ),
    (events.ORDER_PROMISE_REPORTED, "promise"): (
        {"order_key": KEY, "ship_date": LATER, "reason": "a part"}, BOOKED, [], None, [events.ORDER_PROMISE_CHANGED],
    ),
    (events.ORDER_PROMISE_CHANGED, "store"): (MOVED, BOOKED, ["shop promise", "shop tell_customer"], None, []),
    (events.ORDER_PROMISE_CHANGED, "crm"): (MOVED, BOOKED, ["crm record_progress"], None, []),
    (events.ORDER_CANCELLED_BY_ERP, "book"): (
        {}, BOOKED, ["shop cancel"], None, [events.ORDER_CANCELLATION_CONFIRMED],
    ),
    (events.ORDER_REST_CANCELLED_BY_ERP, "book"): (
        {"kind": "rest_cancelled", "acknowledgement": acknowledged(), "cancelled": [REST]}, BOOKED, [], None,
        [events.ORDER_REST_CANCELLED],
    ),
    (events.ORDER_REST_CANCELLED, "store"): (WITHOUT_REST, LEFT, ["shop tell_customer"], None, []),
    (events.ORDER_REST_CANCELLED, "crm"): (WITHOUT_REST, LEFT, ["crm record_progress"], None, []),
    (events.ORDER_HOLD_WANTED, "store"): (IN_STORE, BOOKED, ["shop hold"], None, []),
    (events.ORDER_UNHOLD_WANTED, "store"): (IN_STORE, BOOKED, ["shop unhold"], None, []),
    (events.ORDER_CANCELLATION_CONFIRMED, "crm"): (
        {"customer_id": "C-1"}, BOOKED, ["crm restate_lifetime_value", "crm record_progress"], None, [],
    ),
}  # fmt: skip


class Silent:
    """A system that must not be asked. As a store it reads orders, which asks nobody."""

    one_writer = False

    def __init__(self, name):
        self.name = name

    def interpret(self, raw, *, overlaid=True):
        if "unreadable" in raw:
            raise Reject("order.unreadable", "Nobody can read it")
        return msgspec.structs.replace(ORDER, replaces=raw.get("replaces"))

    def __getattr__(self, operation):
        raise AssertionError(f"{self.name} was asked: {operation}")


class Pure:
    """What a connector answers itself, whatever it is called."""

    def __init__(self, name):
        self.name = name

    def __getattr__(self, operation):
        return lambda *_args, **_kwargs: f"its own {operation}"


def hub(booked=None, **books):
    given = {"links": LINKED, "totals": TOTALS, "steps": (SHIPMENT,) if booked and booked.has_left else (), **books}
    ports = {"store": Silent("shop"), "erp": Silent("plant"), "crm": Silent("crm")}
    return Hub(**ports, records=FakeBooks(booked, **given), world=ManualWorld())


def story(event_type, subscriber, payload, *, tries=0, **changed):
    row = DeliveryRow(
        id=7, event_id=UUID(int=1), event_type=event_type, subject=KEY, subscriber=subscriber, state="waiting",
        tries=tries, attempts=tries, due_at=START, created_at=START, updated_at=START, head=True,
    )  # fmt: skip
    event = EventRow(
        id=row.event_id, type=event_type, source="millstream", source_id="x", occurred_at=AT, received_at=START
    )
    data = msgspec.to_builtins(payload)  # as it is kept
    return DeliveryStory(row=row, event=event, data=data, amended=None, waived=(), attempts=(), **changed)


async def preview(event_type, subscriber, payload=None, *, tries=0, **books):
    expected = EXPECTED[event_type, subscriber]
    books.setdefault("booked", expected[1])
    told = story(event_type, subscriber, expected[0] if payload is None else payload, tries=tries)
    return await Previews(hub(**books), overlays()).of(told)


def test_every_route_is_expected_here():
    assert sorted(EXPECTED) == sorted(ALL_ROUTES)


@pytest.mark.parametrize("route", ALL_ROUTES, ids=" to ".join)
async def test_a_delivery_of_each_route_says_what_it_would_ask_of_whom(route):
    _, _, asked, needs, facts = EXPECTED[route]
    mapped = await preview(*route)
    assert (mapped.fault, mapped.note) == (None, None)
    assert [f"{one.connection} {one.operation}" for one in mapped.requests] == asked
    assert (mapped.needs, [fact.type for fact in mapped.facts]) == (needs, facts)
    plain = msgspec.json.decode(msgspec.json.encode(mapped))
    assert all(request["fields"] and not {"key", "again"} & request["fields"].keys() for request in plain["requests"])
    shown, told = documents({"data": {}, "amended": None}, plain), " ".join(about(plain))
    assert [name for name in shown if name.startswith("What the hub asks of")] == (
        [f"What the hub asks of {asked[0].split()[0]}"] if asked else []
    )
    assert told
    assert needs is None or needs in told


@pytest.mark.parametrize("port", PORTS)
async def test_a_recorder_knows_every_operation_of_its_port(port):
    protocol = PORTS[port]
    members = {name for name in dir(protocol) if not name.startswith("_") and callable(getattr(protocol, name))}
    assert members == set(natures(protocol))
    requests = []
    recorder = Recorder(Pure("x"), protocol, requests)
    for name in sorted(members):
        wanted = inspect.signature(getattr(protocol, name)).parameters.values()
        args = ["given" for one in wanted if one.kind is one.POSITIONAL_OR_KEYWORD and one.name != "self"]
        kwargs = {one.name: "given" for one in wanted if one.kind is one.KEYWORD_ONLY}
        requests.clear()
        match natures(protocol)[name]:
            case "effect":
                answer = await getattr(recorder, name)(*args, **kwargs)
                (request,) = requests
                left_out = {"self", "key", "again"}
                assert request.fields == {one.name: "given" for one in wanted if one.name not in left_out}
                with pytest.raises(AnswerNeeded):
                    bool(answer)
            case "question":
                with pytest.raises(AnswerNeeded, match=f"of x: {name.replace('_', ' ')}"):
                    await getattr(recorder, name)(*args, **kwargs)
            case "mapping":
                assert getattr(recorder, name)(*args, **kwargs) == f"its own {name}"
    assert recorder.name == "x"
    with pytest.raises(AttributeError):
        recorder.nothing_of_the_kind  # noqa: B018 - being asked for is the point


def test_every_effect_has_its_words_and_nothing_else_has():
    effects = {name for protocol in PORTS.values() for name, nature in natures(protocol).items() if nature == "effect"}
    assert effects == set(TARGETS)


@pytest.mark.parametrize(
    "look",
    [bool, str, len, iter, hash, lambda answer: answer == 1, lambda answer: f"{answer}", lambda answer: answer.number,
     lambda answer: answer[0], lambda answer: 1 in answer],
)  # fmt: skip
async def test_an_answer_that_nobody_gave_cannot_be_looked_at(look):
    answer = await Recorder(Silent("crm"), PORTS["crm"], []).adopt_customer("001", hub_id="C-1", key="k")
    with pytest.raises(AnswerNeeded, match="needs an answer of crm: adopt customer"):
        look(answer)


async def test_an_answer_that_nobody_gave_is_not_handed_to_another_system():
    requests = []
    answer = await Recorder(Silent("crm"), PORTS["crm"], []).create_customer(ORDER.customer, hub_id="C-1", key="k")
    with pytest.raises(AnswerNeeded, match="of crm: create customer"):
        await Recorder(Silent("plant"), PORTS["erp"], requests).place_order(ORDER, customer_id=answer, key="k")
    assert requests == []


class TestFields:
    async def test_money_is_text_and_what_is_not_given_is_absent(self):
        (restated, progress) = (await preview(events.ORDER_CANCELLATION_CONFIRMED, "crm")).requests
        assert restated.fields == {
            "customer_id": "C-1", "lifetime_value": {"amount": "1234.50", "currency": "EUR"}, "orders_count": 3,
        }  # fmt: skip
        assert progress.fields == {"order_key": KEY, "status": "cancelled", "cancelled_at": "2026-11-23T10:00:00Z"}
        assert (restated.target, progress.target) == ("lifetime value", "progress")

    async def test_the_shopper_is_told_in_the_words_that_would_go_out(self):
        _, comment = (await preview(events.ORDER_CONFIRMED, "store")).requests
        assert comment.fields == {
            "store_order_id": STORE_ID, "notify": True,
            "text": "Your order is confirmed. Our number: SO9. It is expected to ship on 1 December 2026. "
            "Reason: in stock.",
        }  # fmt: skip

    async def test_a_date_that_is_known_no_longer_is_null_and_not_left_out(self):
        unknown = msgspec.structs.replace(BOOKED, ship_date=None)
        date, _ = (
            await preview(events.ORDER_PROMISE_CHANGED, "store", {**MOVED, "ship_date": None}, booked=unknown)
        ).requests
        assert date.fields == {"store_order_id": STORE_ID, "number": "7", "ship_date": None}
        (progress,) = (await preview(events.ORDER_PROMISE_CHANGED, "crm", booked=unknown)).requests
        assert progress.fields == {"order_key": KEY, "expected_ship_date": None}

    async def test_quantities_and_tracks_of_a_shipment_stand_as_the_erp_told_them(self):
        (shipment,) = (await preview(events.ORDER_SHIPPED, "store")).requests
        (line,) = shipment.fields["shipment"]["lines"]
        assert line == {"line_id": "1", "sku": "PUMP", "quantity": {"amount": "2", "unit": "each"}}
        assert shipment.fields["shipment"]["parcels"][0]["tracking_number"] == "1Z9"
        (progress,) = (await preview(events.ORDER_SHIPPED, "crm")).requests
        assert (progress.fields["tracking_numbers"], progress.fields["status"]) == (["1Z9"], "shipped")

    async def test_a_fact_carries_what_the_others_would_be_told(self):
        (fact,) = (await preview(events.ORDER_RESCHEDULED, "promise")).facts
        assert (fact.subject, fact.data["ship_date"], fact.data["before"]) == (KEY, "2026-12-24", "2026-12-01")


class TestBooks:
    async def test_what_has_become_of_the_order_meanwhile_is_said(self):
        cancelled = msgspec.structs.replace(BOOKED, cancelled_at=AT)
        mapped = await preview(events.ORDER_PACKED, "crm", booked=cancelled)
        assert (mapped.note, mapped.requests, mapped.fault) == ("cancelled meanwhile", (), None)

    async def test_an_order_that_is_not_on_the_books_yet_is_waited_for(self):
        mapped = await preview(events.ORDER_SHIPPED, "store", booked=None)
        assert (mapped.fault_code, mapped.requests) == ("order.not_booked", ())
        assert "is not confirmed by the ERP yet" in mapped.fault

    async def test_a_number_that_means_two_orders_is_refused(self):
        mapped = await preview(events.ORDER_DELIVERY_REPORTED, "book", REPORT, found=("a", "b"))
        assert mapped.fault_code == "order.ambiguous"
        assert "belongs to 2 orders" in mapped.fault

    @pytest.mark.parametrize("failure", [Retry, Reject, Conflict])
    async def test_whatever_word_a_flow_fails_with_is_told_with_its_code(self, failure, monkeypatch):
        async def refuse(*_):
            raise failure("some.code", "what it means")

        monkeypatch.setattr(FakeBooks, "booked_order", refuse)
        mapped = await preview(events.ORDER_SHIPPED, "store")
        assert (mapped.fault, mapped.fault_code) == ("what it means", "some.code")

    async def test_a_customer_nobody_knows_is_looked_for_first(self):
        assert (await preview(events.ORDER_PLACED, "erp", links={})).needs == "needs an answer of crm: find customer"

    async def test_after_an_earlier_try_the_order_is_read_anew(self):
        assert (await preview(events.ORDER_PLACED, "erp", tries=1)).needs == READ_ORDER


class TestPayload:
    async def test_one_that_cannot_be_read_has_no_code_of_the_flow(self):
        mapped = await preview(events.ORDER_PACKED, "store", {"shipment": {}})
        assert (mapped.fault_code, mapped.requests) == (None, ())
        assert mapped.fault.startswith("It cannot be read: ")

    async def test_another_one_stands_in_place_of_the_events(self):
        told = story(events.ORDER_PACKED, "store", SHIPPED)
        other = msgspec.to_builtins(SHIPPED) | {"part": True}
        mapped = await Previews(hub(BOOKED), overlays()).of(told, other)
        assert mapped.requests[0].fields["text"].startswith("A part of your order is packed")
        assert next_try(told, other).event.data == told.data

    async def test_the_stores_order_beside_a_cancellation_is_shown_where_it_can_be_read(self):
        assert (await preview(events.ORDER_CANCELLED, "erp")).order["number"] == "7"
        mapped = await preview(events.ORDER_CANCELLED, "erp", {**IN_STORE, "order": {"unreadable": 1}})
        assert (mapped.order, mapped.fault) == (None, None)
        assert [one.operation for one in mapped.requests] == ["cancel_order"]

    async def test_an_event_that_nobody_takes_any_more_says_so(self):
        mapped = await Previews(hub(BOOKED), overlays()).of(story("order.folded", "store", {}))
        assert (mapped.fault_code, mapped.fault) == ("route.missing", "Nothing here handles order.folded for store")


class OneDelivery:
    """A desk with one delivery on it."""

    def __init__(self, told):
        self.told = told

    async def list_deliveries(self, wanted, *, limit, newest_first):
        return [self.told.row]

    async def show_delivery(self, delivery_id):
        return self.told


class TestDryRun:
    async def outcome(self, action, route, payload, *, code=None, **books):
        told = story(*route, payload, tries=1)
        told = msgspec.structs.replace(told, row=msgspec.structs.replace(told.row, state="held", code=code))
        there = hub(**books)
        found = await Rehearsal(there, OneDelivery(told), Previews(there, overlays())).of(action, Filter())
        (outcome,) = found.outcomes
        return outcome.forecast, outcome.why

    async def test_what_would_ask_something_of_a_system_would_be_sent(self):
        assert await self.outcome("retry", (events.ORDER_PACKED, "store"), SHIPPED, booked=BOOKED) == (
            "would_be_sent", None,
        )  # fmt: skip

    async def test_what_is_over_meanwhile_would_send_nothing(self):
        cancelled = msgspec.structs.replace(BOOKED, cancelled_at=AT)
        assert await self.outcome("retry", (events.ORDER_PACKED, "crm"), SHIPPED, booked=cancelled) == (
            "nothing_to_send", "cancelled meanwhile",
        )  # fmt: skip

    async def test_what_the_books_have_not_yet_would_not_go_through(self):
        forecast, why = await self.outcome("retry", (events.ORDER_PACKED, "store"), SHIPPED)
        assert forecast == "would_fail"
        assert "is not confirmed by the ERP yet" in why

    async def test_a_number_of_nobody_would_not_go_through(self):
        forecast, why = await self.outcome("retry", (events.ORDER_DELIVERY_REPORTED, "book"), REPORT)
        assert (forecast, why) == ("would_fail", "No order has the number 1Z9.")

    async def test_a_release_goes_past_the_rule_it_waives_and_a_retry_does_not(self):
        earlier = Placement(
            number="6", replaces=None, is_booked=True, is_cancelled=False, placing="done", cancelling="held"
        )
        told = story(events.ORDER_PLACED, "erp", {**IN_STORE, "order": {"replaces": "6"}})
        there = hub(placements={"shop-1-6": earlier})
        previews = Previews(there, overlays())
        assert (await previews.of(told)).fault_code == UNFINISHED
        released = msgspec.structs.replace(told, waived=(UNFINISHED,))
        assert (await previews.of(released)).needs == FIND_ITEMS
        row = msgspec.structs.replace(told.row, state="held", code=UNFINISHED)
        rehearsal = Rehearsal(there, OneDelivery(msgspec.structs.replace(told, row=row)), previews)
        outcomes = {
            action: (await rehearsal.of(action, Filter())).outcomes[0].forecast for action in ("retry", "release")
        }
        assert outcomes == {"retry": "would_fail", "release": "would_be_sent"}
