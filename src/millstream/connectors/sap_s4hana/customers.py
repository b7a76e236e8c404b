"""The customer of an order as SAP's business partner: named by the settings or found by its number. Never made here."""

from millstream.connectors.sap_s4hana import odata
from millstream.connectors.sap_s4hana.client import PARTNERS, UNREADABLE, S4HanaClient
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.errors import Reject
from millstream.wire.misread import reading


class Customers:
    """Finds sold-to parties. Customer master data has an owner in SAP: the hub only refers to it."""

    def __init__(self, client: S4HanaClient, settings: S4HanaSettings) -> None:
        self._client = client
        self._settings = settings

    async def sold_to(self, customer_id: str) -> str:
        """The SAP customer. Raises Reject("erp.customer_unknown") or ("erp.customer_blocked")."""
        named = self._settings.customers.get(customer_id)
        if named is not None:
            return named
        partner = await self._partner(customer_id)
        if partner is not None:
            return await self.checked(partner)
        if self._settings.default_customer:
            return self._settings.default_customer
        raise Reject(
            "erp.customer_unknown",
            f"SAP has no business partner with the number {customer_id} of type {self._settings.identification_type}. "
            "Add that number to the customer there, or name the customer in the settings (customers, default_customer)",
            field="customer",
        )

    async def checked(self, partner: str) -> str:
        """The customer number of a partner that may be sold to."""
        query = {"$filter": f"BusinessPartner eq {odata.text(partner)}"}
        rows = await self._client.read(PARTNERS, "A_BusinessPartner", query)
        with reading(self._client.system, "A_BusinessPartner", code=UNREADABLE):
            customer = str(rows[0]["Customer"] or "") if rows else ""
            blocked = bool(rows and rows[0]["BusinessPartnerIsBlocked"])
        if blocked or not customer:
            reason = "is blocked" if blocked else "has no customer role"
            raise Reject(
                "erp.customer_blocked",
                f"Business partner {partner} {reason} in SAP; mend it there, then retry",
                field="customer",
            )
        return customer

    async def _partner(self, customer_id: str) -> str | None:
        kind = odata.text(self._settings.identification_type)
        wanted = f"BPIdentificationType eq {kind} and BPIdentificationNumber eq {odata.text(customer_id)}"
        rows = await self._client.read(PARTNERS, "A_BuPaIdentification", {"$filter": wanted})
        with reading(self._client.system, "A_BuPaIdentification", code=UNREADABLE):
            partners = {str(row["BusinessPartner"]) for row in rows}
        if len(partners) > 1:
            raise Reject(
                "erp.customer_ambiguous",
                f"Business partners {', '.join(sorted(partners))} share the number {customer_id}; let one keep it",
                field="customer",
            )
        return partners.pop() if partners else None
