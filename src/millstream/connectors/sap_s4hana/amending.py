"""Cancelling and redirecting orders, as long as nothing of them is under way."""

from typing import Final

from millstream.connectors.sap_s4hana.client import DELIVERIES, SALES, S4HanaClient
from millstream.connectors.sap_s4hana.documents import Documents
from millstream.connectors.sap_s4hana.mapping import address_body, same_address
from millstream.connectors.sap_s4hana.odata import entity
from millstream.connectors.sap_s4hana.orders import Orders
from millstream.connectors.sap_s4hana.reading import View, delivery_state, is_cancelled
from millstream.connectors.sap_s4hana.rows import SalesOrder
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.errors import Conflict, Reject, Retry
from millstream.domain.order import Address

LOOKS_MAX: Final = 4


class Amendments:
    """Each step looks at the order as it is now, so whatever died half-way goes on."""

    def __init__(self, client: S4HanaClient, documents: Documents, orders: Orders, settings: S4HanaSettings) -> None:
        self._client = client
        self._documents = documents
        self._orders = orders
        self._settings = settings

    async def cancel_order(self, order_key: str, *, key: str) -> bool:
        """See OrderDesk. Rejects every item; deliveries nobody began to pick are deleted first."""
        met: Conflict | None = None
        for _ in range(LOOKS_MAX):
            found = await self._orders.documents_of(order_key)
            if not found:
                return False
            try:
                if await self._all_cancelled(found, key=key):
                    return True
            except Conflict as conflict:
                met = conflict
        raise met or Retry("erp.still_changing", f"Order {order_key} is being changed in SAP all the time", after_s=5.0)

    async def _all_cancelled(self, found: list[SalesOrder], *, key: str) -> bool:
        """True: nothing was left to do. False: something was done, look again."""
        living = [order for order in found if not is_cancelled(order)]
        views = await self._documents.views(living)
        for view in views:
            _refuse_if_under_way(view)
        for view in views:
            for delivery in view.deliveries:
                path = entity("A_OutbDeliveryHeader", DeliveryDocument=delivery.delivery_document)
                await self._client.delete(DELIVERIES, path, version=delivery.version, key=f"{key}/delivery")
            await self._orders.set_aside(view.order, reason=self._settings.cancel_reason, key=key)
        return not living

    async def change_address(self, order_key: str, ship_to: Address, *, key: str) -> None:
        """See OrderDesk. A delivery keeps the address it was made with, so it is too late once there is one."""
        body = address_body(ship_to)
        met: Conflict | None = None
        for _ in range(LOOKS_MAX):
            found = await self._orders.documents_of(order_key)
            if not found:
                raise Retry("erp.order_missing", f"SAP has no order {order_key} yet")
            order = self._orders.chosen(found)
            if self._goes_there(order, body):
                return
            if is_cancelled(order) or order.deliveries:
                why = f"Delivery {', '.join(order.deliveries)} exists" if order.deliveries else "The order is cancelled"
                raise Reject("order.too_late", f"{why} in SAP: ask the warehouse", field="ship_to")
            path = entity(
                "A_SalesOrderPartnerAddress",
                SalesOrder=order.sales_order,
                PartnerFunction=self._settings.ship_to_function,
                AddressRepresentationCode="",
            )
            try:
                await self._client.change(SALES, path, body, version=order.version, key=key)
            except Conflict as conflict:
                met = conflict
            else:
                return
        raise met or Retry("erp.still_changing", f"Order {order_key} is being changed in SAP all the time", after_s=5.0)

    def _goes_there(self, order: SalesOrder, body: dict[str, str]) -> bool:
        ship_to = [one for one in order.partners if one.partner_function == self._settings.ship_to_function]
        return bool(ship_to) and same_address(ship_to[0].address, body)


def _refuse_if_under_way(view: View) -> None:
    picked = [one.delivery_document for one in view.deliveries if delivery_state(one) != "planned"]
    made = [one.manufacturing_order for one in view.work if one.is_under_way]
    if picked or made:
        reason = f"delivery {', '.join(picked)} is picked" if picked else f"work order {', '.join(made)} is confirmed"
        raise Reject("order.too_late", f"Order {view.order.sales_order} cannot be cancelled any more: {reason}")
