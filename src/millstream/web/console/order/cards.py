"""Lines, money, what the customer sees, promises, the order as it is."""

from decimal import Decimal
from typing import Any, Final

from nicegui import html, ui

from millstream.web.console.order.words import number_name
from millstream.web.console.parts import chip, code_block, empty, facts, moment, money, quantity, table
from millstream.web.console.parts import tag as small_tag

ENDED: Final = frozenset({"delivered", "cancelled"})
_VERDICTS: Final = {
    "agrees": ("agrees", "good", "Store, hub and ERP have the same total, to the cent."),
    "rounding": ("rounding", "warn", "The ERP's total differs by a cent, as rounding does."),
    "differs": ("differs", "bad", "The totals differ by more than rounding: somebody must find out why."),
    "unknown": ("not known", "idle", "The ERP has not told its total yet, or nobody can read the order."),
}


def draw_lines(lines: list[dict[str, Any]] | None) -> None:
    """Where the quantity of each line is, and whether it adds up."""
    if lines is None:
        empty("The lines are not known.", "The order cannot be read as it was sent; its deliveries say why.")
        return
    columns = ("Line", "Ordered", "Reserved", "In production", "Shipped", "Cancelled", "Ships on", "Adds up")
    table("Lines of the order", columns, [_line(line) for line in lines], numbers=(1, 2, 3, 4, 5))


def _line(line: dict[str, Any]) -> tuple[Any, ...]:
    def what() -> None:
        with html.div():
            html.strong(line["sku"])
            html.div(line["name"]).classes("ms-hint")
            for number in line["work_orders"]:
                small_tag(f"{number_name('work_order')} {number}")

    if line["is_virtual"]:
        cancelled = _amount(line["cancelled"])
        return (what, quantity(line["ordered"]), _dash, _dash, _dash, cancelled, _dash, "nothing to ship")
    names = ("ordered", "reserved", "in_production", "shipped", "cancelled")
    return (what, *(_amount(line[name]) for name in names), line["ship_date"], lambda: _draw_sum(line))


def _dash() -> None:
    """For what does not apply."""
    html.span("–").classes("ms-hint")


def _amount(value: Any) -> str | None:
    return None if value is None else quantity(value)


def _draw_sum(line: dict[str, Any]) -> None:
    tone, says = sum_of(line)
    with html.div():
        chip({"good": "adds up", "idle": "not known"}.get(tone, "does not add up"), tone)
        if says:
            html.div(says).classes("ms-hint")


def sum_of(line: dict[str, Any]) -> tuple[str, str]:
    """Tone, and what is wrong in words."""
    words: list[str] = []
    if line["confirmed"] is not None and Decimal(line["confirmed"]) != Decimal(line["ordered"]):
        words.append(f"The ERP has {quantity(line['confirmed'])} of {quantity(line['ordered'])} ordered.")
    if line["unaccounted"] is None:
        return ("warn", " ".join(words)) if words else ("idle", "")
    left = Decimal(line["unaccounted"])
    if left > 0:
        words.append(f"{quantity(left)} neither reserved nor in production" + _because(line["reason"]))
    elif left < 0:
        words.append(f"{quantity(-left)} more than was ordered.")
    tone = "bad" if left < 0 else "warn" if words else "good"
    return tone, " ".join(words)


def _because(reason: str) -> str:
    return f": {reason}." if reason else "."


def draw_money(found: dict[str, Any]) -> None:
    """The total three times over."""
    word, tone, says = _VERDICTS[found["verdict"]]
    currency = found["currency"]
    facts(
        (
            ("Store", money(found["store"], currency)),
            ("Hub, line by line", money(found["hub"], currency)),
            ("ERP", money(found["erp"], currency)),
            ("ERP less store", money(found["rounding"], currency)),
            ("Verdict", lambda: chip(word, tone)),
        )
    )
    html.p(says).classes("ms-hint")


def draw_told(told: list[dict[str, Any]]) -> None:
    """What the customer reads, newest first."""
    if not told:
        empty("The customer was told nothing yet.", "The first word is sent once the ERP has confirmed the order.")
        return
    with html.ol(reversed=True).classes("ms-told"):
        for one in reversed(told):
            with html.li():
                with html.div().classes("ms-row"):
                    html.strong(one["what"].capitalize())
                    moment(one["at"])
                    chip("e-mailed", "info") if one["emailed"] else chip("in the store, no e-mail", "idle")
                html.blockquote(one["text"] or "The store's own words.").classes("ms-quote")
    ui.label("Worded as the hub words it today; the store keeps what was really sent.").classes("ms-hint")


def draw_promises(found: dict[str, Any]) -> None:
    """Every date ever given, newest first."""
    if not found["promises"]:
        empty("No date was promised yet.")
        return
    last = {one["line_id"]: n for n, one in enumerate(found["promises"])}
    rows = [
        (
            lambda one=one: moment(one["promised_at"], how="at"),
            "whole order" if one["line_id"] is None else found["skus"].get(one["line_id"], one["line_id"]),
            one["ship_date"],
            one["reason"] or None,
            one["promised_by"],
            lambda one=one, n=n: _draw_kept(one, found["state"], is_last=last[one["line_id"]] == n),
        )
        for n, one in reversed(list(enumerate(found["promises"])))
    ]
    table("Promised dates", ("Promised", "For", "Ships on", "Reason", "By", "Kept"), rows)


def _draw_kept(promise: dict[str, Any], state: str, *, is_last: bool) -> None:
    if promise["kept"] is None:
        html.span(unjudged_words(promise, state, is_last=is_last)).classes("ms-hint")
    else:
        chip("kept", "good") if promise["kept"] else chip("not kept", "bad")


def unjudged_words(promise: dict[str, Any], state: str, *, is_last: bool) -> str:
    """Why it says neither kept nor not kept: the last date of the whole order is judged, when all of it has left."""
    if not is_last:
        return "replaced by a later one"
    if promise["line_id"] is not None:
        return "judged with the whole order"
    if promise["ship_date"] is None:
        return "no date to judge"
    return "open" if state not in ENDED else "not judged"


def draw_raw(order: dict[str, Any]) -> None:
    """The order as the hub reads it."""
    with html.details():
        html.summary("Show the order as JSON")
        code_block(order, label="The order as JSON")
