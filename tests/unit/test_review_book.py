"""Reviews in PostgreSQL: what is one, and how it is found among many."""

import re

from fakes.operating_desk import operator
from millstream.ports.reviews import CUSTOMER_CODES
from millstream.store import sql
from millstream.store.reviews import _SQL
from millstream.store.schema import migrations

GUEST = {"email": "nora@nowhere.example", "firstname": "Nora", "lastname": "New"}


def test_the_codes_of_a_review_are_the_same_in_code_statement_and_index():
    (step,) = [step for step in migrations() if step.name == "0010_pre_reviews.sql"]
    for text in (sql.load("reviews")["waiting"], step.statements):
        assert tuple(re.findall(r"'(customer\.\w+)'", text)) == CUSTOMER_CODES


async def test_the_list_goes_by_its_own_index(database):
    async with database.transaction() as connection:
        await connection.execute("set local enable_seqscan = off")
        for name, values in (("held", (0, None, 50)), ("of_login", ("shop", "7")), ("linked_meanwhile", (10,))):
            statement = _SQL[name]
            for n, value in reversed(list(enumerate(values, start=1))):
                statement = statement.replace(f"${n}", "null" if value is None else repr(value))
            plan = [row[0] for row in await connection.fetch(f"explain {statement}")]
            assert "delivery_customer_review" in "\n".join(plan)


async def test_an_order_filed_before_its_customer_was_noted_is_found_by_reading_it(database):
    async with operator(database) as desk:
        for email in (GUEST["email"], "other@nowhere.example"):
            await desk.house.place(guest={**GUEST, "email": email})
            await desk.house.settle_down()
        desk.house.world.clock.advance(11)
        hub = desk.house.hub
        assert await hub.operating.filing.file_waiting_orders() == 2
        rows = await desk.house.rows("select login from placed_order order by login")
        assert [row["login"] for row in rows] == [f"guest:{GUEST['email']}", "guest:other@nowhere.example"]
        first = (await desk.get("/reviews"))["items"][0]
        async with database.transaction() as connection:
            await connection.execute("update placed_order set login = null")
        page = await desk.get(f"/reviews/{first['delivery_id']}", candidates=False)
        assert page["held_orders"] == [first["delivery_id"]]


async def test_an_order_amended_to_another_customer_is_theirs(database):
    async with operator(database) as desk:
        for email in (GUEST["email"], "other@nowhere.example"):
            await desk.house.place(guest={**GUEST, "email": email})
            await desk.house.settle_down()
        desk.house.world.clock.advance(11)
        await desk.house.hub.operating.filing.file_waiting_orders()
        first, second = (await desk.get("/reviews"))["items"]
        payload = (await desk.get(f"/deliveries/{second['delivery_id']}"))["data"]
        payload["order"]["customer_email"] = GUEST["email"]
        wish = {"payload": payload, "reason": "mistyped"}
        await desk.post(f"/deliveries/{second['delivery_id']}/amend", wish)
        await desk.house.settle_down()
        page = await desk.get(f"/reviews/{first['delivery_id']}", candidates=False)
        assert page["held_orders"] == [first["delivery_id"], second["delivery_id"]]
        done = await desk.post(f"/reviews/{first['delivery_id']}/create", {"reason": "new"})
        assert list(done["freed"]) == page["held_orders"]
        await desk.house.settle_down()
        assert len(desk.house.erp.creations) == 2
        assert len({row["customer"] for row in desk.house.erp.orders.values()}) == 1
