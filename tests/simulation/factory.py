"""The ERP of a virtual day: the sandbox S/4HANA, and the people who work there by its own door.

They look at its documents as people look at a screen, and act by `/_sim/`. Nothing of the product is used here: what an
order's dates, lines and amounts are is read from the documents once more.
"""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from millstream.sandbox.faults import Faults
from millstream.sandbox.sap_s4hana import create_app
from simulation.documents import (
    groups_of,
    is_given_up,
    is_open,
    is_released,
    is_void,
    key_of,
    planned_days,
    state_of_delivery,
)

HOST = "s4.test"
PLANT, OTHER_PLANT = "1010", "1020"
EVERYBODY = "10009999"  # the collective customer of web shops
LOCKS_MAX = 20
DEEDS = (
    "packed", "shipped", "moved", "made", "dropped", "gave up",
    "arrived", "expected", "scrapped", "transferred", "taken in", "promised anew",
    "named a date",
)  # fmt: skip
SCARCE = {  # on hand in the morning, and in the other plant
    "VALVE-050": (14, 20),
    "VALVE-080": (10, 8),
    "GASKET-10": (12, 15),
    "SEAL-KIT": (16, 0),
    "FILTER-5": (9, 12),
    "OIL-1L": (25, 10),
    "PUMP-100": (9, 6),
    "PUMP-200": (6, 4),
}


class Factory:
    """`promised` holds every date the system ever gave an order; `oversold` every moment it promised too much."""

    def __init__(self, clock, seed, *, now, sleep) -> None:
        self.clock = clock
        self.dice = Random(f"factory {seed}")
        self.app = create_app(now=now, faults=Faults(seed=seed, sleep=sleep))
        self.plant = self.app.system.plant
        self.promised: dict[str, set[date | None]] = defaultdict(set)
        self.oversold: list[str] = []
        self.deeds: Counter[str] = Counter()
        self.door = None  # sends a request to the system's own door, once there is a way
        self.is_booked = None  # whether the hub knows an order
        self.unit_of = None  # how the store counts a line when it ships: the unit's id, and pieces in one
        self.opening: dict[tuple[str, str], Decimal] = {}
        self.stock_the_shelves()
        self.plant.listeners.append(self.watch)

    # --- looking

    def stock_the_shelves(self) -> None:
        """Little of everything: orders compete."""
        for material, (here, there) in SCARCE.items():
            self.plant.stock[material, PLANT] = Decimal(here + self.dice.randint(-3, 6))
            self.plant.stock[material, OTHER_PLANT] = Decimal(there)
        self.opening = dict(self.plant.stock)

    def watch(self, number: str) -> None:
        """Something happened to an order: which dates does it show now, and is more promised than there can be?"""
        order = self.plant.orders[number]
        if is_released(order) and not is_void(order):
            self.promised[key_of(order)].update(planned_days(self.plant, order).values())
        for item in order["to_Item"]:
            if item["Material"] in SCARCE:
                self._weigh(item["Material"])

    def _weigh(self, material: str) -> None:
        claimed = self.claimed(material)
        there = self.plant.on_hand(material, PLANT) + self.on_its_way(material)
        if claimed > there:
            moment = f"{self.clock.now():%H:%M:%S} {material}"
            self.oversold.append(f"{moment}: {claimed} confirmed, {there} there or coming")

    def claimed(self, material: str) -> Decimal:
        """What is confirmed to orders and has not left yet."""
        total = Decimal(0)
        for order in self.plant.orders.values():
            for item in order["to_Item"]:
                if item["Material"] == material and not item["SalesDocumentRjcnReason"]:
                    total += item.get("ConfdDelivQtyInOrderQtyUnit", Decimal(0))
        for delivery in self.plant.deliveries.values():
            if state_of_delivery(delivery) == "shipped":
                for line in delivery["to_DeliveryDocumentItem"]:
                    mine = line["Material"] == material and not is_given_up(self.plant, line)
                    total -= line["ActualDeliveryQuantity"] if mine else 0
        return total

    def on_its_way(self, material: str) -> Decimal:
        """Planned receipts."""
        rows = self.plant.receipts.values()
        return sum((one["Quantity"] for one in rows if one["Material"] == material), Decimal(0))

    def order_of(self, key: str) -> dict | None:
        """The document that is the order: those set aside are none; what lives comes before what was cancelled."""
        found = [one for one in self.plant.orders.values() if key_of(one) == key and not is_void(one)]
        return min(found, key=lambda one: (not is_open(one), not is_released(one), one["SalesOrder"]), default=None)

    def key_of_parcel(self, tracking: str) -> str | None:
        """The order of which something is in a parcel."""
        for delivery in self.plant.deliveries.values():
            if any(unit["HandlingUnitExternalID"] == tracking for unit in delivery["to_HandlingUnitHeaderDelivery"]):
                return key_of(self.plant.orders[delivery["to_DeliveryDocumentItem"][0]["ReferenceSDDocument"]])
        return None

    def key_of_number(self, number: str) -> str | None:
        """The order of a number of the store's."""
        keys = (key_of(order) for order in self.plant.orders.values())
        return next((key for key in keys if key.rpartition("-")[2] == number), None)

    def open_orders(self) -> list[dict]:
        """Released, not cancelled, something left to deliver."""
        return [
            order
            for order in self.plant.orders.values()
            if is_open(order) and is_released(order) and order["OverallSDProcessStatus"] != "C"
        ]

    # --- the plant

    async def _insist(self, method: str, path: str, plan) -> None:
        """Until it is done: somebody else may have the document open."""
        for _ in range(LOCKS_MAX):
            if await self.act(method, path, plan) is not None:
                return
        raise AssertionError(f"{path} never accepts {plan}")

    async def act(self, method: str, path: str, plan=None):
        """By the system's own door; None when the system says that this cannot be done now."""
        answer = await self.door(method, path, plan)
        return answer.json() if answer.status == 200 else None

    async def shift(self) -> list[tuple[str, list[str]]]:
        """Orders are packed, parcels leave, plans move, seldom one is dropped, or its rest; the parcels, by order."""
        for order in self.open_orders():
            throw = self.dice.random()
            if throw < 0.30:
                await self.pack(order, whole=self.dice.random() < 0.6)
            elif throw < 0.40:
                await self.move_dates(order)
            elif throw < 0.42:
                await self.drop(order)
            elif throw < 0.55:
                await self.finish(order)
            elif throw < 0.65:
                await self.give_up(order)
        left = []
        for number, delivery in list(self.plant.deliveries.items()):
            if self.dice.random() < 0.5:
                left += await self.go_on(number, delivery)
        return left

    async def pack(self, order, *, whole: bool) -> None:
        """A delivery of all that can be delivered, or of a part; most are picked and packed at once."""
        quantities = {}
        for group in groups_of(self.plant, order, self.unit_of):
            units = group.units if whole else self.dice.randint(0, group.units)
            quantities |= {item: str(units * each) for item, each in group.items.items() if units}
        if not quantities:
            return
        done = await self.act("POST", "deliveries", {"order": order["SalesOrder"], "quantities": quantities})
        if done is not None and self.dice.random() < 0.8:
            self.deeds["packed"] += 1
            await self.act("POST", f"deliveries/{done['DeliveryDocument']}/pick")
            await self.act("POST", f"deliveries/{done['DeliveryDocument']}/pack", {})

    async def go_on(self, number: str, delivery) -> list[tuple[str, list[str]]]:
        """The next step of a delivery."""
        match state_of_delivery(delivery):
            case "planned":
                await self.act("POST", f"deliveries/{number}/pick")
            case "picked":
                self.deeds["packed"] += 1
                await self.act("POST", f"deliveries/{number}/pack", {})
            case "packed":
                tracking = [f"1Z{number}-{n + 1}" for n in range(self.dice.choice((1, 1, 2)))]
                await self.act("POST", f"deliveries/{number}/label", {"tracking": tracking})
                if await self.act("POST", f"deliveries/{number}/issue") is not None:
                    self.deeds["shipped"] += 1
                    order = self.plant.orders[delivery["to_DeliveryDocumentItem"][0]["ReferenceSDDocument"]]
                    return [(key_of(order), tracking)]
        return []

    async def move_dates(self, order) -> None:
        """A production order moves, by days that may be none; or somebody asks for the goods later."""
        made = [self.plant.production[one] for one in self.plant.production_of[order["SalesOrder"]]]
        running = [one for one in made if not (one["OrderIsConfirmed"] or one["OrderIsTechnicallyCompleted"])]
        if running:
            one = self.dice.choice(running)
            day = one["MfgOrderPlannedEndDate"] + timedelta(days=self.dice.choice((-1, 0, 2, 5, 7)))
            number = one["ManufacturingOrder"]
            self.deeds["moved"] += 1
            await self.act("POST", f"production/{number}/reschedule", {"day": day.isoformat()})
        elif not self.plant.deliveries_of[order["SalesOrder"]]:
            wanted = self.clock.now().date() + timedelta(days=self.dice.choice((1, 3, 9)))
            moment = int(datetime(wanted.year, wanted.month, wanted.day, tzinfo=UTC).timestamp()) * 1000
            number = order["SalesOrder"]
            self.deeds["moved"] += 1
            plan = {"RequestedDeliveryDate": f"/Date({moment})/", "check_again": True}
            await self._insist("POST", f"orders/{number}", plan)

    async def drop(self, order) -> None:
        """The plant cannot make it and cancels on its own."""
        if not self.plant.deliveries_of[order["SalesOrder"]] and await self.is_booked(key_of(order)):
            self.deeds["dropped"] += 1
            await self._refuse(order)

    async def give_up(self, order) -> None:
        """Parts have gone, nothing is on its way, and the plant cannot make the rest."""
        deliveries = [self.plant.deliveries[one] for one in self.plant.deliveries_of[order["SalesOrder"]]]
        gone = deliveries and all(state_of_delivery(one) == "shipped" for one in deliveries)
        if gone and await self.is_booked(key_of(order)):
            self.deeds["gave up"] += 1
            await self._refuse(order)

    async def _refuse(self, order) -> None:
        for item in order["to_Item"]:
            if item["DeliveryStatus"] != "C":
                refusal = {"item": item["SalesOrderItem"], "SalesDocumentRjcnReason": "62"}
                await self._insist("POST", f"orders/{order['SalesOrder']}", refusal)

    async def finish(self, order) -> None:
        """What is made to order is made."""
        for number in self.plant.production_of[order["SalesOrder"]]:
            if not self.plant.production[number]["OrderIsConfirmed"]:
                self.deeds["made"] += 1
                await self.act("POST", f"production/{number}/confirm", {})

    # --- the stock

    async def stock_move(self) -> None:
        """Goods come in, planned or not; some are thrown away, some change plants; what comes next is promised anew."""
        material, quantity = self.dice.choice(sorted(SCARCE)), self.dice.randint(1, 8)
        plan = {"material": material, "quantity": quantity}
        coming = sorted(number for number, one in self.plant.receipts.items() if one["Material"] == material)
        match self.dice.choice(("arrive", "arrive", "take_in", "expect", "scrap", "scrap", "transfer", "backorders")):
            case "arrive" if coming:
                await self._stock("arrived", f"receipts/{self.dice.choice(coming)}/receive", {})
            case "expect":
                day = self.clock.now().date() + timedelta(days=self.dice.randint(1, 5))
                await self._stock("expected", "receipts", {**plan, "day": day.isoformat()})
            case "scrap":
                await self._stock("scrapped", "movements", {"type": "551", **plan})
            case "transfer":
                places = [PLANT, OTHER_PLANT]
                self.dice.shuffle(places)
                way = {"plant": places[0], "to": places[1]}
                await self._stock("transferred", "movements", {"type": "301", **plan, **way})
            case "backorders":
                await self._stock("promised anew", "backorders", {"material": material})
            case _:
                await self._stock("taken in", "movements", {"type": "101", **plan})
        self._weigh(material)

    async def _stock(self, deed: str, path: str, plan) -> None:
        if await self.act("POST", path, plan) is not None:
            self.deeds[deed] += 1

    # --- trouble

    async def stop_credit(self, on: bool) -> None:
        """Nobody may buy; or everybody again."""
        self.plant.customers[EVERYBODY]["limit"] = Decimal(0) if on else None

    async def release_credit(self, key: str) -> None:
        """Somebody in credit management lets an order pass."""
        await self.stop_credit(False)
        for order in self.plant.orders.values():
            if key_of(order) == key and order["TotalCreditCheckStatus"] == "B":
                order["TotalCreditCheckStatus"] = "D"
