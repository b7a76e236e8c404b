"""/metrics tells what the hub did, to whom it may, with a bounded number of series."""

from datetime import timedelta
from itertools import pairwise

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from fakes.house import House
from fakes.world import ManualClock
from millstream.domain.errors import Retry
from millstream.engine.meter import SERIES_MAX, Meter
from millstream.ports.gauges import Reading
from millstream.serving import web_app
from millstream.web.metrics import READ_EVERY_S, Standing, metrics_routes
from millstream.web.problems import install_problems

TOKEN = "a-token-for-the-scraper"


async def ask(app, *, client="127.0.0.1", **headers):
    transport = httpx.ASGITransport(app=app, client=(client, 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
        return await http.get("/metrics", headers=headers)


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def small_app(access="loopback", *, meter=None, clock=None, reads=None):
    clock = clock or ManualClock()
    reads = [] if reads is None else reads

    async def read():
        reads.append(clock.now())
        return Standing(reading=Reading(at=clock.now()), tally={})

    app = FastAPI()
    install_problems(app, lambda request, problem: None)
    app.include_router(metrics_routes(meter or Meter(clock), read, clock=clock, access=access, token=lambda: TOKEN))
    return app


@pytest.mark.quick_commits
async def test_the_life_of_an_order_is_in_the_metrics(database):
    house = House(database)
    await house.place()
    await house.settle_down()
    await house.hub.pulse.beat()

    async def refuse(order, *, customer_id, key):
        raise Retry("connection.refused", "erp: nobody answers", after_s=60)

    house.erp.place_order = refuse
    await house.place()
    house.world.clock.advance(10)
    await house.hub.poller.poll_all()
    await house.hub.worker.run_due()
    house.world.clock.advance(20)
    house.hub.tap.note("breaker.opened", system="erp", failures=5, cooldown_s=1.0)
    house.world.clock.advance(10)
    found = samples((await ask(web_app(house.hub))).text)
    assert found["millstream_orders_accepted_total",] == 2
    assert found["millstream_orders_confirmed_total",] == 1
    assert found["millstream_placed_to_erp_seconds_count",] == 1
    assert found["millstream_deliveries_settled_total", "done", "erp", "ok"] == 1
    assert ("millstream_deliveries_settled_total", "connection.refused", "erp", "retrying") in found
    assert found["millstream_attempts_total", "Retry"] == 1
    assert found["millstream_queue_depth", "erp", "retrying"] == 1
    assert found["millstream_queue_oldest_seconds", "erp", "retrying"] >= 30
    assert found["millstream_orders_failing", "connection.refused"] == 1
    assert found["millstream_breaker_open_seconds", "erp"] == 10
    assert found["millstream_workers",] == 1
    assert found["millstream_worker_heartbeat_seconds",] == 40
    assert found["millstream_ledger_up",] == 1
    assert sum(value for key, value in found.items() if key[0] == "millstream_call_seconds_count") > 5
    assert found["millstream_group_commit_size_count", "settle"] >= 3
    assert "shop-1-" not in " ".join(str(key) for key in found), "an order's key became a label"


async def test_this_machine_alone_may_read_by_default():
    app = small_app()
    assert (await ask(app)).status_code == 200
    assert (await ask(app, client="::1")).status_code == 200
    answer = await ask(app, client="203.0.113.9")
    assert (answer.status_code, answer.json()["code"]) == (403, "access.denied")


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
async def test_a_proxy_on_this_machine_opens_nothing_to_those_it_asks_for(header):
    assert (await ask(small_app(), **{header: "203.0.113.9"})).status_code == 403


async def test_a_token_opens_it_from_afar():
    app = small_app("token")
    assert (await ask(app, client="203.0.113.9", authorization=f"Bearer {TOKEN}")).status_code == 200
    for wrong in (f"Bearer {TOKEN}x", "Bearer ", f"Basic {TOKEN}", ""):
        assert (await ask(app, authorization=wrong)).status_code == 401
    assert TOKEN not in (await ask(app)).text


async def test_off_means_that_there_is_no_such_address():
    assert (await ask(small_app("off"))).status_code == 404


async def test_many_scrapers_ask_the_ledger_no_more_often_than_one():
    clock, reads = ManualClock(), []
    app = small_app(clock=clock, reads=reads)
    for _ in range(5):
        await ask(app)
    assert len(reads) == 1
    clock.advance(READ_EVERY_S)
    await ask(app)
    assert [later - earlier for earlier, later in pairwise(reads)] == [timedelta(seconds=READ_EVERY_S)]


async def test_a_ledger_that_takes_long_is_asked_more_seldom():
    clock, reads = ManualClock(), []

    async def read():
        reads.append(1)
        clock.advance(2)
        return Standing(reading=Reading(at=clock.now()), tally={})

    app = FastAPI()
    app.include_router(metrics_routes(Meter(clock), read, clock=clock, access="loopback", token=lambda: None))
    await ask(app)
    clock.advance(30)
    await ask(app)
    assert len(reads) == 1
    clock.advance(10)
    await ask(app)
    assert len(reads) == 2


async def test_without_a_database_the_process_still_tells_what_it_counted():
    clock = ManualClock()

    async def read():
        raise Retry("store.unavailable", "PostgreSQL does not answer")

    app = FastAPI()
    app.include_router(metrics_routes(Meter(clock), read, clock=clock, access="loopback", token=lambda: None))
    found = samples((await ask(app)).text)
    assert found["millstream_ledger_up",] == 0
    assert found["millstream_orders_accepted_total",] == 0


def test_labels_that_somebody_else_chooses_cannot_fill_the_memory():
    meter = Meter(ManualClock())
    for n in range(SERIES_MAX + 500):
        meter.note("door.refused", door=f"d{n}", code="x")
        meter.note("call.ended", system="erp", operation=f"op{n}", outcome="ok", ms=1.0)
    assert len(meter.counts["door_refusals"]) == SERIES_MAX + 1
    assert meter.counts["door_refusals"]["other", "other"] == 500
    assert len(meter.calls.series) == SERIES_MAX + 1


def test_a_breaker_that_nobody_tried_for_long_is_unknown_and_not_open():
    clock = ManualClock()
    meter = Meter(clock)
    meter.note("breaker.opened", system="crm", failures=5, cooldown_s=1.0)
    opened = clock.now()
    clock.advance(100)
    assert meter.down(forget_after_s=200) == {"crm": opened}
    meter.note("breaker.opened", system="crm", failures=6, cooldown_s=2.0)
    clock.advance(150)
    assert meter.down(forget_after_s=200) == {"crm": opened}
    clock.advance(100)
    assert meter.down(forget_after_s=200) == {}
