"""The whole product on one page: which event goes to whom.

Subscribers: `inbox` reads hinted orders · `erp`, `store`, `crm` are the three systems · `book` keeps the hub's books ·
`promise` watches dates. Each order has a lane per subscriber (first in, first out); the CRM's lanes are one per
customer, so every event for the CRM carries `customer_id`, and an order that waits there for a product has one of its
own. A subscriber that is down stops nobody else.
"""

from typing import Final

from millstream.domain import events
from millstream.engine.routes import Route
from millstream.flows.confirmation import (
    by_customer,
    by_incomplete_order,
    complete_purchase,
    confirm_in_store,
    record_purchase,
)
from millstream.flows.fulfilment import (
    book_reported_delivery,
    book_reported_shipment,
    delivered_in_crm,
    delivered_in_store,
    packed_in_crm,
    packed_in_store,
    ship_in_store,
    shipped_in_crm,
)
from millstream.flows.holding import by_hold, hold_in_store, unhold_in_store
from millstream.flows.intake import look_at_hinted_order
from millstream.flows.order_change import (
    cancel_in_erp,
    cancelled_by_erp,
    cancelled_in_crm,
    change_address_in_erp,
    rest_cancelled_by_erp,
    rest_cancelled_in_crm,
    rest_cancelled_in_store,
)
from millstream.flows.order_to_erp import order_to_erp
from millstream.flows.promise import (
    book_reported_promise,
    compare_promise,
    promise_changed_in_crm,
    promise_changed_in_store,
)

URGENT: Final = 10  # orders before everything
USUAL: Final = 50
BULK: Final = 90

ROUTES: Final[dict[str, tuple[Route, ...]]] = {
    events.ORDER_HINTED: (Route(subscriber="inbox", flow=look_at_hinted_order, priority=URGENT),),
    events.ORDER_PLACED: (Route(subscriber="erp", flow=order_to_erp, priority=URGENT),),
    events.ORDER_CANCELLED: (Route(subscriber="erp", flow=cancel_in_erp, priority=URGENT),),
    events.ORDER_ADDRESS_CHANGED: (Route(subscriber="erp", flow=change_address_in_erp, priority=URGENT),),
    events.ORDER_CONFIRMED: (
        Route(subscriber="store", flow=confirm_in_store, priority=URGENT),
        Route(subscriber="crm", flow=record_purchase, lane=by_customer),
    ),
    events.ORDER_INCOMPLETE_IN_CRM: (
        Route(subscriber="crm", flow=complete_purchase, lane=by_incomplete_order, priority=BULK),
    ),
    events.ORDER_SHIPMENT_REPORTED: (Route(subscriber="book", flow=book_reported_shipment),),
    events.ORDER_PACKED: (
        Route(subscriber="store", flow=packed_in_store),
        Route(subscriber="crm", flow=packed_in_crm, lane=by_customer),
    ),
    events.ORDER_SHIPPED: (
        Route(subscriber="store", flow=ship_in_store),
        Route(subscriber="crm", flow=shipped_in_crm, lane=by_customer),
    ),
    events.ORDER_TRACKED: (
        Route(subscriber="store", flow=ship_in_store),
        Route(subscriber="crm", flow=shipped_in_crm, lane=by_customer),
    ),
    events.ORDER_DELIVERED: (
        Route(subscriber="store", flow=delivered_in_store),
        Route(subscriber="crm", flow=delivered_in_crm, lane=by_customer),
    ),
    events.ORDER_DELIVERY_REPORTED: (Route(subscriber="book", flow=book_reported_delivery),),
    events.ORDER_RESCHEDULED: (Route(subscriber="promise", flow=compare_promise),),
    events.ORDER_PROMISE_REPORTED: (Route(subscriber="promise", flow=book_reported_promise),),
    events.ORDER_PROMISE_CHANGED: (
        Route(subscriber="store", flow=promise_changed_in_store),
        Route(subscriber="crm", flow=promise_changed_in_crm, lane=by_customer),
    ),
    events.ORDER_CANCELLED_BY_ERP: (Route(subscriber="book", flow=cancelled_by_erp),),
    events.ORDER_REST_CANCELLED_BY_ERP: (Route(subscriber="book", flow=rest_cancelled_by_erp),),
    events.ORDER_REST_CANCELLED: (
        Route(subscriber="store", flow=rest_cancelled_in_store),
        Route(subscriber="crm", flow=rest_cancelled_in_crm, lane=by_customer),
    ),
    events.ORDER_HOLD_WANTED: (Route(subscriber="store", flow=hold_in_store, lane=by_hold, priority=URGENT),),
    events.ORDER_UNHOLD_WANTED: (Route(subscriber="store", flow=unhold_in_store, lane=by_hold, priority=URGENT),),
    events.ORDER_CANCELLATION_CONFIRMED: (Route(subscriber="crm", flow=cancelled_in_crm, lane=by_customer),),
}
