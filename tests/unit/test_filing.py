"""Orders that wait for the ERP are filed once, readable or not."""

from datetime import timedelta

from fakes.operating_desk import operator


async def test_an_order_on_its_usual_way_is_not_filed(database):
    async with operator(database) as desk:
        await desk.house.place()
        await desk.house.settle_down()
        desk.house.world.clock.advance(60)
        assert await desk.house.hub.operating.filing.file_waiting_orders() == 0
        assert await desk.house.rows("select * from placed_order") == []


async def test_an_order_nobody_can_read_is_filed_without_its_money(database):
    async with operator(database) as desk:
        await desk.held()

        def unreadable(raw):
            raise ValueError

        filing = desk.house.hub.operating.filing
        filing._interpret = unreadable
        assert await filing.file_waiting_orders() == 1
        assert await filing.file_waiting_orders() == 0
        (row,) = await desk.house.rows("select grand_total, currency, filed_at from placed_order")
        assert (row["grand_total"], row["currency"]) == (None, None)
        assert desk.house.world.clock.now() - row["filed_at"] < timedelta(seconds=1)
        assert (await desk.get("/today"))["at_risk_unknown"] == 1


async def test_what_was_filed_is_what_the_books_say_later(database):
    async with operator(database) as desk:
        held = await desk.held()
        await desk.house.hub.operating.filing.file_waiting_orders()
        await desk.post(f"/deliveries/{held['id']}/retry", {})
        await desk.house.settle_down()
        (row,) = await desk.house.rows(
            "select o.grand_total = p.grand_total and o.currency = p.currency as same "
            "from sales_order o join placed_order p using (order_key)"
        )
        assert row["same"] is True
        twice = await desk.house.rows(
            "select kind from order_alias group by order_key, kind, value having count(*) > 1"
        )
        assert twice == []
