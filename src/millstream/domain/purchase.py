"""What the CRM is told about an order."""

from datetime import date, datetime

import msgspec

from millstream.domain.order import OrderLine, SalesOrder
from millstream.domain.values import Money


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase of one customer; recording it again changes nothing.

    `lifetime_value` is the customer's absolute total so far in `order_total`'s currency, this order included:
    absolute, so that writing it twice adds nothing.
    """

    order_key: str
    order_number: str
    erp_number: str
    customer_id: str  # hub id
    purchased_at: datetime
    lines: tuple[OrderLine, ...]
    order_total: Money
    lifetime_value: Money
    orders_count: int
    expected_ship_date: date | None
    order: SalesOrder | None = None  # the whole order, for what is laid over the connector's own mapping


class CrmCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """An account in the CRM. `hub_id` is None until the hub wrote its key there."""

    crm_id: str
    name: str
    hub_id: str | None = None
