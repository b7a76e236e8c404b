"""The command line as an operator has it, on the real clock: another process, or a thread where that tells the same."""

import asyncio
import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from unittest.mock import patch

from fakes.house import CRM, STORE, store_credentials
from millstream import cli
from millstream.cli.session import console

NOWHERE = "http://127.0.0.1:9"
SAP = {
    "kind": "sap_s4hana",
    "base_url": NOWHERE,
    "username": "hub",
    "password": "x",
    "sales_organization": "1010",
    "distribution_channel": "10",
    "plant": "1010",
}


class Shell:
    """Runs `millstream ...` against a database; a house given along is brought to the operator's time afterwards."""

    def __init__(self, url, house=None):
        self.house = house
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("MILLSTREAM_")},
            "MILLSTREAM_DATABASE_URL": url,
            "COLUMNS": "240",
        }

    def knows_systems(self, crm_url=NOWHERE):
        """Settings name the house's store and CRM, and an ERP; only the CRM answers, if a URL is given."""
        store = {**STORE, **store_credentials(self.house.store_app), "base_url": NOWHERE}
        for name, section in {"store": store, "crm": {**CRM, "login_url": crm_url}, "erp": SAP}.items():
            self.env |= {f"MILLSTREAM_{name}__{key}".upper(): str(value) for key, value in section.items()}
        return self

    async def __call__(self, *args, stdin=None):
        raw = stdin.encode() if isinstance(stdin, str) else stdin
        told = await self._run([str(arg) for arg in args], raw)
        if self.house is not None:
            clock = self.house.world.clock
            clock.advance((datetime.now(UTC) - clock.now()).total_seconds() + 1)
        return told

    async def _run(self, args, stdin):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "millstream",
            *args,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.env,
        )
        out, err = await process.communicate(stdin)
        return process.returncode, out.decode(), err.decode()


class InnerShell(Shell):
    """The same in a thread of this process: half a second less for each command. What it would show, byte for byte."""

    async def _run(self, args, stdin):
        return await asyncio.to_thread(self.run, args, stdin)

    def run(self, args, stdin=None):
        """For tests without a loop."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        given = io.TextIOWrapper(io.BytesIO(stdin or b""), "utf-8")
        with (
            patch.dict(os.environ, self.env, clear=True),
            patch.multiple(sys, argv=["millstream", *args], stdin=given),
            patch.object(console, "_width", int(self.env["COLUMNS"])),  # a screen asks for it once, when it is made
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = self._code()
        return code, *(stream.buffer.getvalue().decode() for stream in (out, err) if stream.flush() is None)

    @staticmethod
    def _code():
        try:
            cli.main()
        except SystemExit as end:
            return end.code or 0
        return 0
