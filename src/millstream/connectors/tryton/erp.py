"""One Tryton connection behind the ERP port."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from millstream.connectors.tryton.check import Check
from millstream.connectors.tryton.client import TrytonClient
from millstream.connectors.tryton.feed import Feed, rewound
from millstream.connectors.tryton.masters import MasterRecords
from millstream.connectors.tryton.orders import Orders
from millstream.connectors.tryton.overlay import outbound
from millstream.connectors.tryton.settings import TrytonSettings
from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.order import Address, SalesOrder
from millstream.ports.erp import ErpChangePage, ErpItem
from millstream.ports.finding import Finding
from millstream.ports.positions import Rewound
from millstream.wire.kit import WireKit


class Tryton:
    """Orders in, answers out, and what happens in plant and warehouse."""

    one_writer = True

    def __init__(self, name: str, settings: TrytonSettings, kit: WireKit) -> None:
        self.name = name
        self._settings = settings
        self._clock = kit.world.clock
        self._client = TrytonClient(name, settings, kit)
        self._records = MasterRecords(self._client, settings)
        overlay = kit.overlays.lay_over(outbound(name, settings))
        self._orders = Orders(self._client, self._records, settings, overlay, clock=self._clock)
        self._feed = Feed(self._client, self._records, settings, clock=self._clock)
        self._check = Check(self._client, self._records, settings, clock=self._clock)

    @classmethod
    def open(cls, name: str, settings: TrytonSettings, kit: WireKit) -> Self:
        """The port of one connection. Nothing is sent before it is first used."""
        return cls(name, settings, kit)

    async def find_items(
        self, skus: Sequence[str], *, currency: str, quantities: Mapping[str, Decimal]
    ) -> Mapping[str, ErpItem]:
        """See OrderDesk."""
        return await self._orders.find_items(skus, currency=currency, quantities=quantities)

    async def place_order(self, order: SalesOrder, *, customer_id: str, key: str) -> Acknowledgement:
        """See OrderDesk."""
        return await self._orders.place_order(order, customer_id=customer_id, key=key)

    async def read_order(self, order_key: str) -> Acknowledgement | None:
        """See OrderDesk."""
        return await self._orders.read_order(order_key)

    async def cancel_order(self, order_key: str, *, reason: str, key: str) -> bool:
        """See OrderDesk. Tryton keeps no reason with a cancelled order; the hub's own record has it."""
        del reason
        return await self._orders.cancel_order(order_key, key=key)

    async def change_address(self, order_key: str, ship_to: Address, *, key: str) -> None:
        """See OrderDesk."""
        await self._orders.change_address(order_key, ship_to, key=key)

    async def changes(self, cursor: dict[str, Any] | None) -> ErpChangePage:
        """See ErpFeed."""
        return await self._feed.changes(cursor)

    def rewound(self, cursor: dict[str, Any], to: datetime) -> Rewound:
        """See Rewindable."""
        return rewound(cursor, to)

    async def check(self) -> Sequence[Finding]:
        """See ErpPort."""
        return await self._check.findings()
