"""`/api/deliveries`: see what is stuck and mend it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Header, Path, Query
from starlette.responses import Response

from millstream.domain.access import Identity, Right
from millstream.domain.states import DeliveryState
from millstream.flows.amendment import refuse_unreadable
from millstream.flows.order_story import Interpret
from millstream.ports.desk import AttemptRow, DeliveryRow, Desk, Filter
from millstream.ports.mending import Decision, Mending
from millstream.web.api.rights import Amender, Mender, Viewer, refuse_without
from millstream.web.api.shapes import (
    ID_MAX,
    PAGE_SIZE,
    PAGE_SIZE_MAX,
    PLAIN,
    TEXT_MAX,
    IdPlace,
    Shapes,
    answer,
    document,
    place_text,
    read_place,
    refusals,
)
from millstream.web.problems import Problem

CREDIT: Final = "credit."  # the codes that only who may release credit lets go
TAGS_MAX: Final = 20

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX, pattern=r"^[^\x00]*\S[^\x00]*$")]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
DeliveryId = Annotated[int, Path(ge=1, le=ID_MAX)]
IfMatch = Annotated[str | None, Header(max_length=200)]
Text = Annotated[str | None, Query(max_length=200, pattern=PLAIN)]


class DeliveryList(msgspec.Struct, frozen=True, kw_only=True):
    """One page. `next` is where the next one begins; null: that was the last."""

    items: tuple[DeliveryRow, ...]
    next: str | None


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery with everything that happened to it. `data` and `amended` only with the right `view_payload`."""

    delivery: DeliveryRow
    version: str
    waived: tuple[str, ...]
    attempts: tuple[AttemptRow, ...]
    data: dict[str, Any] | None
    amended: dict[str, Any] | None


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Retrying(_Document, frozen=True, kw_only=True):
    """Try again now. A reason is welcome."""

    reason: Annotated[str, msgspec.Meta(max_length=TEXT_MAX, pattern=r"^[^\x00]*$")] = ""


class Deciding(_Document, frozen=True, kw_only=True):
    """A decision, with the reason that goes into the audit trail."""

    reason: Reason


class Amending(Deciding, frozen=True, kw_only=True):
    """Another payload beside the original."""

    payload: dict[str, Any]


class Assigning(_Document, frozen=True, kw_only=True):
    """Who looks after it; null for nobody."""

    assignee: Word | None


class Snoozing(Deciding, frozen=True, kw_only=True):
    """Out of sight until then; null for in sight again."""

    until: Annotated[datetime, msgspec.Meta(tz=True)] | None


class Tagging(_Document, frozen=True, kw_only=True):
    """These words instead of those it has."""

    tags: Annotated[tuple[Word, ...], msgspec.Meta(max_length=TAGS_MAX)]


def delivery_routes(shapes: Shapes, *, desk: Desk, mending: Mending, interpret: Interpret) -> APIRouter:
    """Lists, one delivery, and what may be done to it."""
    router = APIRouter(prefix="/api/deliveries", tags=["deliveries"])
    _look(router, shapes, desk)
    _decide(router, shapes, desk, mending, interpret)
    _care(router, shapes, mending)
    return router


def _look(router: APIRouter, shapes: Shapes, desk: Desk) -> None:
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
            waived=story.waived,
            attempts=story.attempts,
            data=story.data if sees_payload else None,
            amended=story.amended if sees_payload else None,
        )
        return answer(page, headers={"etag": f'"{story.row.version}"'})


def _decide(router: APIRouter, shapes: Shapes, desk: Desk, mending: Mending, interpret: Interpret) -> None:
    def taking(shape: Any) -> dict[str, Any]:
        return shapes.takes(shape, DeliveryRow, 404, 409, 412)

    @router.post("/{delivery_id}/retry", summary="Try again now, with today's data", **taking(Retrying))
    async def retry(
        delivery_id: DeliveryId,
        identity: Mender,
        wish: Annotated[Retrying, document(Retrying)],
        if_match: IfMatch = None,
    ) -> Response:
        decision = _decision(delivery_id, identity, if_match, wish.reason)
        return await _row(lambda: mending.retry(decision))

    @router.post("/{delivery_id}/release", summary="Waive the rule that holds it", **taking(Deciding))
    async def release(
        delivery_id: DeliveryId,
        identity: Viewer,
        wish: Annotated[Deciding, document(Deciding)],
        if_match: IfMatch = None,
    ) -> Response:
        story = await desk.show_delivery(delivery_id)
        if story is None:
            raise unknown(delivery_id)
        refuse_without(identity, Right.RELEASE_CREDIT if (story.row.code or "").startswith(CREDIT) else Right.REPLAY)
        # What was looked at decides which right is needed, so that is what the decision is about.
        decision = _decision(delivery_id, identity, if_match or f'"{story.row.version}"', wish.reason)
        return await _row(lambda: mending.release(decision))

    @router.post("/{delivery_id}/discard", summary="Decide that it shall not happen", **taking(Deciding))
    async def discard(
        delivery_id: DeliveryId,
        identity: Mender,
        wish: Annotated[Deciding, document(Deciding)],
        if_match: IfMatch = None,
    ) -> Response:
        decision = _decision(delivery_id, identity, if_match, wish.reason)
        return await _row(lambda: mending.discard(decision))

    @router.post("/{delivery_id}/amend", summary="Put a payload beside the original", **taking(Amending))
    async def amend(
        delivery_id: DeliveryId,
        identity: Amender,
        wish: Annotated[Amending, document(Amending)],
        if_match: IfMatch = None,
    ) -> Response:
        story = await desk.show_delivery(delivery_id)
        if story is None:
            raise unknown(delivery_id)
        async with refusals():
            refuse_unreadable(story.row.event_type, wish.payload, interpret)
        decision = _decision(delivery_id, identity, if_match, wish.reason)
        return await _row(lambda: mending.amend(decision, wish.payload))


def _care(router: APIRouter, shapes: Shapes, mending: Mending) -> None:
    def taking(shape: Any) -> dict[str, Any]:
        return shapes.takes(shape, DeliveryRow, 404, 412)

    @router.post("/{delivery_id}/assign", summary="Say who looks after it", **taking(Assigning))
    async def assign(
        delivery_id: DeliveryId,
        identity: Mender,
        wish: Annotated[Assigning, document(Assigning)],
        if_match: IfMatch = None,
    ) -> Response:
        decision = _decision(delivery_id, identity, if_match)
        return await _row(lambda: mending.assign(decision, wish.assignee))

    @router.post("/{delivery_id}/snooze", summary="Put it out of sight until later", **taking(Snoozing))
    async def snooze(
        delivery_id: DeliveryId,
        identity: Mender,
        wish: Annotated[Snoozing, document(Snoozing)],
        if_match: IfMatch = None,
    ) -> Response:
        decision = _decision(delivery_id, identity, if_match, wish.reason)
        return await _row(lambda: mending.snooze(decision, wish.until))

    @router.post("/{delivery_id}/tag", summary="Put words on it", **taking(Tagging))
    async def tag(
        delivery_id: DeliveryId, identity: Mender, wish: Annotated[Tagging, document(Tagging)], if_match: IfMatch = None
    ) -> Response:
        decision = _decision(delivery_id, identity, if_match)
        return await _row(lambda: mending.tag(decision, wish.tags))


def _decision(delivery_id: int, identity: Identity, if_match: str | None, reason: str = "") -> Decision:
    version = None if if_match is None or if_match.strip() == "*" else if_match.strip().removeprefix("W/").strip('"')
    return Decision(delivery_id=delivery_id, actor=identity.name, reason=reason.strip(), version=version)


async def _row(act: Callable[[], Awaitable[DeliveryRow]]) -> Response:
    async with refusals():
        row = await act()
    return answer(row, headers={"etag": f'"{row.version}"'})


def unknown(delivery_id: int) -> Problem:
    """There is none of this id."""
    return Problem(
        "delivery.unknown", f"There is no delivery {delivery_id}. `GET /api/deliveries` lists what there is."
    )
