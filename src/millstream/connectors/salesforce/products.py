"""Which price book entry a product code means, remembered for a while."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from millstream.connectors.salesforce.api import Api
from millstream.connectors.salesforce.mapping import Json, PricebookEntry, pricebook_entries
from millstream.connectors.salesforce.settings import SalesforceSettings
from millstream.ports.world import Clock

CODES_PER_QUERY: Final = 100  # keeps the URL below 16,000 characters
REMEMBERED_MAX: Final = 50_000
UNKNOWN_TTL_S: Final = 60.0  # a product that somebody is adding just now is found soon


class Products:
    """Resolves product codes with one query for all that are not remembered. Salesforce compares them without case."""

    def __init__(self, api: Api, settings: SalesforceSettings, *, clock: Clock) -> None:
        self._api = api
        self._settings = settings
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[PricebookEntry | None, datetime]] = {}

    async def resolve(self, codes: Iterable[str], *, currency: str, anew: bool = False) -> dict[str, PricebookEntry]:
        """The entries that exist, by product code in lower case. `anew`: what was unknown is asked for again."""
        if self._settings.pricebook == "none":
            return {}
        now = self._clock.now()
        if len(self._known) > REMEMBERED_MAX:
            self._known.clear()
        wanted = list(dict.fromkeys(code.lower() for code in codes))
        fresh = [code for code in wanted if self._is_fresh((code, currency), now, anew=anew)]
        found = {code: self._known[code, currency][0] for code in fresh}
        stale = [code for code in wanted if code not in found]
        for start in range(0, len(stale), CODES_PER_QUERY):
            found |= await self._ask(stale[start : start + CODES_PER_QUERY], currency)
        return {code: entry for code, entry in found.items() if entry is not None}

    async def _ask(self, codes: list[str], currency: str) -> dict[str, PricebookEntry | None]:
        rows = await self._api.query(pricebook_entries(codes, self._settings, currency), operation="products.find")
        with self._api.reading("products.find"):
            # A product code is not unique in Salesforce: the oldest entry wins, always the same one.
            by_code = {
                _code(row): PricebookEntry(id=str(row["Id"]), pricebook_id=str(row["Pricebook2Id"]))
                for row in reversed(rows)
            }
        found: dict[str, PricebookEntry | None] = {}
        for code in codes:
            found[code] = by_code.get(code)
            ttl_s = self._settings.products_ttl_s
            lifetime_s = ttl_s if found[code] else min(UNKNOWN_TTL_S, ttl_s)
            self._known[code, currency] = (found[code], self._clock.now() + timedelta(seconds=lifetime_s))
        return found

    def _is_fresh(self, key: tuple[str, str], now: datetime, *, anew: bool) -> bool:
        entry, until = self._known.get(key, (None, now))
        return until > now and not (anew and entry is None)


def _code(row: Json) -> str:
    return str((row.get("Product2") or {}).get("ProductCode") or "").lower()
