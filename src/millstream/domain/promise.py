"""Every date ever promised."""

from datetime import date, datetime

import msgspec


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """One promised ship date for an order (`line_id` None) or one of its lines; `ship_date` None = date unknown."""

    order_key: str
    line_id: str | None
    ship_date: date | None
    reason: str
    promised_by: str  # the system that said so
    promised_at: datetime
