"""One day in the life of the hub, decided by one seed.

Orders come in, shoppers change their minds, the plant packs and moves dates, carriers report, everything fails now and
then, processes die and people look at the desk. Then the faults stop and time passes until nothing moves any more.
"""

import asyncio
from datetime import timedelta
from random import Random

from fakes.crash import Crash
from millstream.domain import events
from millstream.domain.errors import Retry
from millstream.domain.events import NewEvent
from millstream.web.order_hint import order_hint
from simulation.between import FlakyDatabase
from simulation.documents import is_released, is_void, key_of
from simulation.factory import HOST
from simulation.people import Desk
from simulation.premises import POLL_ERP_S, POLL_STORE_S, Premises
from simulation.trouble import Suffered
from simulation.wishes import Shoppers

DAY_S = 24 * 3600
ORDERS = (20, 26)
PLANNER_WORDS = 5
REST_STEPS_MAX = 2000
POLLED_S = max(POLL_STORE_S, POLL_ERP_S) + 10  # long enough for every poll to be due again
QUIET_S = 100  # nothing is tried that seldom but what waits for somebody
SEALS_MAX = 500
WEATHER = {
    "calm": {},
    "breeze": {"latency": 0.05, "429": 0.01, "500": 0.01, "503": 0.01, "timeout_after": 0.01, "partial_batch": 0.05},
    "storm": {
        "latency": 0.05,
        "429": 0.02,
        "500": 0.04,
        "503": 0.03,
        "503_html": 0.02,
        "refused": 0.02,
        "timeout_before": 0.03,
        "timeout_after": 0.05,
        "reset": 0.02,
        "partial_batch": 0.15,
    },
}
DATABASE_WEATHER = {"calm": 0.0, "breeze": 0.005, "storm": 0.02}
NETWORK_WEATHER = {"calm": 0.0, "breeze": 0.01, "storm": 0.05}  # calls delivered twice


class VirtualDay:
    """`await day.live()` lives it; afterwards `day.house` holds the systems for the checkers."""

    def __init__(self, seed: int, database, *, faults: bool = True, verbose: bool = False) -> None:
        self.seed = seed
        self.faults = faults
        self.dice = Random(f"day {seed}")
        self.planner = Random(f"planner {seed}")
        self.suffered = Suffered()
        self.database = FlakyDatabase(database.url, seed, self.suffered)
        self.house = Premises(self.database, seed, self.suffered, faults=faults)
        self.factory = self.house.factory
        self.house.journal.verbose = verbose
        self.clock = self.house.world.clock
        self.began = self.clock.now()
        self.shoppers = Shoppers(self.house, seed)
        self.desk = Desk(self.house, self.tell)
        self.verbose = verbose
        self.hints: list[tuple[float, NewEvent]] = []
        self.newest_hint: dict[str, str] = {}  # what was last told of each order
        self.reports: list[tuple[float, NewEvent]] = []
        self.carried: list[dict[str, str]] = []  # which order each report means, and under which number it is a fact
        self.crashes = 0
        self.woken = 0
        self.house.store_app.shop.listeners.append(self.hear)

    # --- the day

    async def live(self) -> None:
        """From the first order to the rest after the last."""
        try:
            await self._live()
        finally:
            await self.database.close()

    async def _live(self) -> None:
        async with self.database.connection() as connection:  # statistics that come when they like change plans
            await connection.execute(
                "alter table delivery set (autovacuum_enabled = false); "
                "alter table event set (autovacuum_enabled = false); "
                "alter table sales_order set (autovacuum_enabled = false)"
            )
        for _ in range(2):
            self.start_process()
        for second, deed, arguments in self.plan():
            await self.wait_until(second)
            self.tell(deed, *arguments)
            await getattr(self, deed)(*arguments)
        await self.wait_until(DAY_S)
        await self.come_to_rest()

    def plan(self) -> list[tuple[float, str, tuple]]:
        """What happens when."""
        dice = self.dice
        plan: list[tuple[float, str, tuple]] = []
        at = 0.0
        for number in range(dice.randint(*ORDERS)):
            in_a_burst = number and dice.random() < 0.35
            at = at + dice.uniform(0, 15) if in_a_burst else dice.uniform(0, DAY_S * 0.85)
            plan.append((at, "order", (number,)))
            if dice.random() < 0.12:
                plan.append((at + dice.expovariate(1 / 3000), "cancel", (number,)))
            moves = dice.choice((0, 0, 0, 0, 0, 1, 2))
            plan += [(at + dice.expovariate(1 / 2500), "move_house", (number,)) for _ in range(moves)]
            plan.append((at + dice.uniform(300, 7200), "pay", (number,)))
        plan += [(dice.uniform(600, DAY_S), "plant_shift", ()) for _ in range(26)]
        plan += [(dice.uniform(600, DAY_S), "stock_move", ()) for _ in range(24)]
        plan += [(DAY_S * (n + 1) / 6, "desk_hour", ()) for n in range(5)]
        plan += [(self.planner.uniform(3600, DAY_S), "planner_speaks", (n,)) for n in range(PLANNER_WORDS)]
        if self.faults:
            plan += [(dice.uniform(0, DAY_S), "weather", ()) for _ in range(10)]
            placed = [second for second, deed, _ in plan if deed == "order"]
            plan += [(dice.choice(placed) + 1, "freeze", ()) for _ in range(8)]
            plan += [(dice.uniform(0, DAY_S), "end_sessions", ()) for _ in range(4)]
            plan += [(dice.uniform(0, DAY_S), "lock_rows", ()) for _ in range(4)]
            for deed, length_s in (("crm_outage", 3600), ("erp_outage", 1200), ("credit_stop", 1800)):
                at = dice.uniform(0, DAY_S * 0.9)
                plan += [(at, deed, (True,)), (at + length_s, deed, (False,))]
        return sorted(plan, key=lambda entry: entry[0])

    async def wait_until(self, second: float) -> None:
        """Lets time pass, with turns whenever something may be due."""
        until = self.began + timedelta(seconds=second)
        while self.clock.now() < until:
            due = await self.next_due()
            step = (due - self.clock.now()).total_seconds() if due else DAY_S
            step = max(step, self.dice.choice((1, 30, 200, 900)))
            self.clock.advance(min(step, max((until - self.clock.now()).total_seconds(), 0.1)))
            await self.turn()

    async def turn(self) -> None:
        """Hints and reports that have arrived are accepted, then one process works, or one after the other, or both."""
        await self.arrive(self.hints)
        await self.arrive(self.reports)
        if self.dice.random() < 0.3:
            for _ in range(await self.house.take_turns_at_once()):
                self.bury()
            return
        polls = self.house.time_to_poll()
        for process in self.dice.sample(self.house.processes, self.dice.choice((1, 1, 1, 2))):
            if not await self.house.take_turn(process, polls=polls):
                self.bury()

    def start_process(self) -> None:
        """Every process dies some time, at a step nobody knows."""
        self.house.start(int(self.dice.expovariate(1 / 900)) + 30 if self.faults else None)

    def bury(self) -> None:
        """A process died: another one starts."""
        self.crashes += 1
        self.suffered.note("crash")
        self.tell("died", f"process {self.house.runs}")
        self.start_process()

    async def next_due(self):
        """When the ledger, a hint or a report is next due."""
        ledger = await self.house.hub.ledger.next_due()
        arriving = [at for at, _ in (*self.hints, *self.reports)]
        if not arriving:
            return ledger
        first = self.began + timedelta(seconds=min(arriving))
        return min(first, ledger) if ledger else first

    async def come_to_rest(self) -> None:
        """Faults stop, time passes, people do what people must, until nothing moves any more."""
        self.tell("evening")
        await self.clear_sky()
        for _ in range(REST_STEPS_MAX):
            due = await self.next_due()
            if due is not None:
                self.clock.advance(max((due - self.clock.now()).total_seconds(), 1))
            else:
                self.clock.advance(POLLED_S)
            await self.turn()
            if await self.is_quiet():
                # twice: what the store's own clock put into the same second is met by the next poll
                self.clock.advance(POLLED_S)
                await self.turn()
                if await self.is_quiet() and not await self.desk.visit() and await self.next_due() is None:
                    break
        else:
            raise AssertionError("never comes to rest")
        await self.seal()
        self.woken = await self.house.hub.ledger.wake_sleeping_lanes()

    async def is_quiet(self) -> bool:
        """Nothing is due soon: whatever is left waits for people, or for what they decide."""
        due = await self.next_due()
        return due is None or due > self.clock.now() + timedelta(seconds=QUIET_S)

    async def seal(self) -> None:
        """What other databases of the same server are about keeps rows open for a moment, so not at the first try."""
        audit = self.house.hub.audit
        for _ in range(SEALS_MAX):
            await audit.seal()
            if not (await audit.verify()).unsealed:
                return
            await asyncio.sleep(0.02)

    async def clear_sky(self) -> None:
        """No fault any more, in any system."""
        self.faults = False
        self.database.rate = 0.0
        self.house.transport.rate_of_twice = 0.0
        for process in self.house.processes:
            process.tap.armed = False
        for host, faults in self.house.faults.items():
            self.suffered.note_of_system(faults.counts)
            await self.house.sim(host, "DELETE", "faults")
        await self.house.sim("localhost", "POST", "outage", {"on": False})
        await self.house.sim(HOST, "POST", "outage", {"on": False})
        await self.factory.stop_credit(False)

    # --- shoppers

    async def order(self, number: int) -> None:
        """A shopper orders."""
        await self.shoppers.order(number)

    async def cancel(self, number: int) -> None:
        """A shopper changes their mind; the store says whether it is too late."""
        await self.shoppers.cancel(number)

    async def move_house(self, number: int) -> None:
        """A shopper corrects the address."""
        await self.shoppers.move_house(number)

    async def pay(self, number: int) -> None:
        """Money arrives for an order that waited for it."""
        await self.shoppers.pay(number)

    # --- the plant and the carriers

    async def plant_shift(self) -> None:
        """Some orders are packed, some parcels leave, some dates move, seldom one is dropped."""
        for key, parcels in await self.factory.shift():
            for tracking in parcels:
                self.carry(key, tracking)

    async def stock_move(self) -> None:
        """Goods come in, are thrown away, change places."""
        await self.factory.stock_move()

    def carry(self, key: str, tracking: str) -> None:
        """A carrier reports the parcel, sooner than our feed or hours later, once or several times."""
        dice = self.dice
        if dice.random() < 0.3:
            return
        now = (self.clock.now() - self.began).total_seconds()
        at = now + dice.choice((0.0, 1.0, dice.uniform(10, 300), dice.uniform(3600, 20000)))
        number = {"tracking_number": tracking}
        if dice.random() < 0.15:
            number = {"order_number": key.rpartition("-")[2]}
        moment = f"order/{self.began + timedelta(seconds=at):%Y%m%dT%H%M%S}"
        self.carried.append({"key": key, "number": number.get("tracking_number", moment)})
        for copy in range(dice.choice((1, 1, 1, 2))):
            same_id = dice.random() < 0.5
            report_id = f"{tracking}/{0 if same_id else copy}"
            self.reports.append((at + copy * dice.uniform(0, 30), self.report(report_id, number, at)))

    def report(self, report_id: str, number: dict[str, str], at: float) -> NewEvent:
        """As the door of a carrier makes it."""
        delivered_at = self.began + timedelta(seconds=at)
        data = {"order_number": None, "shipment_number": None, "tracking_number": None, **number}
        received_by = self.dice.choice((None, "Lager <Tor 3>", "Frau Müller"))
        return NewEvent(
            source="door:ups",
            source_id=report_id,
            type=events.ORDER_DELIVERY_REPORTED,
            subject=next(iter(number.values())),
            occurred_at=delivered_at,
            data={**data, "delivered_at": delivered_at.isoformat(), "received_by": received_by},
        )

    async def planner_speaks(self, number: int) -> None:
        """A planner's tool names a date for an order, which may be one that is gone, or cancelled since."""
        orders = [order for order in self.factory.plant.orders.values() if is_released(order) and not is_void(order)]
        if not orders:
            return
        key = key_of(self.planner.choice(orders))
        now = self.clock.now()
        day = now.date() + timedelta(days=self.planner.choice((0, 1, 3, 8, 21)))
        reason = self.planner.choice(("bearing is late", "", "machine <7> stands still"))
        event = NewEvent(
            source="door:planner",
            source_id=f"plan-{number}",
            type=events.ORDER_PROMISE_REPORTED,
            subject=key.rpartition("-")[2],
            occurred_at=now,
            data={"order_number": key.rpartition("-")[2], "ship_date": day.isoformat(), "reason": reason},
        )
        self.factory.deeds["named a date"] += 1
        self.reports.append(((now - self.began).total_seconds() + self.planner.choice((0, 60, 4000)), event))

    # --- webhooks

    def hear(self, what: str, order) -> None:
        """The store saved an order and tells us so: lost, late, twice or in time."""
        if not what.startswith("order"):
            return
        throw = self.dice.random()
        if throw < 0.5:
            self.suffered.note("webhook_lost")
            return
        now = (self.clock.now() - self.began).total_seconds()
        hint = order_hint(
            "shop",
            str(order["entity_id"]),
            source_id=f"mageos/{order['entity_id']}/{order['updated_at']}/{order['state']}-{order['status']}",
            updated_at=order["updated_at"],
            occurred_at=self.clock.now(),
        )
        late = self.dice.uniform(0, 5000) if throw < 0.75 else 0.0
        copies = 2 if throw > 0.9 else 1
        self.suffered.note("webhook_late", late > 0)
        self.suffered.note("webhook_duplicate", copies - 1)
        self.hints += [(now + late, hint)] * copies

    async def arrive(self, queue: list[tuple[float, NewEvent]]) -> None:
        """What is due is accepted, in no particular order; what the database refused is sent again."""
        now = (self.clock.now() - self.began).total_seconds()
        due = [entry for entry in queue if entry[0] <= now]
        queue[:] = [entry for entry in queue if entry[0] > now]
        self.dice.shuffle(due)
        for _, event in due:
            self.watch(event)
            door = self.dice.choice(self.house.processes)
            try:
                await door.hub.ledger.accept([event])
            except Retry:
                queue.append((now + 5, event))
            except Crash:
                queue.append((now + 5, event))
                self.house.processes.remove(door)
                self.bury()

    def watch(self, event: NewEvent) -> None:
        """Counts hints that come too late to be true, or after a later one."""
        order = self.house.store_app.shop.orders.get(int(event.data.get("store_order_id") or 0))
        if order is None:
            return
        told, known = str(event.data["updated_at"]), self.newest_hint.get(event.subject, "")
        self.suffered.note("webhook_stale", told != order["updated_at"])
        self.suffered.note("webhook_reorder", told < known)
        self.newest_hint[event.subject] = max(told, known)

    # --- trouble

    async def weather(self) -> None:
        """How often calls fail from now on."""
        kinds = [self.dice.choice(sorted(WEATHER)) for _ in range(5)]
        self.tell("weather is", *kinds)
        for (host, faults), kind in zip(self.house.faults.items(), kinds, strict=False):
            self.suffered.note_of_system(faults.counts)
            plan = {"seed": self.dice.random(), "rate": WEATHER[kind], "latency_s": 3}
            await self.house.sim(host, "POST", "faults", plan)
        self.house.transport.rate_of_twice = NETWORK_WEATHER[kinds[3]]
        self.database.rate = DATABASE_WEATHER[kinds[4]]

    async def freeze(self) -> None:
        """One process stands still with work in hand."""
        await self.arrive(self.hints)
        frozen, other = self.dice.sample(self.house.processes, 2)
        self.clock.advance(POLLED_S)
        await self.house.look(other)
        if other not in self.house.processes:
            self.bury()
            other = self.house.processes[-1]
        await self.house.freeze(frozen, other)
        while len(self.house.processes) < 2:
            self.bury()

    async def end_sessions(self) -> None:
        """Administrators end every session, in the CRM and in the ERP."""
        self.suffered.note("sessions_ended", 2)
        await self.house.sim("localhost", "DELETE", "sessions")
        await self.house.sim(HOST, "POST", "sessions", {"tokens": self.dice.random() < 0.5})

    async def lock_rows(self) -> None:
        """Somebody has a record open, in the CRM or in the ERP."""
        self.suffered.note("locked")
        kind = self.dice.choice(("Account", "Order", "ERP"))
        if kind == "ERP":
            await self.house.sim(HOST, "POST", "locks", {"order": "*", "times": self.dice.randint(1, 3)})
            return
        await self.house.sim("localhost", "POST", "locks", {"object": kind, "times": self.dice.randint(1, 3)})

    async def credit_stop(self, on: bool) -> None:
        """Half an hour in which the ERP lets nobody buy; what it refused waits until a person there acts."""
        self.suffered.note("credit_stop", on)
        await self.factory.stop_credit(on)

    async def crm_outage(self, on: bool) -> None:
        """An hour of maintenance."""
        self.suffered.note("crm_outage", on)
        await self.house.sim("localhost", "POST", "outage", {"on": on})

    async def erp_outage(self, on: bool) -> None:
        """Twenty minutes without an ERP."""
        self.suffered.note("erp_outage", on)
        await self.house.sim(HOST, "POST", "outage", {"on": on})

    async def desk_hour(self) -> None:
        """People look at what waits for them."""
        await self.desk.visit()

    def tell(self, *words) -> None:
        """The story, for whoever wants to read it."""
        if self.verbose:
            print(f"{self.clock.now():%d %H:%M:%S}", *words)
