"""A real Tryton for tests: installed and seeded once per checkout, started once per run."""

import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from fakes.tap import RecordingTap
from millstream.connectors.tryton import SPEC
from millstream.domain.order import Address, Adjustment, Customer, OrderLine, SalesOrder, Totals
from millstream.domain.values import Money, Quantity
from millstream.engine.world import SystemWorld
from millstream.sandbox.tryton.rpc import Rpc
from millstream.sandbox.tryton.seed import HUB_PASSWORD, HUB_USER, WEB_SHOP
from millstream.sandbox.tryton.server import DATABASE, TrytonServer, free_port
from millstream.wire.http import AiohttpTransport, Request, Response, TransportError
from millstream.wire.kit import WireKit

FOLDER = Path(os.environ.get("MILLSTREAM_TRYTON_DIR") or Path(__file__).parents[2] / ".millstream" / "tryton")
PRICES = {
    "VALVE-050": "89.90",
    "PUMP-100": "1250.00",
    "PUMP-CFG": "3100.00",
    "SENSOR-P": "210.00",
    "GASKET-10": "12.50",
}


def start(data: Path) -> TrytonServer:
    server = TrytonServer(FOLDER, port=free_port(), data=data, say=lambda _: None)
    server.start(fresh=True)
    return server


def people(server: TrytonServer) -> Rpc:
    """A client for warehouse and planner, who are no administrators."""
    rpc = Rpc(port=server.port, database=DATABASE)
    rpc.login(HUB_USER, HUB_PASSWORD)
    return rpc


class LossyTransport:
    """Performs requests for real and loses the answer of the next one whose method matches."""

    def __init__(self) -> None:
        self.inner = AiohttpTransport()
        self.lose: str | None = None
        self.lose_nth_write: int | None = None
        self.methods: list[str] = []

    async def send(self, request: Request) -> Response:
        method = (request.body or b"").split(b'"method": "', 1)[-1].split(b'"', 1)[0].decode()
        self.methods.append(method)
        response = await self.inner.send(request)
        if self._is_lost(method):
            raise TransportError("the answer was lost", sent=True)
        return response

    def _is_lost(self, method: str) -> bool:
        if self.lose and method == self.lose:
            self.lose = None
            return True
        harmless = method.endswith(("read", "login", "get_preferences")) or method.startswith("wizard.")
        if self.lose_nth_write is not None and (not harmless or method.endswith(".execute")):
            self.lose_nth_write -= 1
            return self.lose_nth_write == 0
        return False

    async def close(self) -> None:
        await self.inner.close()


class Desk:
    """A connector on the real server, with the transport and tap it uses."""

    def __init__(self, server: TrytonServer, **changed) -> None:
        self.transport = LossyTransport()
        self.tap = RecordingTap()
        settings = {
            "base_url": server.base_url,
            "database": DATABASE,
            "user": HUB_USER,
            "password": HUB_PASSWORD,
            "web_shop": WEB_SHOP,
            "warehouse": "EAST",
            "tax_names": {"19": "VAT 19 %", "8.25": "Sales tax 8.25 %"},
        } | changed
        kit = WireKit(transport=self.transport, world=SystemWorld(), tap=self.tap)
        self.erp = SPEC.open("erp", SPEC.settings(**settings), kit)

    async def close(self) -> None:
        await self.transport.close()


def address(**changed) -> Address:
    values = {"name": "Jane Miller", "street": ("100 Main St",), "city": "Austin", "region_code": "TX"}
    return Address(**(values | {"postcode": "78701", "country": "US", "email": "jane@acme.example"} | changed))


def order(key: str, *lines, currency="EUR", shipping="12.50", tax_percent=None, off="0", adjustments=(), **changed):
    """An order that closes to the cent; each line is (sku, quantity) or (sku, quantity, price, discount)."""
    cent = Decimal("0.01")
    rows, nets, taxes = [], Decimal(0), Decimal(0)
    for n, (sku, quantity, *rest) in enumerate(lines, 1):
        price = Decimal(rest[0] if rest else PRICES[sku])
        discount = Decimal(rest[1] if len(rest) > 1 else "0")
        net = (price * quantity - discount).quantize(cent)
        tax = (net * Decimal(tax_percent or 0) / 100).quantize(cent)
        nets, taxes = nets + net, taxes + tax
        rows.append(
            OrderLine(
                id=f"{n}01",
                sku=sku,
                name=sku.title(),
                quantity=Quantity(Decimal(quantity)),
                unit_price=Money(price, currency),
                discount=Money(discount, currency),
                net=Money(net, currency),
                tax=Money(tax, currency),
                tax_percent=None if tax_percent is None else Decimal(tax_percent),
                ship_item_id=f"{n}01",
            )
        )
    ship = Decimal(shipping)
    taxes += (ship * Decimal(tax_percent or 0) / 100).quantize(cent)
    extra = [Adjustment(code=code, label=code, amount=Money(Decimal(a), currency)) for code, a in adjustments]
    total = nets + ship + taxes + sum(a.amount.amount for a in extra) + Decimal(off)
    values = {
        "key": key,
        "store": "store",
        "store_view_id": "1",
        "store_order_id": key,
        "number": key,
        "state": "processing",
        "status": "processing",
        "placed_at": datetime.now(UTC),
        "currency": currency,
        "customer": Customer(store_customer_id="7", email="jane@acme.example", name="Jane Miller"),
        "bill_to": address(),
        "ship_to": address(),
        "lines": tuple(rows),
        "totals": Totals(
            subtotal=Money(nets, currency),
            discount=Money.zero(currency),
            shipping=Money(ship, currency),
            tax=Money(taxes, currency),
            grand_total=Money(total, currency),
            adjustments=tuple(extra),
        ),
    }
    return SalesOrder(**(values | changed))
