"""Orders: one box that takes any number, and the newest ones coming in."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from nicegui import html, ui
from starlette.responses import RedirectResponse, Response

from millstream.web.console.api import Refused
from millstream.web.console.frame import page
from millstream.web.console.live import live
from millstream.web.console.order.words import number_name
from millstream.web.console.overview.standing import STATES
from millstream.web.console.parts import card, chip, command, link, moment, money, shell_words, state_word, table
from millstream.web.console.visit import Visit, link_to

ROWS: Final = 50
SEARCHED: Final = "store, ERP, PO, work order, shipment and tracking numbers, and e-mail addresses"


@page("/orders", title="Orders")
async def orders(visit: Visit) -> Response | None:
    """The newest ones, those in a state, or those that carry a number. The only hit of a search is opened at once."""
    wanted = visit.query("q").strip()
    state = visit.query("state") if not wanted and visit.query("state") in STATES else None
    place = visit.query("after")

    async def fetch(*, watching: bool) -> Any:
        found = await visit.api.get("/api/orders", q=wanted, state=state, after=place, limit=ROWS, watching=watching)
        # How old an order is changes at every look, and the browser tells it anyway.
        items = [{name: value for name, value in item.items() if name != "age_s"} for item in found["items"]]
        return {"items": items, "next": found["next"]}

    only = await _only_hit(fetch) if wanted and not place else None
    if only is not None:
        return RedirectResponse(_page_of(only["order_key"]), status_code=303)
    _draw_search(wanted)
    if state is not None:
        _draw_state(state)
    await live(visit, fetch, lambda found: _show(found, wanted, state, place))
    return None


async def _only_hit(fetch: Any) -> dict[str, Any] | None:
    try:
        found = await fetch(watching=False)
    except Refused:
        return None  # the page tells why
    hits: list[dict[str, Any]] = found["items"]
    return hits[0] if len(hits) == 1 and found["next"] is None else None


def _page_of(order_key: str) -> str:
    return link_to(f"/orders/{quote(order_key, safe='')}")


def _draw_search(wanted: str) -> None:
    with html.form(
        role="search", action=link_to("/orders"), method="get", **{"aria-label": "Orders by number"}
    ).classes("ms-find"):
        html.label("Any number, whole or begun", **{"for": "find-order"})
        with html.div().classes("ms-row"):
            ui.element("input").props.update(
                {
                    "name": "q",
                    "type": "search",
                    "id": "find-order",
                    "maxlength": "200",
                    "autocomplete": "off",
                    "^value": wanted,  # the attribute: the property would be set anew, over what is being typed
                    "aria-describedby": "find-order-hint",
                }
            )
            html.button("Find", type="submit").classes("ms-find-button")
            if wanted:
                link("All orders", link_to("/orders"))
        html.p(f"Searched are {SEARCHED}, in any case.", id="find-order-hint").classes("ms-hint")


def _draw_state(state: str) -> None:
    with html.p().classes("ms-row"):
        html.span("Only those in the state")
        chip(state)
        link("All orders", link_to("/orders"))


def _show(found: dict[str, Any], wanted: str, state: str | None, place: str) -> None:
    if not found["items"]:
        _draw_nothing(wanted, state, place, more=found["next"])
        return
    columns = ["Order", "ERP number", "State", "Came in", "Value", "Troubles", *(["Found by"] if wanted else [])]
    says = f"Orders with a number that begins with {wanted}" if wanted else "Orders, the last to come in first"
    says = f"Orders in the state {state_word(state)}, the last to come in first" if state else says
    with card():
        table(says, columns, [_row(hit, is_search=bool(wanted)) for hit in found["items"]], numbers=(4,))
    with html.nav(**{"aria-label": "Pages of orders"}).classes("ms-actions"):
        if place:
            link("Newest" if not wanted else "First hits", link_to("/orders", q=wanted, state=state))
        if found["next"]:
            older = link_to("/orders", q=wanted, state=state, after=found["next"])
            link("More hits" if wanted else "Older orders", older)
        else:
            html.span("No more hits." if wanted else "No older orders.").classes("ms-hint")
        ui.space()
        command(shell_words("millstream", "orders", *_shell(wanted, state)))


def _shell(wanted: str, state: str | None) -> tuple[str, ...]:
    if wanted:
        return ("list", f"--number={wanted}")
    return ("list", "--state", state) if state else ("list",)


def _row(hit: dict[str, Any], *, is_search: bool) -> tuple[Any, ...]:
    row = (
        lambda: link(hit["number"] or hit["order_key"], _page_of(hit["order_key"])),
        hit["erp_number"],
        lambda: chip(hit["state"]),
        lambda: moment(hit["received_at"], how="ago"),
        money(hit["grand_total"], hit["currency"]),
        lambda: _draw_troubles(hit["troubles"]),
    )
    return (*row, lambda: _draw_found_by(hit)) if is_search else row


def _draw_troubles(count: int) -> None:
    if count:
        chip("1 trouble" if count == 1 else f"{count} troubles", "bad")
    else:
        html.span("none").classes("ms-hint")


def _draw_found_by(hit: dict[str, Any]) -> None:
    with html.span():
        html.span(number_name(hit["matched_kind"])).classes("ms-hint")
        html.span(f" {hit['matched']}")


def _draw_nothing(wanted: str, state: str | None, place: str, *, more: str | None) -> None:
    with html.div().classes("ms-empty"):
        if state and more:
            html.p(f"None of the newest orders looked at is in the state {state_word(state)}.")
            link("Look at older orders", link_to("/orders", state=state, after=more))
        elif state:
            html.p(f"No {'older ' if place else ''}order is in the state {state_word(state)}.")
        elif wanted:
            html.p(f"No order carries a number that begins with “{wanted}”.")
            html.p(f"Searched were {SEARCHED}.").classes("ms-hint")
            html.p(
                "An order that waits for the ERP is found by its number at once, by e-mail and PO after some seconds."
            ).classes("ms-hint")
        elif place:
            html.p("There are no older orders.")
            link("Newest", link_to("/orders"))
        else:
            html.p("No order has come in yet. The first one appears here by itself.")
        with html.p().classes("ms-hint"):
            html.span("Looked ")
            moment(datetime.now(UTC))
