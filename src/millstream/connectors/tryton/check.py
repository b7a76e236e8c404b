"""What `millstream doctor` shows of a Tryton connection: each red line says what to change."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from millstream.connectors.tryton.client import UNREADABLE, TrytonClient
from millstream.connectors.tryton.fields import DROP_SHIPMENTS, look_up, module_of
from millstream.connectors.tryton.masters import MasterRecords
from millstream.connectors.tryton.settings import TrytonSettings
from millstream.domain.errors import Failure, Reject
from millstream.ports.finding import Finding
from millstream.ports.world import Clock
from millstream.wire.misread import reading

SERIES: Final = "8."
FISCAL_YEAR_AHEAD: Final = timedelta(days=30)


class Check:
    """Looks at everything an order will need, in the order in which one thing makes the next possible."""

    def __init__(self, client: TrytonClient, records: MasterRecords, settings: TrytonSettings, *, clock: Clock) -> None:
        self._client = client
        self._records = records
        self._settings = settings
        self._clock = clock

    async def findings(self) -> Sequence[Finding]:
        """Never raises: a failure is a finding, and what would fail for the same reason is not asked."""
        looks: tuple[tuple[str, Callable[[], Awaitable[Finding | str]]], ...] = (
            ("log in", self._version),
            ("read every field it needs", self._fields),
            ("find what orders refer to", self._masters),
            ("ship what is made or bought for an order", self._drop_shipment),
            ("invoice in an open fiscal year", self._fiscal_years),
        )
        findings: list[Finding] = []
        for what, look in looks:
            try:
                seen = await look()
            except Failure as failure:
                findings.append(Finding(what=what, ok=False, detail=str(failure), fix=_fix(failure)))
                break
            findings.append(seen if isinstance(seen, Finding) else Finding(what=what, ok=True, detail=seen))
        return findings

    async def _version(self) -> str:
        version = await self._client.server_version()
        context = await self._client.context()
        note = "" if version.startswith(SERIES) else f"; this connector is made for series {SERIES}x"
        return f"Tryton {version} as {self._settings.user}, company {context['company']}{note}"

    async def _fields(self) -> Finding | str:
        found = await look_up(self._client)
        if not found.missing:
            return f"all {len(found.present)} fields are there"
        names = sorted(found.missing)
        return Finding(
            what="read every field it needs",
            ok=False,
            detail="Tryton lacks " + ", ".join(f"{name} (module {module_of(name) or 'unknown'})" for name in names),
            fix=f"activate in Tryton: {', '.join(module for module in found.modules if module)}",
            missing=tuple(names),
        )

    async def _masters(self) -> str:
        masters = await self._records.masters()
        return f"web shop {self._settings.web_shop}, warehouse {masters.warehouse_code}, services and taxes are there"

    async def _drop_shipment(self) -> Finding | str:
        """Beside production this module makes lines wait for a drop shipment that nobody makes."""
        if (await look_up(self._client, [DROP_SHIPMENTS])).missing:
            return "no module for drop shipments is in the way"
        return Finding(
            what="ship what is made or bought for an order",
            ok=False,
            detail="the module sale_supply_drop_shipment is active: lines made for an order or taken from stock first "
            "get no shipment there, and no error",
            fix="deactivate sale_supply_drop_shipment in Tryton, or use a database without it",
        )

    async def _fiscal_years(self) -> str:
        """Without a fiscal year confirming fails, typically on the first working day of January."""
        context = await self._client.context()
        years = await self._client.search_read(
            "account.fiscalyear", [["company", "=", context["company"]]], ("start_date", "end_date")
        )
        today = self._clock.now().date()
        for day in (today, today + FISCAL_YEAR_AHEAD):
            with reading(self._client.system, "fiscal years", code=UNREADABLE):
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
