"""`/api/orders`: any number finds the order and its whole story."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from millstream.domain.access import Identity, Right
from millstream.domain.holding import Deed
from millstream.domain.order import SalesOrder
from millstream.flows.holding import deeds_possible
from millstream.flows.hub import Policy
from millstream.flows.order_lines import LineStanding, is_partly_shipped, lines_of
from millstream.flows.order_story import (
    Buyer,
    MoneyStanding,
    PromiseNow,
    Told,
    buyer_of,
    money_of,
    order_of,
    promise_of,
    state_of,
    told_of,
)
from millstream.flows.order_timeline import Gap, Moment, gaps_of, moments_of
from millstream.ports.desk import AttemptRow, DeliveryRow, Desk, OrderStory, OrderSummary, PromiseRow, RelatedOrder
from millstream.ports.holding import HoldDesk, HoldWanted
from millstream.ports.lookup import NOT_IN_ERP, HitPlace, NewestPlace, OrderHit, OrderLookup, OrderState, WayPlace
from millstream.ports.places import place_text
from millstream.ports.records import BookedOrder, Records
from millstream.ports.world import Clock
from millstream.web.api.rights import Mender, Viewer
from millstream.web.api.shapes import (
    PAGE_SIZE,
    PAGE_SIZE_MAX,
    PLAIN,
    Shapes,
    answer,
    document,
    masked_email,
    read_place,
    refusals,
)
from millstream.web.api.wishes import Deciding
from millstream.web.problems import FieldError, Problem

NUMBER_MAX = 200


class OrderInList(OrderHit, frozen=True, kw_only=True):
    """With its age when the list was made."""

    age_s: float


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `next` is where the next one begins; null: that was the last.

    With `state` a page may hold fewer than `limit`, even none, and still have a `next`: it looks at so many orders.
    """

    items: tuple[OrderInList, ...]
    next: str | None


class OrderNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number the order may be asked for by. E-mail addresses are masked without the right `view_payload`."""

    kind: str
    value: str


class OrderDelivery(DeliveryRow, frozen=True, kw_only=True):
    """One delivery with every try and its outward calls."""

    history: tuple[AttemptRow, ...]


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one order. `order` is the order itself, only with the right `view_payload`.

    `partly_shipped`: something has left, and something is still to leave. `replaces` is the order that an edit in the
    store made this one from, `replaced_by` what it was made into. `can`: whether it may be put on hold in its store
    now, or taken off.
    """

    state: str
    partly_shipped: bool
    replaces: RelatedOrder | None
    replaced_by: tuple[RelatedOrder, ...]
    can: tuple[Deed, ...]
    summary: OrderSummary
    buyer: Buyer | None
    aliases: tuple[OrderNumber, ...]
    promise: PromiseNow | None
    promises: tuple[PromiseRow, ...]
    moments: tuple[Moment, ...]
    gaps: tuple[Gap, ...]
    lines: tuple[LineStanding, ...] | None
    money: MoneyStanding
    told: tuple[Told, ...]
    deliveries: tuple[OrderDelivery, ...]
    order: SalesOrder | None


def order_routes(
    shapes: Shapes,
    *,
    lookup: OrderLookup,
    desk: Desk,
    records: Records,
    interpret: Callable[[dict[str, Any]], SalesOrder],
    policy: Policy,
    clock: Clock,
    holding: HoldDesk,
) -> APIRouter:
    """Search, story, and the one thing that is done to an order itself."""
    router = APIRouter(prefix="/api/orders", tags=["orders"])

    @router.get("", summary="Orders by any number they carry, by state, or the newest", **shapes.answers(OrderList))
    async def list_orders(
        identity: Viewer,
        q: Annotated[str, Query(max_length=NUMBER_MAX, pattern=PLAIN)] = "",
        state: OrderState | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE,
        after: Annotated[str | None, Query(max_length=1000)] = None,
    ) -> Response:
        hits, place = await _found(lookup, q.strip(), state, limit=limit, after=after)
        now = clock.now()
        return answer(OrderList(items=tuple(_listed(hit, identity, now) for hit in hits), next=place_text(place)))

    @router.get("/{key}", summary="The whole story of one order", **shapes.answers(OrderPage, 404))
    async def show_order(key: str, identity: Viewer) -> Response:
        story = await desk.order_story(key) if "\x00" not in key else None
        if story is None:
            raise _unknown()
        booked = await records.booked_order(key)
        order = order_of(story, booked, interpret)
        return answer(_page(story, booked, order, policy, identity, clock.now()))

    _hold(router, shapes, holding)
    return router


def _hold(router: APIRouter, shapes: Shapes, holding: HoldDesk) -> None:
    """On hold in the store, and off again."""

    def add(deed: Deed, summary: str) -> None:
        @router.post(f"/{{key}}/{deed}", summary=summary, **shapes.takes(Deciding, HoldWanted, 404, 409))
        async def want(key: str, identity: Mender, wish: Annotated[Deciding, document(Deciding)]) -> Response:
            if "\x00" in key:
                raise _unknown()
            async with refusals():
                return answer(await holding.want(key, deed, reason=wish.reason.strip(), actor=identity.name))

    add("hold", "Put it on hold in its store")
    add("unhold", "Take it off hold in its store")


def _unknown() -> Problem:
    return Problem("order.unknown", "No order has this key. `GET /api/orders?q=` finds it by any number.")


async def _found(
    lookup: OrderLookup, number: str, state: OrderState | None, *, limit: int, after: str | None
) -> tuple[Sequence[OrderHit], HitPlace | NewestPlace | WayPlace | None]:
    if number and state is not None:
        errors = [FieldError(field="query.state", message="not together with q")]
        raise Problem("request.invalid", "Ask for a number or for a state.", errors=errors)
    if number:
        return await lookup.search(number, limit=limit, after=read_place(after, HitPlace))
    if state is None:
        return await lookup.newest(limit=limit, after=read_place(after, NewestPlace))
    if state in NOT_IN_ERP:
        return await lookup.on_the_way(state, limit=limit, after=read_place(after, WayPlace))
    return await lookup.in_state(state, limit=limit, after=read_place(after, NewestPlace))


def _listed(hit: OrderHit, identity: Identity, now: datetime) -> OrderInList:
    fields = msgspec.structs.asdict(hit)
    if hit.matched_kind == "email" and Right.VIEW_PAYLOAD not in identity.rights:
        fields["matched"] = masked_email(hit.matched or "")
    return OrderInList(**fields, age_s=max((now - hit.placed_at).total_seconds(), 0.0))


def _page(
    story: OrderStory,
    booked: BookedOrder | None,
    order: SalesOrder | None,
    policy: Policy,
    identity: Identity,
    now: datetime,
) -> OrderPage:
    sees_payload = Right.VIEW_PAYLOAD in identity.rights
    return OrderPage(
        state=state_of(story),
        partly_shipped=is_partly_shipped(story, booked),
        replaces=story.replaces,
        replaced_by=story.replaced_by,
        can=deeds_possible(story),
        summary=story.summary,
        buyer=_buyer(order, booked, masked=not sees_payload),
        aliases=tuple(
            OrderNumber(kind=kind, value=masked_email(value) if kind == "email" and not sees_payload else value)
            for kind, value in story.aliases
        ),
        promise=promise_of(story),
        promises=story.promises,
        moments=moments_of(story),
        gaps=gaps_of(story, now=now),
        lines=None if order is None else lines_of(story, order, booked),
        money=money_of(order, booked),
        told=told_of(story, order, policy),
        deliveries=tuple(
            OrderDelivery(**msgspec.structs.asdict(delivery.row), history=delivery.attempts)
            for delivery in story.deliveries
        ),
        order=order if sees_payload else None,
    )


def _buyer(order: SalesOrder | None, booked: BookedOrder | None, *, masked: bool) -> Buyer | None:
    buyer = buyer_of(order, booked)
    if buyer is None or not masked:
        return buyer
    return msgspec.structs.replace(buyer, email=masked_email(buyer.email))
