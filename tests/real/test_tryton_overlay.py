"""Fields of one's own on a real Tryton's sale."""

from datetime import date, timedelta

import pytest

from fakes.overlays import in_force, overlays, rule
from fakes.real_tryton import order
from millstream.connectors.tryton.overlay import outbound
from millstream.domain.errors import Reject

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@pytest.fixture
def live(desk):
    one = overlays()
    desk.erp._orders._overlay = one.lay_over(outbound("erp", desk.erp._settings))
    yield one
    one.close()


async def place(desk, wanted):
    return await desk.erp.place_order(wanted, customer_id="ACME", key=f"order/{wanted.key}/create")


async def shipping_date(desk, key):
    fields = ("shipping_date", "web_id")
    (sale,) = await desk.erp._client.search_read("sale.sale", [["web_id", "=", key]], fields)
    return sale["shipping_date"]


async def test_a_date_of_ones_own_stands_on_the_sale_and_the_order_goes_its_way(desk, live):
    wanted = order("overlay-1", ("VALVE-050", 1), tax_percent="19")
    in_force(live, ("erp", "outbound"), rule("order.shipping_date", "$substring(order.placed_at, 0, 10)", "date"))
    answer = await place(desk, wanted)
    assert answer.state == "processing"
    assert await shipping_date(desk, "overlay-1") == wanted.placed_at.date()


async def test_a_rule_that_fails_leaves_no_sale_behind(desk, live):
    in_force(live, ("erp", "outbound"), rule("order.shipping_date", "$error('no date')", "date"))
    with pytest.raises(Reject) as refusal:
        await place(desk, order("overlay-2", ("VALVE-050", 1), tax_percent="19"))
    assert refusal.value.code == "mapping.overlay_failed"
    assert await desk.erp.read_order("overlay-2") is None


async def test_a_draft_left_behind_is_written_again_by_the_mapping_that_is_in_force_now(desk, live):
    wanted = order("overlay-3", ("VALVE-050", 1), tax_percent="19", off="1.00")
    in_force(live, ("erp", "outbound"), rule("order.shipping_date", "'2030-01-01'", "date"))
    with pytest.raises(Reject) as refusal:
        await place(desk, wanted)
    assert refusal.value.code == "erp.total_differs"
    assert await shipping_date(desk, "overlay-3") == date(2030, 1, 1)
    in_force(live, ("erp", "outbound"), rule("order.shipping_date", "'2030-01-02'", "date"), number=2)
    with pytest.raises(Reject):
        await place(desk, wanted)
    assert await shipping_date(desk, "overlay-3") == date(2030, 1, 1) + timedelta(days=1)
