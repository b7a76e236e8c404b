"""One Tryton connection behind the ERP port."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, Self

from millstream.connectors.tryton.client import UNREADABLE, TrytonClient
from millstream.connectors.tryton.feed import Feed
from millstream.connectors.tryton.masters import MasterRecords
from millstream.connectors.tryton.orders import Orders
from millstream.connectors.tryton.overlay import outbound
from millstream.connectors.tryton.settings import TrytonSettings
from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.errors import Failure, Reject
from millstream.domain.order import Address, SalesOrder
from millstream.ports.erp import ErpChangePage, ErpItem
from millstream.ports.finding import Finding
from millstream.wire.kit import WireKit
from millstream.wire.misread import reading

SERIES: Final = "8."
FISCAL_YEAR_AHEAD: Final = timedelta(days=30)


class Tryton:
    """Orders in, answers out, and what happens in plant and warehouse."""

    one_writer = True

    def __init__(self, name: str, settings: TrytonSettings, kit: WireKit) -> None:
        self.name = name
        self._settings = settings
        self._clock = kit.world.clock
        self._client = TrytonClient(name, settings, kit)
        self._records = MasterRecords(self._client, settings)
        self._orders = Orders(self._client, self._records, settings, kit.overlays.lay_over(outbound(name, settings)))
        self._feed = Feed(self._client, self._records, settings, clock=kit.world.clock)

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

    async def check(self) -> Sequence[Finding]:
        """See ErpPort."""
        findings = []
        looks = (
            ("log in", self._check_version),
            ("find what orders refer to", self._check_masters),
            ("invoice in an open fiscal year", self._check_fiscal_years),
        )
        for what, look in looks:
            try:
                findings.append(Finding(what=what, ok=True, detail=await look()))
            except Failure as failure:
                findings.append(Finding(what=what, ok=False, detail=str(failure), fix=_fix(failure)))
                break
        return findings

    async def _check_version(self) -> str:
        version = await self._client.server_version()
        context = await self._client.context()
        note = "" if version.startswith(SERIES) else f"; this connector is made for series {SERIES}x"
        return f"Tryton {version} as {self._settings.user}, company {context['company']}{note}"

    async def _check_masters(self) -> str:
        masters = await self._records.masters()
        return f"web shop {self._settings.web_shop}, warehouse {masters.warehouse_code}, services and taxes are there"

    async def _check_fiscal_years(self) -> str:
        """Without a fiscal year confirming fails, typically on the first working day of January."""
        context = await self._client.context()
        years = await self._client.search_read(
            "account.fiscalyear", [["company", "=", context["company"]]], ("start_date", "end_date")
        )
        today = self._clock.now().date()
        for day in (today, today + FISCAL_YEAR_AHEAD):
            with reading(self.name, "fiscal years", code=UNREADABLE):
                covered = any(year["start_date"] <= day <= year["end_date"] for year in years)
            if not covered:
                raise Reject(
                    "erp.no_fiscal_year",
                    f"Tryton has no fiscal year for {day}: orders of that day will fail; create it there",
                )
        return f"fiscal years cover today and the next {FISCAL_YEAR_AHEAD.days} days"


def _fix(failure: Failure) -> str:
    field = getattr(failure, "field", None)
    return f"correct the setting {field}" if field else "see the message"
