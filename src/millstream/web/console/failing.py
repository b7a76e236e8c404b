"""What pages about failures share: words for whom they concern, for how they fail, and the filter they stand for."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nicegui import html

from millstream.web.console.parts import chip, money, tag
from millstream.web.console.visit import Visit

FAILING: Final = ("held", "dead", "retrying")
SUBSCRIBERS: Final = {
    "erp": "ERP",
    "store": "Store",
    "crm": "CRM",
    "book": "The hub's books",
    "promise": "The hub's promises",
    "inbox": "Reading the store's orders",
}
STATES: Final = {
    "held": "needs a decision",
    "dead": "given up",
    "retrying": "tried again by itself",
    "waiting": "waits for its turn",
    "running": "is being carried out",
    "done": "done",
    "discarded": "resolved",
}
_CLASSES: Final = {
    "Reject": ("refused", "bad"),
    "Retry": ("for a while", "warn"),
    "Conflict": ("changed meanwhile", "warn"),
    "Unknown": ("outcome not known", "warn"),
}
_EVENTS: Final = {
    "order.hinted": "Look at an order",
    "order.placed": "Order placed",
    "order.cancelled": "Order cancelled in the store",
    "order.address_changed": "New address",
    "order.confirmed": "Order confirmed",
    "order.incomplete_in_crm": "Order incomplete in the CRM",
    "order.cancellation_confirmed": "Cancellation confirmed",
    "order.promise_changed": "New date",
    "order.shipment_reported": "Shipment reported",
    "order.packed": "Order packed",
    "order.shipped": "Order shipped",
    "order.tracked": "Tracking numbers",
    "order.delivered": "Order delivered",
    "order.delivery_reported": "Delivery reported",
    "order.promise_reported": "Date reported",
    "order.rescheduled": "Rescheduled by the ERP",
    "order.cancelled_by_erp": "Cancelled by the ERP",
    "order.rest_cancelled_by_erp": "A part cancelled by the ERP",
    "order.rest_cancelled": "A part will not come",
    "order.hold_wanted": "Put on hold",
    "order.unhold_wanted": "Take off hold",
}


async def connections(visit: Visit) -> dict[str, str]:
    """Subscriber -> the name of its connection, for those that have one."""
    found = await visit.api.get("/api/connections", window_s=60)
    return {one["kind"]: one["name"] for one in found["items"]}


def event_words(event_type: str) -> str:
    """What happened, for people."""
    return _EVENTS.get(event_type, event_type)


def concerns(subscriber: str, names: Mapping[str, str]) -> str:
    """Whom it was meant for: the system and what its connection is called."""
    says = SUBSCRIBERS.get(subscriber, subscriber)
    name = names.get(subscriber, says)
    return says if name.lower() == says.lower() else f"{says} ({name})"


def state_chip(state: str) -> None:
    """A delivery's state, in words."""
    tone = {"held": "bad", "dead": "bad", "retrying": "warn", "done": "good", "discarded": "idle"}.get(state, "info")
    chip(STATES.get(state, state), tone)


def class_chip(fault_class: str | None) -> None:
    """How it failed."""
    says, tone = _CLASSES.get(fault_class or "", ("not known", "idle"))
    chip(says, tone)


def counts(cause: Mapping[str, Any]) -> str:
    """How many deliveries, by what becomes of them."""
    parts = (("held", "to decide"), ("dead", "given up"), ("retrying", "tried again"), ("resolved", "resolved"))
    return " · ".join(f"{cause[name]} {says}" for name, says in parts if cause[name])


def draw_money(totals: Sequence[Mapping[str, Any]], unknown: int) -> None:
    """Each currency for itself; what is not known apart."""
    for total in totals:
        html.div(money(total["amount"], total["currency"])).classes("ms-nowrap")
    if unknown:
        html.div(f"+ {unknown} not known" if totals else "not known").classes("ms-unknown")


def draw_marks(assignees: Sequence[str], unassigned: int, tags: Sequence[str]) -> None:
    """Who looks after it, and the words on it."""
    if assignees:
        html.div(", ".join(assignees) + (f" · {unassigned} nobody's" if unassigned else ""))
    else:
        html.div("nobody yet").classes("ms-unknown")
    if tags:
        with html.div().classes("ms-row ms-tight"):
            for word in tags:
                tag(word)


def trend_words(trend: Sequence[int]) -> str:
    """The spark line, said."""
    return f"{sum(trend)} failed tries in 24 hours, {trend[-1]} in the last one" if trend else "not known"


def means(shown: Mapping[str, Any]) -> str:
    """A cause in plain words: what its code means, else what it says."""
    explained = shown.get("explained")
    return str(explained["means"]) if explained else str(shown.get("says") or shown.get("code") or "not known")
