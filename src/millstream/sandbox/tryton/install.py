"""Installs the ERP into a virtual environment of its own. It is never imported: its licence is not ours."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
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


class InstallError(RuntimeError):
    """The environment could not be made; the message says what was tried and what to do."""


def install(folder: Path, say: Say) -> Path:
    """The environment's `bin` folder; made on the first call, found on every later one."""
    environment = folder / "venv"
    binaries = environment / ("Scripts" if os.name == "nt" else "bin")
    stamp = folder / "installed.txt"
    if stamp.exists() and stamp.read_text() == "\n".join(PINS) and (binaries / "trytond").exists():
        return binaries
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    say(f"Installing Tryton 8.2 into {environment} (once, about 100 MB; it runs as a program of its own)")
    pip = _make_environment(environment, binaries)
    run([*pip, "install", "--disable-pip-version-check", "--quiet", *PINS], timeout_s=INSTALL_TIMEOUT_S)
    stamp.write_text("\n".join(PINS))
    say(f"Tryton installed in {time.monotonic() - started:.0f} s")
    return binaries


def _make_environment(environment: Path, binaries: Path) -> list[str]:
    """Makes the virtual environment and returns the command that runs pip for it."""
    try:
        run([sys.executable, "-m", "venv", "--clear", str(environment)], timeout_s=INSTALL_TIMEOUT_S)
    except InstallError:
        # A Python without ensurepip (Debian without python3-venv): borrow this environment's own pip instead.
        run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(environment)], timeout_s=INSTALL_TIMEOUT_S)
        return [sys.executable, "-m", "pip", "--python", str(binaries / "python")]
    return [str(binaries / "python"), "-m", "pip"]


def run(command: list[str], *, timeout_s: float, extra_environment: dict[str, str] | None = None) -> str:
    """Runs a program to its end; raises InstallError with the end of what it said."""
    environment = {**os.environ, **(extra_environment or {})}
    try:
        done = subprocess.run(  # noqa: S603 - our own fixed command lines, no shell
            command, capture_output=True, text=True, timeout=timeout_s, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{command[0]} could not finish: {error}") from error
    output = done.stdout + done.stderr
    if done.returncode:
        raise InstallError(f"`{' '.join(command[:4])} ...` ended with {done.returncode}:\n{output[-OUTPUT_TAIL:]}")
    return output
