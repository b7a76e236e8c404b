"""Installs the ERP into a virtual environment of its own. It is never imported: its licence is not ours."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

Say = Callable[[str], None]

MODULES: Final = (
    "sale_supply_production",
    "sale_credit_limit",
    "web_shop",
    "stock_supply_production",
    "stock_package_shipping",
)
PINS: Final = (
    "trytond==8.2.1",
    "trytond_account==8.2.1",
    "trytond_account_credit_limit==8.2.0",
    "trytond_account_invoice==8.2.0",
    "trytond_account_invoice_stock==8.2.0",
    "trytond_account_product==8.2.0",
    "trytond_carrier==8.2.0",
    "trytond_company==8.2.0",
    "trytond_country==8.2.0",
    "trytond_currency==8.2.0",
    "trytond_party==8.2.0",
    "trytond_product==8.2.0",
    "trytond_product_measurements==8.2.0",
    "trytond_production==8.2.0",
    "trytond_purchase==8.2.0",
    "trytond_purchase_request==8.2.0",
    "trytond_sale==8.2.0",
    "trytond_sale_credit_limit==8.2.0",
    "trytond_sale_supply==8.2.0",
    "trytond_sale_supply_production==8.2.0",
    "trytond_stock==8.2.1",
    "trytond_stock_package==8.2.0",
    "trytond_stock_package_shipping==8.2.0",
    "trytond_stock_shipment_cost==8.2.0",
    "trytond_stock_shipment_measurements==8.2.0",
    "trytond_stock_supply==8.2.0",
    "trytond_stock_supply_production==8.2.0",
    "trytond_web_shop==8.2.0",
    "trytond_web_user==8.2.0",
)
INSTALL_TIMEOUT_S: Final = 900
OUTPUT_TAIL: Final = 1500
LINE_MAX: Final = 100
TELL_EVERY_S: Final = 5.0


class InstallError(RuntimeError):
    """The environment could not be made; the message says what was tried and what to do."""


def installed(folder: Path) -> Path | None:
    """The environment's `bin` folder, if what is wanted is in it."""
    binaries, stamp = _binaries(folder), folder / "installed.txt"
    complete = stamp.exists() and stamp.read_text() == "\n".join(PINS) and (binaries / "trytond").exists()
    return binaries if complete else None


def _binaries(folder: Path) -> Path:
    return folder / "venv" / ("Scripts" if os.name == "nt" else "bin")


def install(folder: Path, say: Say) -> Path:
    """The environment's `bin` folder; made on the first call, found on every later one."""
    found = installed(folder)
    if found is not None:
        return found
    environment, binaries = folder / "venv", _binaries(folder)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    say(f"Installing Tryton 8.2 into {environment} (once, about 100 MB; it runs as a program of its own)")
    pip = _make_environment(environment, binaries, say)
    words = ("install", "--disable-pip-version-check", "--progress-bar", "off")
    run(
        [*pip, *words, *PINS],
        timeout_s=INSTALL_TIMEOUT_S,
        say=say,
        look=lambda line: f"{_in_place(environment)} packages in place: {line}",
    )
    (folder / "installed.txt").write_text("\n".join(PINS))
    say(f"Tryton installed in {time.monotonic() - started:.0f} s")
    return binaries


def _make_environment(environment: Path, binaries: Path, say: Say) -> list[str]:
    """Makes the virtual environment and returns the command that runs pip for it."""
    try:
        run([sys.executable, "-m", "venv", "--clear", str(environment)], timeout_s=INSTALL_TIMEOUT_S, say=say)
    except InstallError:
        # A Python without ensurepip (Debian without python3-venv): borrow this environment's own pip instead.
        bare = [sys.executable, "-m", "venv", "--clear", "--without-pip", str(environment)]
        run(bare, timeout_s=INSTALL_TIMEOUT_S, say=say)
        return [sys.executable, "-m", "pip", "--python", str(binaries / "python")]
    return [str(binaries / "python"), "-m", "pip"]


def run(
    command: list[str],
    *,
    timeout_s: float,
    say: Say,
    look: Callable[[str], str] = str.strip,
    extra_environment: dict[str, str] | None = None,
) -> str:
    """Runs a program to its end; raises InstallError with the end of what it said.

    Every few seconds says how far it is: what `look` makes of the last line the program wrote.
    """
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(extra_environment or {})}
    with tempfile.TemporaryFile() as said:
        try:
            with progress(say, lambda: look(_last_line(said.fileno()))[:LINE_MAX]):
                done = subprocess.run(  # noqa: S603 - our own fixed command lines, no shell
                    command, stdout=said, stderr=said, timeout=timeout_s, check=False, env=environment
                )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InstallError(f"{command[0]} could not finish: {error}") from error
        said.seek(0)
        output = said.read().decode(errors="replace")
    if done.returncode:
        raise InstallError(f"`{' '.join(command[:4])} ...` ended with {done.returncode}:\n{output[-OUTPUT_TAIL:]}")
    return output


@contextmanager
def progress(say: Say, look: Callable[[], str]) -> Iterator[None]:
    """While something takes long: says every few seconds since when, and what `look` sees of it."""
    ended = threading.Event()
    started = time.monotonic()

    def tell() -> None:
        while not ended.wait(TELL_EVERY_S):
            say(f"… {time.monotonic() - started:.0f} s: {look()}")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def _last_line(output: int) -> str:
    """The last line a program wrote so far, read beside it: the program's place in the file is its own."""
    size = os.fstat(output).st_size
    lines = os.pread(output, OUTPUT_TAIL, max(size - OUTPUT_TAIL, 0)).decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "nothing said yet")


def _in_place(environment: Path) -> int:
    return sum(1 for _ in environment.glob("lib/*/site-packages/*.dist-info"))
