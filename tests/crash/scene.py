"""One house, many orders: each order is one experiment, in which processes die and others go on."""

import asyncio

import msgspec

from fakes.crash import Crash, CrashTap
from fakes.house import House
from fakes.s4hana import HOST, SETTINGS
from millstream.connectors.sap_s4hana.mapping import reference_of
from millstream.sandbox.sap_s4hana import create_app
from millstream.store.database import Database
from millstream.web.doors import Doors
from millstream.web.order_hint import Reading, order_hint

LEASE_S = 31
SAP = {"kind": "sap_s4hana", "name": "erp", **SETTINGS, "default_customer": "10009999"}
# How a scene is set, by what is special about its orders.
WAYS = {
    "a poll finds the order": {},
    "the store tells of it": {"hinted": True},
    "the customer is new": {"customer": "new"},
    "the customer is unlinked": {"customer": "unlinked"},
    "the ERP is SAP": {"erp": "sap"},
}


class Experiment(msgspec.Struct, kw_only=True):
    """One order; `key` is its business key. `told` once the store got an answer to its hint."""

    placed: dict
    key: str
    email: str | None = None
    told: bool = False


class Scene:
    """Processes come and go; the systems and the database stay.

    `hinted`: the store tells of each order at a door, and tells again until it is answered; else a poll finds it.
    `customer`: "known", "new" (no system but the store has heard of them) or "unlinked" (the CRM has their account).
    """

    def __init__(self, database, *, hinted=False, erp="memory", customer="known"):
        others = {"erp": SAP, "hosts": {HOST: create_app}} if erp == "sap" else {}
        self.database = Database(database.url, pool_max=1)  # so that there is never more than one answer to wait for
        self.house = House(self.database, unknown_customer="create", **others)
        self.hinted = hinted
        self.customer = customer
        self.tap = None
        self.orders = 0

    def restart(self, die_at=None):
        """A fresh process after the old one died; its leases run out."""
        if self.tap is not None:
            self.tap.armed = False
        self.tap = CrashTap(die_at)
        self.house.extra_taps = [self.tap]
        self.house.hub = self.house.build()
        self.house.world.clock.advance(LEASE_S)

    async def live(self, order):
        """Works until nothing is due soon; True if the process died on the way."""
        hub, clock = self.house.hub, self.house.world.clock
        try:
            for _ in range(60):
                if self.hinted:
                    await self._tell(order)
                    await self._work()
                await hub.poller.poll_all()
                await self._work()
                due = await hub.ledger.next_due()
                if due is None:
                    return False
                clock.advance(max((due - clock.now()).total_seconds(), 1))
        except Crash:
            await asyncio.sleep(0)  # what ran beside it dies too
            return True
        raise AssertionError("never settles down")

    async def _work(self):
        while await self.house.hub.worker.run_due():
            pass

    async def _tell(self, order):
        """The store repeats what got no answer, word for word."""
        if order is None or order.told:
            return
        hub, entity_id = self.house.hub, str(order.placed["entity_id"])
        doors = Doors({"shop": None}, inbox=hub.ledger, clock=self.house.world.clock, tap=hub.tap)
        happened = self.house.world.clock.now()
        hint = order_hint("shop", entity_id, source_id=f"hint/{entity_id}", updated_at=None, occurred_at=happened)
        answer = await doors.accept("shop", Reading(events=(hint,)))
        assert answer.status_code in {200, 202}
        order.told = True

    async def place(self):
        """A new order in the store. What the ERP reports of the one before is over, or it would add to the steps."""
        self.house.world.clock.advance(6)  # the next poll is due
        if self.tap is not None and self.house.erp is None:
            self.tap.armed = False
            await self.live(None)
            self.house.world.clock.advance(6)
        self.orders += 1
        lines = ("VALVE-050", 2), ("PUMP-CFG", 1)
        if self.customer == "known":
            placed = await self.house.place(*lines)
            return Experiment(placed=placed, key=f"shop-1-{placed['increment_id']}")
        name, email = f"Neu{self.orders}", f"nora{self.orders}@neu.example"
        if self.customer == "unlinked":
            contact = {"FirstName": "Nora", "LastName": name, "Email": email}
            account = {"Name": f"{name} GmbH", "contacts": [contact]}
            await self.house.sim("localhost", "POST", "seed", {"accounts": [account]})
        placed = await self.house.place(*lines, guest={"firstname": "Nora", "lastname": name, "email": email})
        return Experiment(placed=placed, key=f"shop-1-{placed['increment_id']}", email=email)

    async def close(self):
        await self.database.close()

    async def undisturbed(self):
        """The steps of one order that nothing disturbs, after a first one that opened sessions and filled caches."""
        for _ in range(2):
            order = await self.place()
            self.restart()
            assert await self.live(order) is False
            await self.check(order)
        return self.tap.steps

    async def dies(self, *moments):
        """One order, a process for each of the moments it dies at, and one that goes on; the steps died at.

        A process that lived through all of its steps before its moment came is the last one.
        """
        order = await self.place()
        died_at = []
        for moment in moments:
            self.restart(die_at=moment)
            if not await self.live(order):
                break
            died_at.append(self.tap.steps[moment - 1])
        else:
            self.restart()
            assert await self.live(order) is False
        await self.check(order)
        return died_at

    async def dies_at_each(self, *before):
        """After deaths at the moments `before`, a death at each step in turn, until a process lives; how many."""
        died_at = []
        while len(deaths := await self.dies(*before, len(died_at) + 1)) > len(before):
            died_at.append(deaths[-1])
        assert died_at == self.tap.steps  # of the one that lived
        return died_at

    async def check(self, order):
        """Exactly one of each: ERP order, confirmation, purchase, customer; and a complete history."""
        number = await self._check_erp(order.key)
        seen = await self.house.sim("shop", "GET", f"orders/{order.placed['entity_id']}")
        confirmations = [c for c in seen["comments"] if "confirmed" in (c["comment"] or "")]
        assert len(confirmations) == 1
        assert seen["order"]["ext_order_id"] == number
        await self._check_crm(order)
        await self._check_history(order)
        assert await self.house.value("select count(*) from sales_order where order_key = $1", order.key) == 1
        assert await self.house.value("select count(*) from promise where order_key = $1", order.key) == 3

    async def _check_erp(self, key):
        """The number of the one order in the ERP, which is complete."""
        erp = self.house.erp
        if erp is not None:
            assert erp.creations.count(key) == 1
            assert erp.orders[key]["steps"] == ["quoted", "confirmed", "reserved"]
            return erp.orders[key]["number"]
        number = await self.house.value(
            "select external_id from link where kind = 'order' and system = 'erp' and hub_id = $1", key
        )
        every = await self.house.sim(HOST, "GET", "orders", name=reference_of(key))
        (made,) = [one for one in every if one["key_text"].split()[0] == key]
        assert (made["SalesOrder"], made["void"], made["DeliveryBlockReason"]) == (number, False, "")
        return number

    async def _check_crm(self, order):
        """One purchase, announced once, of one account that everybody knows by one id."""
        (purchase,) = await self._records("Order", "Hub_Order_Id__c", order.key)
        events = await self.house.sim("localhost", "GET", "events", containing=order.key)
        assert {event["Hub_Event_Id__c"] for event in events} == {f"order/{order.key}/purchased"}
        if order.email is None:
            return
        login = "select hub_id from link where kind = 'login' and external_id = $1"
        hub_id = await self.house.value(login, f"guest:{order.email}")
        (contact,) = await self._records("Contact", "Email", order.email)
        (account,) = await self._records("Account", "Hub_Customer_Id__c", hub_id)
        linked = "select external_id from link where kind = 'customer' and system = 'crm' and hub_id = $1"
        told = {contact["AccountId"], account["Id"], purchase["AccountId"], await self.house.value(linked, hub_id)}
        assert len(told) == 1

    async def _records(self, kind, field, value):
        found = await self.house.sim("localhost", "GET", "records", object=kind, field=field, value=value)
        return found[kind]

    async def _check_history(self, order):
        """Each delivery done by one attempt; what the ERP reports of the order beside it may come at any time."""
        rows = await self.house.rows(
            "select e.type, d.subscriber, d.state, "
            "(select count(*) from attempt a where a.delivery_id = d.id and a.outcome = 'done') as done "
            "from event e join delivery d on d.event_id = e.id where e.subject = any($1)",
            [order.key, f"shop-{order.placed['entity_id']}"],
        )
        assert {(row["state"], row["done"]) for row in rows} == {("done", 1)}
        flow = {"order.hinted", "order.placed", "order.confirmed"}
        assert sorted((row["type"], row["subscriber"]) for row in rows if row["type"] in flow) == [
            ("order.confirmed", "crm"),
            ("order.confirmed", "store"),
            *([("order.hinted", "inbox")] if self.hinted else []),
            ("order.placed", "erp"),
        ]
