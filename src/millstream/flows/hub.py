"""What every flow is given."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from millstream.domain.order import SalesOrder
from millstream.ports.commerce import CommercePort
from millstream.ports.crm import CrmPort
from millstream.ports.erp import ErpPort
from millstream.ports.records import Records
from millstream.ports.world import World


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The merchant's decisions."""

    price_tolerance_percent: Decimal = Decimal(1)
    check_prices: bool = True
    unknown_customer: str = "review"  # "review": a human links or creates it · "create": the hub creates the account
    confirmed_status: str | None = None  # store status written with the ERP number, e.g. "processing"
    notify_customer: bool = True
    language: str = "en"  # what shoppers are told in, unless their store view says otherwise
    languages: Mapping[str, str] = {}  # store view id -> language

    def language_of(self, order: SalesOrder) -> str:
        """The language of the store view the order was placed in."""
        return self.languages.get(order.store_view_id, self.language)


class Hub(msgspec.Struct, frozen=True, kw_only=True):
    """The systems, the books, the world and the merchant's policy."""

    store: CommercePort
    erp: ErpPort
    crm: CrmPort
    records: Records
    world: World
    policy: Policy = Policy()
