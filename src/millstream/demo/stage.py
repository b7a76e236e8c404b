"""Starts what the demo plays with: PostgreSQL, store, CRM, the real ERP, the hub; and ends it all again."""

import asyncio
import base64
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from millstream.demo.plants import ErpHouse, S4HanaHouse, TrytonHouse
from millstream.sandbox.tryton.server import free_port
from millstream.store.embedded import EmbeddedPostgres
from millstream.wire.http import AiohttpTransport, Request, TransportError

READY_TIMEOUT_S: Final = 60.0
STORE_INTEGRATION: Final = {  # fixed credentials of the throw-away store
    "consumer_key": "sandboxconsumerkey00000000000001",
    "consumer_secret": "sandboxconsumersecret00000000001",
    "access_token": "sandboxaccesstoken00000000000001",
    "access_token_secret": "sandboxaccesstokensecret00000001",
}
CRM_CLIENT: Final = ("3MVG9.sandbox_consumer_key", "SANDBOX0CONSUMER0SECRET")

Say = Callable[[str], None]


class StageError(RuntimeError):
    """A system did not start; the message says which, and where its log is."""


class Stage:
    """Everything the demo runs on this machine, below one folder. `millstream.toml` there works for every command."""

    def __init__(self, folder: Path, *, erp: str, say: Say, more_settings: str = "") -> None:
        """`more_settings`: sections for the end of `millstream.toml`."""
        self.folder = folder
        self._more_settings = more_settings
        self.say = say
        self.transport = AiohttpTransport()
        self.carrier_secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self._hook_secret = secrets.token_hex(16)
        self._postgres = EmbeddedPostgres(folder / "postgres")
        self.erp: ErpHouse = TrytonHouse(folder, say=say) if erp == "tryton" else S4HanaHouse(self._start_sandbox)
        self._programs: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.store_url = self.crm_url = self.hub_url = self.database_url = ""

    @property
    def settings_file(self) -> Path:
        """What to point MILLSTREAM_CONFIG at."""
        return self.folder / "millstream.toml"

    async def start(self) -> None:
        """Starts everything, the slow parts side by side, and says what it does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        erp = asyncio.create_task(self.erp.start())
        try:
            self.database_url = await asyncio.to_thread(self._start_postgres)
            self.store_url = await self._start_sandbox("adobe_commerce")
            self.crm_url = await self._start_sandbox("salesforce")
        finally:
            await erp
        await self._start_hub()

    def _start_postgres(self) -> str:
        started = time.monotonic()
        self._postgres.start()
        url = self._postgres.recreate()  # the sandbox store starts its numbers at 1, so yesterday's books must go
        self.say(f"PostgreSQL (embedded) runs in {self.folder / 'postgres'} · {time.monotonic() - started:.1f} s")
        return url

    async def _start_sandbox(self, name: str) -> str:
        started = time.monotonic()
        program = self._launch(name, "-m", "millstream.sandbox.run", name, "--port", "0")
        assert program.stdout is not None, "launched with a pipe"
        line = await asyncio.wait_for(asyncio.to_thread(program.stdout.readline), READY_TIMEOUT_S)
        word, _, url = line.decode().strip().partition(" ")
        if word != "ready":
            raise StageError(f"sandbox {name} did not start; see {self.folder / f'{name}.log'}")
        self.say(f"Sandbox {name} answers at {url} · {time.monotonic() - started:.1f} s")
        return url

    async def _start_hub(self) -> None:
        started = time.monotonic()
        port = free_port()
        self.hub_url = f"http://127.0.0.1:{port}"
        self.settings_file.write_text(self._settings(port), encoding="utf-8")
        self.settings_file.chmod(0o600)
        self._launch("hub", "-m", "millstream", "serve", config=self.settings_file)
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not await self._ready():
            if time.monotonic() > deadline or self._programs[-1][1].poll() is not None:
                raise StageError(f"the hub did not start; see {self.folder / 'hub.log'}")
            await asyncio.sleep(0.05)
        hook = {"url": f"{self.hub_url}/in/mageos/store", "mode": "mageos", "token": self._hook_secret}
        await self.sim(self.store_url, "POST", "webhooks", hook)
        self.say(f"Millstream serves at {self.hub_url} · {time.monotonic() - started:.1f} s")

    async def _ready(self) -> bool:
        try:
            answer = await self.transport.send(Request(method="GET", url=f"{self.hub_url}/readyz", timeout_s=5))
        except TransportError:
            return False
        return answer.status == 200

    def _launch(self, name: str, *arguments: str, config: Path | None = None) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MILLSTREAM_")}
        if config is not None:
            environment["MILLSTREAM_CONFIG"] = str(config)
        with (self.folder / f"{name}.log").open("wb") as log:
            program = subprocess.Popen(  # noqa: S603 - our own modules with our own arguments
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if config is None else log,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C ends the play; we end the systems
            )
        self._programs.append((name, program))
        return program

    def _settings(self, port: int) -> str:
        store = "\n".join(f'{name} = "{value}"' for name, value in STORE_INTEGRATION.items())
        return f"""# Written by `millstream demo`. Use it in another terminal:
#   MILLSTREAM_CONFIG={self.settings_file} millstream orders list
database_url = "{self.database_url}"
port = {port}
log_level = "info"

[poll]
store_every_s = 2.0
erp_every_s = 1.0

[store]
kind = "adobe_commerce"
name = "shop"
base_url = "{self.store_url}"
timeout_s = 4.0
{store}

[store.sources]
EAST = "wh_east"

{self.erp.settings()}
[crm]
kind = "salesforce"
name = "crm"
login_url = "{self.crm_url}"
client_id = "{CRM_CLIENT[0]}"
client_secret = "{CRM_CLIENT[1]}"

[doors.store]
kind = "mageos"
store = "shop"
secrets = ["{self._hook_secret}"]

[doors.carrier]
kind = "events"
secrets = ["{self.carrier_secret}"]

{self._more_settings}
"""

    async def sim(self, base: str, method: str, path: str, body: Any = None) -> Any:
        """A sandbox system's own door."""
        answer = await self.transport.send(
            Request(
                method=method,
                url=f"{base}/_sim/{path}",
                headers={"content-type": "application/json"},
                body=None if body is None else msgspec.json.encode(body),
            )
        )
        if answer.status != 200:
            raise StageError(f"{method} {base}/_sim/{path}: {answer.status} {answer.text()[:200]}")
        return answer.json()

    async def stop(self) -> None:
        """Ends what was started, the hub first, so that it can finish what it runs."""
        await self.transport.close()
        for _, program in reversed(self._programs):
            program.terminate()
        for _, program in reversed(self._programs):
            try:
                await asyncio.to_thread(program.wait, 15)
            except subprocess.TimeoutExpired:
                program.kill()
            if program.stdout is not None:
                program.stdout.close()
        await self.erp.stop()
        await asyncio.to_thread(self._postgres.stop)
