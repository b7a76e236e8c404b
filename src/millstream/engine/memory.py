"""How often Python looks for garbage: seldom, in a process that makes little of the kind that must be looked for."""

import gc
from typing import Final

YOUNG: Final = 50_000
"""Containers made before the youngest are looked through; Python's own 700 is reached by reading one page of orders."""


def collect_seldom() -> None:
    """What was made so far stays; the rest is looked through seldom. For a process that is about to work for long.

    Nearly everything here is freed the moment it is let go, because values refer to each other in one direction only;
    the collector is for the few rings that libraries make. Looking seldom saves about a sixth of a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
