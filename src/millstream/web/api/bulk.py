"""`/api/bulk`: one action on everything a filter means."""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from millstream.domain.access import Identity, Right
from millstream.domain.credit import right_to_release
from millstream.domain.states import DeliveryState
from millstream.flows.dry_run import DryRun, Rehearsal, Tries
from millstream.ports.bulk import Action, Became, Bulk, BulkDesk, BulkPlace, Estimate, Order
from millstream.ports.desk import Filter, Resolution
from millstream.ports.places import place_text
from millstream.web.api.rights import PayloadViewer, Releaser, Viewer, refuse_without
from millstream.web.api.shapes import ID_MAX, PAGE_SIZE, PAGE_SIZE_MAX, Shapes, answer, document, read_place, refusals
from millstream.web.api.wishes import Reason, Word
from millstream.web.problems import FieldError, Problem

IDS_MAX = 1000
RELEASING: Final = frozenset({Right.REPLAY, Right.RELEASE_CREDIT})
STOPPING: Final = frozenset({"pause", "cancel"})


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


class DryRunWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be tried out, and on which deliveries."""

    action: Tries
    filter: Wanted


class BulkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The estimate; and the bulk action, ready to be started, unless it was a dry run."""

    estimate: Estimate
    bulk: Bulk | None


class BulkList(msgspec.Struct, frozen=True, kw_only=True):
    """One page, the newest first. `next` is where the next one begins; null: that was the last."""

    items: tuple[Bulk, ...]
    next: str | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Where the deliveries are now that it was done to, most first."""

    items: tuple[Became, ...]


def bulk_routes(shapes: Shapes, *, bulk: BulkDesk, rehearsal: Rehearsal) -> APIRouter:
    """Estimate, dry run, start, progress, pause, resume, cancel."""
    router = APIRouter(prefix="/api/bulk", tags=["bulk"])

    async def known(bulk_id: UUID) -> Bulk:
        found = await bulk.find(bulk_id)
        if found is None:
            raise Problem("bulk.unknown", "There is no bulk action of this id. `GET /api/bulk` lists the newest.")
        return found

    @router.post("", summary="Estimate a bulk action, or make one ready", **shapes.takes(BulkWish, BulkAnswer))
    async def prepare(identity: Releaser, wish: Annotated[BulkWish, document(BulkWish)]) -> Response:
        asked = _filter(wish.filter)
        estimate = await bulk.estimate(wish.action, asked)
        wanted = _permitted(identity, wish, asked, estimate)
        if wish.dry_run:
            return answer(BulkAnswer(estimate=estimate, bulk=None))
        async with refusals():
            made = await bulk.prepare(
                wish.action, wanted, actor=identity.name, reason=wish.reason.strip(), resolution=wish.category
            )
        return answer(BulkAnswer(estimate=estimate, bulk=made))

    @router.post("/dry-run", summary="Work out a sample, sending nothing", **shapes.takes(DryRunWish, DryRun))
    async def dry_run(_: PayloadViewer, wish: Annotated[DryRunWish, document(DryRunWish)]) -> Response:
        return answer(await rehearsal.of(wish.action, _filter(wish.filter)))

    @router.get("", summary="Bulk actions, the newest first", **shapes.answers(BulkList))
    async def newest(
        _: Viewer,
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE,
        after: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Response:
        found, more = await bulk.newest(limit=limit, after=read_place(after, BulkPlace))
        return answer(BulkList(items=tuple(found), next=place_text(more)))

    @router.get("/{bulk_id}", summary="How far a bulk action is", **shapes.answers(Bulk, 404))
    async def show(bulk_id: UUID, _: Viewer) -> Response:
        return answer(await known(bulk_id))

    @router.get("/{bulk_id}/outcome", summary="What became of its deliveries", **shapes.answers(Outcome, 404))
    async def outcome(bulk_id: UUID, _: Viewer) -> Response:
        return answer(Outcome(items=tuple(await bulk.outcome(await known(bulk_id)))))

    @router.post("/{bulk_id}/{order}", summary="Start, pause, resume or cancel it", **shapes.answers(Bulk, 404, 409))
    async def steer(bulk_id: UUID, order: Order, identity: Releaser) -> Response:
        _refuse_to_steer(identity, await known(bulk_id), order)
        async with refusals():
            return answer(await bulk.order(bulk_id, order, actor=identity.name))

    return router


def _permitted(identity: Identity, wish: BulkWish, wanted: Filter, estimate: Estimate) -> Filter:
    """The filter, if this person may do that; of a release narrowed to the one code that they may release from.

    What is held for another reason by the time the action runs is not theirs to let go.
    """
    if wish.action != "release":
        refuse_without(identity, Right.REPLAY)
        return wanted
    codes = sorted({str(share.code) for share in estimate.shares if not share.refused})
    for code in codes if wanted.code is None else (*codes, wanted.code):
        refuse_without(identity, right_to_release(code))
    if wish.dry_run or wanted.code is not None or identity.rights >= RELEASING:
        return wanted
    if len(codes) != 1:
        errors = [FieldError(field="filter.code", message="name one")]
        named = f"These are held for {', '.join(codes)}" if codes else "Nothing of this may be released"
        raise Problem("request.invalid", f"{named}; a release needs the code it is about.", errors=errors)
    return msgspec.structs.replace(wanted, code=codes[0])


def _refuse_to_steer(identity: Identity, bulk: Bulk, order: Order) -> None:
    """Who may do what it does may start it; who may mend at all may stop it."""
    if bulk.action != "release" or (order in STOPPING and Right.REPLAY in identity.rights):
        refuse_without(identity, Right.REPLAY)
        return
    for right in RELEASING if bulk.wanted.code is None else (right_to_release(bulk.wanted.code),):
        refuse_without(identity, right)


def _filter(wanted: Wanted) -> Filter:
    fields = msgspec.structs.asdict(wanted)
    wish = Filter(**{**fields, "states": tuple(state.value for state in wanted.states)})
    if wish == Filter():
        errors = [FieldError(field="filter", message="at least one member must be set")]
        raise Problem(
            "request.invalid", "Say which deliveries: an empty filter means all there ever were.", errors=errors
        )
    return wish
