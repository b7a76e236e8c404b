"""Many askers, one query: what is asked for in one turn of the event loop is read together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")


class Together(Generic[Key, Found]):
    """Collects keys and reads them in one query, as soon as everybody who can ask now has asked.

    `read` is given each key once and returns what it found by key; who asks for another gets `None`. A failure reaches
    every asker of its query. At most `together_max` keys go into one.
    """

    def __init__(
        self, read: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Found]]], together_max: int = 500
    ) -> None:
        self._read = read
        self._together_max = together_max
        self._asked: dict[Key, asyncio.Future[Found | None]] = {}
        self._reading: set[asyncio.Task[None]] = set()

    async def get(self, key: Key) -> Found | None:
        """What is on record under this key at some moment after the call."""
        future = self._asked.get(key)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._asked[key] = loop.create_future()
            if len(self._asked) == 1:
                loop.call_soon(self._ask)
            elif len(self._asked) >= self._together_max:
                self._ask()
        return await asyncio.shield(future)  # one asker that is cancelled leaves the others their answer

    def _ask(self) -> None:
        asked, self._asked = self._asked, {}
        if asked:
            task = asyncio.create_task(self._answer(asked))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    async def _answer(self, asked: Mapping[Key, asyncio.Future[Found | None]]) -> None:
        try:
            found = await self._read(list(asked))
        except BaseException as error:  # noqa: BLE001 - the askers must hear of it, whatever it is
            for future in asked.values():
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # heard: an asker that is gone by now must not make a warning of it
        else:
            for key, future in asked.items():
                if not future.done():
                    future.set_result(found.get(key))
