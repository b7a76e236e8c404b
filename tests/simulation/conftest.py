"""Days are lived in a loop that lets nothing but the seed decide."""

from simulation.quiet_loop import quiet_loop


def pytest_asyncio_loop_factories(config, item):
    return {"quiet": quiet_loop}
