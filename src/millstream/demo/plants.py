"""The ERP of the demo: a real Tryton, or the sandbox SAP S/4HANA; each with its people and its settings."""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Protocol

from millstream.sandbox import sap_s4hana
from millstream.sandbox.sap_s4hana import people as s4hana_people
from millstream.sandbox.sap_s4hana.seed import CHANNEL, DIVISION, MAIN_PLANT, PLANTS, SALES_ORGANIZATION, WEB_CUSTOMER
from millstream.sandbox.tryton.people import Planner, Warehouse
from millstream.sandbox.tryton.rpc import Rpc, RpcError
from millstream.sandbox.tryton.seed import HUB_PASSWORD, HUB_USER, WEB_SHOP
from millstream.sandbox.tryton.server import DATABASE, TrytonServer, free_port

BUSY: Final = (RpcError,)  # what the people of a plant meet when the ERP is busy with the hub's orders


class Plant(Protocol):
    """Warehouse and planner at work in the ERP, so that what they do reaches the hub only through it."""

    async def ship(self, order_key: str, tracking_number: str) -> None:
        """Pick, pack, ship, done."""
        ...

    async def postpone(self, order_key: str, days: int) -> None:
        """Moves the order's work orders by some days."""
        ...

    async def sales(self) -> list[dict[str, Any]]:
        """Every order the store sent: web_id (the order key), number, state, total_amount."""
        ...


class ErpHouse(Protocol):
    """An ERP that can be started and ended."""

    base_url: str
    first_order_max_s: float  # from the start of a demo until the ERP has the first order, once nothing is installed

    @property
    def installed(self) -> bool:
        """Whether it can be started as it is; else the first start installs it and takes its time."""
        ...

    async def start(self) -> None:
        """Returns when it answers."""
        ...

    async def stop(self) -> None:
        """Ends it."""
        ...

    def settings(self) -> str:
        """The [erp] section of millstream.toml."""
        ...

    async def plant(self) -> Plant:
        """Its people."""
        ...


class TrytonPlant:
    """People in a real Tryton, through its own API."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._warehouse = Warehouse(rpc)
        self._planner = Planner(rpc)

    async def ship(self, order_key: str, tracking_number: str) -> None:
        """See Plant."""
        await asyncio.to_thread(self._warehouse.deliver, order_key, tracking_number)

    async def postpone(self, order_key: str, days: int) -> None:
        """See Plant."""
        await asyncio.to_thread(self._postpone, order_key, days)

    def _postpone(self, order_key: str, days: int) -> None:
        for number in self._planner.work_orders(order_key):
            row = self._rpc.find("production", [["id", "=", number]], ["planned_date"])[0]
            planned = row["planned_date"] or dt.datetime.now(dt.UTC).date()
            self._planner.reschedule(number, planned + dt.timedelta(days=days))

    async def sales(self) -> list[dict[str, Any]]:
        """See Plant."""
        fields = ["web_id", "number", "state", "total_amount", "shipment_state"]
        return await asyncio.to_thread(self._rpc.find, "sale.sale", [["web_id", "!=", None]], fields)


class TrytonHouse:
    """The real ERP, in a virtual environment and a process of its own."""

    first_order_max_s = 30.0

    def __init__(self, folder: Path, *, say: Callable[[str], None]) -> None:
        self._say = say
        self._server = TrytonServer(folder.parent / "tryton", port=free_port(), data=folder / "erp", say=say)
        self.base_url = self._server.base_url

    @property
    def installed(self) -> bool:
        """See ErpHouse."""
        return self._server.prepared

    async def start(self) -> None:
        """See ErpHouse."""
        started = time.monotonic()
        await asyncio.to_thread(self._server.start, fresh=True)
        self._say(f"Tryton ERP (real, own process) answers at {self.base_url} · {time.monotonic() - started:.1f} s")

    async def stop(self) -> None:
        """See ErpHouse."""
        await asyncio.to_thread(self._server.stop)

    def settings(self) -> str:
        """See ErpHouse."""
        return f"""[erp]
kind = "tryton"
name = "erp"
base_url = "{self.base_url}"
database = "{DATABASE}"
user = "{HUB_USER}"
password = "{HUB_PASSWORD}"
web_shop = "{WEB_SHOP}"
warehouse = "EAST"
"""

    async def plant(self) -> Plant:
        """See ErpHouse."""
        return await asyncio.to_thread(self._open_plant)

    def _open_plant(self) -> TrytonPlant:
        rpc = Rpc(port=self._server.port, database=DATABASE)
        rpc.login(HUB_USER, HUB_PASSWORD)
        return TrytonPlant(rpc)


class S4HanaPlant:
    """People in the sandbox SAP, through its own door."""

    def __init__(self, base_url: str) -> None:
        self._plant = s4hana_people.Plant(base_url)
        self._warehouse = s4hana_people.Warehouse(self._plant)
        self._planner = s4hana_people.Planner(self._plant)

    async def ship(self, order_key: str, tracking_number: str) -> None:
        """See Plant."""
        await asyncio.to_thread(self._warehouse.deliver, order_key, tracking_number)

    async def postpone(self, order_key: str, days: int) -> None:
        """See Plant."""
        await asyncio.to_thread(self._postpone, order_key, days)

    def _postpone(self, order_key: str, days: int) -> None:
        for number in self._planner.work_orders(order_key):
            self._planner.reschedule(number, self._planner.planned_date(number) + dt.timedelta(days=days))

    async def sales(self) -> list[dict[str, Any]]:
        """See Plant."""
        return await asyncio.to_thread(self._plant.sales)


class S4HanaHouse:
    """The sandbox SAP S/4HANA, started like the other sandbox systems."""

    first_order_max_s = 10.0
    installed = True

    def __init__(self, launch: Callable[[str], Awaitable[str]]) -> None:
        self._launch = launch
        self.base_url = ""

    async def start(self) -> None:
        """See ErpHouse."""
        self.base_url = await self._launch("sap_s4hana")

    async def stop(self) -> None:
        """See ErpHouse. Ended with the other sandbox systems."""

    def settings(self) -> str:
        """See ErpHouse."""
        warehouses = ", ".join(f'"{plant}" = "{code}"' for code, plant in PLANTS.items())
        return f"""[erp]
kind = "sap_s4hana"
name = "erp"
base_url = "{self.base_url}"
username = "{sap_s4hana.USER}"
password = "{sap_s4hana.PASSWORD}"
sales_organization = "{SALES_ORGANIZATION}"
distribution_channel = "{CHANNEL}"
division = "{DIVISION}"
plant = "{MAIN_PLANT}"
warehouses = {{ {warehouses} }}
default_customer = "{WEB_CUSTOMER}"
deliveries_every_s = 1
"""

    async def plant(self) -> Plant:
        """See ErpHouse."""
        return S4HanaPlant(self.base_url)
