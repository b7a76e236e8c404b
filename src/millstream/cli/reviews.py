"""`millstream reviews`: who placed this order? Link, create, reject."""

import json
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from millstream.bootstrap import Runtime
from millstream.cli.choice import PAGE_SIZE_MAX, Reason
from millstream.cli.hub import run_hub
from millstream.cli.screen import plain
from millstream.cli.session import actor, console
from millstream.domain.errors import Reject
from millstream.domain.matching import Verdict
from millstream.domain.party import StatedCustomer
from millstream.flows.reviews import (
    Candidates,
    Decided,
    candidates_for,
    create_account,
    link_to_account,
    login_of,
    order_in,
    stated_in,
    unlink_customer,
)
from millstream.ports.mending import Decision
from millstream.ports.reviews import CUSTOMER_CODES, HeldOrder

app = typer.Typer(help="Orders whose customer is in doubt: list, show, link, create, reject.", no_args_is_help=True)

DeliveryId = Annotated[int, typer.Argument(help="The id `reviews list` shows.")]
Json = Annotated[bool, typer.Option("--json")]
_SIGNS = {Verdict.AGREES: "=", Verdict.SIMILAR: "~", Verdict.DIFFERS: "≠", Verdict.UNKNOWN: "?"}


@app.command("list")
def list_reviews(
    kind: Annotated[str | None, typer.Option(help=", ".join(CUSTOMER_CODES))] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_SIZE_MAX)] = 50,
    after: Annotated[int, typer.Option(help="Continue behind this id.")] = 0,
    as_json: Json = False,
) -> None:
    """Orders that wait because of their customer, the longest first."""

    async def work(runtime: Runtime) -> int:
        held = await runtime.operating.reviews.held(limit=limit, after=after, code=kind)
        if as_json:
            console.print_json(json.dumps([_told_of(one, runtime) for one in held], default=str))
            return 0
        table = Table("id", "order", "since", "customer as stated", "total", "kind", box=None)
        for one in held:
            shown = _told_of(one, runtime)
            since = f"{one.row.updated_at:%Y-%m-%d %H:%M:%S}"
            table.add_row(str(one.row.id), shown["order"], since, shown["customer"], shown["total"], one.row.code or "")
        console.print(table if held else "No order waits because of its customer.")
        if len(held) == limit:
            console.print(f"more: --after {held[-1].row.id}")
        return 0

    run_hub(work)


def _named(stated: StatedCustomer) -> str:
    """Person, firm and e-mail; who orders for themselves is named once."""
    return ", ".join(dict.fromkeys((stated.name, stated.companies[0], stated.email)))


def _told_of(held: HeldOrder, runtime: Runtime) -> dict[str, Any]:
    order = order_in(held, runtime.hub)
    stated = None if order is None else stated_in(order)
    return {
        "id": held.row.id,
        "kind": held.row.code,
        "order": held.row.subject if order is None else order.number,
        "since": held.row.updated_at,
        "customer": "not known" if stated is None else _named(stated),
        "store_customer_id": None if stated is None else stated.store_customer_id,
        "total": "not known" if order is None else str(order.totals.grand_total),
    }


@app.command()
def show(delivery_id: DeliveryId, as_json: Json = False) -> None:
    """Who the order says it is, beside the accounts it may be."""

    async def work(runtime: Runtime) -> int:
        book, hub = runtime.operating.reviews, runtime.hub
        held = await book.find(delivery_id)
        order = None if held is None else order_in(held, hub)
        if held is None or order is None:
            raise Reject("delivery.unknown", f"There is no order that can be read with a delivery {delivery_id}.")
        stated = stated_in(order)
        waiting = await book.held_of(stated.store, stated.login, login_of(hub))
        found = await candidates_for(stated, hub)
        if as_json:
            shown = {**_told_of(held, runtime), "stated": stated, "held_orders": waiting, "candidates": found}
            console.print_json(json.dumps(msgspec.to_builtins(shown)))
            return 0
        console.print(
            plain(f"order {order.number}, {order.totals.grand_total}: {held.row.state} {held.row.code or ''}")
        )
        console.print(plain(held.row.message or ""))
        others = [one for one in waiting if one != delivery_id]
        console.print(f"{len(others)} other orders of this customer wait" + (f": {others}" if others else ""))
        _print(found)
        return 0

    run_hub(work)


def _print(found: Candidates) -> None:
    for one in found.items:
        account, match = one.account, one.match
        console.print()
        console.print(plain(f"{match.score:>3} {match.strength:<6} {account.name}  {account.crm_id}", style="bold"))
        table = Table("", "field", "the order says", "the account says", "points", box=None)
        for field in match.fields:
            points = str(field.points or "")
            table.add_row(_SIGNS[field.verdict], field.field, field.stated or "-", field.found or "-", points)
        console.print(table)
    if not found.items:
        console.print("The CRM has no account that resembles this customer.")
    if not found.complete:
        console.print("There are more: look in the CRM too; `reviews link` takes the id of any account.")


@app.command()
def link(
    delivery_id: DeliveryId, account: Annotated[str, typer.Argument(help="Its id in the CRM.")], reason: Reason
) -> None:
    """The customer is this account: for this order, for all of theirs that wait, for all that come."""

    async def work(runtime: Runtime) -> int:
        decision = Decision(delivery_id=delivery_id, actor=actor(), reason=reason)
        return _told(await link_to_account(decision, account, book=runtime.operating.reviews, hub=runtime.hub))

    run_hub(work)


@app.command()
def create(delivery_id: DeliveryId, reason: Reason) -> None:
    """Makes the account in the CRM from what the order says, and links it."""

    async def work(runtime: Runtime) -> int:
        decision = Decision(delivery_id=delivery_id, actor=actor(), reason=reason)
        return _told(await create_account(decision, book=runtime.operating.reviews, hub=runtime.hub))

    run_hub(work)


def _told(decided: Decided) -> int:
    freed = decided.resolved.freed
    account = decided.crm_id or "not known"
    console.print(plain(f"customer {decided.customer_id} is account {account}; {len(freed)} due now"))
    return 0


@app.command()
def reject(delivery_id: DeliveryId, reason: Reason) -> None:
    """This order shall not go on; others of the customer stay as they are."""

    async def work(runtime: Runtime) -> int:
        await runtime.operating.reviews.reject(Decision(delivery_id=delivery_id, actor=actor(), reason=reason))
        console.print(f"delivery {delivery_id} is resolved (discarded)")
        return 0

    run_hub(work)


@app.command()
def unlink(delivery_id: DeliveryId, reason: Reason) -> None:
    """The customer of this order is not the account it was linked to: it is matched anew from the next order on."""

    async def work(runtime: Runtime) -> int:
        decision = Decision(delivery_id=delivery_id, actor=actor(), reason=reason)
        hub_id = await unlink_customer(decision, book=runtime.operating.reviews, hub=runtime.hub)
        console.print(plain(f"unlinked from customer {hub_id}; orders that are in the ERP already stay as they are"))
        return 0

    run_hub(work)
