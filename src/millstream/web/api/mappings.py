"""`/api/mappings`: custom fields laid over what connectors map; drafts, trials, versions. A trial sends nothing."""

from typing import Annotated, TypeVar

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from millstream.domain.access import Identity, Right
from millstream.engine.overlays.trial import Diff, Preview
from millstream.engine.overlays.workshop import SAMPLES_MAX, Standing, Workshop
from millstream.ports.mappings import Content, Version
from millstream.ports.overlay import Direction
from millstream.ports.places import place_text
from millstream.web.api.mapping_shapes import (
    ContentWish,
    DraftWish,
    Mapping,
    Mappings,
    MappingSummary,
    PublishWish,
    RollbackWish,
    Samples,
    Saved,
    TargetShown,
    Tests,
    TrialWish,
    Validated,
    VersionPlace,
    Versions,
)
from millstream.web.api.rights import Keeper, PayloadViewer, Viewer
from millstream.web.api.shapes import PAGE_SIZE, PAGE_SIZE_MAX, Shapes, answer, document, read_place, refusals

T = TypeVar("T", bound=Content)


def mapping_routes(shapes: Shapes, *, workshop: Workshop) -> APIRouter:
    """Look, draft, try, publish, roll back."""
    router = APIRouter(prefix="/api/mappings", tags=["mappings"])
    _look(router, shapes, workshop)
    _draft(router, shapes, workshop)
    _try(router, shapes, workshop)
    _publish(router, shapes, workshop)
    return router


def _look(router: APIRouter, shapes: Shapes, workshop: Workshop) -> None:
    @router.get("", summary="What is laid over which connection", **shapes.answers(Mappings))
    async def list_mappings(_: Viewer) -> Response:
        return answer(Mappings(items=tuple(_summary(one) for one in await workshop.standings())))

    @router.get("/{connection}/{direction}", summary="One of them", **shapes.answers(Mapping, 404))
    async def show_mapping(connection: str, direction: Direction, identity: Viewer) -> Response:
        async with refusals():
            return answer(_shown(await workshop.standing((connection, direction)), identity))

    @router.get("/{connection}/{direction}/versions", summary="What was published", **shapes.answers(Versions, 404))
    async def list_versions(
        connection: str,
        direction: Direction,
        identity: Viewer,
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE,
        after: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        place = read_place(after, VersionPlace)
        async with refusals():
            found = await workshop.versions(
                (connection, direction), limit=limit + 1, before=place.version if place else None
            )
        more = VersionPlace(found[limit - 1].version) if len(found) > limit else None
        return answer(Versions(items=tuple(_for(identity, one) for one in found[:limit]), next=place_text(more)))

    @router.get(
        "/{connection}/{direction}/samples", summary="Orders to try a mapping on", **shapes.answers(Samples, 404)
    )
    async def list_samples(
        connection: str,
        direction: Direction,
        _: PayloadViewer,
        failing: bool = False,
        limit: Annotated[int, Query(ge=1, le=SAMPLES_MAX)] = 50,
    ) -> Response:
        async with refusals():
            items = await workshop.samples((connection, direction), failing=failing, limit=limit)
        return answer(Samples(items=tuple(items)))


def _draft(router: APIRouter, shapes: Shapes, workshop: Workshop) -> None:
    @router.put("/{connection}/{direction}/draft", summary="Keep a draft", **shapes.takes(DraftWish, Saved, 404, 412))
    async def save_draft(
        connection: str, direction: Direction, identity: Keeper, wish: Annotated[DraftWish, document(DraftWish)]
    ) -> Response:
        place = (connection, direction)
        async with refusals():
            draft = await workshop.save(place, wish.content(), revision=wish.revision, actor=identity.name)
            faults = await workshop.faults(place, draft)
        return answer(Saved(draft=_for(identity, draft), faults=tuple(faults)))

    @router.delete("/{connection}/{direction}/draft", summary="Drop the draft", **shapes.answers(Mapping, 404))
    async def drop_draft(connection: str, direction: Direction, identity: Keeper) -> Response:
        place = (connection, direction)
        async with refusals():
            await workshop.discard(place, actor=identity.name)
            return answer(_shown(await workshop.standing(place), identity))

    @router.post(
        "/{connection}/{direction}/validate",
        summary="May it be published?",
        **shapes.takes(ContentWish, Validated, 404),
    )
    async def validate(
        connection: str, direction: Direction, _: Keeper, wish: Annotated[ContentWish, document(ContentWish)]
    ) -> Response:
        async with refusals():
            return answer(Validated(faults=tuple(await workshop.faults((connection, direction), wish.content()))))


def _try(router: APIRouter, shapes: Shapes, workshop: Workshop) -> None:
    async def chosen(connection: str, direction: Direction, wish: TrialWish) -> Content:
        standing = await workshop.standing((connection, direction))
        if wish.use == "content":
            return wish.content()
        return standing.content if wish.use == "draft" else standing.version or Content()

    @router.post(
        "/{connection}/{direction}/preview", summary="See it on one order", **shapes.takes(TrialWish, Preview, 404)
    )
    async def preview(
        connection: str, direction: Direction, _: PayloadViewer, wish: Annotated[TrialWish, document(TrialWish)]
    ) -> Response:
        async with refusals():
            content = await chosen(connection, direction, wish)
            return answer(await workshop.preview((connection, direction), content.rules, wish.event_id))

    @router.post("/{connection}/{direction}/diff", summary="What it would change", **shapes.takes(TrialWish, Diff, 404))
    async def diff(
        connection: str, direction: Direction, _: PayloadViewer, wish: Annotated[TrialWish, document(TrialWish)]
    ) -> Response:
        async with refusals():
            content = await chosen(connection, direction, wish)
            return answer(await workshop.diff((connection, direction), content.rules, last=wish.last))

    @router.post("/{connection}/{direction}/test", summary="Run its tests", **shapes.takes(TrialWish, Tests, 404))
    async def test(
        connection: str, direction: Direction, _: PayloadViewer, wish: Annotated[TrialWish, document(TrialWish)]
    ) -> Response:
        async with refusals():
            content = await chosen(connection, direction, wish)
            results = await workshop.run_tests((connection, direction), content)
        return answer(Tests(ok=all(one.ok for one in results), items=tuple(results)))


def _publish(router: APIRouter, shapes: Shapes, workshop: Workshop) -> None:
    @router.post(
        "/{connection}/{direction}/publish", summary="Put it in force", **shapes.takes(PublishWish, Version, 404, 412)
    )
    async def publish(
        connection: str, direction: Direction, identity: Keeper, wish: Annotated[PublishWish, document(PublishWish)]
    ) -> Response:
        content = None if wish.content is None else wish.content.content()
        async with refusals():
            version = await workshop.publish(
                (connection, direction),
                content,
                actor=identity.name,
                reason=wish.reason.strip(),
                on_top_of=wish.on_top_of,
            )
        return answer(_for(identity, version))

    @router.post(
        "/{connection}/{direction}/rollback",
        summary="Put an earlier version in force",
        **shapes.takes(RollbackWish, Version, 404, 412),
    )
    async def roll_back(
        connection: str, direction: Direction, identity: Keeper, wish: Annotated[RollbackWish, document(RollbackWish)]
    ) -> Response:
        async with refusals():
            version = await workshop.roll_back(
                (connection, direction),
                wish.version,
                actor=identity.name,
                reason=wish.reason.strip(),
                on_top_of=wish.on_top_of,
            )
        return answer(_for(identity, version))


def _for(identity: Identity, content: T) -> T:
    """Tests are made of orders: without the right to see those, they are left out."""
    return content if Right.VIEW_PAYLOAD in identity.rights else msgspec.structs.replace(content, tests=())


def _summary(standing: Standing) -> MappingSummary:
    version, draft = standing.version, standing.draft
    return MappingSummary(
        connection=standing.surface.connection,
        direction=standing.surface.direction,
        targets=tuple(target.name for target in standing.surface.targets),
        version=standing.newest,
        rules=0 if version is None else len(version.rules),
        published_by=version.published_by if version else None,
        published_at=version.published_at if version else None,
        draft_by=draft.changed_by if draft else None,
        draft_at=draft.changed_at if draft else None,
    )


def _shown(standing: Standing, identity: Identity) -> Mapping:
    surface = standing.surface
    return Mapping(
        connection=surface.connection,
        direction=surface.direction,
        samples=surface.samples,
        targets=tuple(
            TargetShown(
                name=target.name,
                what=target.what,
                example=target.example,
                teach=target.teach,
                owned=tuple(sorted(target.owned)),
            )
            for target in surface.targets
        ),
        version=standing.version and _for(identity, standing.version),
        draft=standing.draft and _for(identity, standing.draft),
    )
