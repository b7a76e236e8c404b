"""`/api/deliveries`: see what is stuck, and everything that happened to it."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from millstream.domain.access import Right
from millstream.domain.credit import is_credit
from millstream.domain.faults import Explanation, explain
from millstream.domain.states import LEGAL_MOVES, DeliveryState
from millstream.flows.order_to_erp import WAIVABLE
from millstream.ports.audit import AuditLog, AuditRow
from millstream.ports.desk import AttemptRow, DeliveryRow, Desk, FailedCall, Filter
from millstream.ports.places import place_text
from millstream.web.api.rights import Viewer
from millstream.web.api.shapes import (
    ID_MAX,
    PAGE_SIZE,
    PAGE_SIZE_MAX,
    PLAIN,
    IdPlace,
    Shapes,
    answer,
    read_place,
)
from millstream.web.problems import Problem

Verb = Literal["retry", "amend", "release", "resolve", "discard", "reopen"]
DeliveryId = Annotated[int, Path(ge=1, le=ID_MAX)]
TRY_MAX = 2**31 - 1
Text = Annotated[str | None, Query(max_length=200, pattern=PLAIN)]


class DeliveryList(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `next` is where the next one begins; null: that was the last."""

    items: tuple[DeliveryRow, ...]
    next: str | None


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery with everything that happened to it.

    `attempts` are its first and its newest tries; the `tries_left_out` between: `GET /api/deliveries/{id}/attempts`.

    `data`, `amended` and `failed_call` (what was said in the last call that failed) only with the right `view_payload`.

    `explained`: what its code means and what cures it. `can`: what its state allows, to who has the right for it.
    """

    delivery: DeliveryRow
    version: str
    explained: Explanation | None
    can: tuple[Verb, ...]
    waived: tuple[str, ...]
    attempts: tuple[AttemptRow, ...]
    tries_left_out: int
    data: dict[str, Any] | None
    amended: dict[str, Any] | None
    failed_call: FailedCall | None


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """Tries of one delivery, the newest first. `next` is where the next page begins; null: that was the last."""

    items: tuple[AttemptRow, ...]
    next: str | None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What people and the hub did to one delivery, the newest first. `next`: the next page, null: that was the last.

    An amended payload stands in it only with the right `view_payload`.
    """

    items: tuple[AuditRow, ...]
    next: str | None


def delivery_routes(shapes: Shapes, *, desk: Desk, log: AuditLog) -> APIRouter:
    """Lists, and one delivery. What may be done to it: see `mending`."""
    router = APIRouter(prefix="/api/deliveries", tags=["deliveries"])

    @router.get("", summary="Deliveries by filter", **shapes.answers(DeliveryList))
    async def list_deliveries(
        _: Viewer,
        state: Annotated[list[DeliveryState] | None, Query(max_length=10)] = None,
        to: Text = None,
        event_type: Annotated[Text, Query(alias="type")] = None,
        code: Text = None,
        cause: Text = None,
        order: Text = None,
        assignee: Text = None,
        tag: Text = None,
        snoozed: bool | None = None,
        newest_first: bool = True,
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE,
        after: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        wanted = Filter(
            states=tuple(state or ()),
            subscriber=to,
            event_type=event_type,
            code=code,
            fingerprint=cause,
            subject=order,
            assignee=assignee,
            tag=tag,
            snoozed=snoozed,
        )
        place = read_place(after, IdPlace)
        rows = await desk.list_deliveries(
            wanted, limit=limit + 1, after=place.id if place else 0, newest_first=newest_first
        )
        more = rows[limit - 1].id if len(rows) > limit else None
        return answer(DeliveryList(items=tuple(rows[:limit]), next=place_text(more and IdPlace(more))))

    @router.get("/{delivery_id}", summary="One delivery", **shapes.answers(DeliveryPage, 404))
    async def show_delivery(delivery_id: DeliveryId, identity: Viewer) -> Response:
        story = await desk.show_delivery(delivery_id)
        if story is None:
            raise unknown(delivery_id)
        sees_payload = Right.VIEW_PAYLOAD in identity.rights
        page = DeliveryPage(
            delivery=story.row,
            version=story.row.version,
            explained=explain(story.row.code),
            can=possible(story.row),
            waived=story.waived,
            attempts=story.attempts,
            tries_left_out=story.tries_left_out,
            data=story.data if sees_payload else None,
            amended=story.amended if sees_payload else None,
            failed_call=story.failed_call if sees_payload else None,
        )
        return answer(page, headers={"etag": f'"{story.row.version}"'})

    @router.get("/{delivery_id}/attempts", summary="Its tries, newest first", **shapes.answers(Attempts, 404))
    async def show_attempts(
        delivery_id: DeliveryId,
        _: Viewer,
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE,
        after: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        place = read_place(after, IdPlace)
        if not await desk.list_deliveries(Filter(ids=(delivery_id,)), limit=1):
            raise unknown(delivery_id)
        before = place.id if place else TRY_MAX
        rows = await desk.attempts_before(delivery_id, min(before, TRY_MAX), limit=limit + 1)
        more = rows[limit - 1].n if len(rows) > limit else None
        return answer(Attempts(items=tuple(rows[:limit]), next=place_text(more and IdPlace(more))))

    @router.get("/{delivery_id}/history", summary="What was done to it, by whom", **shapes.answers(History, 404))
    async def show_history(
        delivery_id: DeliveryId,
        identity: Viewer,
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE,
        after: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        place = read_place(after, IdPlace)
        story = await desk.show_delivery(delivery_id)
        if story is None:
            raise unknown(delivery_id)
        rows = await log.of_delivery(
            delivery_id, story.row.subject, limit=limit + 1, before=place.id if place else None
        )
        more = rows[limit - 1].id if len(rows) > limit else None
        sees_payload = Right.VIEW_PAYLOAD in identity.rights
        items = tuple(row if sees_payload else row.without_payload() for row in rows[:limit])
        return answer(History(items=items, next=place_text(more and IdPlace(more))))

    return router


def possible(row: DeliveryRow) -> tuple[Verb, ...]:
    """What the state of a delivery allows to do with it."""
    moves = LEGAL_MOVES[DeliveryState(row.state)]
    verbs: list[Verb] = []
    if DeliveryState.RETRYING in moves and row.state != DeliveryState.RUNNING:
        verbs += ["retry", "amend"]
    if row.state == DeliveryState.HELD and (row.code in WAIVABLE or is_credit(row.code)):
        verbs.append("release")
    if DeliveryState.DISCARDED in moves:
        verbs += ["resolve", "discard"]
    if row.state == DeliveryState.DISCARDED:
        verbs.append("reopen")
    return tuple(verbs)


def unknown(delivery_id: int) -> Problem:
    """There is none of this id."""
    return Problem(
        "delivery.unknown", f"There is no delivery {delivery_id}. `GET /api/deliveries` lists what there is."
    )
