"""Many callers, one commit: what arrives while a commit is under way goes into the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from millstream.domain.errors import Conflict

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Collects items and writes them in batches of one transaction each, one batch at a time.

    A batch that fails with Conflict is written again item by item, so that one contradiction fails alone. Any other
    failure reaches every caller of the batch: nothing of it was written.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], batch_max: int) -> None:
        self._write = write
        self._batch_max = batch_max
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Returns after the commit that holds this item."""
        return await self._put(item)

    async def submit_all(self, items: Sequence[Item]) -> Sequence[Result]:
        """Returns after the last commit that holds one of these items."""
        if len(items) == 1:
            return [await self._put(items[0])]
        results = await asyncio.gather(*[self._put(item) for item in items], return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]

    def _put(self, item: Item) -> asyncio.Future[Result]:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        return future

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._batch_max], self._waiting[self._batch_max :]
            await self._write_batch(batch)

    async def _write_batch(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([item for item, _ in batch])
            answered = list(zip(batch, results, strict=True))
        except Conflict as conflict:
            if len(batch) == 1:
                _fail(batch, conflict)
                return
            for pair in batch:
                await self._write_batch([pair])
        except BaseException as error:  # noqa: BLE001 - the callers must hear of it, whatever it is
            _fail(batch, error)
        else:
            for (_, future), result in answered:
                if not future.done():
                    future.set_result(result)


def _fail(batch: Sequence[tuple[object, asyncio.Future[Result]]], error: BaseException) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
