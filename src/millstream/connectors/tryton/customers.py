"""The customer of an order as party and addresses of the ERP: found by code, made once."""

from typing import Final

from millstream.connectors.tryton.client import TrytonClient
from millstream.connectors.tryton.mapping import (
    Parties,
    address_values,
    party_code,
    party_values,
    same_address,
)
from millstream.connectors.tryton.masters import MasterRecords
from millstream.connectors.tryton.shape import Row
from millstream.domain.errors import Reject
from millstream.domain.order import Address, SalesOrder

ADDRESS_FIELDS: Final = ("party", "party_name", "attn", "street", "postal_code", "city", "country")
PARTY_FIELDS: Final = ("active", "replaced_by", "customer_payment_term")


class Customers:
    """Finds or makes the party of an order, and any address of it."""

    def __init__(self, client: TrytonClient, records: MasterRecords) -> None:
        self._client = client
        self._records = records

    async def parties_of(self, order: SalesOrder, *, customer_id: str, key: str) -> Parties:
        """Ids of party, bill-to and ship-to address. One party per customer id, one address per wording."""
        ship_to = order.ship_to or order.bill_to
        countries = await self._records.countries({order.bill_to.country, ship_to.country})
        wanted = [address_values(address, countries) for address in dict.fromkeys((order.bill_to, ship_to))]
        code = party_code(customer_id)
        party = await self._find(code)
        if party is None:
            await self._make(party_values(order.customer, code=code, addresses=wanted), code=code, key=key)
            party = await self._find(code)
        if party is None:
            raise Reject("erp.customer_invisible", f"Party {code} was made, but the hub's user cannot read it")
        ids = await self._address_ids(party["id"], wanted, key=key)
        return Parties(party=party["id"], bill_to=ids[0], ship_to=ids[-1], payment_term=party["customer_payment_term"])

    async def address_id(self, party: int, address: Address, *, key: str) -> int:
        """The id of one address of a party, made if it is new."""
        countries = await self._records.countries({address.country})
        ids = await self._address_ids(party, [address_values(address, countries)], key=key)
        return ids[0]

    async def _find(self, code: str) -> Row | None:
        rows = await self._client.search_read(
            "party.party", [["code", "=", code]], PARTY_FIELDS, context={"active_test": False}
        )
        if not rows:
            return None
        if not rows[0]["active"]:
            raise Reject(
                "erp.customer_inactive",
                f"Party {code} is inactive in Tryton"
                + (" and was merged into another" if rows[0]["replaced_by"] else "")
                + "; reactivate it or link the customer to another",
                field="customer",
            )
        return rows[0]

    async def _make(self, values: Row, *, code: str, key: str) -> None:
        """Makes the party. When somebody else made it at the same time, the unique code decides, and theirs is used."""
        try:
            await self._client.create("party.party", [values], key=f"{key}/party")
        except Reject:
            if await self._find(code) is None:
                raise

    async def _address_ids(self, party: int, wanted: list[Row], *, key: str) -> list[int]:
        known = await self._client.search_read("party.address", [["party", "=", party]], ADDRESS_FIELDS)
        found = [next((row["id"] for row in known if same_address(row, values)), None) for values in wanted]
        missing = [values for values, known_id in zip(wanted, found, strict=True) if known_id is None]
        made = iter(
            await self._client.create(
                "party.address", [{**values, "party": party} for values in missing], key=f"{key}/address"
            )
            if missing
            else []
        )
        return [known_id if known_id is not None else next(made) for known_id in found]
