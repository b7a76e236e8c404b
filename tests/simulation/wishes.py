"""What shoppers do: order mixed goods, pay late, move house, change their minds."""

from random import Random

GOODS = "PUMP-100 PUMP-200 PUMP-CFG SKID-01 VALVE-050 VALVE-080 GASKET-10 SEAL-KIT FILTER-5 SENSOR-P CTRL-PLC OIL-1L"
BUYERS = (
    "anna@acme-water.example",
    "tom@tiny-plumbing.example",
    "greta@gruen-chemie.example",
    "jan@jansen-pompen.example",
)
STRANGERS = ("nora@new-buyer.example", "otto@oil-works.example")
DOLLAR_BUYER = 10  # the only one who pays in a currency the CRM does not keep
CITIES = ("Ulm", "Kiel", "Graz", "Łódź")


class Shoppers:
    """`placed` maps the plan's order numbers to the store's."""

    def __init__(self, house, seed) -> None:
        self.house = house
        self.dice = Random(f"shoppers {seed}")
        self.placed: dict[int, int] = {}
        self.buyer = {"customer": 1}

    async def order(self, number: int) -> None:
        receipt = await self.house.sim("shop", "POST", "orders", self._wish(number))
        self.placed[number] = receipt["entity_id"]

    async def cancel(self, number: int) -> None:
        if number in self.placed:
            await self.house.sim("shop", "POST", f"orders/{self.placed[number]}/cancel", {})

    async def move_house(self, number: int) -> None:
        order = self._row(number)
        if order is None or order["is_virtual"] or order["state"] == "canceled":
            return
        street = f"Neue Straße {self.dice.randint(1, 3)}"
        body = {"street": [street], "city": self.dice.choice(CITIES), "postcode": "89073"}
        await self.house.sim("shop", "POST", f"orders/{order['entity_id']}/address", body)

    async def pay(self, number: int) -> None:
        order = self._row(number)
        if order is not None and order["state"] == "pending_payment" and self.dice.random() < 0.8:
            order["state"] = order["status"] = "processing"
            self.house.store_app.shop.touch(order)

    def _row(self, number: int):
        return self.house.store_app.shop.orders.get(self.placed.get(number, 0))

    def _wish(self, number: int) -> dict:
        dice = self.dice
        if self.dice.random() > 0.4:
            self.buyer = self._buyer()
        wish = dict(self.buyer)  # often the one who has just ordered orders again
        wish["lines"] = self._lines()
        if dice.random() < 0.15:
            wish["coupon"] = "SAVE10"
        elif dice.random() < 0.1:
            wish["discount"] = {"amount": "13.37"}
        if dice.random() < 0.4:
            wish["tax_percent"] = dice.choice(("19", "8.875", "7"))
        if dice.random() < 0.2:
            wish["po_number"] = f"PO-{number:05d}"
        if dice.random() < 0.15:
            wish["store_id"] = 2
        if wish.get("customer") == DOLLAR_BUYER and dice.random() < 0.6:
            wish |= {"currency": "USD", "store_id": 2}
        if dice.random() < 0.08:
            wish |= {"state": "pending_payment", "status": "pending_payment"}
        return wish

    def _buyer(self) -> dict:
        throw = self.dice.random()
        if throw < 0.07:
            return {"guest": {"email": self.dice.choice(STRANGERS), "firstname": "Nora", "lastname": "New"}}
        if throw < 0.25:
            return {"guest": {"email": self.dice.choice(BUYERS), "firstname": "A.", "lastname": "Guest"}}
        if throw < 0.32:
            return {"customer": DOLLAR_BUYER}
        return {"customer": self.dice.choice((1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9))}

    def _lines(self) -> list[dict]:
        dice = self.dice
        if dice.random() < 0.04:
            return [{"sku": "SERVICE-1", "qty": 1}]
        lines = [{"sku": sku, "qty": dice.randint(1, 5)} for sku in dice.sample(GOODS.split(), dice.randint(1, 3))]
        if dice.random() < 0.2:
            lines.append({"sku": "PUMP-KIT", "qty": dice.randint(1, 3)})
        if dice.random() < 0.1:
            lines.append({"sku": "SERVICE-1", "qty": 1})
        if dice.random() < 0.05:
            lines.append({"sku": "GHOST-1", "qty": 1})
        if dice.random() < 0.06:
            lines.append({"sku": "FILTER-5", "qty": 1, "price": "31.00"})  # the price of last year
        return lines
