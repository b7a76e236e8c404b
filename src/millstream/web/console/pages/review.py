"""One review: who the order says placed it, beside the accounts it may be."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from nicegui import html, ui

from millstream.domain.access import Right
from millstream.web.console.api import Refused
from millstream.web.console.failing import state_chip
from millstream.web.console.frame import page, retitle
from millstream.web.console.live import Live, live
from millstream.web.console.parts import (
    Given,
    ask_reason,
    attempt,
    button,
    card,
    chip,
    command,
    empty,
    facts,
    heading,
    known,
    link,
    moment,
    money,
    operand,
    shell_words,
    table,
    why,
)
from millstream.web.console.review_words import FIELDS, HIDDEN, KINDS, STRENGTHS, VERDICTS
from millstream.web.console.visit import Visit, link_to

NOT_FOUND: Final = 404


@page("/reviews/{delivery_id:int}", title="Review")
async def review(visit: Visit) -> None:
    """One order, who it says it is, and the accounts it may be."""
    delivery_id = int(visit.part("delivery_id"))
    path = f"/api/reviews/{delivery_id}"
    try:
        first = await visit.api.get(path, candidates=False)
    except Refused as refusal:
        _draw_refusal(delivery_id, refusal)
        return
    retitle(f"Who placed order {first['order_number'] or first['delivery']['subject']}?")
    await _Review(visit, delivery_id, path).draw()


def _draw_refusal(delivery_id: int, refusal: Refused) -> None:
    if refusal.status != NOT_FOUND:
        ui.label(f"This review could not be read: {refusal.detail}").classes("ms-warning")
        return
    ui.context.client.status_code = NOT_FOUND
    empty(f"No order has a delivery {delivery_id} to the ERP.", "The list has those that wait.")
    link("Reviews", link_to("/reviews"))


class _Review:
    """The page of one review: what the hub knows is kept as it is now, the CRM is asked once, and again on demand."""

    def __init__(self, visit: Visit, delivery_id: int, path: str) -> None:
        self._visit = visit
        self._delivery_id = delivery_id
        self._path = path
        self._part: Live | None = None
        self._open = False
        self._found: dict[str, Any] | None = None
        self._asked_at: datetime | None = None

    async def draw(self) -> None:
        """Head, decisions, then the accounts as soon as the CRM has answered."""
        self._dialogs = html.div()  # what is drawn anew would take an open dialog with it
        self._part = await live(self._visit, self._fetch, self._draw_known)
        with html.div().classes("ms-row"):
            heading("Accounts it may be")
            ui.space()
            button("Ask the CRM again", self._ask_again, icon="refresh")
        self._accounts = html.div(**{"aria-live": "polite"}).classes("ms-after")
        self._draw_asking()
        ui.timer(0.05, self._ask, once=True)

    async def _fetch(self, *, watching: bool) -> Any:
        return await self._visit.api.get(self._path, candidates=False, watching=watching)

    # --- what the hub knows

    def _draw_known(self, found: dict[str, Any]) -> None:
        was_open, self._open = self._open, found["open"]
        delivery = found["delivery"]
        others = len(found["held_orders"]) - (delivery["id"] in found["held_orders"])
        with html.div().classes("ms-grid ms-review"):
            with card("The order says"):
                _draw_stated(found["stated"])
            with card("The order"):
                facts(
                    (
                        ("Order", lambda: link(found["order_number"] or delivery["subject"], _order(delivery))),
                        ("State", lambda: state_chip(delivery["state"])),
                        ("Why it waits", KINDS.get(found["kind"], found["kind"]) if found["open"] else "it does not"),
                        ("Value", money(found["grand_total"], found["currency"])),
                        ("Since", lambda: moment(delivery["updated_at"])),
                        ("Others waiting", "none" if others <= 0 else f"{others} more of this customer"),
                        ("Customer", found["customer_id"] or "not linked yet"),
                    )
                )
                if found["open"]:
                    html.p(delivery["message"] or "").classes("ms-hint")
                self._draw_decisions(found)
        if was_open != self._open and self._found is not None:
            self._draw_accounts()

    def _draw_decisions(self, found: dict[str, Any]) -> None:
        if not self._visit.may(Right.REPLAY):
            html.p("To decide needs the right “replay”.").classes("ms-hint")
            return
        with html.div().classes("ms-actions"):
            if found["open"]:
                button("Create an account", self._create)
                button("Link to an account by its id", self._link_by_id)
                button("Reject the order", self._reject)
            elif found["customer_id"] is not None:
                button("Unlink the customer", self._unlink)
            command(shell_words("millstream", "reviews", "show", str(self._delivery_id)))

    # --- what the CRM says

    def _draw_asking(self) -> None:
        self._accounts.clear()
        with self._accounts:
            html.p("The CRM is being asked…").classes("ms-hint")

    async def _ask_again(self) -> None:
        self._draw_asking()
        await self._ask()

    async def _ask(self) -> None:
        try:
            self._found = await self._visit.api.get(self._path)
        except Refused as refusal:
            self._accounts.clear()
            with self._accounts:
                ui.label(f"The CRM could not be asked: {refusal.detail}").classes("ms-warning")
            return
        self._asked_at = datetime.now(UTC)
        self._draw_accounts()

    def _draw_accounts(self) -> None:
        found = self._found
        assert found is not None
        self._accounts.clear()
        with self._accounts:
            if found["candidates_trouble"] or found["candidates"] is None:
                why = found["candidates_trouble"] or "the order cannot be read"
                ui.label(f"The CRM gave no answer: {why}").classes("ms-warning")
                return
            if not found["candidates"]:
                empty("The CRM has no account that resembles this customer.", "Create one, or name one by its id.")
            for account in found["candidates"]:
                self._draw_account(account, found["crm"])
            with html.p().classes("ms-hint"):
                html.span("" if found["complete"] else "There are more that resemble it: look in the CRM, too. ")
                html.span(f"{found['crm']} was asked ")
                moment(self._asked_at)

    def _draw_account(self, account: dict[str, Any], crm: str) -> None:
        with card(account["name"] or "An account without a name", level=3).classes("ms-review"):
            with html.div().classes("ms-row"):
                chip(f"{account['strength']}, {account['score']} of 100", STRENGTHS[account["strength"]])
                html.span(f"{crm} {account['crm_id']}").classes("ms-tag")
                if account["number"]:
                    html.span(f"number {account['number']}").classes("ms-tag")
                if account["linked"]:
                    html.span("known to the hub as a customer").classes("ms-tag")
            columns = ("Field", "The order says", "The account says", "Compared", "Points")
            table(f"{account['name']} compared", columns, map(self._compared, account["fields"]), numbers=(4,))
            if self._open and self._visit.may(Right.REPLAY):
                with html.div().classes("ms-actions"):
                    act = self._linking(account["crm_id"], account["name"])
                    button(f"Link to {account['name']}", act, main=True)
                    command(
                        shell_words(
                            "millstream", "reviews", "link", str(self._delivery_id), *operand(account["crm_id"])
                        )
                    )

    def _compared(self, field: dict[str, Any]) -> tuple[Any, ...]:
        def side(value: str | None) -> Callable[[], Any]:
            if not self._visit.may(Right.VIEW_PAYLOAD):
                return lambda: html.span(HIDDEN).classes("ms-unknown")
            return lambda: known(value)

        verdict = field["verdict"]
        return (
            FIELDS.get(field["field"], field["field"]),
            side(field["stated"]),
            side(field["found"]),
            lambda: chip(verdict, VERDICTS[verdict]),
            f"{field['points']:+d}" if field["points"] else "0",
        )

    # --- decisions

    def _linking(self, crm_id: str, name: str) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            await self._decide(
                "link",
                f"Link to {name}?",
                f"All orders of this customer that wait go on, and those to come are theirs. {name} is {crm_id}.",
                do="Link",
                done=f"Linked to {name}; the orders go on.",
                body={"crm_id": crm_id},
                words=(crm_id,),
            )

        return act

    async def _link_by_id(self) -> None:
        with self._dialogs, ui.dialog() as dialog, html.div(role="document").classes("ms-dialog"):
            dialog.props.update({"aria-label": "Link to an account by its id"})
            heading("Link to an account by its id")
            html.p("The id as the CRM shows it in the account's address.")
            field = ui.input("Id of the account").props("outlined autofocus maxlength=100").classes("ms-wide")

            def go_on() -> None:
                crm_id = (field.value or "").strip()
                if crm_id:
                    dialog.submit(crm_id)
                    return
                field.props.update(error=True, **{"error-message": "Type the id, as 001…"})
                field.update()

            field.on("keydown.enter", go_on)
            with html.div().classes("ms-actions"):
                button("Go on", go_on, main=True)
                button("Back", lambda: dialog.submit(None))
        crm_id = await dialog
        dialog.delete()
        if crm_id:
            await self._linking(crm_id, crm_id)()

    async def _create(self) -> None:
        await self._decide(
            "create",
            "Create an account?",
            "The CRM gets an account and a contact from what the order says, and all orders of this customer go on. "
            "If the firm is there under another name, link instead: two accounts of one firm are hard to merge.",
            do="Create",
            done="The account is made; the orders go on.",
        )

    async def _reject(self) -> None:
        await self._decide(
            "reject",
            "Reject the order?",
            "This order does not reach the ERP; others of the customer stay as they are. The shopper is not told.",
            do="Reject",
            done="The order does not go on.",
        )

    async def _unlink(self) -> None:
        await self._decide(
            "unlink",
            "Unlink the customer?",
            "The next order of this customer is matched anew. Orders in the ERP and purchases in the CRM stay.",
            do="Unlink",
            done="The link is forgotten.",
        )

    async def _decide(
        self,
        verb: str,
        title: str,
        text: str,
        *,
        do: str,
        done: str,
        body: dict[str, Any] | None = None,
        words: tuple[str, ...] = (),
    ) -> None:
        def cli(given: Given) -> str:
            which = (*operand(words[0]),) if words else ()
            return shell_words("millstream", "reviews", verb, *why(given), str(self._delivery_id), *which)

        with self._dialogs:
            answer = await ask_reason(title, text, do=do, cli=cli)
            if answer is None:
                return
            wish = {"reason": answer[0], **(body or {})}
            await attempt(self._visit.api.post(f"{self._path}/{verb}", wish), done=done)
        if self._part is not None:
            await self._part.again()


def _order(delivery: dict[str, Any]) -> str:
    return link_to(f"/orders/{delivery['subject']}")


def _draw_stated(stated: dict[str, Any] | None) -> None:
    if stated is None:
        html.p("Nobody can read this order.")
        return
    hidden = stated["name"] is None
    pairs = [
        ("E-mail", stated["email"]),
        ("In the store", stated["store_customer_id"] or "a guest, without an account"),
    ]
    if hidden:
        facts([*pairs, ("All else", HIDDEN)])
        return
    facts(
        [
            ("Person", stated["name"]),
            ("Firm", stated["company"]),
            *pairs,
            ("Tax id", stated["vat_id"]),
            ("Phone", ", ".join(stated["phones"]) or None),
            ("Invoice to", _address(stated["bill_to"])),
            ("Goods to", _address(stated["ship_to"])),
        ]
    )


def _address(address: dict[str, Any] | None) -> str | None:
    if address is None:
        return None
    place = " ".join(part for part in (address["postcode"], address["city"]) if part)
    parts = (address["name"], address.get("company"), *address["street"], place, address["country"])
    return ", ".join(part for part in parts if part) or None
