"""The web edge of a process: its socket, and the server behind it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

from millstream.bootstrap import Runtime
from millstream.serving import metrics_app, web_app
from millstream.settings import Settings, SettingsError
from millstream.web.http import LimitedHttp

LOOPBACK: Final = "127.0.0.1"


class WebServer(uvicorn.Server):
    """Leaves signals to the process, which stops web and worker together."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


class Edge:
    """Takes the socket at once, so that a taken port costs nothing; serves when there is something to serve."""

    def __init__(self, settings: Settings) -> None:
        self._listening = _listen(settings.host, settings.port, "MILLSTREAM_PORT")
        self._server: WebServer | None = None
        self._stopping = False

    async def serve(self, runtime: Runtime) -> None:
        """Serves until stopped."""
        config = uvicorn.Config(
            self._app(runtime),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            http=LimitedHttp,
        )
        self._server = WebServer(config)
        self._server.should_exit = self._stopping
        await self._server.serve(sockets=[self._listening])

    def _app(self, runtime: Runtime) -> FastAPI:
        return web_app(runtime, console=True)

    def stop(self) -> None:
        """Answers open requests and ends."""
        self._stopping = True
        if self._server is not None:
            self._server.should_exit = True


class WorkerEdge(Edge):
    """Metrics and health of a process that only works."""

    def __init__(self, settings: Settings) -> None:
        telemetry = settings.telemetry
        host = settings.host if telemetry.metrics == "token" else LOOPBACK
        self._listening = _listen(host, telemetry.work_port or 0, "MILLSTREAM_TELEMETRY__WORK_PORT")
        self._server = None
        self._stopping = False

    def _app(self, runtime: Runtime) -> FastAPI:
        return metrics_app(runtime)


def _listen(host: str, port: int, variable: str) -> socket.socket:
    """The socket of the web edge. Taken before anything is started, so that a taken port costs nothing."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"Nothing can listen on {host}:{port}: {error.strerror}. "
            f"Set another port ({variable}) or host (MILLSTREAM_HOST), or stop what listens there."
        ) from None
    return listening
