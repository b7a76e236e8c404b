"""`/api/deliveries/{id}/preview`: what it would send, without sending it."""

from typing import Annotated, Any

from fastapi import APIRouter
from starlette.responses import Response

from millstream.flows.amendment import refuse_unreadable
from millstream.flows.order_story import Interpret
from millstream.flows.preview import Mapped, Previews
from millstream.ports.desk import DeliveryStory, Desk
from millstream.web.api.deliveries import DeliveryId, unknown
from millstream.web.api.rights import Amender, PayloadViewer
from millstream.web.api.shapes import Shapes, answer, document, refusals
from millstream.web.api.wishes import Document


class Trial(Document, frozen=True, kw_only=True):
    """A payload somebody thinks of."""

    payload: dict[str, Any]


def preview_routes(shapes: Shapes, *, desk: Desk, previews: Previews, interpret: Interpret) -> APIRouter:
    """Of the payload it has, and of one that somebody would put in its place."""
    router = APIRouter(prefix="/api/deliveries", tags=["deliveries"])

    async def seen(delivery_id: int) -> DeliveryStory:
        story = await desk.show_delivery(delivery_id)
        if story is None:
            raise unknown(delivery_id)
        return story

    @router.get("/{delivery_id}/preview", summary="What it would send", **shapes.answers(Mapped, 404))
    async def preview(delivery_id: DeliveryId, _: PayloadViewer) -> Response:
        story = await seen(delivery_id)
        return answer(await previews.of(story))

    @router.post(
        "/{delivery_id}/preview",
        summary="Whether this payload could be read, and what it would send",
        **shapes.takes(Trial, Mapped, 404),
    )
    async def try_out(delivery_id: DeliveryId, _: Amender, wish: Annotated[Trial, document(Trial)]) -> Response:
        story = await seen(delivery_id)
        async with refusals():
            refuse_unreadable(story.row.event_type, wish.payload, interpret)
        return answer(await previews.of(story, wish.payload))

    return router
