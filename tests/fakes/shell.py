"""The command line as an operator has it: another process, on the real clock."""

import asyncio
import os
import sys
from datetime import UTC, datetime


class Shell:
    """Runs `millstream ...` against a database; a house given along is brought to the operator's time afterwards."""

    def __init__(self, url, house=None):
        self.house = house
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("MILLSTREAM_")},
            "MILLSTREAM_DATABASE_URL": url,
            "COLUMNS": "240",
        }

    async def __call__(self, *args, stdin=None):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "millstream",
            *(str(arg) for arg in args),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.env,
        )
        out, err = await process.communicate(stdin.encode() if stdin else None)
        if self.house is not None:
            clock = self.house.world.clock
            clock.advance((datetime.now(UTC) - clock.now()).total_seconds() + 1)
        return process.returncode, out.decode(), err.decode()
