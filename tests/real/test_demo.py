"""`millstream demo --once`, as somebody types it: every system a process of its own, the sandbox S/4HANA as the ERP.

The demo with a real Tryton is the same play; it takes minutes the first time, and `make demo` runs it.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys

import pytest

from millstream.wire.http import AiohttpTransport, Request

pytestmark = pytest.mark.real

PATIENCE_S = 200
STORE = re.compile(r"Sandbox adobe_commerce answers at (\S+)")
LOST = "every placed order is in the ERP, in review with a reason, or cancelled"


class Demo:
    """One run, in a folder of its own."""

    def __init__(self, folder, orders):
        self.folder = folder
        self.figures = folder / "figures.json"
        self.orders = orders
        self.said = ""
        self._process = None

    async def __aenter__(self):
        words = ["demo", "--once", "--erp", "sap_s4hana", "--orders", self.orders, "--every", 0.2]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "millstream",
            *map(str, [*words, "--json", self.figures, "--dir", self.folder / "demo"]),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**{k: v for k, v in os.environ.items() if not k.startswith("MILLSTREAM_")}, "COLUMNS": "240"},
        )
        return self

    async def __aexit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)  # it ends its systems
        await self._process.communicate()

    async def store_url(self):
        """As soon as it is told."""
        async for line in self._process.stdout:
            self.said += line.decode()
            if found := STORE.search(self.said):
                return found[1]
        raise AssertionError(self.said)

    async def end(self):
        """The exit code, and the figures it wrote."""
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await self._process.communicate()
        self.said += said.decode()
        return self._process.returncode, json.loads(self.figures.read_text())


async def hide_an_order(store_url):
    """A shopper has ordered, and the hub will not hear of it: it leaves orders in this state alone."""
    transport = AiohttpTransport()
    wish = {"customer": 1, "lines": [{"sku": "OIL-1L", "qty": 1}], "state": "holded", "status": "holded"}
    try:
        answer = await transport.send(
            Request(
                method="POST",
                url=f"{store_url}/_sim/orders",
                headers={"content-type": "application/json"},
                body=json.dumps(wish).encode(),
            )
        )
    finally:
        await transport.close()
    assert answer.status == 200, answer.text()
    return answer.json()["increment_id"]


async def test_it_ends_well_only_if_every_check_holds(tmp_path):
    """Two runs side by side, since both wait for most of their time; in one, an order is lost."""
    (tmp_path / "well").mkdir()
    (tmp_path / "lossy").mkdir()
    async with Demo(tmp_path / "well", 4) as well, Demo(tmp_path / "lossy", 1) as lossy:
        hidden = await hide_an_order(await lossy.store_url())
        (good_code, good), (bad_code, bad) = await asyncio.gather(well.end(), lossy.end())

    assert good_code == 0, well.said
    assert good["all_checks_hold"] is True
    assert len(good["checks"]) > 10
    assert good["orders"] == 4
    assert good["by_state"] == {"delivered": 2, "confirmed": 1, "in review": 1}
    confirmed = good["placed_to_confirmed_by_erp"]["n"] + good["with_retry_or_review"]["n"]
    assert confirmed == 3
    assert 0 < good["systems_ready_s"] < good["first_confirmed_s"]
    assert "first order confirmed" in well.said
    assert f"✓ {LOST}: 4 of 4" in well.said

    assert bad_code == 1, lossy.said
    assert bad["all_checks_hold"] is False
    failed = {check["name"]: check["detail"] for check in bad["checks"] if not check["holds"]}
    assert failed == {LOST: hidden}
    assert f"✗ {LOST}: {hidden}" in lossy.said
