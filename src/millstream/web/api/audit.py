"""`/api/audit`: who did what to what, proved and exported."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime
from starlette.responses import Response, StreamingResponse

from millstream.domain.access import Identity, Right
from millstream.ports.audit import AuditLog, AuditRow, AuditWish, Proof
from millstream.ports.places import place_text
from millstream.web.api.deliveries import Text
from millstream.web.api.rights import Auditor
from millstream.web.api.shapes import (
    PAGE_SIZE,
    PAGE_SIZE_MAX,
    IdPlace,
    Shapes,
    answer,
    read_place,
)

JSON_LINES = "application/x-ndjson"


class AuditList(msgspec.Struct, frozen=True, kw_only=True):
    """One page, the newest first. `next` is where the next one begins; null: that was the last.

    An amended payload stands in it only with the right `view_payload`; likewise in the export.
    """

    items: tuple[AuditRow, ...]
    next: str | None


def _wish(
    subject: Text = None,
    actor: Text = None,
    action: Text = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    *,
    people: bool = False,
) -> AuditWish:
    return AuditWish(subject=subject, actor=actor, action=action, since=since, until=until, people=people)


def audit_routes(shapes: Shapes, *, log: AuditLog) -> APIRouter:
    """Search, proof, export."""
    router = APIRouter(prefix="/api/audit", tags=["audit"])

    @router.get("", summary="Who did what to what, the newest first", **shapes.answers(AuditList))
    async def page(
        wish: Annotated[AuditWish, Depends(_wish)],
        identity: Auditor,
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE,
        after: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        place = read_place(after, IdPlace)
        rows = await log.page(wish, limit=limit + 1, before=place.id if place else None)
        more = rows[limit - 1].id if len(rows) > limit else None
        items = tuple(row if _sees_payload(identity) else row.without_payload() for row in rows[:limit])
        return answer(AuditList(items=items, next=place_text(more and IdPlace(more))))

    @router.get(
        "/export",
        summary="The same rows as JSON lines, all of them, the oldest first",
        **shapes.streams(JSON_LINES, "One row in each line"),
    )
    async def export(wish: Annotated[AuditWish, Depends(_wish)], identity: Auditor) -> StreamingResponse:
        headers = {"cache-control": "no-store", "content-disposition": 'attachment; filename="audit.jsonl"'}
        lines = log.lines(wish, payloads=_sees_payload(identity))
        return StreamingResponse(lines, media_type=JSON_LINES, headers=headers)

    @router.post("/verify", summary="Recompute the hash chain from the rows as they are now", **shapes.answers(Proof))
    async def verify(_: Auditor) -> Response:
        return answer(await log.prove())

    return router


def _sees_payload(identity: Identity) -> bool:
    return Right.VIEW_PAYLOAD in identity.rights
