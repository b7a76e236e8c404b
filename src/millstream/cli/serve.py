"""`millstream serve` and `millstream work`: the long-running processes."""

import asyncio
import signal
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.bootstrap import Runtime, open_database
from millstream.cli import logs
from millstream.cli.session import console
from millstream.cli.setup_link import show_setup
from millstream.credentials import read_credentials
from millstream.engine.memory import collect_seldom
from millstream.settings import Settings, read_settings, refuse_without_systems

if TYPE_CHECKING:
    from millstream.cli.edge import Edge


def serve(
    worker: Annotated[bool, typer.Option(help="Also work; off when `millstream work` runs beside it.")] = True,
) -> None:
    """The web edge, with a worker in the same process unless told otherwise."""
    _run_until_stopped(read_settings(), web=True, worker=worker)


def work() -> None:
    """A worker without the web edge. Start as many as you like, on as many machines as you like."""
    _run_until_stopped(read_settings(), web=False, worker=True)


def _run_until_stopped(settings: Settings, *, web: bool, worker: bool) -> None:
    refuse_without_systems(settings)
    try:
        asyncio.run(_run(settings, web=web, worker=worker))
    except asyncio.CancelledError:  # a signal came before there was anything to drain
        console.print("Millstream was stopped while it started; nothing is left running.")


async def _run(settings: Settings, *, web: bool, worker: bool) -> None:
    logs.set_up(settings)
    edge = _edge(settings) if web else _worker_edge(settings)
    _end_on_signals(asyncio.current_task())  # until there is something to stop gracefully
    opened = await open_database(settings)
    try:
        secrets = await read_credentials(settings, opened.database)
        runtime = Runtime(settings, database=opened.database, secrets=secrets)
        async with opened.embedded.kept(runtime.tap) if opened.embedded else nullcontext():
            await _live(runtime, edge, web=web, worker=worker)
    finally:
        await opened.database.close()
        opened.stop()


async def _live(runtime: Runtime, edge: "Edge | None", *, web: bool, worker: bool) -> None:
    """Until a signal comes."""
    settings = runtime.settings
    try:
        await runtime.calibrate_clock()
        collect_seldom()
        async with asyncio.TaskGroup() as group:
            _stop_on_signals(runtime, edge)
            if edge is not None:
                group.create_task(edge.serve(runtime))
            if web:
                console.print(f"Millstream serves on http://{settings.host}:{settings.port}")
                await _show_setup(settings, runtime)
            if worker:
                console.print(f"Millstream works as {runtime.worker_name}")
                group.create_task(runtime.work())
            group.create_task(runtime.look_after())
    finally:
        await runtime.close()


def _edge(settings: Settings) -> "Edge":
    """The web edge, listening. Imported here, because a worker has none."""
    from millstream.cli.edge import Edge  # noqa: PLC0415 - see above

    return Edge(settings)


def _worker_edge(settings: Settings) -> "Edge | None":
    """Metrics and health of a worker, where they are wanted."""
    if settings.telemetry.work_port is None:
        return None
    from millstream.cli.edge import WorkerEdge  # noqa: PLC0415 - see above

    return WorkerEdge(settings)


async def _show_setup(settings: Settings, runtime: Runtime) -> None:
    """How to make the first administrator, as long as there is none. It goes to the screen, never into the log."""
    from millstream.store.access_book import open_access_book  # noqa: PLC0415 - a worker has none

    users = open_access_book(settings.access, database=runtime.database, world=runtime.world).users
    if not await users.has_admin():
        show_setup(settings, await users.new_setup_token(actor="serve"))


def _end_on_signals(task: asyncio.Task[object] | None) -> None:
    """A signal during the start unwinds it, so that what was started already is ended again."""
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _stop_on_signals(runtime: Runtime, edge: "Edge | None") -> None:
    def stop() -> None:
        runtime.stop()
        if edge is not None:
            edge.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
