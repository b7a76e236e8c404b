"""A house whose ERP is the real Tryton, spoken to over its socket; store, CRM and clock are the house's own."""

import asyncio
import itertools
import json
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import urlsplit

from fakes.house import House
from fakes.transport import AsgiTransport
from millstream.sandbox.tryton.seed import HUB_PASSWORD, HUB_USER
from millstream.sandbox.tryton.server import DATABASE, TrytonServer
from millstream.wire.http import AiohttpTransport, Request, Response, TransportError

_numbers = itertools.count(1)


def open_web_shop(server: TrytonServer) -> str:
    """A web shop of its own: two houses on one server see nothing of each other's orders."""
    admin = server.admin()
    ids, name = server.seeded, f"Shop of house {next(_numbers)}"
    values = {"name": name, "company": ids["company"], "currency": ids["currency"]["EUR"]}
    admin.create("web.shop", {**values, "warehouses": [["add", list(ids["warehouse"].values())]]})
    admin.close()
    return name


class Wires:
    """Everything over the house's own wires, and what goes to the ERP over the real one, until its plug is pulled.

    `pull` names a method: the server is killed while it works on the next call of it, or, with `after_s` None, when it
    has answered and the answer is on its way.
    """

    def __init__(self, inner: AsgiTransport, server: TrytonServer) -> None:
        self.inner = inner
        self.real = AiohttpTransport()
        self.pulled: list[str] = []
        self.refused = 0
        self.calls: Counter[str] = Counter()
        self._server = server
        self._host = urlsplit(server.base_url).netloc
        self._method = ""
        self._after_s: float | None = None

    def pull(self, method: str, *, after_s: float | None) -> None:
        self._method, self._after_s = method, after_s

    async def send(self, request: Request) -> Response:
        if urlsplit(request.url).netloc != self._host:
            return await self.inner.send(request)
        method = json.loads(request.body)["method"]
        self.calls[method] += 1
        if method == self._method:
            return await self._die_over(method, request)
        try:
            return await self.real.send(request)
        except TransportError:
            self.refused += 1
            raise

    async def _die_over(self, method: str, request: Request) -> Response:
        self._method = ""
        call = asyncio.create_task(self.real.send(request))
        await asyncio.wait([call], timeout=self._after_s)
        if self._after_s is not None:
            assert not call.done(), f"{method} was over before the server died"
        self.pulled.append(method)
        await asyncio.to_thread(self._server.kill)
        await asyncio.gather(call, return_exceptions=True)
        raise TransportError("the ERP died over it", sent=True) from call.exception()

    async def close(self) -> None:
        await self.real.close()


class TrytonHouse(House):
    """Begins today, as the real ERP does, and is the one writer it wants. `close` hangs up; the server lives on."""

    def __init__(self, database, server: TrytonServer, **policy) -> None:
        self.server = server
        section = {
            "kind": "tryton",
            "name": "erp",
            "base_url": server.base_url,
            "database": DATABASE,
            "user": HUB_USER,
            "password": HUB_PASSWORD,
            "web_shop": open_web_shop(server),
            "warehouse": "EAST",
        }
        super().__init__(database, erp=section, **policy)

    def build(self):
        if not isinstance(self.transport, Wires):
            self.transport = Wires(self.transport, self.server)
            clock = self.world.clock
            clock.advance((datetime.now(UTC) - clock.now()).total_seconds())
        return super().build()

    async def open(self) -> None:
        assert await self.hub.erp_role.acquire()

    async def close(self) -> None:
        await self.hub.erp_role.release()
        await self.transport.close()
