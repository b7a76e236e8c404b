"""The play: orders are placed, people do their work, and each order's fate is followed to its end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from millstream.demo.cast import Carrier, Wish
from millstream.demo.plants import BUSY, Plant
from millstream.demo.stage import Stage
from millstream.ports.desk import Desk, Filter
from millstream.ports.travellers import Traveller, Travellers

STORE_BAD_LUCK: Final = {"503": 0.03, "429": 0.01, "timeout_after": 0.02}
CRM_OUTAGE_S: Final = 6.0
LOOK_EVERY_S: Final = 0.4
PATIENCE_S: Final = 240.0
PLANT_TRIES: Final = 5


class Play:
    """Follows every order from the shopper's click to its end. `watch` is called with each new look at the books."""

    def __init__(
        self,
        stage: Stage,
        plant: Plant,
        books: Travellers,
        desk: Desk,
        *,
        wishes: list[Wish],
        seed: int,
        watch: Callable[[Sequence[Traveller], str], None],
    ) -> None:
        self._stage = stage
        self._plant = plant
        self._carrier = Carrier(stage)
        self._books = books
        self._desk = desk
        self._wishes = wishes
        self._seed = seed
        self._watch = watch
        self._fates: dict[str, str] = {}
        self._acted: set[tuple[str, str]] = set()
        self._acts: set[asyncio.Task[None]] = set()
        self._plant_turn = asyncio.Lock()
        self.titles: dict[str, str] = {}
        self.placed_at: dict[str, datetime] = {}
        self.trouble: list[str] = []

    async def run(self, *, every_s: float) -> Sequence[Traveller]:
        """Places the batch, lets everybody act, returns the books' last word when every fate is met."""
        faults = {"seed": self._seed, "rate": STORE_BAD_LUCK, "operations": ["* /rest/*"], "latency_s": 0.5}
        await self._stage.sim(self._stage.store_url, "POST", "faults", faults)
        shoppers = asyncio.create_task(self._shop(every_s))
        deadline = time.monotonic() + PATIENCE_S + every_s * len(self._wishes)
        travellers: Sequence[Traveller] = ()
        while time.monotonic() < deadline:
            travellers = await self._books.all()
            self._watch(travellers, f"{len(self.titles)} of {len(self._wishes)} orders placed")
            for traveller in travellers:
                self._act(traveller)
            if shoppers.done() and len(travellers) >= len(self._wishes) and all(map(self._is_met, travellers)):
                break
            await asyncio.sleep(LOOK_EVERY_S)
        await shoppers
        await asyncio.gather(*self._acts)
        await self._stage.sim(self._stage.store_url, "DELETE", "faults")
        unmet = [traveller.number for traveller in travellers if not self._is_met(traveller)]
        if unmet:
            self.trouble.append(f"not finished in time: {', '.join(unmet)}")
        return await self._books.all()

    async def _shop(self, every_s: float) -> None:
        for n, wish in enumerate(self._wishes):
            placed_at = datetime.now(UTC)
            receipt = await self._stage.sim(self._stage.store_url, "POST", "orders", wish.order)
            key = f"shop-1-{receipt['increment_id']}"
            self.titles[key], self._fates[key], self.placed_at[key] = wish.title, wish.fate, placed_at
            if n == len(self._wishes) // 3:
                self._start(("", "outage"), self._crm_outage())
            await asyncio.sleep(every_s)

    async def _crm_outage(self) -> None:
        """The CRM goes away for a while; orders of known customers must not notice."""
        await self._stage.sim(self._stage.crm_url, "POST", "outage", {"on": True})
        await asyncio.sleep(CRM_OUTAGE_S)
        await self._stage.sim(self._stage.crm_url, "POST", "outage", {"on": False})

    def _act(self, order: Traveller) -> None:
        """Starts what somebody does with this order now, each thing once."""
        key, fate, stuck = order.order_key, self._fates.get(order.order_key), order.stuck
        if stuck is not None and stuck.code == "price.stale" and fate == "stale":
            self._start((key, "release"), self._release(stuck.id))
        elif stuck is not None and stuck.code == "customer.unknown" and fate == "stranger":
            self._start((key, "link"), self._introduce(stuck.id))
        elif order.confirmed_to_shopper and fate == "ship":
            self._start((key, "ship"), self._in_plant(lambda: self._plant.ship(key, f"TRACK-{order.number}")))
            shipped = order.step("order.shipped", "store")
            if shipped is not None and shipped.state == "done":
                self._start((key, "deliver"), self._deliver(f"TRACK-{order.number}"))
        elif order.confirmed_to_shopper and fate == "reschedule":
            self._start((key, "postpone"), self._in_plant(lambda: self._plant.postpone(key, 7)))
        elif order.erp_number and fate == "cancel":
            self._start((key, "cancel"), self._cancel(order.number))
        elif order.erp_number and fate == "move":
            self._start((key, "move"), self._move(order.number))

    def _start(self, what: tuple[str, str], act: Awaitable[None]) -> None:
        if what in self._acted:
            if asyncio.iscoroutine(act):
                act.close()
            return
        self._acted.add(what)
        task = asyncio.ensure_future(self._tell_trouble(what, act))
        self._acts.add(task)

    async def _tell_trouble(self, what: tuple[str, str], act: Awaitable[None]) -> None:
        try:
            await act
        except (*BUSY, RuntimeError) as error:
            self.trouble.append(f"{what[1]} {what[0]}: {error}")

    async def _in_plant(self, act: Callable[[], Awaitable[None]]) -> None:
        """One pair of hands in the plant; it waits while the ERP is busy with the hub's orders."""
        async with self._plant_turn:
            for n in range(PLANT_TRIES):
                try:
                    return await act()
                except BUSY:
                    if n == PLANT_TRIES - 1:
                        raise
                    await asyncio.sleep(1.0 + n)
        return None

    async def _deliver(self, tracking_number: str) -> None:
        status = await self._carrier.report_delivery(tracking_number)
        if status != 202:
            raise RuntimeError(f"the carrier's report was answered {status}")

    async def _release(self, delivery_id: int) -> None:
        await self._desk.release(
            Filter(ids=(delivery_id,)), actor="demo:order desk", reason="price was agreed by phone"
        )

    async def _introduce(self, delivery_id: int) -> None:
        """Sales creates the account in the CRM; the order desk tries again."""
        contact = {"LastName": "New", "Email": "nora@new-buyer.example"}
        account = {"Name": "New Buyer Ltd", "contacts": [contact]}
        await self._stage.sim(self._stage.crm_url, "POST", "seed", {"accounts": [account]})
        await self._desk.retry(Filter(ids=(delivery_id,)), actor="demo:order desk")

    async def _cancel(self, number: str) -> None:
        await self._stage.sim(self._stage.store_url, "POST", f"orders/{await self._store_id(number)}/cancel", {})

    async def _move(self, number: str) -> None:
        address = {"street": ["Neue Straße 7"], "city": "Ulm", "postcode": "89073"}
        await self._stage.sim(self._stage.store_url, "POST", f"orders/{await self._store_id(number)}/address", address)

    async def _store_id(self, number: str) -> int:
        orders = await self._stage.sim(self._stage.store_url, "GET", "orders")
        return next(int(order["entity_id"]) for order in orders if order["increment_id"] == number)

    def _is_met(self, order: Traveller) -> bool:
        """Whether this order's story in the play has reached its end."""
        match self._fates.get(order.order_key):
            case "ghost":
                return order.stuck is not None
            case "cancel":
                return order.cancelled_at is not None and not order.working
            case "ship":
                return order.delivered_at is not None and not order.working
            case "reschedule":
                told = [step for step in order.steps if step.type == "order.promise_changed"]
                return bool(told) and not order.working
            case "move":
                moved = order.step("order.address_changed", "erp")
                return moved is not None and not order.working
        return order.confirmed_to_shopper and not order.working
