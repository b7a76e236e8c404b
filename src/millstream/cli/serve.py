"""`millstream serve` and `millstream work`: the long-running processes."""

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn

from millstream.bootstrap import Runtime, open_database, web_app
from millstream.cli.session import console
from millstream.settings import Settings, SettingsError, read_settings


class WebServer(uvicorn.Server):
    """Leaves signals to the process, which stops web and worker together."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def serve(
    worker: Annotated[bool, typer.Option(help="Also work; off when `millstream work` runs beside it.")] = True,
) -> None:
    """The web edge, with a worker in the same process unless told otherwise."""
    _run_until_stopped(read_settings(), web=True, worker=worker)


def work() -> None:
    """A worker without the web edge. Start as many as you like, on as many machines as you like."""
    _run_until_stopped(read_settings(), web=False, worker=True)


def _run_until_stopped(settings: Settings, *, web: bool, worker: bool) -> None:
    try:
        asyncio.run(_run(settings, web=web, worker=worker))
    except asyncio.CancelledError:  # a signal came before there was anything to drain
        console.print("Millstream was stopped while it started; nothing is left running.")


async def _run(settings: Settings, *, web: bool, worker: bool) -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=settings.log_level.upper())
    listening = _listen(settings) if web else None
    _end_on_signals(asyncio.current_task())  # until there is something to stop gracefully
    opened = await open_database(settings)
    runtime = Runtime(settings, database=opened.database)
    try:
        await runtime.calibrate_clock()
        async with asyncio.TaskGroup() as group:
            server = _server(runtime) if web else None
            _stop_on_signals(runtime, server)
            if server is not None and listening is not None:
                group.create_task(server.serve(sockets=[listening]))
                console.print(f"Millstream serves on http://{settings.host}:{settings.port}")
            if worker:
                console.print(f"Millstream works as {runtime.worker_name}")
                group.create_task(runtime.work())
    finally:
        await runtime.close()
        opened.stop()


def _listen(settings: Settings) -> socket.socket:
    """The socket of the web edge. Taken before anything is started, so that a taken port costs nothing."""
    listening = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"Nothing can listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Set another port (MILLSTREAM_PORT) or host (MILLSTREAM_HOST), or stop what listens there."
        ) from None
    return listening


def _server(runtime: Runtime) -> uvicorn.Server:
    settings = runtime.settings
    config = uvicorn.Config(
        web_app(runtime),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
    )
    return WebServer(config)


def _end_on_signals(task: asyncio.Task[object] | None) -> None:
    """A signal during the start unwinds it, so that what was started already is ended again."""
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _stop_on_signals(runtime: Runtime, server: uvicorn.Server | None) -> None:
    def stop() -> None:
        runtime.stop()
        if server is not None:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
