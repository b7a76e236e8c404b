"""What one wants to know first: which order, whose, where it stands, when it ships, and what is amiss."""

from typing import Any

from nicegui import html

from millstream.web.console.failing import state_chip
from millstream.web.console.order.words import TROUBLES, days, delivery_words, number_name
from millstream.web.console.parts import chip, facts, known, link, moment, money
from millstream.web.console.visit import link_to


def head_of(page: dict[str, Any]) -> dict[str, Any]:
    """What of the story the head shows."""
    parts = ("state", "partly_shipped", "summary", "buyer", "aliases", "promise", "money", "replaces", "replaced_by")
    troubles = [one for one in page["deliveries"] if one["state"] in TROUBLES]
    return {**{name: page[name] for name in parts}, "troubles": troubles}


def draw_head(found: dict[str, Any]) -> None:
    """The card on top."""
    for trouble in found["troubles"]:
        _draw_trouble(trouble)
    with html.section(**{"aria-label": "Summary"}).classes("ms-card ms-order-head"):
        with html.div().classes("ms-order-facts"):
            with html.div():
                facts((("State", lambda: _draw_state(found)), *_steps(found["summary"]), *_edits(found)))
            with html.div():
                facts(_who(found))
            with html.div():
                _draw_promise(found["promise"])
        _draw_numbers(found)


def _draw_state(found: dict[str, Any]) -> None:
    with html.div().classes("ms-row"):
        chip(found["state"])
        if found["partly_shipped"]:
            chip("partly shipped: more is to leave", "warn")


def _steps(summary: dict[str, Any]) -> list[tuple[str, Any]]:
    """Placed, and the last step taken since."""
    steps = ("cancelled", "delivered", "shipped", "packed", "confirmed")
    taken = next((step for step in steps if summary[f"{step}_at"]), None)
    told: list[tuple[str, Any]] = [("Placed", lambda: moment(summary["placed_at"]))]
    if taken is not None:
        told.append((taken.capitalize(), lambda: moment(summary[f"{taken}_at"])))
    return told


def _edits(found: dict[str, Any]) -> list[tuple[str, Any]]:
    """What an edit in the store made this order from, and what it made of it."""
    told = [("Replaces", found["replaces"])] if found["replaces"] else []
    told += [("Replaced by", later) for later in found["replaced_by"]]
    return [(name, lambda other=other: _draw_other(other)) for name, other in told]


def _draw_other(other: dict[str, Any]) -> None:
    link(other["number"] or other["order_key"], link_to(f"/orders/{other['order_key']}"))


def _who(found: dict[str, Any]) -> list[tuple[str, Any]]:
    buyer = found["buyer"] or {}
    name = ", ".join(filter(None, (buyer.get("company"), buyer.get("name")))) or None
    sold = f"{buyer['store']}, store view {buyer['store_view']}" if buyer else None
    return [
        ("Customer", name),
        ("Hub id", found["summary"]["customer_id"]),
        ("Sold in", sold),
        ("Value", money(found["money"]["store"], found["money"]["currency"])),
    ]


def _draw_promise(promise: dict[str, Any] | None) -> None:
    if promise is None:
        facts((("Ships on", "no date promised yet"),))
        return
    told: list[tuple[str, Any]] = [("Ships on", promise["now"]), ("First promise", promise["first"])]
    told.append(("Moved", lambda: _draw_moved(promise["moved_days"])))
    told.append(("Reason", promise["reason"] or None))
    if promise["kept"] is not None:
        told.append(("Kept", lambda: chip("kept", "good") if promise["kept"] else chip("not kept", "bad")))
    facts(told)


def _draw_moved(moved_days: int | None) -> None:
    if moved_days is None:
        known(None)
    elif moved_days > 0:
        chip(f"{days(moved_days)} later", "warn")
    elif moved_days < 0:
        chip(f"{days(-moved_days)} earlier", "info")
    else:
        html.span("not moved")


def _draw_numbers(found: dict[str, Any]) -> None:
    numbers = [(alias["kind"], alias["value"]) for alias in found["aliases"]]
    if found["summary"]["number"] and not any(kind == "store" for kind, _ in numbers):
        numbers.append(("store", found["summary"]["number"]))
    numbers.append(("hub", found["summary"]["order_key"]))
    order = ("store", "erp", "po", "tracking", "shipment", "work_order", "email")
    numbers.sort(key=lambda number: order.index(number[0]) if number[0] in order else len(order))
    with html.ul(**{"aria-label": "Numbers of this order; each can be copied"}).classes("ms-numbers"):
        for kind, value in numbers:
            with (
                html.li(),
                html.button(type="button", title=f"Copy {value}", **{"data-ms": "copy", "data-text": value}).classes(
                    "ms-number-chip"
                ),
            ):
                html.span(number_name(kind)).classes("ms-number-kind")
                html.span(value)


def _draw_trouble(delivery: dict[str, Any]) -> None:
    with html.section(**{"aria-label": "Trouble"}).classes("ms-card ms-order-trouble"), html.div().classes("ms-row"):
        state_chip(delivery["state"])
        html.strong(delivery_words(delivery["event_type"], delivery["subscriber"]))
        if delivery["state"] == "retrying":
            html.span("next try")
            moment(delivery["due_at"], how="ago")
        html.span(delivery["message"] or delivery["code"] or "the reason is not known").classes("ms-order-why")
        link("Open in the inbox", link_to(f"/inbox/{delivery['id']}"))
