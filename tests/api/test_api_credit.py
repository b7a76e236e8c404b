"""Credit, with SAP as the ERP: who may agree to it, what that does, and who decides in the end."""

import json
from typing import ClassVar

import pytest
from test_problems import assert_problem

from fakes.house import House
from fakes.operating_desk import Operator
from fakes.s4hana import HOST, SETTINGS
from millstream.ports.desk import Filter
from millstream.sandbox.sap_s4hana import create_app
from millstream.sandbox.sap_s4hana.seed import WEB_CUSTOMER

ERP = {"kind": "sap_s4hana", "name": "erp", **SETTINGS, "default_customer": WEB_CUSTOMER}
AGREED = {"reason": "they paid this morning"}

pytestmark = pytest.mark.quick_commits


class Credit(Operator):
    """An operator of a house in which nobody has credit."""

    async def limit(self, amount):
        await self.house.sim(HOST, "POST", "customers", {"customer": WEB_CUSTOMER, "limit": amount})

    async def raise_limit(self):
        """As credit management does it: a higher limit, and the orders that wait are checked again."""
        await self.limit("1000000")
        for order in await self.house.sim(HOST, "GET", "orders"):
            await self.house.sim(HOST, "POST", f"orders/{order['SalesOrder']}", {"check_again": True})

    async def stopped(self):
        await self.house.place(("VALVE-050", 2))
        await self.house.settle_down()
        (row,) = (await self.get("/deliveries", state="held", limit=1))["items"]
        assert row["code"] == "credit.limit_exceeded"
        return row

    async def state_of(self, row):
        return (await self.get(f"/deliveries/{row['id']}"))["delivery"]["state"]


@pytest.fixture
async def desk(database):
    desk = Credit(House(database, erp=ERP, hosts={HOST: create_app}))
    await desk.limit("100")
    yield desk
    await desk.house.hub.operating.close()


async def test_an_order_whose_credit_is_raised_and_released_is_confirmed(desk):
    held = await desk.stopped()
    page = await desk.get(f"/deliveries/{held['id']}")
    assert "release" in page["can"]
    await desk.raise_limit()
    answer = await desk.ask("POST", f"/deliveries/{held['id']}/release", AGREED, role="credit")
    assert (answer.status_code, answer.json()["state"]) == (200, "retrying")
    await desk.house.settle_down()
    assert await desk.state_of(held) == "done"
    (order,) = (await desk.get("/orders"))["items"]
    assert order["state"] == "confirmed"
    (trail,) = await desk.house.rows("select actor, detail from audit where action = 'delivery.release'")
    detail = json.loads(trail["detail"])
    assert (trail["actor"], detail["code"], detail["reason"]) == (
        "mia.credit", "credit.limit_exceeded", "they paid this morning",
    )  # fmt: skip


async def test_without_a_higher_limit_the_erp_holds_it_again_with_its_own_reason(desk):
    held = await desk.stopped()
    answer = await desk.ask("POST", f"/deliveries/{held['id']}/release", AGREED, role="credit")
    assert answer.status_code == 200
    await desk.house.settle_down()
    page = await desk.get(f"/deliveries/{held['id']}")
    assert (page["delivery"]["state"], page["delivery"]["code"]) == ("held", "credit.limit_exceeded")
    assert "exceeds the customer's credit limit" in page["delivery"]["message"]
    assert page["delivery"]["message"].endswith("agree to it here: `release`, with the right release_credit")
    assert page["delivery"]["tries"] == held["tries"] + 1
    assert page["waived"] == [], "nothing is waived: the ERP decides, today and the next time"


async def test_whoever_may_replay_and_nothing_of_credit_does_not_release_it(desk):
    held = await desk.stopped()
    for role in ("order_desk", "integrator", "viewer"):
        refused = await desk.ask("POST", f"/deliveries/{held['id']}/release", AGREED, role=role)
        assert_problem(refused, 403, "access.denied")
    assert await desk.state_of(held) == "held"


async def test_the_command_line_releases_credit_too(desk):
    held = await desk.stopped()
    await desk.raise_limit()
    released = await desk.house.hub.desk.release(Filter(code="credit.limit_exceeded"), actor="cli:ann", reason="paid")
    assert released == 1
    await desk.house.settle_down()
    assert await desk.state_of(held) == "done"


class TestMany:
    WISH: ClassVar = {"action": "release", "filter": {"subscriber": "erp", "states": ["held"]}, **AGREED}

    async def carried_out(self, desk):
        while await desk.house.hub.operating.bulk.run_batch():
            pass
        await desk.house.settle_down()

    async def test_people_of_credit_release_all_that_credit_stopped_and_nothing_else(self, desk):
        held = await desk.stopped()
        told = await desk.post("/bulk", self.WISH, role="credit")
        assert (told["estimate"]["deliveries"], told["estimate"]["orders"]) == (1, 1)
        made = (await desk.post("/bulk", {**self.WISH, "dry_run": False}, role="credit"))["bulk"]
        assert made["wanted"]["code"] == "credit.limit_exceeded", "what is held for another reason later is not theirs"
        await desk.raise_limit()
        await desk.post(f"/bulk/{made['id']}/start", role="credit")
        await self.carried_out(desk)
        assert (await desk.get(f"/bulk/{made['id']}"))["done"] == 1
        assert await desk.state_of(held) == "done"

    async def test_what_was_prepared_without_a_code_is_not_theirs_to_start(self, desk):
        await desk.stopped()
        made = (await desk.post("/bulk", {**self.WISH, "dry_run": False}))["bulk"]
        for role in ("credit", "order_desk"):
            assert_problem(await desk.ask("POST", f"/bulk/{made['id']}/start", role=role), 403, "access.denied")
        assert (await desk.post(f"/bulk/{made['id']}/cancel", role="order_desk"))["state"] == "cancelled"

    async def test_who_may_only_replay_neither_estimates_nor_starts_a_release_of_credit(self, desk):
        await desk.stopped()
        assert_problem(await desk.ask("POST", "/bulk", self.WISH, role="order_desk"), 403, "access.denied")
        made = (await desk.post("/bulk", {**self.WISH, "dry_run": False}, role="credit"))["bulk"]
        assert_problem(await desk.ask("POST", f"/bulk/{made['id']}/start", role="order_desk"), 403, "access.denied")

    async def test_people_of_credit_do_nothing_else_to_many(self, desk):
        await desk.stopped()
        for action in ("retry", "discard", "resolve"):
            wish = {**self.WISH, "action": action}
            assert_problem(await desk.ask("POST", "/bulk", wish, role="credit"), 403, "access.denied")

    async def test_where_nothing_may_be_released_a_code_must_be_named(self, desk):
        wish = {**self.WISH, "dry_run": False}
        refused = assert_problem(await desk.ask("POST", "/bulk", wish, role="credit"), 422, "request.invalid")
        assert "needs the code it is about" in refused["detail"]
