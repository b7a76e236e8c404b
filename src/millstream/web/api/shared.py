"""One answer for everybody who watches: pages that refresh themselves do not each ask the database."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends
from starlette.requests import Request

from millstream.ports.world import Clock
from millstream.web.auth.gate import WATCHING_HEADER

KEPT_FOR: Final = timedelta(seconds=1)
QUESTIONS_MAX: Final = 64

Find = Callable[[], Awaitable[Any]]


def _is_watching(request: Request) -> bool:
    return WATCHING_HEADER in request.headers


Watching = Annotated[bool, Depends(_is_watching)]
"""Whether a page asks that refreshes itself. Nobody did anything, so an answer a second old will do."""


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    began_at: datetime
    finding: asyncio.Task[Any]


class Shared:
    """Answers of a second ago, and those under way, by question.

    Use it only for answers that are the same for all who may ask, and look at the right before.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: dict[Hashable, _Asked] = {}

    async def ask(self, question: Hashable, find: Find, *, watching: bool) -> Any:
        """What `find` answers. Who watches takes the answer under way, or one that was begun within the last second.

        Who does not watch has the database asked, so that nobody sees things as they were before their own action; who
        watches afterwards is told that answer. A failure is told to those who wait for it, and not kept.
        """
        asked = self._asked.get(question) if watching else None
        if asked is None or not self._is_good(asked):
            asked = _Asked(began_at=self._clock.now(), finding=asyncio.ensure_future(_of(find)))
            self._keep(question, asked)
        return await asyncio.shield(asked.finding)  # one who goes away does not take it from the others

    def _is_good(self, asked: _Asked) -> bool:
        if not asked.finding.done():
            return True
        if asked.finding.cancelled() or asked.finding.exception() is not None:
            return False
        return timedelta(0) <= self._clock.now() - asked.began_at < KEPT_FOR

    def _keep(self, question: Hashable, asked: _Asked) -> None:
        self._asked.pop(question, None)
        self._asked[question] = asked
        if len(self._asked) > QUESTIONS_MAX:
            del self._asked[next(iter(self._asked))]


async def _of(find: Find) -> Any:
    return await find()
