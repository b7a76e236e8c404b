"""Orders as a store sends them, ready to be accepted: two lines, 7 kB, every customer known."""

import copy
import json

import msgspec

from millstream.connectors.adobe_commerce.mapping import sighting
from millstream.domain.crosswalk import Link
from millstream.domain.events import NewEvent
from millstream.flows.intake import facts_about
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
    (fact,) = facts_about(seen, None, store=STORE)
    return fact


def known_customers(count: int) -> list[Link]:
    """Links as the hub keeps them after a customer's first order."""
    return [Link(kind="login", system=STORE, external_id=str(n), hub_id=f"C-{n:020}") for n in range(1, count + 1)]
