"""Processes die in a loop that decides alone what comes first: the n-th step is the same one every time."""

from simulation.quiet_loop import quiet_loop


def pytest_asyncio_loop_factories(config, item):
    return {"quiet": quiet_loop}
