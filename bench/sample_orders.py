"""Orders as a store sends them, ready to be accepted: two lines, 7 kB, every customer known."""

import copy
import json

import msgspec

from millstream.connectors.adobe_commerce.mapping import moment, sighting
from millstream.domain import events
from millstream.domain.crosswalk import Link
from millstream.domain.events import NewEvent
from millstream.sandbox.adobe_commerce import create_app
from millstream.sandbox.adobe_commerce.placing import place

STORE = "shop"
PRICES = {"VALVE-050": "89.90", "SEAL-KIT": "59.00"}


def one_order() -> dict:
    """What the sandbox store shows of an order of two lines."""

    async def nobody(url: str, headers: dict, body: bytes) -> int:
        return 200

    shop = create_app(post=nobody).shop
    wish = {"lines": [{"sku": sku, "qty": 2} for sku in PRICES], "customer": 1}
    return json.loads(msgspec.json.encode(place(shop, wish)))


def renumbered(order: dict, number: int, customer: int) -> dict:
    """The same order under another number, of another customer, with lines of its own."""
    one = copy.deepcopy(order)
    one |= {
        "entity_id": number,
        "increment_id": f"{number:09}",
        "customer_id": customer,
        "customer_email": f"buyer-{customer}@customers.example",
    }
    assignment = one["extension_attributes"]["shipping_assignments"][0]
    for rows in (one["items"], assignment["items"]):
        for n, row in enumerate(rows):
            row |= {"item_id": number * 10 + n, "order_id": number}
    return one


def placed_events(count: int, *, first: int = 1, customers: int) -> list[NewEvent]:
    """`order.placed` of orders first, first + 1, …, as polling would make them."""
    template = one_order()
    return [_placed(renumbered(template, n, n % customers + 1)) for n in range(first, first + count)]


def _placed(raw: dict) -> NewEvent:
    seen = sighting(raw, STORE, exportable_states=("new", "processing"), held_statuses=())
    return NewEvent(
        source=STORE,
        source_id=f"order/{seen.store_order_id}/placed",
        type=events.ORDER_PLACED,
        subject=seen.key,
        occurred_at=moment(raw["created_at"]),
        data={
            "store_order_id": seen.store_order_id,
            "number": seen.number,
            "ship_to_fingerprint": seen.ship_to_fingerprint,
            "order": raw,
        },
    )


def known_customers(count: int) -> list[Link]:
    """Links as the hub keeps them after a customer's first order."""
    return [
        Link(kind="login", system=STORE, external_id=str(n), hub_id=f"C-{n:020}") for n in range(1, count + 1)
    ]

