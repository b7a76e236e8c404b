"""Ids of the records every order refers to: looked up by name once, remembered for as long as the process lives."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from millstream.connectors.tryton.client import UNREADABLE, TrytonClient
from millstream.connectors.tryton.mapping import Masters
from millstream.connectors.tryton.settings import TrytonSettings
from millstream.domain.errors import Reject
from millstream.wire.misread import reading

PRODUCT_FIELDS: Final = ("code", "name", "active", "salable", "type", "lead_time", "sale_uom.digits", "sale_price_uom")


class MasterRecords:
    """Reads master records and remembers those that were found; a missing one is looked up again next time."""

    def __init__(self, client: TrytonClient, settings: TrytonSettings) -> None:
        self._client = client
        self._settings = settings
        self._masters: Masters | None = None
        self._currencies: dict[str, int] = {}
        self._countries: dict[str, int] = {}

    async def masters(self) -> Masters:
        """Raises Reject("erp.master_missing") naming the setting that points nowhere."""
        if self._masters is None:
            settings = self._settings
            term = settings.payment_term
            self._masters = Masters(
                web_shop=await self._one("web.shop", "name", settings.web_shop, "web_shop"),
                warehouse=await self._warehouse(),
                warehouse_code=settings.warehouse,
                payment_term=None if term is None else await self._term(term),
                services=await self._services(),
                taxes=await self._taxes(),
            )
        return self._masters

    async def currency(self, code: str) -> int:
        """The currency's id. Raises Reject("erp.currency_unknown")."""
        if code not in self._currencies:
            rows = await self._client.search_read("currency.currency", [["code", "=", code]], ["code"])
            if not rows:
                raise Reject("erp.currency_unknown", f"Tryton has no currency {code}; add it there", field="currency")
            self._currencies[code] = rows[0]["id"]
        return self._currencies[code]

    async def countries(self, codes: Iterable[str]) -> Mapping[str, int]:
        """Ids by ISO code. Raises Reject("erp.country_unknown") for one that Tryton lacks."""
        missing = sorted({code for code in codes if code and code not in self._countries})
        if missing:
            rows = await self._client.search_read("country.country", [["code", "in", missing]], ["code"])
            with self._reading("countries"):
                self._countries.update({row["code"]: row["id"] for row in rows})
        for code in missing:
            if code not in self._countries:
                raise Reject(
                    "erp.country_unknown", f"Tryton has no country {code}; import the countries there", field="country"
                )
        return self._countries

    def _reading(self, what: str) -> AbstractContextManager[None]:
        return reading(self._client.system, what, code=UNREADABLE)

    async def _one(self, model: str, field: str, value: str, setting: str) -> int:
        rows = await self._client.search_read(model, [[field, "=", value]], [field])
        if not rows:
            raise _missing(setting, value)
        found: int = rows[0]["id"]
        return found

    async def _warehouse(self) -> int:
        domain = [["type", "=", "warehouse"], ["code", "=", self._settings.warehouse]]
        rows = await self._client.search_read("stock.location", domain, ["code"])
        if not rows:
            raise _missing("warehouse", self._settings.warehouse)
        found: int = rows[0]["id"]
        return found

    async def _term(self, name: str) -> int:
        return await self._one("account.invoice.payment_term", "name", name, "payment_term")

    async def _services(self) -> Mapping[str, tuple[int, int]]:
        settings = self._settings
        named = {
            settings.shipping_product: "shipping_product",
            settings.rounding_product: "rounding_product",
            settings.adjustment_product: "adjustment_product",
        }
        if settings.tax_product:
            named[settings.tax_product] = "tax_product"
        rows = await self._client.search_read("product.product", [["code", "in", list(named)]], ["code", "sale_uom"])
        with self._reading("service products"):
            found = {row["code"]: (row["id"], row["sale_uom"]) for row in rows}
        for code, setting in named.items():
            if code not in found:
                raise _missing(setting, code)
        return found

    async def _taxes(self) -> Mapping[str, int]:
        names = self._settings.tax_names
        if not names:
            return {}
        domain = [["name", "in", sorted(set(names.values()))], ["parent", "=", None]]
        rows: list[dict[str, Any]] = await self._client.search_read("account.tax", domain, ["name"])
        with self._reading("taxes"):
            ids = {row["name"]: row["id"] for row in rows}
        for name in names.values():
            if name not in ids:
                raise _missing("tax_names", name)
        return {percent: ids[name] for percent, name in names.items()}


def _missing(setting: str, value: str) -> Reject:
    return Reject(
        "erp.master_missing",
        f"Tryton has no active record {value!r}, which the setting {setting} names; create it there or correct it here",
        field=setting,
    )
