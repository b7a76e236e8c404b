"""Who placed this order? A person says: one of the CRM's accounts, a new one, or the order shall not go on.

Nothing here links by itself: candidates are ordered by what speaks for them (`domain/matching.py`), a person decides.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from millstream.domain.crosswalk import Link
from millstream.domain.errors import Conflict, Failure, Reject
from millstream.domain.matching import Match, compare
from millstream.domain.order import SalesOrder
from millstream.domain.party import CrmAccount, StatedCustomer, stated_customer
from millstream.flows.hub import Hub
from millstream.flows.order_to_erp import customer_id_from, free_customer_id, new_customer_id
from millstream.ports.mending import Decision
from millstream.ports.reviews import HeldOrder, LoginOf, Resolved, ReviewBook

CANDIDATES_MAX = 20


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An account, and what speaks for it. `linked` = the hub has linked this account to a customer already."""

    account: CrmAccount
    match: Match
    linked: bool


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """The best first. `complete` = False: the CRM has more that resemble the customer than are shown."""

    items: tuple[Candidate, ...]
    complete: bool


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """Who the customer is now, and what goes on because of it."""

    customer_id: str
    crm_id: str | None
    resolved: Resolved


def order_in(held: HeldOrder, hub: Hub) -> SalesOrder | None:
    """The order as its delivery goes by it; None if nobody can read it."""
    return _read(held.payload, hub)


def _read(payload: Mapping[str, Any], hub: Hub) -> SalesOrder | None:
    try:
        return hub.store.interpret(dict(payload["order"]))
    except (Failure, KeyError, TypeError, ValueError):
        return None


def login_of(hub: Hub) -> LoginOf:
    """How a payload says whose it is."""

    def read(payload: Mapping[str, Any]) -> str | None:
        order = _read(payload, hub)
        return None if order is None else order.customer.external_id

    return read


def stated_in(order: SalesOrder) -> StatedCustomer:
    """Who the order says placed it."""
    return stated_customer(order, hub_id=new_customer_id(order.store, order.customer))


async def candidates_for(stated: StatedCustomer, hub: Hub) -> Candidates:
    """The accounts it may be. Raises what the CRM raises."""
    found = await hub.crm.candidates(stated)
    matched = [(compare(stated, account), account) for account in found.accounts]
    matched.sort(key=lambda pair: (-pair[0].score, pair[1].crm_id))
    best = matched[:CANDIDATES_MAX]
    links = [await hub.records.find_link("customer", hub.crm.name, account.crm_id) for _, account in best]
    return Candidates(
        items=tuple(
            Candidate(account=account, match=match, linked=link is not None)
            for (match, account), link in zip(best, links, strict=True)
        ),
        complete=found.complete and len(matched) <= CANDIDATES_MAX,
    )


async def link_to_account(decision: Decision, crm_id: str, *, book: ReviewBook, hub: Hub) -> Decided:
    """This customer is that account: for this order, for all that wait, and for all that come.

    Done again it changes nothing. Raises Reject("account.unknown"), Conflict("link.contradicts") if the customer has
    been linked to another account meanwhile.
    """
    order = await _order_to_decide(decision, book, hub)
    account = await hub.crm.read_account(crm_id)
    if account is None:
        raise Reject(
            "account.unknown",
            f"{hub.crm.name} has no account {crm_id}, or the hub may not see it. Take the id from the CRM.",
            field="crm_id",
        )
    carried = await _hub_id_of(account, order, hub)
    return await _settled(decision, order, carried, account.crm_id, action="link", book=book, hub=hub)


async def _hub_id_of(account: CrmAccount, order: SalesOrder, hub: Hub) -> str:
    """The hub id the account carries, written there if it has none. Refuses before it writes."""
    linked = await hub.records.find_link("login", hub.store.name, order.customer.external_id)
    known = await hub.records.find_link("customer", hub.crm.name, account.crm_id)
    wanted = account.hub_id or known or linked or new_account_id(hub.crm.name, account.crm_id)
    if linked is not None:
        other = await hub.records.external_id("customer", hub.crm.name, linked)
        if linked != wanted or other not in {None, account.crm_id}:
            raise _contradiction(order)
    if account.hub_id is not None:
        return account.hub_id
    return await hub.crm.adopt_customer(account.crm_id, hub_id=wanted, key=f"customer/{wanted}/adopt")


async def create_account(decision: Decision, *, book: ReviewBook, hub: Hub) -> Decided:
    """Makes the account from what the order says, and links it. However often it is called: one account.

    If the customer has been linked meanwhile, to whichever account, that link stands and nothing is made.
    """
    order = await _order_to_decide(decision, book, hub)
    hub_id = await hub.records.find_link("login", hub.store.name, order.customer.external_id)
    if hub_id is None:
        hub_id = await free_customer_id(order, hub)
        crm_id: str | None = await hub.crm.create_customer(
            order.customer, hub_id=hub_id, key=f"customer/{hub_id}/create", decided=True
        )
    else:
        crm_id = await hub.records.external_id("customer", hub.crm.name, hub_id)
    return await _settled(decision, order, hub_id, crm_id, action="create", book=book, hub=hub)


async def unlink_customer(decision: Decision, *, book: ReviewBook, hub: Hub) -> str:
    """Undoes a wrong link: the customer of this order is matched anew when it orders again. Answers the old hub id.

    What was done under the old link stays as it is: orders in the ERP, purchases and the account's key in the CRM.
    """
    order = _readable(await _held(decision, book), hub)
    login = order.customer.external_id
    hub_id = await hub.records.find_link("login", hub.store.name, login)
    link = Link(kind="login", system=hub.store.name, external_id=login, hub_id=hub_id or "")
    if hub_id is None or not await book.unlink(decision, link, told={"order": order.key}):
        raise Reject("link.unknown", f"The customer of order {order.number} is not linked to an account.")
    return hub_id


def new_account_id(crm: str, crm_id: str) -> str:
    """The hub id of an account that has none: derived from the account, so that all who link it agree on it."""
    return customer_id_from(f"{crm}|{crm_id}")


async def _held(decision: Decision, book: ReviewBook) -> HeldOrder:
    held = await book.find(decision.delivery_id)
    if held is None:
        raise Reject("delivery.unknown", f"There is no order with a delivery {decision.delivery_id} to the ERP.")
    return held


def _readable(held: HeldOrder, hub: Hub) -> SalesOrder:
    order = order_in(held, hub)
    if order is None:
        raise Reject("payload.invalid", "Nobody can read this order: amend it first.", field="order")
    return order


async def _order_to_decide(decision: Decision, book: ReviewBook, hub: Hub) -> SalesOrder:
    """The order, if its customer is still to be found; or was found already, then the decision may be repeated."""
    held = await _held(decision, book)
    order = _readable(held, hub)
    if decision.version is not None and decision.version != held.row.version:
        raise Conflict(
            "delivery.moved_on",
            f"Delivery {held.row.id} changed meanwhile, it is {held.row.state} now. Look at it, then decide again.",
            theirs=held.row.version,
        )
    if held.is_open:
        return order
    if await hub.records.find_link("login", hub.store.name, order.customer.external_id) is None:
        raise Reject(
            "review.settled",
            f"Delivery {decision.delivery_id} does not wait for somebody to say who its customer is.",
        )
    return order


async def _settled(
    decision: Decision, order: SalesOrder, hub_id: str, crm_id: str | None, *, action: str, book: ReviewBook, hub: Hub
) -> Decided:
    links = [Link(kind="login", system=hub.store.name, external_id=order.customer.external_id, hub_id=hub_id)]
    if crm_id is not None:
        links.append(Link(kind="customer", system=hub.crm.name, external_id=crm_id, hub_id=hub_id))
    told = {"customer": hub_id, "account": crm_id, "crm": hub.crm.name}
    resolved = await book.resolve(decision, links, action=action, login_of=login_of(hub), told=told)
    return Decided(customer_id=hub_id, crm_id=crm_id, resolved=resolved)


def _contradiction(order: SalesOrder) -> Conflict:
    return Conflict(
        "link.contradicts",
        f"The customer of order {order.number} is linked to another account already. If that is wrong, unlink it.",
    )
