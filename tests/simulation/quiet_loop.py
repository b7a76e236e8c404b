"""An event loop in which only the seed decides what comes first.

A plain loop looks for answers of the database between any two callbacks, so when a reply is seen depends on how fast
the machine happened to be: on a loaded one it is seen some callbacks later, and two processes change places. Here
nothing that comes from outside is seen while anything is left to do. With one connection there is then never more than
one thing to see, and the same day is lived on every machine.
"""

import asyncio
import selectors

from fakes.crash import Crash


class QuietSelector(selectors.DefaultSelector):
    """Sees nothing unless the loop has nothing else to do: it then asks without a timeout, or with one to come."""

    def select(self, timeout=None):
        return [] if timeout is not None and timeout <= 0 else super().select(timeout)


def quiet_loop() -> asyncio.AbstractEventLoop:
    """A loop for one virtual day."""
    loop = asyncio.SelectorEventLoop(QuietSelector())
    loop.set_exception_handler(_tell_unless_dead)
    return loop


def _tell_unless_dead(loop: asyncio.AbstractEventLoop, context: dict) -> None:
    """What a process that is dead already still tries is no news."""
    if not isinstance(context.get("exception"), Crash):
        loop.default_exception_handler(context)
