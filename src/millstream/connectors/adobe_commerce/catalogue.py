"""Which SKU a product has, by its id: looked up once, remembered."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from millstream.connectors.adobe_commerce.client import Client
from millstream.connectors.adobe_commerce.criteria import IN_LIST_MAX
from millstream.domain.errors import Reject
from millstream.ports.tap import Tap
from millstream.ports.world import Clock

SKUS_KEPT_MAX: Final = 10_000
REFUSAL_KEPT: Final = timedelta(minutes=5)  # then somebody may have given the permission


class Catalogue:
    """The store's products, as far as SKUs are asked for."""

    def __init__(self, client: Client, *, clock: Clock, tap: Tap) -> None:
        self._client = client
        self._clock = clock
        self._tap = tap
        self._skus: dict[str, str] = {}  # by product id
        self._refused_until: datetime | None = None

    async def skus(self, product_ids: Collection[str]) -> Mapping[str, str]:
        """The SKUs of these products, by id. Raises Retry.

        A product that was deleted is left out; so are all that are not known yet while the store refuses to show any.
        """
        if len(self._skus) > SKUS_KEPT_MAX:
            self._skus.clear()
        unknown = sorted(set(product_ids) - self._skus.keys())
        if unknown and not self._is_refused():
            await self._learn(unknown)
        return {each: self._skus[each] for each in self._skus.keys() & product_ids}

    def _is_refused(self) -> bool:
        return self._refused_until is not None and self._clock.now() < self._refused_until

    async def _learn(self, product_ids: list[str]) -> None:
        try:
            for start in range(0, len(product_ids), IN_LIST_MAX):
                found = await self._client.products(product_ids[start : start + IN_LIST_MAX], fields="id,sku")
                self._skus |= {str(each["id"]): str(each["sku"]) for each in found if {"id", "sku"} <= each.keys()}
        except Reject as refusal:
            self._refused_until = self._clock.now() + REFUSAL_KEPT
            self._tap.note("catalogue_skus.not_read", system=self._client.system, code=refusal.code)
