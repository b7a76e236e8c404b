"""Whether a draft or quotation that an earlier attempt left behind still says what the order says now."""

from collections.abc import Mapping
from typing import Final

from millstream.connectors.tryton.client import UNREADABLE, TrytonClient
from millstream.connectors.tryton.customers import ADDRESS_FIELDS
from millstream.connectors.tryton.mapping import (
    address_values,
    description_of,
    party_code,
    plain,
    same_address,
)
from millstream.connectors.tryton.masters import MasterRecords
from millstream.connectors.tryton.reading import acknowledgement
from millstream.connectors.tryton.shape import Row
from millstream.domain.errors import Retry
from millstream.domain.order import SalesOrder
from millstream.wire.misread import reading

SIDES: Final = ("invoice_address", "shipment_address")
WORDING_FIELDS: Final = (
    *("party.code", "description", "comment"),
    *(f"{side}.{field}" for side in SIDES for field in ADDRESS_FIELDS),
)


class Wording:
    """Compares sales with orders. Taxes and prices are left to people, as long as they come to the order's total."""

    def __init__(self, client: TrytonClient, records: MasterRecords) -> None:
        self._client = client
        self._records = records

    async def agrees(self, sale: Row, order: SalesOrder, *, customer_id: str) -> bool:
        """Whether goods, total, customer, addresses and words of a sale are those of the order."""
        with reading(self._client.system, "sale.sale", code=UNREADABLE):
            if not _same_goods(sale, order):
                return False
        rows = await self._client.search_read("sale.sale", [["id", "=", sale["id"]]], WORDING_FIELDS)
        if not rows:
            raise Retry("erp.order_missing", f"Sale {sale['id']} was deleted in Tryton meanwhile")
        countries = await self._records.countries({order.bill_to.country, (order.ship_to or order.bill_to).country})
        return _same_words(rows[0], order, party=party_code(customer_id), countries=countries)


def _same_goods(sale: Row, order: SalesOrder) -> bool:
    if sale["total_amount"] != order.totals.grand_total.amount or sale["currency."]["code"] != order.currency:
        return False
    there = acknowledgement(sale, order=order)
    sold = {line.line_id: line.sku for line in there.lines}
    return (
        all(change.path.endswith(".ship_date") for change in there.changes)
        and sold.keys() == {line.id for line in order.lines}
        and all(sold[line.id] in line.skus for line in order.lines)
    )


def _same_words(row: Row, order: SalesOrder, *, party: str, countries: Mapping[str, int]) -> bool:
    """What people added to the comment is theirs."""
    if (row["party."] or {}).get("code") != party or plain(row["description"]) != plain(description_of(order)):
        return False
    if plain(order.note) not in plain(row["comment"]):
        return False
    wanted = (order.bill_to, order.ship_to or order.bill_to)
    return all(
        row[f"{side}."] is not None and same_address(row[f"{side}."], address_values(address, countries))
        for side, address in zip(SIDES, wanted, strict=True)
    )
