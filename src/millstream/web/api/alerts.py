"""`/api/alerts`: what is amiss and who is on it, the rules that decide it, the channels that tell it."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from millstream.engine.alerts.life import RUNBOOKS
from millstream.engine.alerts.rulebook import RuleBook
from millstream.engine.alerts.runbooks import runbook
from millstream.ports.alert_rules import LevelStanding, LevelValue, RuleStanding
from millstream.ports.drift import Drift, DriftBook, DriftPlace
from millstream.ports.notifier import Alert, AlertBook, AlertWish, Notification, Notifier
from millstream.ports.places import place_text
from millstream.ports.world import Clock
from millstream.web.api.deliveries import Text
from millstream.web.api.rights import Viewer, Watcher
from millstream.web.api.shapes import (
    ID_MAX,
    PAGE_SIZE,
    PAGE_SIZE_MAX,
    TEXT_MAX,
    IdPlace,
    Shapes,
    answer,
    document,
    read_place,
    refusals,
)
from millstream.web.api.wishes import Deciding, Document, Reason
from millstream.web.problems import Problem

LEVELS_MAX: Final = 50
TEST_TITLE: Final = "Millstream: a test"
TEST_BODY: Final = "Nothing is amiss; this channel works."

AlertId = Annotated[int, Path(ge=1, le=ID_MAX)]
State = Literal["pending", "firing", "acknowledged", "resolved"]


class ShownAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert, and where it is written what to do about it."""

    alert: Alert
    runbook: str


class AlertList(msgspec.Struct, frozen=True, kw_only=True):
    """One page, the newest first. `looked_at`: when a process looked last; null: none ever did."""

    items: tuple[ShownAlert, ...]
    next: str | None
    looked_at: datetime | None


class AlertPage(msgspec.Struct, frozen=True, kw_only=True):
    """One alert with everything that was to be told of it, the newest first, and what to do (null: not installed)."""

    alert: Alert
    runbook: str
    what_to_do: str | None
    told: tuple[Notification, ...]


class DriftPage(Drift, frozen=True, kw_only=True):
    """One page of the orders that differ, the longest first. `next` is where the next one begins; null: the last."""

    next: str | None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Every level and every rule as they are in force; the names of the channels of this process."""

    levels: tuple[LevelStanding, ...]
    rules: tuple[RuleStanding, ...]
    channels: tuple[str, ...]


class Acknowledging(Document, frozen=True, kw_only=True):
    """Somebody is on it; what they say about it is welcome."""

    note: Annotated[str, msgspec.Meta(max_length=TEXT_MAX, pattern=r"^[^\x00]*$")] = ""


class ChangingLevels(Deciding, frozen=True, kw_only=True):
    """Levels by the names of their settings, all of them or none."""

    values: Annotated[dict[str, LevelValue], msgspec.Meta(min_length=1, max_length=LEVELS_MAX)]


class Switching(Document, frozen=True, kw_only=True):
    """On, or off: until a moment, if there is one."""

    on: bool
    reason: Reason
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class TestingChannel(Document, frozen=True, kw_only=True):
    """Which one."""

    channel: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class ChannelTested(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it took the message, or what was the matter; never its address."""

    channel: str
    ok: bool
    problem: str | None


def _wish(open: bool | None = None, state: State | None = None, code: Text = None) -> AlertWish:  # noqa: A002 - names of the query
    return AlertWish(open=open, state=state, code=code)


def alert_routes(
    shapes: Shapes, *, book: AlertBook, rules: RuleBook, notifier: Notifier, drift: DriftBook, clock: Clock
) -> APIRouter:
    """Alerts, their rules, their channels."""
    router = APIRouter(prefix="/api/alerts", tags=["alerts"])
    _rules(router, shapes, rules, notifier)
    _channels(router, shapes, book, notifier, clock)
    _drift(router, shapes, drift, clock)
    _alerts(router, shapes, book, clock)
    return router


def _alerts(router: APIRouter, shapes: Shapes, book: AlertBook, clock: Clock) -> None:
    @router.get("", summary="What is or was amiss, the newest first", **shapes.answers(AlertList))
    async def page(
        wish: Annotated[AlertWish, Depends(_wish)],
        _: Viewer,
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE,
        after: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        place = read_place(after, IdPlace)
        rows = await book.page(wish, limit=limit + 1, before=place.id if place else None)
        more = rows[limit - 1].id if len(rows) > limit else None
        items = tuple(ShownAlert(alert=row, runbook=_runbook(row)) for row in rows[:limit])
        looked_at = await book.looked_at()
        return answer(AlertList(items=items, next=place_text(more and IdPlace(more)), looked_at=looked_at))

    @router.get("/{alert_id}", summary="One alert, and who was told", **shapes.answers(AlertPage, 404))
    async def one(alert_id: AlertId, _: Viewer) -> Response:
        return answer(await _page_of(book, alert_id))

    @router.post(
        "/{alert_id}/acknowledge", summary="Somebody is on it", **shapes.takes(Acknowledging, AlertPage, 404, 409)
    )
    async def acknowledge(
        alert_id: AlertId, identity: Watcher, given: Annotated[Acknowledging, document(Acknowledging)]
    ) -> Response:
        await _page_of(book, alert_id)
        async with refusals():
            note = given.note.strip() or None
            await book.acknowledge(alert_id, actor=identity.name, now=clock.now(), note=note)
        return answer(await _page_of(book, alert_id))


def _rules(router: APIRouter, shapes: Shapes, rules: RuleBook, notifier: Notifier) -> None:
    async def now() -> Response:
        levels, switches = await rules.standing()
        return answer(Rules(levels=levels, rules=switches, channels=tuple(notifier.channels)))

    @router.get("/rules", summary="Levels and rules in force, and where they come from", **shapes.answers(Rules))
    async def standing(_: Viewer) -> Response:
        return await now()

    @router.put("/rules/levels", summary="Change levels", **shapes.takes(ChangingLevels, Rules, 404))
    async def change(identity: Watcher, given: Annotated[ChangingLevels, document(ChangingLevels)]) -> Response:
        async with refusals():
            await rules.change(given.values, actor=identity.name, reason=given.reason.strip())
        return await now()

    @router.delete("/rules/levels", summary="Go back to the settings", **shapes.answers(Rules, 404))
    async def reset(
        identity: Watcher,
        name: Annotated[list[str], Query(min_length=1, max_length=LEVELS_MAX)],
        reason: Annotated[
            str, Query(min_length=1, max_length=TEXT_MAX, pattern=r"^[^\x00]*$")
        ] = "back to the settings",
    ) -> Response:
        async with refusals():
            await rules.reset(name, actor=identity.name, reason=reason.strip())
        return await now()

    @router.put("/rules/{code}", summary="Switch a rule on or off", **shapes.takes(Switching, Rules, 404))
    async def switch(code: str, identity: Watcher, given: Annotated[Switching, document(Switching)]) -> Response:
        async with refusals():
            await rules.switch(code, on=given.on, until=given.until, actor=identity.name, reason=given.reason.strip())
        return await now()


def _drift(router: APIRouter, shapes: Shapes, book: DriftBook, clock: Clock) -> None:
    @router.get("/drift", summary="Orders that are not the same in store, hub and ERP", **shapes.answers(DriftPage))
    async def drift(
        _: Viewer,
        limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = PAGE_SIZE,
        after: Annotated[str | None, Query(max_length=1000)] = None,
    ) -> Response:
        place = read_place(after, DriftPlace)
        found = await book.drift(since=clock.now() - timedelta(days=1), limit=limit + 1, after=place)
        last = found.differing[limit - 1] if len(found.differing) > limit else None
        more = None if last is None else DriftPlace(last.since, last.order_key)
        shown = DriftPage(
            checked=found.checked, count=found.count, differing=found.differing[:limit], next=place_text(more)
        )
        return answer(shown)


def _channels(router: APIRouter, shapes: Shapes, book: AlertBook, notifier: Notifier, clock: Clock) -> None:
    @router.post("/test-channel", summary="Send a test message", **shapes.takes(TestingChannel, ChannelTested, 404))
    async def test_channel(identity: Watcher, given: Annotated[TestingChannel, document(TestingChannel)]) -> Response:
        if given.channel not in notifier.channels:
            named = ", ".join(notifier.channels) or "none"
            raise Problem("alert.unknown", f"This process has no channel of that name. It has: {named}.")
        problem = await notifier.tell(given.channel, title=TEST_TITLE, body=TEST_BODY, urgent=False)
        await book.tested(given.channel, problem=problem, actor=identity.name, now=clock.now())
        return answer(ChannelTested(channel=given.channel, ok=problem is None, problem=problem))


async def _page_of(book: AlertBook, alert_id: int) -> Any:
    alert = await book.find(alert_id)
    if alert is None:
        raise Problem("alert.unknown", "There is no such alert. `GET /api/alerts` lists them.")
    told = tuple(await book.notifications(alert_id=alert_id))
    return AlertPage(alert=alert, runbook=_runbook(alert), what_to_do=runbook(alert.code), told=told)


def _runbook(alert: Alert) -> str:
    return f"{RUNBOOKS}/{alert.code}.md"
