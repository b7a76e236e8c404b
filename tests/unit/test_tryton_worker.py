"""A sale that is confirmed waits for Tryton's own worker, however long that is not running."""

import json
from datetime import timedelta

import msgspec
import pytest

from fakes.real_tryton import address, order
from fakes.recorded_tryton import ORDER_KEY, RecordedTryton
from fakes.tap import RecordingTap
from fakes.world import START, ManualWorld
from millstream.connectors.tryton import SPEC
from millstream.domain.delivery import Delivery
from millstream.domain.errors import Retry
from millstream.domain.events import Event
from millstream.domain.states import DeliveryState
from millstream.engine.retry import RetryPolicy, outcome_of_failure
from millstream.wire.kit import WireKit


class Counter:
    """Listens to the recorded server."""

    def __init__(self, inner) -> None:
        self.inner = inner
        self.methods: list[str] = []

    async def send(self, request):
        self.methods.append(json.loads(request.body)["method"])
        return await self.inner.send(request)

    async def close(self) -> None:
        pass


class Plant:
    """A recorded Tryton without a worker: the sale stays confirmed until one is started."""

    def __init__(self) -> None:
        self.world = ManualWorld()
        self.tryton = RecordedTryton()
        self.tryton.state = "confirmed"
        self.wire = Counter(self.tryton)
        settings = {
            "base_url": "http://erp.test:8000",
            "database": "mfg",
            "user": "hub",
            "password": "s3cret-Pass",
            "company": 1,
            "web_shop": "Shop",
            "warehouse": "EAST",
        }
        kit = WireKit(transport=self.wire, world=self.world, tap=RecordingTap())
        self.erp = SPEC.open("erp", SPEC.settings(**settings), kit)

    async def place(self):
        wanted = order(ORDER_KEY, ("VALVE-050", 3), ("PUMP-CFG", 1), ("SENSOR-P", 2))
        return await self.erp.place_order(wanted, customer_id="ACME", key=f"order/{ORDER_KEY}/create")

    def start_worker(self) -> None:
        self.tryton.state = None


@pytest.fixture
def plant():
    return Plant()


def first_try(world) -> Delivery:
    ids = (world.ids.new(), world.ids.new())
    event = Event(
        id=ids[0],
        source="shop",
        source_id="1",
        type="order.placed",
        subject=ORDER_KEY,
        occurred_at=START,
        received_at=START,
        correlation_id=ids[1],
        causation_id=None,
        data={},
    )
    return Delivery(id=1, subscriber="erp", lane=f"erp/{ORDER_KEY}", event=event, tries=1, attempts=1)


async def test_twenty_minutes_without_a_worker_make_no_dead_letter_and_then_the_order_goes_on(plant):
    delivery, clock = first_try(plant.world), plant.world.clock
    tries = 0
    while clock.now() < START + timedelta(minutes=20):
        with pytest.raises(Retry) as waiting:
            await plant.place()
        outcome = outcome_of_failure(waiting.value, delivery, RetryPolicy(attempts_max=12), plant.world)
        assert (outcome.state, outcome.fault_code) == (DeliveryState.RETRYING, "erp.not_processed_yet")
        if outcome.counts:
            delivery = msgspec.structs.replace(delivery, attempts=delivery.attempts + 1)
        clock.advance((outcome.due_at - clock.now()).total_seconds())
        tries += 1
    assert tries > 3
    assert plant.wire.methods.count("model.sale.sale.confirm") == 1, "confirmed anew once, then left to the worker"
    plant.start_worker()
    assert (await plant.place()).state == "processing"


async def test_a_worker_that_is_not_running_is_named_and_asked_for_ever_more_seldom(plant):
    waits = []
    written = (await plant.erp._orders._find(ORDER_KEY))["write_date"]
    for minutes in (0, 1, 10, 600):
        plant.world.clock.advance((written + timedelta(minutes=minutes) - plant.world.clock.now()).total_seconds())
        with pytest.raises(Retry, match="trytond-worker") as waiting:
            await plant.place()
        assert waiting.value.counts is False
        waits.append(waiting.value.after_s)
    assert waits == [5.0, 30.0, 300.0, 300.0]


async def test_an_address_that_changes_meanwhile_waits_for_the_shipment_it_is_for(plant):
    """There is no shipment yet to redirect, so doing nothing would look like success."""
    with pytest.raises(Retry) as redirecting:
        await plant.erp.change_address(ORDER_KEY, address(city="Dallas"), key="order/address")
    assert redirecting.value.code == "erp.not_processed_yet"
    assert [method for method in plant.wire.methods if method.endswith(".write")] == []


async def test_what_nobody_has_processed_yet_is_cancelled_by_way_of_a_draft(plant):
    assert await plant.erp.cancel_order(ORDER_KEY, reason="", key="order/cancel")
    assert [method.rpartition(".")[2] for method in plant.wire.methods[-4:]] == [
        "draft",
        "search_read",
        "cancel",
        "search_read",
    ]
    assert plant.tryton.state == "cancelled"
