"""Waiting for something that announces itself to nobody."""

import asyncio
from collections.abc import Callable

PATIENCE_S = 10.0


async def until(holds: Callable[[], bool]) -> None:
    """Lets everything else run until `holds()` is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is awaited here (a socket, another task) sets no event
            await asyncio.sleep(0)
