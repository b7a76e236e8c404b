"""One SAP S/4HANA connection behind the ERP port."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Self

from millstream.connectors.sap_s4hana.amending import Amendments
from millstream.connectors.sap_s4hana.client import DELIVERIES, PARTNERS, PRODUCTION, PRODUCTS, SALES, S4HanaClient
from millstream.connectors.sap_s4hana.customers import Customers
from millstream.connectors.sap_s4hana.documents import Documents
from millstream.connectors.sap_s4hana.feed import Feed
from millstream.connectors.sap_s4hana.odata import text
from millstream.connectors.sap_s4hana.orders import Orders
from millstream.connectors.sap_s4hana.overlay import outbound
from millstream.connectors.sap_s4hana.products import Products
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.errors import Failure, Reject
from millstream.domain.order import Address, SalesOrder
from millstream.ports.erp import ErpChangePage, ErpItem
from millstream.ports.finding import Finding
from millstream.ports.positions import Rewound
from millstream.wire.kit import WireKit

LOOKED_AT: Final = (
    (PRODUCTS, "A_Product", "Product"),
    (PRODUCTION, "A_ProductionOrder_2", "ManufacturingOrder"),
    (DELIVERIES, "A_OutbDeliveryHeader", "DeliveryDocument"),
    (PARTNERS, "A_BuPaIdentification", "BusinessPartner"),
)


class S4Hana:
    """Orders in, answers out, and what happens in plant and warehouse."""

    one_writer = False

    def __init__(self, name: str, settings: S4HanaSettings, kit: WireKit) -> None:
        self.name = name
        self._settings = settings
        self._client = S4HanaClient(name, settings, kit)
        documents = Documents(self._client, settings)
        self._customers = Customers(self._client, settings)
        self._products = Products(self._client, settings, clock=kit.world.clock)
        overlay = kit.overlays.lay_over(outbound(name, settings))
        self._orders = Orders(self._client, documents, self._customers, self._products, settings, overlay)
        self._amendments = Amendments(self._client, documents, self._orders, settings)
        self._feed = Feed(self._client, documents, settings, clock=kit.world.clock)

    @classmethod
    def open(cls, name: str, settings: S4HanaSettings, kit: WireKit) -> Self:
        """The port of one connection. Nothing is sent before it is first used."""
        return cls(name, settings, kit)

    async def find_items(
        self, skus: Sequence[str], *, currency: str, quantities: Mapping[str, Decimal]
    ) -> Mapping[str, ErpItem]:
        """See OrderDesk. List prices, which here do not depend on quantity."""
        return await self._products.find_items({*skus, *quantities}, currency=currency)

    async def place_order(self, order: SalesOrder, *, customer_id: str, key: str) -> Acknowledgement:
        """See OrderDesk."""
        return await self._orders.place_order(order, customer_id=customer_id, key=key)

    async def read_order(self, order_key: str) -> Acknowledgement | None:
        """See OrderDesk."""
        return await self._orders.read_order(order_key)

    async def cancel_order(self, order_key: str, *, reason: str, key: str) -> bool:
        """See OrderDesk. SAP's reasons are codes: the settings name the one for cancellations in the store."""
        del reason
        return await self._amendments.cancel_order(order_key, key=key)

    async def change_address(self, order_key: str, ship_to: Address, *, key: str) -> None:
        """See OrderDesk."""
        await self._amendments.change_address(order_key, ship_to, key=key)

    async def changes(self, cursor: dict[str, Any] | None) -> ErpChangePage:
        """See ErpFeed."""
        return await self._feed.changes(cursor)

    def rewound(self, cursor: dict[str, Any], to: datetime) -> Rewound:
        """See Rewindable."""
        return self._feed.rewound(cursor, to)

    async def check(self) -> Sequence[Finding]:
        """See ErpPort."""
        looks: list[tuple[str, Callable[[], Awaitable[str]]]] = [
            ("log in and read sales orders", self._check_orders),
            ("reach the other services", self._check_services),
            ("find the default customer", self._check_customer),
        ]
        findings = []
        for what, look in looks:
            try:
                findings.append(Finding(what=what, ok=True, detail=await look()))
            except Failure as failure:
                findings.append(Finding(what=what, ok=False, detail=str(failure), fix=_fix(failure)))
                break
        return findings

    async def _check_orders(self) -> str:
        area = f"SalesOrganization eq {text(self._settings.sales_organization)}"
        query = {"$filter": area, "$top": "1", "$select": "SalesOrder"}
        rows = await self._client.read(SALES, "A_SalesOrder", query)
        user = self._settings.username if self._settings.auth == "basic" else self._settings.client_id
        orders = "there are orders" if rows else "no order yet"
        return f"as {user}; sales organization {self._settings.sales_organization}: {orders}"

    async def _check_services(self) -> str:
        for service, path, key in LOOKED_AT:
            await self._client.read(service, path, {"$top": "1", "$select": key})
        return ", ".join(service for service, _, _ in LOOKED_AT)

    async def _check_customer(self) -> str:
        named = self._settings.default_customer
        if named is None:
            return "none is named: orders of customers without a number in SAP are held"
        try:
            await self._customers.checked(named)
        except Reject as refusal:
            raise Reject(refusal.code, refusal.message, field="default_customer") from refusal
        return f"{named} may be sold to"


def _fix(failure: Failure) -> str:
    field = getattr(failure, "field", None)
    return f"correct the setting {field}" if field else "see the message"
