"""`/api/reviews`: orders whose customer nobody knows for certain, beside the accounts it may be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from millstream.domain.access import Identity, Right
from millstream.domain.errors import Conflict, Failure, Reject, Retry, Unknown
from millstream.domain.matching import FieldMatch
from millstream.domain.order import Address, SalesOrder
from millstream.domain.party import CrmContact, StatedCustomer
from millstream.flows.hub import Hub
from millstream.flows.reviews import (
    Candidate,
    Decided,
    candidates_for,
    create_account,
    link_to_account,
    login_of,
    order_in,
    stated_in,
    unlink_customer,
)
from millstream.ports.desk import DeliveryRow
from millstream.ports.places import place_text
from millstream.ports.reviews import HeldOrder, ReviewBook
from millstream.web.api.deliveries import DeliveryId, unknown
from millstream.web.api.mending import IfMatch, decision_of
from millstream.web.api.rights import Mender, Viewer
from millstream.web.api.shapes import (
    PAGE_SIZE,
    PAGE_SIZE_MAX,
    IdPlace,
    Shapes,
    answer,
    document,
    masked_email,
    read_place,
)
from millstream.web.api.wishes import Deciding
from millstream.web.problems import PROBLEMS, FieldError, Problem

_OF_REFUSAL: Final = {
    "delivery.moved_on": "version.stale",
    "delivery.not_mendable": "action.refused",
    "link.contradicts": "link.contradicts",
    "link.unknown": "action.refused",
    "review.settled": "action.refused",
}

Kind = Literal["customer.unknown", "customer.ambiguous", "customer.similar", "customer.gone"]


class Stated(msgspec.Struct, frozen=True, kw_only=True):
    """Who the order says placed it. Without the right `view_payload` the e-mail is masked, all else about them null."""

    store: str
    store_customer_id: str | None
    guest: bool
    email: str
    name: str | None
    company: str | None
    vat_id: str | None
    phones: tuple[str, ...] | None
    bill_to: Address | None
    ship_to: Address | None


class ReviewInList(msgspec.Struct, frozen=True, kw_only=True):
    """One order that waits. `stated` and its money are null if nobody can read the order."""

    delivery_id: int
    order_key: str
    number: str | None
    kind: str
    message: str | None
    stated: Stated | None
    grand_total: Decimal | None
    currency: str | None
    placed_at: datetime | None
    held_at: datetime
    age_s: float
    assignee: str | None


class ReviewList(msgspec.Struct, frozen=True, kw_only=True):
    """One page, who waits longest first. `next` is where the next one begins; null: that was the last."""

    items: tuple[ReviewInList, ...]
    next: str | None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account of the CRM with what speaks for it; the members from `vat_id` on only with `view_payload`.

    `score` is 0 to 100. `linked`: the hub knows this account as a customer already. The two sides of each of `fields`
    are null without `view_payload`.
    """

    crm_id: str
    name: str
    number: str | None
    hub_id: str | None
    linked: bool
    score: int
    strength: Literal["strong", "likely", "weak"]
    fields: tuple[FieldMatch, ...]
    vat_id: str | None
    phone: str | None
    website: str | None
    address: str | None
    contacts: tuple[CrmContact, ...] | None


class ReviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """One review. `held_orders` are all deliveries that wait because of this customer: a link lets them all go on.

    `candidates` is null if the CRM was not asked or did not answer (`candidates_trouble` says why); `complete` false:
    the CRM has more that resemble the customer.
    """

    delivery: DeliveryRow
    version: str
    open: bool
    kind: str | None
    order_number: str | None
    stated: Stated | None
    grand_total: Decimal | None
    currency: str | None
    customer_id: str | None
    held_orders: tuple[int, ...]
    crm: str
    candidates: tuple[Account, ...] | None
    complete: bool | None
    candidates_trouble: str | None


class Linking(Deciding, frozen=True, kw_only=True):
    """Which account the customer is."""

    crm_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x20]+$")]


class ReviewDone(msgspec.Struct, frozen=True, kw_only=True):
    """Who the customer is now; `freed` are the deliveries that go on because of it, none if it was so already."""

    delivery: DeliveryRow
    version: str
    customer_id: str
    crm_id: str | None
    freed: tuple[int, ...]


class Unlinked(msgspec.Struct, frozen=True, kw_only=True):
    """The customer the login led to until now."""

    customer_id: str


def review_routes(shapes: Shapes, *, book: ReviewBook, hub: Hub) -> APIRouter:
    """List, one with its candidates, link, create, reject, unlink."""
    router = APIRouter(prefix="/api/reviews", tags=["reviews"])
    _look(router, shapes, book, hub)
    _decide(router, shapes, book, hub)
    return router


def _look(router: APIRouter, shapes: Shapes, book: ReviewBook, hub: Hub) -> None:
    @router.get("", summary="Orders whose customer is in doubt", **shapes.answers(ReviewList))
    async def list_reviews(
        identity: Viewer,
        kind: Kind | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE,
        after: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        place = read_place(after, IdPlace)
        held = await book.held(limit=limit + 1, after=place.id if place else 0, code=kind)
        more = held[limit - 1].row.id if len(held) > limit else None
        now = hub.world.clock.now()
        items = tuple(_listed(one, order_in(one, hub), identity, now) for one in held[:limit])
        return answer(ReviewList(items=items, next=place_text(more and IdPlace(more))))

    @router.get("/{delivery_id}", summary="One review, with the accounts it may be", **shapes.answers(ReviewPage, 404))
    async def show_review(delivery_id: DeliveryId, identity: Viewer, candidates: bool = True) -> Response:
        held = await book.find(delivery_id)
        if held is None:
            raise unknown(delivery_id)
        page = await _page(held, identity, book, hub, ask=candidates)
        return answer(page, headers={"etag": f'"{page.version}"'})


async def _page(held: HeldOrder, identity: Identity, book: ReviewBook, hub: Hub, *, ask: bool) -> ReviewPage:
    order = order_in(held, hub)
    stated = None if order is None else stated_in(order)
    sees_payload = Right.VIEW_PAYLOAD in identity.rights
    items, complete, trouble = None, None, None
    if ask and stated is not None:
        try:
            found = await candidates_for(stated, hub)
            items = tuple(_account(one, sees_payload=sees_payload) for one in found.items)
            complete = found.complete
        except Failure as failure:
            trouble = failure.message
    return ReviewPage(
        delivery=held.row,
        version=held.row.version,
        open=held.is_open,
        kind=held.row.code if held.is_open else None,
        order_number=None if order is None else order.number,
        stated=None if stated is None else _stated(stated, sees_payload=sees_payload),
        grand_total=None if order is None else order.totals.grand_total.amount,
        currency=None if order is None else order.currency,
        customer_id=None if stated is None else await hub.records.find_link("login", stated.store, stated.login),
        held_orders=() if stated is None else tuple(await book.held_of(stated.store, stated.login, login_of(hub))),
        crm=hub.crm.name,
        candidates=items,
        complete=complete,
        candidates_trouble=trouble,
    )


def _decide(router: APIRouter, shapes: Shapes, book: ReviewBook, hub: Hub) -> None:
    @router.post(
        "/{delivery_id}/link", summary="It is this account", **shapes.takes(Linking, ReviewDone, 404, 409, 412)
    )
    async def link(
        delivery_id: DeliveryId, identity: Mender, wish: Annotated[Linking, document(Linking)], if_match: IfMatch = None
    ) -> Response:
        decision = decision_of(delivery_id, identity, if_match, wish)
        async with _outcomes(hub.crm.name):
            return _done(await link_to_account(decision, wish.crm_id, book=book, hub=hub))

    @router.post(
        "/{delivery_id}/create", summary="Make an account for it", **shapes.takes(Deciding, ReviewDone, 404, 409, 412)
    )
    async def create(
        delivery_id: DeliveryId,
        identity: Mender,
        wish: Annotated[Deciding, document(Deciding)],
        if_match: IfMatch = None,
    ) -> Response:
        decision = decision_of(delivery_id, identity, if_match, wish)
        async with _outcomes(hub.crm.name):
            return _done(await create_account(decision, book=book, hub=hub))

    @router.post(
        "/{delivery_id}/reject",
        summary="This order shall not go on",
        **shapes.takes(Deciding, DeliveryRow, 404, 409, 412),
    )
    async def reject(
        delivery_id: DeliveryId,
        identity: Mender,
        wish: Annotated[Deciding, document(Deciding)],
        if_match: IfMatch = None,
    ) -> Response:
        async with _outcomes(hub.crm.name):
            row = await book.reject(decision_of(delivery_id, identity, if_match, wish))
        return answer(row, headers={"etag": f'"{row.version}"'})

    @router.post(
        "/{delivery_id}/unlink",
        summary="It is not the account it was linked to",
        **shapes.takes(Deciding, Unlinked, 404, 409),
    )
    async def unlink(
        delivery_id: DeliveryId, identity: Mender, wish: Annotated[Deciding, document(Deciding)]
    ) -> Response:
        async with _outcomes(hub.crm.name):
            hub_id = await unlink_customer(decision_of(delivery_id, identity, None, wish), book=book, hub=hub)
        return answer(Unlinked(customer_id=hub_id))


@asynccontextmanager
async def _outcomes(crm: str) -> AsyncIterator[None]:
    """What the hub or the CRM refuses, in their words; where the CRM gave no answer, that it may be asked again."""
    try:
        yield
    except Reject as refusal:
        code = _OF_REFUSAL.get(refusal.code, refusal.code)
        errors = [FieldError(field=refusal.field, message=refusal.message)] if refusal.field else []
        raise Problem(code if code in PROBLEMS else "crm.refused", refusal.message, errors=errors) from None
    except (Conflict, Retry, Unknown) as failure:
        if failure.code in _OF_REFUSAL:
            raise Problem(_OF_REFUSAL[failure.code], failure.message) from None
        if failure.code.startswith("store."):
            raise
        text = f"{crm} gave no answer that settles it: {failure.message} Do it again: what was done already is found."
        raise Problem("crm.unavailable", text) from None


def _done(decided: Decided) -> Response:
    row = decided.resolved.delivery
    done = ReviewDone(
        delivery=row,
        version=row.version,
        customer_id=decided.customer_id,
        crm_id=decided.crm_id,
        freed=decided.resolved.freed,
    )
    return answer(done, headers={"etag": f'"{row.version}"'})


def _listed(held: HeldOrder, order: SalesOrder | None, identity: Identity, now: datetime) -> ReviewInList:
    row, sees_payload = held.row, Right.VIEW_PAYLOAD in identity.rights
    return ReviewInList(
        delivery_id=row.id,
        order_key=row.subject,
        number=None if order is None else order.number,
        kind=row.code or "",
        message=row.message,
        stated=None if order is None else _stated(stated_in(order), sees_payload=sees_payload),
        grand_total=None if order is None else order.totals.grand_total.amount,
        currency=None if order is None else order.currency,
        placed_at=None if order is None else order.placed_at,
        held_at=row.updated_at,
        age_s=max((now - row.created_at).total_seconds(), 0.0),
        assignee=row.assignee,
    )


def _stated(stated: StatedCustomer, *, sees_payload: bool) -> Stated:
    return Stated(
        store=stated.store,
        store_customer_id=stated.store_customer_id,
        guest=stated.is_guest,
        email=stated.email if sees_payload else masked_email(stated.email),
        name=stated.name if sees_payload else None,
        company=stated.company if sees_payload else None,
        vat_id=stated.vat_id if sees_payload else None,
        phones=stated.phones if sees_payload else None,
        bill_to=stated.bill_to if sees_payload else None,
        ship_to=stated.ship_to if sees_payload else None,
    )


def _account(candidate: Candidate, *, sees_payload: bool) -> Account:
    account, match = candidate.account, candidate.match
    fields = match.fields
    if not sees_payload:
        fields = tuple(msgspec.structs.replace(field, stated=None, found=None) for field in fields)
    written = ", ".join(part for part in (account.street, account.postcode, account.city, account.country) if part)
    return Account(
        crm_id=account.crm_id,
        name=account.name,
        number=account.number,
        hub_id=account.hub_id,
        linked=candidate.linked,
        score=match.score,
        strength=match.strength,
        fields=fields,
        vat_id=account.vat_id if sees_payload else None,
        phone=account.phone if sees_payload else None,
        website=account.website if sees_payload else None,
        address=(written or None) if sees_payload else None,
        contacts=account.contacts if sees_payload else None,
    )
