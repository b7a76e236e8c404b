"""The calls, and nothing but the calls: what they mean is decided elsewhere."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Literal

import msgspec

from millstream.connectors.adobe_commerce.criteria import Filter, Group, search_query
from millstream.connectors.adobe_commerce.endpoint import Endpoint
from millstream.connectors.adobe_commerce.feed import SORT
from millstream.connectors.adobe_commerce.members import dicts_in
from millstream.connectors.adobe_commerce.refusals import meaning_of
from millstream.domain.errors import Failure, Reject
from millstream.ports.world import Clock
from millstream.wire.connection import AuthExpired, Connection
from millstream.wire.http import Request, Response

JSON: Final = "application/json"
SHIPMENTS_MAX: Final = 100  # shipments of one order


class Client:
    """One method per REST call. Raises Retry, Reject and, for calls that must not be repeated blindly, Unknown."""

    def __init__(self, connection: Connection, endpoint: Endpoint, *, clock: Clock, timeout_s: float) -> None:
        self.system = connection.system
        self.governor = connection.governor
        self._connection = connection
        self._endpoint = endpoint
        self._clock = clock
        self._timeout_s = timeout_s

    # --- reading ---

    async def search_orders(self, groups: Sequence[Group], *, page_size: int) -> dict[str, Any]:
        """One page, oldest change first."""
        query = search_query("orders", groups, sort=SORT, page_size=page_size)
        return _object(await self._get("orders", "orders.search", query))

    async def order(self, store_order_id: str) -> dict[str, Any]:
        """One order as it is now."""
        return _object(await self._get(f"orders/{id_number(store_order_id)}", "order.read"))

    async def comments(self, store_order_id: str) -> list[dict[str, Any]]:
        """Every comment of one order."""
        return _items(await self._get(f"orders/{id_number(store_order_id)}/comments", "comments.read"))

    async def shipments_of(self, store_order_id: str) -> list[dict[str, Any]]:
        """The shipments of one order."""
        group = (Filter("order_id", "eq", id_number(store_order_id)),)
        query = search_query("shipments", [group], sort=("entity_id",), page_size=SHIPMENTS_MAX)
        return _items(await self._get("shipments", "shipments.search", query))

    async def shipment(self, shipment_id: str) -> dict[str, Any]:
        """One shipment."""
        return _object(await self._get(f"shipment/{id_number(shipment_id)}", "shipment.read"))

    async def products(self, product_ids: Sequence[str], *, fields: str) -> list[dict[str, Any]]:
        """The named members of some products, found by id: a SKU in a path is trouble."""
        group = (Filter("entity_id", "in", ",".join(product_ids)),)
        query = search_query("products", [group], page_size=len(product_ids), fields=f"items[{fields}]")
        return _items(await self._get("products", "products.search", query))

    async def any_of(self, entity: Literal["orders", "shipments", "products"]) -> None:
        """One row at most, to see whether this may be read at all."""
        query = search_query(entity, [(Filter("entity_id", "gt", "0"),)], page_size=1)
        _object(await self._get(entity, f"{entity}.search", query))

    async def store_configs(self) -> list[dict[str, Any]]:
        """The store views with their settings; answers any token that may read stores."""
        return _items(await self._get("store/storeConfigs", "stores.read"))

    async def sources(self) -> list[dict[str, Any]]:
        """Inventory sources."""
        query = search_query("inventory/sources", [], page_size=100)
        return _items(await self._get("inventory/sources", "sources.search", query))

    # --- writing ---

    async def update_order(self, entity: dict[str, Any], *, key: str) -> None:
        """Sets columns of an existing order. The answer is a half-loaded order and is ignored.

        Without `entity_id` the store would insert a new, empty order.
        """
        assert entity.get("entity_id"), "an order without entity_id would be inserted"
        await self._post("orders", "order.update", {"entity": entity}, key=key)

    async def add_comment(self, store_order_id: str, history: dict[str, Any], *, key: str) -> None:
        """A comment; not idempotent."""
        path = f"orders/{id_number(store_order_id)}/comments"
        await self._post(path, "order.comment", {"statusHistory": history}, key=key, repeatable=False)

    async def ship(self, store_order_id: str, body: dict[str, Any], *, key: str) -> str:
        """Makes a shipment and returns its id, which comes as a string or a number; not idempotent."""
        path = f"order/{id_number(store_order_id)}/ship"
        return str(await self._post(path, "order.ship", body, key=key, repeatable=False))

    async def add_track(self, entity: dict[str, Any], *, key: str) -> None:
        """One more tracking number on a shipment; not idempotent."""
        await self._post("shipment/track", "shipment.track", {"entity": entity}, key=key, repeatable=False)

    async def hold(self, store_order_id: str, *, key: str) -> None:
        """Reject when it cannot be held, also when it is held already."""
        await self._post(f"orders/{id_number(store_order_id)}/hold", "order.hold", None, key=key)

    async def unhold(self, store_order_id: str, *, key: str) -> None:
        """Reject when it is not on hold."""
        await self._post(f"orders/{id_number(store_order_id)}/unhold", "order.unhold", None, key=key)

    async def cancel(self, store_order_id: str, *, key: str) -> bool:
        """False, with status 200, when the store did not cancel."""
        answer = await self._post(f"orders/{id_number(store_order_id)}/cancel", "order.cancel", None, key=key)
        return answer is True or answer == "true"

    # --- the way out ---

    async def _get(self, path: str, operation: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        request = self._request("GET", self._endpoint.url(path, query))
        return await self._send(request, operation, key=None, repeatable=True)

    async def _post(
        self, path: str, operation: str, body: dict[str, Any] | None, *, key: str, repeatable: bool = True
    ) -> Any:
        request = self._request("POST", self._endpoint.url(path), body)
        return await self._send(request, operation, key=key, repeatable=repeatable)

    def _request(self, method: str, url: str, body: dict[str, Any] | None = None) -> Request:
        headers = {"Accept": JSON, "User-Agent": "Millstream", **self._endpoint.headers()}
        if body is not None:
            headers["Content-Type"] = JSON
        content = None if body is None else msgspec.json.encode(body)
        return Request(method=method, url=url, headers=headers, body=content, timeout_s=self._timeout_s)

    async def _send(self, request: Request, operation: str, *, key: str | None, repeatable: bool) -> Any:
        answer: Any = None

        def classify(response: Response, key: str | None) -> Failure | AuthExpired | None:
            nonlocal answer
            if 200 <= response.status < 300:
                with suppress(msgspec.DecodeError):  # a page of a hundred orders is decoded once
                    answer = response.json()
                    return None
            return meaning_of(
                response,
                system=self.system,
                operation=operation,
                key=key,
                repeatable=repeatable,
                now=self._clock.now(),
            )

        await self._connection.send(request, operation=operation, classify=classify, key=key, repeatable=repeatable)
        return answer


def id_number(store_id: str) -> str:
    """An id the store's paths accept. Numbers only: anything else would become a different path."""
    if not (store_id.isascii() and store_id.isdigit()):
        raise Reject("commerce.bad_id", f"{store_id[:40]!r} is no id of this store: it must be a number.", field="id")
    return store_id


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise Reject("commerce.unexpected", f"The store answered {str(answer)[:80]!r} where an object was expected.")
    return answer


def _items(answer: Any) -> list[dict[str, Any]]:
    """The rows of a list or a search answer; null stands for none."""
    rows = answer.get("items") if isinstance(answer, dict) else answer
    return dicts_in(rows)
