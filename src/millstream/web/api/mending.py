"""`/api/deliveries/{id}/...`: what may be done to a delivery, and to all that fail for one cause."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Header, Path
from starlette.responses import Response

from millstream.domain.access import Identity, Right
from millstream.domain.credit import right_to_release
from millstream.flows.amendment import refuse_unreadable
from millstream.flows.order_story import Interpret
from millstream.ports.desk import DeliveryRow, DeliveryStory, Desk, Filter
from millstream.ports.mending import Decision, Mending
from millstream.web.api.deliveries import DeliveryId, unknown
from millstream.web.api.rights import Amender, Mender, Viewer, refuse_without
from millstream.web.api.shapes import Shapes, answer, document, refusals
from millstream.web.api.wishes import (
    TAGS_MAX,
    Amending,
    Assigning,
    Deciding,
    Document,
    Resolving,
    Retrying,
    Snoozing,
    Tagging,
    Word,
)

FAILING: Final = ("held", "dead", "retrying")

IfMatch = Annotated[str | None, Header(max_length=200)]
Fingerprint = Annotated[str, Path(min_length=1, max_length=100, pattern=r"^[0-9a-zA-Z._-]+$")]
Act = Callable[[Decision, Any], Awaitable[DeliveryRow]]


class Retagging(Document, frozen=True, kw_only=True):
    """Words to put on, words to take off."""

    add: Annotated[tuple[Word, ...], msgspec.Meta(max_length=TAGS_MAX)] = ()
    remove: Annotated[tuple[Word, ...], msgspec.Meta(max_length=TAGS_MAX)] = ()


class Cared(msgspec.Struct, frozen=True, kw_only=True):
    """So many deliveries it was done to."""

    deliveries: int


def mending_routes(shapes: Shapes, *, desk: Desk, mending: Mending, interpret: Interpret) -> APIRouter:
    """Decisions about one delivery, care for one, care for all that fail for one cause."""
    router = APIRouter(prefix="/api", tags=["deliveries"])
    _decide(router, shapes, mending)
    _decide_having_looked(router, shapes, desk, mending, interpret)
    _care_for_cause(router, shapes, desk)
    return router


def _decide(router: APIRouter, shapes: Shapes, mending: Mending) -> None:
    """What who may replay decides without being looked over: verb, what it says, what is sent, what is done."""
    verbs: tuple[tuple[str, str, type[Document], Act], ...] = (
        ("discard", "Decide that it shall not happen", Deciding, lambda it, _: mending.discard(it)),
        ("resolve", "Close it, and say why", Resolving, lambda it, wish: mending.resolve(it, wish.category)),
        ("reopen", "Put a resolved one into review again", Deciding, lambda it, _: mending.reopen(it)),
        ("assign", "Say who looks after it", Assigning, lambda it, wish: mending.assign(it, wish.assignee)),
        ("snooze", "Put it out of sight until later", Snoozing, lambda it, wish: mending.snooze(it, wish.until)),
        ("tag", "Put words on it", Tagging, lambda it, wish: mending.tag(it, wish.tags)),
    )

    def add(verb: str, summary: str, shape: type[Document], act: Act) -> None:
        @router.post(f"/deliveries/{{delivery_id}}/{verb}", summary=summary, **_taking(shapes, shape))
        async def decide(
            delivery_id: DeliveryId,
            identity: Mender,
            wish: Annotated[Any, document(shape)],
            if_match: IfMatch = None,
        ) -> Response:
            return await _row(act(decision_of(delivery_id, identity, if_match, wish), wish))

    for verb in verbs:
        add(*verb)


def _decide_having_looked(
    router: APIRouter, shapes: Shapes, desk: Desk, mending: Mending, interpret: Interpret
) -> None:
    """Where the delivery itself says which right is needed, or whether what is sent fits it."""

    async def seen(delivery_id: int) -> DeliveryStory:
        story = await desk.show_delivery(delivery_id)
        if story is None:
            raise unknown(delivery_id)
        return story

    @router.post(
        "/deliveries/{delivery_id}/retry", summary="Try again now, with today's data", **_taking(shapes, Retrying)
    )
    async def retry(
        delivery_id: DeliveryId,
        identity: Mender,
        wish: Annotated[Retrying, document(Retrying)],
        if_match: IfMatch = None,
    ) -> Response:
        as_it_came = wish.using == "todays_data"
        if as_it_came and (await seen(delivery_id)).amended is not None:
            refuse_without(identity, Right.AMEND_PAYLOAD)  # it undoes an amendment
        decision = decision_of(delivery_id, identity, if_match, wish)
        return await _row(mending.retry(decision, as_it_came=as_it_came))

    @router.post(
        "/deliveries/{delivery_id}/release",
        summary="Waive the rule that holds it, or agree to its credit",
        **_taking(shapes, Deciding),
    )
    async def release(
        delivery_id: DeliveryId,
        identity: Viewer,
        wish: Annotated[Deciding, document(Deciding)],
        if_match: IfMatch = None,
    ) -> Response:
        row = (await seen(delivery_id)).row
        refuse_without(identity, right_to_release(row.code))
        # What was looked at decides which right is needed, so that is what the decision is about.
        return await _row(mending.release(decision_of(delivery_id, identity, if_match or f'"{row.version}"', wish)))

    @router.post(
        "/deliveries/{delivery_id}/amend", summary="Put a payload beside the original", **_taking(shapes, Amending)
    )
    async def amend(
        delivery_id: DeliveryId,
        identity: Amender,
        wish: Annotated[Amending, document(Amending)],
        if_match: IfMatch = None,
    ) -> Response:
        story = await seen(delivery_id)
        async with refusals():
            refuse_unreadable(story.row.event_type, wish.payload, interpret)
        return await _row(mending.amend(decision_of(delivery_id, identity, if_match, wish), wish.payload))


def _care_for_cause(router: APIRouter, shapes: Shapes, desk: Desk) -> None:
    """The same for every delivery that fails for one cause now."""

    def those(fingerprint: str) -> Filter:
        return Filter(fingerprint=fingerprint, states=FAILING)

    def assign(identity: Identity, wanted: Filter, wish: Assigning) -> Awaitable[int]:
        return desk.assign(wanted, wish.assignee, actor=identity.name)

    def tag(identity: Identity, wanted: Filter, wish: Retagging) -> Awaitable[int]:
        return desk.tag(wanted, add=wish.add, remove=wish.remove, actor=identity.name)

    def snooze(identity: Identity, wanted: Filter, wish: Snoozing) -> Awaitable[int]:
        until: datetime | None = wish.until
        return desk.snooze(wanted, until, actor=identity.name, reason=wish.reason.strip())

    def add(verb: str, summary: str, shape: type[Document], act: Callable[..., Awaitable[int]]) -> None:
        @router.post(f"/failures/{{fingerprint}}/{verb}", summary=summary, **shapes.takes(shape, Cared, 409))
        async def care(fingerprint: Fingerprint, identity: Mender, wish: Annotated[Any, document(shape)]) -> Response:
            async with refusals():
                return answer(Cared(deliveries=await act(identity, those(fingerprint), wish)))

    add("assign", "Say who looks after all of one cause", Assigning, assign)
    add("tag", "Put words on all of one cause", Retagging, tag)
    add("snooze", "Put all of one cause out of sight until later", Snoozing, snooze)


def _taking(shapes: Shapes, shape: Any) -> dict[str, Any]:
    return shapes.takes(shape, DeliveryRow, 404, 409, 412)


def decision_of(delivery_id: int, identity: Identity, if_match: str | None, wish: Any) -> Decision:
    """Who decides what, why, and in which version they saw it."""
    version = None if if_match is None or if_match.strip() == "*" else if_match.strip().removeprefix("W/").strip('"')
    reason: str = getattr(wish, "reason", "")
    return Decision(delivery_id=delivery_id, actor=identity.name, reason=reason.strip(), version=version)


async def _row(act: Awaitable[DeliveryRow]) -> Response:
    async with refusals():
        row = await act
    return answer(row, headers={"etag": f'"{row.version}"'})
