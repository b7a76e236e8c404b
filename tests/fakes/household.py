"""One installation below one folder: `millstream serve` with PostgreSQL inside, sandbox store and CRM, no ERP."""

import asyncio
import os
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

from fakes.edge import WEBHOOK_SECRET, delivered, encoded, webhook_headers
from millstream.sandbox.adobe_commerce.access import default_integration
from millstream.sandbox.salesforce.app import CLIENT_ID, CLIENT_SECRET

READY_S = 60
STOP_S = 10
SANDBOX = "millstream.sandbox.run"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_running(pid: int) -> bool:
    """An ended process that nobody has asked about yet is not running."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


class Household:
    """The processes of one installation below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: list[asyncio.subprocess.Process] = []

    async def _start(self, *command: str, **environment: str) -> asyncio.subprocess.Process:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("MILLSTREAM_")}
        with (self.folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *command),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**inherited, **environment},
                cwd=self.folder,
            )
        self.processes.append(process)
        return process

    async def open(self) -> None:
        """Store and CRM run; at the ERP's address nobody answers."""
        urls = []
        for system in ("adobe_commerce", "salesforce"):
            process = await self._start("-m", SANDBOX, system)
            urls.append((await process.stdout.readline()).decode().split()[1])
        owner = default_integration()
        (self.folder / "millstream.toml").write_text(f"""
port = {self.port}
data_dir = "data"

[store]
kind = "adobe_commerce"
name = "shop"
base_url = "{urls[0]}"
consumer_key = "{owner.consumer_key}"
consumer_secret = "{owner.consumer_secret}"
access_token = "{owner.token}"
access_token_secret = "{owner.token_secret}"

[erp]
kind = "tryton"
base_url = "http://127.0.0.1:{free_port()}"
database = "plant"
user = "hub"
password = "x"
web_shop = "shop"
warehouse = "EAST"

[crm]
kind = "salesforce"
name = "crm"
login_url = "{urls[1]}"
client_id = "{CLIENT_ID}"

[doors.carrier]
kind = "events"
secrets = ["{WEBHOOK_SECRET}"]
""")

    async def serve(self, *options: str) -> asyncio.subprocess.Process:
        return await self._start("-m", "millstream", "serve", *options, MILLSTREAM_CRM__CLIENT_SECRET=CLIENT_SECRET)

    async def ready(self, process) -> dict:
        async with asyncio.timeout(READY_S), httpx.AsyncClient() as client:
            while True:
                assert process.returncode is None, self.log
                try:
                    answer = await client.get(f"{self.url}/readyz")
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                    continue
                if answer.status_code == 200:
                    return answer.json()

    async def report_delivery(self, name: str = "evt-1") -> tuple[int, dict]:
        body = encoded(delivered(id=name))
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"{self.url}/in/events/carrier", content=body, headers=webhook_headers(body, datetime.now(UTC))
            )
        return answer.status_code, answer.json()

    async def terminate(self, process, number=signal.SIGTERM) -> int:
        process.send_signal(number)
        async with asyncio.timeout(STOP_S):
            return await process.wait()

    @property
    def postmaster(self) -> int | None:
        file = self.folder / "data/postgres/postmaster.pid"
        return int(file.read_text().splitlines()[0]) if file.exists() else None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()[-4000:]

    async def close(self) -> None:
        for process in self.processes:
            if process.returncode is None:
                process.terminate()
                await process.wait()
