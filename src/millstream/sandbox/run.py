"""Runs one sandbox system as a server on loopback: `python -m millstream.sandbox.run adobe_commerce --port 9001`.

A system is a module `millstream.sandbox.<name>` with `create_app(...)`; the line "ready <url>" says that it serves.
"""

import argparse
import asyncio
import inspect
import sys
from importlib import import_module
from socket import socket
from typing import Any

import uvicorn

from millstream.sandbox.faults import Faults

LOOPBACK = "127.0.0.1"
KEPT_S = 75  # an unused connection, as long as the web servers before such systems keep it
SYSTEMS = ("adobe_commerce", "salesforce", "sap_s4hana")


def make_app(name: str, *, seed: int = 0) -> Any:
    """The named system, told that it sits behind a socket where it wants to know."""
    factory = import_module(f"millstream.sandbox.{name}").create_app
    known = inspect.signature(factory).parameters
    options: dict[str, Any] = {"lost": "hang", "seed": seed}
    if "lost" not in known:
        options = {"faults": Faults(seed=seed, lost="hang")}
    return factory(**{option: value for option, value in options.items() if option in known})


class AnnouncingServer(uvicorn.Server):
    """Says where it listens once it does."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Starts, then writes one line."""
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            sys.stdout.write(f"ready http://{host}:{port}\n")
            sys.stdout.flush()


def serve(app: Any, port: int, *, host: str = LOOPBACK) -> None:
    """Serves until stopped. Port 0 takes a free one."""
    config = uvicorn.Config(
        app, host=host, port=port, log_level="critical", access_log=False, timeout_keep_alive=KEPT_S
    )
    asyncio.run(AnnouncingServer(config).serve())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="millstream.sandbox.run", description=__doc__)
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("--host", default=LOOPBACK, help="another address only on a private network of its own")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    serve(make_app(given.system, seed=given.seed), given.port, host=given.host)


if __name__ == "__main__":
    main()
