"""What people do about deliveries that wait for a person. A fault nobody knows an answer to ends the day."""

from millstream.ports.desk import Filter
from millstream.sandbox.salesforce.problems import Problem

PAGE = 1000
LOCKS_MAX = 20
ANSWERS = {
    "customer.unknown": "retry",  # after the CRM knows them
    "credit.limit_exceeded": "retry",  # after the limit was raised
    "price.stale": "release",
    "sku.unknown": "leave",
    "order.too_late": "discard",
    "order.not_found": "retry",
    "order.not_cancellable": "discard",
    "purchase.currency": "discard",
    "purchase.not_recorded": "discard",
    "shipment.over_ship": "discard",
    "shipment.nothing_to_ship": "discard",
}


class Desk:
    """`left` holds what stays in review on purpose: delivery id -> fault code."""

    def __init__(self, house, tell) -> None:
        self.house = house
        self.tell = tell
        self.left: dict[int, str] = {}
        self.known_strangers: set[str] = set()

    async def visit(self) -> int:
        """Looks at every held and dead delivery; how many were moved."""
        desk = self.house.hub.desk
        rate, self.house.database.rate = self.house.database.rate, 0.0
        moved = 0
        self.left.clear()
        for row in await desk.list_deliveries(Filter(states=("held", "dead")), limit=PAGE):
            answer = await self._answer(row)
            self.tell("desk:", row.id, row.event_type, row.subscriber, row.subject, row.state, row.code, "->", answer)
            chosen = Filter(ids=(row.id,))
            if answer == "retry":
                moved += await desk.retry(chosen, actor="person")
            elif answer == "release":
                moved += await desk.release(chosen, actor="person", reason="agreed with the buyer by phone")
            elif answer == "discard":
                moved += await desk.discard(chosen, actor="person", reason=f"decided after {row.code}")
            else:
                self.left[row.id] = row.code
        self.house.database.rate = rate
        return moved

    async def _answer(self, row) -> str:
        answer = ANSWERS.get(row.code)
        match row.code:
            case "customer.unknown":
                await self._introduce(row)
            case "credit.limit_exceeded":
                await self.house.factory.release_credit(row.subject)
            case "sku.unknown" if self._cancelled(row.subject):
                answer = "retry"
            case "order.too_late" if row.event_type == "order.cancelled":
                answer = "leave"
            case "commerce.refused" if row.event_type == "order.shipped" and self._cancelled(row.subject):
                answer = "discard"
            case "order.not_booked" | "order.not_found" if await self._left_alone(self._key_meant(row)):
                answer = "discard"
            case code if row.state == "dead" and code != "purchase.not_recorded":
                answer = "retry"
        if answer is not None:
            return answer
        what = f"{row.event_type} {row.subject} for {row.subscriber}: {row.code}: {row.message}"
        raise AssertionError(f"nobody knows what to do about {what}")

    async def _introduce(self, row) -> None:
        """The stranger becomes a customer in the CRM."""
        story = await self.house.hub.desk.show_delivery(row.id)
        email = story.data["order"]["customer_email"]
        if email in self.known_strangers:
            return
        self.known_strangers.add(email)
        contact = {"LastName": "New", "Email": email}
        account = {"Name": f"Firm of {email}", "contacts": [contact]}
        for _ in range(LOCKS_MAX):
            try:
                await self.house.sim("localhost", "POST", "seed", {"accounts": [account]})
            except Problem:  # somebody has the table open
                continue
            return

    def _key_meant(self, row) -> str:
        """The order a fact or a carrier's report is about."""
        factory = self.house.factory
        return factory.key_of_parcel(row.subject) or factory.key_of_number(row.subject) or row.subject

    async def _left_alone(self, order_key: str) -> bool:
        """Cancelled in the store before the hub had an answer, and too late in the ERP: made, and never booked.

        People decided about it when they met the cancellation in review. One that waits for somebody itself is not
        given up yet: it may be booked still.
        """
        fares = await self.house.hub.records.placement(order_key)
        is_waiting = fares is not None and fares.placing not in {"done", "discarded"}
        return self._cancelled(order_key) and not is_waiting and not await self.house.is_booked(order_key)

    def _cancelled(self, order_key: str) -> bool:
        orders = self.house.store_app.shop.orders.values()
        return any(
            order["state"] == "canceled" and order_key == f"shop-{order['store_id']}-{order['increment_id']}"
            for order in orders
        )
