"""The hub's books in memory, as far as flows read them."""


class FakeBooks:
    """One order at most. Whoever writes into it is told off: flows leave that to their settlement."""

    def __init__(self, booked=None, *, links=(), steps=(), totals=(), found=(), placements=()):
        self.booked = booked
        self.links = dict(links)
        self.steps = steps
        self.totals = totals
        self.found = found
        self.placements = dict(placements)

    async def known_orders(self, store, store_order_ids):
        return {}

    async def restored_until(self):
        return None

    async def poll_cursor(self, task):
        return None

    async def find_link(self, kind, system, external_id):
        return self.links.get((kind, system, external_id))

    async def external_id(self, kind, system, hub_id):
        return next(
            (name for (of, at, name), hub in self.links.items() if (of, at, hub) == (kind, system, hub_id)), None
        )

    async def booked_order(self, order_key):
        return self.booked if self.booked and self.booked.order.key == order_key else None

    async def placement(self, order_key):
        return self.placements.get(order_key)

    async def find_orders(self, value):
        return self.found

    async def steps_on_the_way(self, order_key):
        return self.steps

    async def tracking_numbers(self, order_key):
        return [parcel.tracking_number for step in self.steps for parcel in getattr(step, "parcels", ())]

    async def lifetime_value(self, customer_id):
        return self.totals
