"""How things stand now: alerts, figures, orders by state and age, connections."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from nicegui import html

from millstream.web.console.parts import card, chip, empty, figure, known, link, moment, money, state_word, table
from millstream.web.console.visit import link_to

AGES: Final = {
    "under_1h": "under 1 h",
    "under_4h": "1 to 4 h",
    "under_1d": "4 to 24 h",
    "under_3d": "1 to 3 days",
    "older": "older",
}
STATES: Final = (
    "placed", "retrying", "review", "confirmed", "packed", "shipped", "delivered", "cancelled", "discarded",
)  # fmt: skip
AT_RISK: Final = link_to("/inbox", view="at_risk")


def draw_alerts(found: dict[str, Any]) -> None:
    """What is amiss, the urgent first: the effect on the business, then the rest."""
    with card("What is amiss"):
        if not found["items"]:
            if found["looked_at"] is None:
                html.p("Nobody has looked yet: no process of the hub watches.").classes("ms-warning")
                return
            with html.p().classes("ms-calm"):
                chip("Nothing", "good")
                html.span(" Last looked at ")
                moment(found["looked_at"], how="ago")
            return
        with html.ul().classes("ms-alerts"):
            for each in found["items"]:
                _alert(each["alert"])
        if found["more"]:
            link("All of them", link_to("/alerts"))


def _alert(alert: dict[str, Any]) -> None:
    with html.li():
        chip(alert["state"], "bad" if alert["state"] == "firing" else "warn")
        with html.div():
            link(alert["effect"], link_to(f"/alerts/{alert['id']}"))
            with html.div().classes("ms-hint"):
                html.span(f"{'urgent, ' if alert['urgent'] else ''}{alert['code']} since ")
                moment(alert["opened_at"])
                if alert["acknowledged_by"]:
                    html.span(f" · {alert['acknowledged_by']} is on it")


def draw_figures(found: dict[str, Any]) -> None:
    """Orders of the window; what is at risk, per currency; what waits for a person."""
    reviews, unknown = found["reviews"], found["at_risk_unknown"]
    with html.div().classes("ms-figures"):
        figure("Orders came in", str(sum(each["placed"] for each in found["ticks"])), href=link_to("/orders"))
        for total in found["at_risk"]:
            figure(
                "Money at risk",
                money(total["amount"], total["currency"]),
                hint=_orders(total["orders"]),
                tone="bad",
                href=AT_RISK,
            )
        if unknown:
            figure("At risk, total not known", str(unknown), hint="orders", tone="bad", href=AT_RISK)
        if not found["at_risk"] and not unknown:
            figure("Money at risk", "none", hint="nothing held, dead or retrying")
        figure(
            "Held for review",
            str(reviews["held"]),
            hint="a person must decide",
            tone="warn" if reviews["held"] else "",
            href=link_to("/inbox"),
        )
        figure(
            "Customers in doubt",
            str(reviews["customers"]),
            hint="of these: who placed the order?",
            tone="warn" if reviews["customers"] else "",
            href=link_to("/reviews"),
        )
        figure(
            "Given up",
            str(reviews["dead"]),
            hint="attempts used up",
            tone="bad" if reviews["dead"] else "",
            href=link_to("/inbox"),
        )
        figure("Unassigned", str(reviews["unassigned"]), hint="nobody looks after them", href=_view("unassigned"))
        figure("Snoozed", str(reviews["snoozed"]), hint="out of sight until later", href=_view("snoozed"))


def _view(name: str) -> str:
    return link_to("/inbox", view=name)


def _orders(count: int) -> str:
    return f"{count} order{'' if count == 1 else 's'}"


def draw_matrix(standings: Sequence[dict[str, Any]], *, window: str) -> None:
    """Orders of the window: a row for each state there is, a column for each age there is.

    What the ERP does not have yet is shown whenever it came in; each number leads to the orders in that state.
    """
    with card("Orders by state and age"):
        if not standings:
            empty(f"No order came in within {window}.", "Choose a longer stretch of time above.")
            return
        counts = {(each["state"], each["age"]): each["orders"] for each in standings}
        ages = [age for age in AGES if any(there == age for _, there in counts)]
        states = sorted({state for state, _ in counts}, key=_place)
        totals = {state: sum(counts.get((state, age), 0) for age in ages) for state in states}
        most = max(totals.values())
        table(
            "Orders by state and age",
            ("State", *(AGES.get(age, age) for age in ages), "All"),
            (
                (
                    partial(chip, state),
                    *(partial(_count, counts.get((state, age), 0), state) for age in ages),
                    partial(_total, totals[state], state, most),
                )
                for state in states
            ),
            numbers=range(1, len(ages) + 2),
        )


def _place(state: str) -> tuple[int, str]:
    return (STATES.index(state) if state in STATES else len(STATES), state)


def _count(orders: int, state: str) -> None:
    if orders == 0:
        html.span("0").classes("ms-nought")
        return
    _linked(orders, state, f"{_orders(orders)}: {state_word(state)}")


def _linked(orders: int, state: str, says: str) -> None:
    link(str(orders), link_to("/orders", state=state)).props.update({"aria-label": says})


def _total(orders: int, state: str, most: int) -> None:
    _linked(orders, state, f"all {_orders(orders)}: {state_word(state)}")
    with html.span(**{"aria-hidden": "true"}).classes("ms-measure"):
        html.i().style(f"width: {100 * orders / most:.0f}%")


def draw_connections(found: Sequence[dict[str, Any]]) -> None:
    """Whether the systems answer."""
    with card("Connections"):
        table(
            "Connections",
            ("Connection", "Stands", "Last answer", "Failed in 15 min"),
            (
                (
                    partial(link, f"{each['name']} ({each['kind']})", link_to("/connections")),
                    partial(_standing, each),
                    partial(moment, each["last_good_at"], how="ago"),
                    partial(_failed, each),
                )
                for each in found
            ),
            numbers=(3,),
        )


def _standing(connection: dict[str, Any]) -> None:
    text, tone = standing_of(connection)
    chip(text, tone)
    if connection["pause"]:
        known(f" {connection['pause']['actor']}: {connection['pause']['reason']}")


def _failed(connection: dict[str, Any]) -> None:
    share = percent(connection["error_share"])
    known("no calls" if share is None else f"{share} of {connection['calls']}")


def standing_of(connection: Mapping[str, Any]) -> tuple[str, str]:
    """How a connection stands, in words, and how good that is."""
    if connection["state"] != "on":
        return connection["state"], "warn"
    words = {"closed": ("answers", "good"), "open": ("does not answer", "bad"), "probing": ("is tried again", "warn")}
    return words.get(connection["breaker"], ("not known: no process tells", "idle"))


def percent(share: float | None) -> str | None:
    """A share in percent; None stays not known."""
    return None if share is None else f"{share:.1%}".replace(".0%", "%").replace("%", " %")
