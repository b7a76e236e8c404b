"""`/api/bulk`: one action on everything a filter means."""

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from millstream.domain.access import Right
from millstream.domain.states import DeliveryState
from millstream.ports.bulk import Action, Became, Bulk, BulkDesk, Estimate, Order
from millstream.ports.desk import Filter, Resolution
from millstream.web.api.mending import CREDIT
from millstream.web.api.rights import Mender, Viewer, refuse_without
from millstream.web.api.shapes import ID_MAX, PAGE_SIZE, PAGE_SIZE_MAX, Shapes, answer, document, refusals
from millstream.web.api.wishes import Reason, Word
from millstream.web.problems import FieldError, Problem

IDS_MAX = 1000


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries; every member that is set narrows the choice, and at least one must be."""

    ids: Annotated[tuple[Annotated[int, msgspec.Meta(ge=1, le=ID_MAX)], ...], msgspec.Meta(max_length=IDS_MAX)] = ()
    states: Annotated[tuple[DeliveryState, ...], msgspec.Meta(max_length=10)] = ()
    subscriber: Word | None = None
    event_type: Word | None = None
    code: Word | None = None
    fingerprint: Word | None = None
    subject: Word | None = None
    assignee: Word | None = None
    tag: Word | None = None
    snoozed: bool | None = None


class BulkWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be done to which deliveries, and why. `dry_run`: only say what it would come to.

    `category` goes with `resolve`, which needs it once it is no dry run, and with nothing else.
    """

    action: Action
    filter: Wanted
    reason: Reason
    dry_run: bool = True
    category: Resolution | None = None


class BulkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The estimate; and the bulk action, ready to be started, unless it was a dry run."""

    estimate: Estimate
    bulk: Bulk | None


class BulkList(msgspec.Struct, frozen=True, kw_only=True):
    """The newest first."""

    items: tuple[Bulk, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Where the deliveries are now that it was done to, most first."""

    items: tuple[Became, ...]


def bulk_routes(shapes: Shapes, *, bulk: BulkDesk) -> APIRouter:
    """Estimate, dry run, start, progress, pause, resume, cancel."""
    router = APIRouter(prefix="/api/bulk", tags=["bulk"])

    async def known(bulk_id: UUID) -> Bulk:
        found = await bulk.find(bulk_id)
        if found is None:
            raise Problem("bulk.unknown", "There is no bulk action of this id. `GET /api/bulk` lists the newest.")
        return found

    @router.post("", summary="Estimate a bulk action, or make one ready", **shapes.takes(BulkWish, BulkAnswer))
    async def prepare(identity: Mender, wish: Annotated[BulkWish, document(BulkWish)]) -> Response:
        wanted = _filter(wish.filter)
        estimate = await bulk.estimate(wish.action, wanted)
        if wish.action == "release" and any((share.code or "").startswith(CREDIT) for share in estimate.shares):
            refuse_without(identity, Right.RELEASE_CREDIT)
        if wish.dry_run:
            return answer(BulkAnswer(estimate=estimate, bulk=None))
        async with refusals():
            made = await bulk.prepare(
                wish.action, wanted, actor=identity.name, reason=wish.reason.strip(), resolution=wish.category
            )
        return answer(BulkAnswer(estimate=estimate, bulk=made))

    @router.get("", summary="Bulk actions, the newest first", **shapes.answers(BulkList))
    async def newest(_: Viewer, limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE) -> Response:
        return answer(BulkList(items=tuple(await bulk.newest(limit=limit))))

    @router.get("/{bulk_id}", summary="How far a bulk action is", **shapes.answers(Bulk, 404))
    async def show(bulk_id: UUID, _: Viewer) -> Response:
        return answer(await known(bulk_id))

    @router.get("/{bulk_id}/outcome", summary="What became of its deliveries", **shapes.answers(Outcome, 404))
    async def outcome(bulk_id: UUID, _: Viewer) -> Response:
        return answer(Outcome(items=tuple(await bulk.outcome(await known(bulk_id)))))

    @router.post("/{bulk_id}/{order}", summary="Start, pause, resume or cancel it", **shapes.answers(Bulk, 404, 409))
    async def steer(bulk_id: UUID, order: Order, identity: Mender) -> Response:
        async with refusals():
            return answer(await bulk.order(bulk_id, order, actor=identity.name))

    return router


def _filter(wanted: Wanted) -> Filter:
    fields = msgspec.structs.asdict(wanted)
    wish = Filter(**{**fields, "states": tuple(state.value for state in wanted.states)})
    if wish == Filter():
        errors = [FieldError(field="filter", message="at least one member must be set")]
        raise Problem(
            "request.invalid", "Say which deliveries: an empty filter means all there ever were.", errors=errors
        )
    return wish
