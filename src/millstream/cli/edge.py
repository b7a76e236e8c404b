"""The web edge of a process: its socket, and the server behind it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from millstream.bootstrap import Runtime, web_app
from millstream.settings import Settings, SettingsError


class WebServer(uvicorn.Server):
    """Leaves signals to the process, which stops web and worker together."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


class Edge:
    """Takes the socket at once, so that a taken port costs nothing; serves when there is something to serve."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._listening = _listen(settings)
        self._server: WebServer | None = None
        self._stopping = False

    async def serve(self, runtime: Runtime) -> None:
        """Serves until stopped."""
        settings = self._settings
        config = uvicorn.Config(
            web_app(runtime),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
        )
        self._server = WebServer(config)
        self._server.should_exit = self._stopping
        await self._server.serve(sockets=[self._listening])

    def stop(self) -> None:
        """Answers open requests and ends."""
        self._stopping = True
        if self._server is not None:
            self._server.should_exit = True


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
