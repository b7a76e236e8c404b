"""Accounts that a customer may be: a few queries, for a person to choose from."""

import re
from collections.abc import Sequence
from typing import Final

from millstream.connectors.salesforce.api import Api
from millstream.connectors.salesforce.mapping import Json, quoted, select
from millstream.connectors.salesforce.settings import Fields
from millstream.domain.names import LEGAL_FORMS, domain_of
from millstream.domain.party import CrmAccount, CrmContact, StatedCustomer
from millstream.ports.crm import Lookalikes

ACCOUNTS_MAX: Final = 100
CONTACTS_MAX: Final = 200  # whose address leads to an account
CONTACTS_READ_MAX: Final = 1000  # of all accounts found together
WORDS_MAX: Final = 2  # the longest words of the firm's name are looked for
WORD_BEGINS: Final = 4  # letters of each: what follows may be mistyped
OPERATION: Final = "customer.candidates"
_ID: Final = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_WORD: Final = re.compile(r"[^\W_]{3,}")
_DOMAIN: Final = re.compile(r"[a-z0-9.-]+")  # nothing that LIKE takes for a wildcard


class AccountSearch:
    """See `ports.crm.CustomerSearch`."""

    def __init__(self, api: Api, fields: Fields) -> None:
        self._api = api
        self._fields = fields

    async def candidates(self, stated: StatedCustomer) -> Lookalikes:
        """See CustomerSearch. Four queries, whatever there is."""
        people = await self._people(stated)
        with self._api.reading(OPERATION):
            owners = list(dict.fromkeys(str(row["AccountId"]) for row in people))
        found = await self._accounts(alike(stated, self._fields))
        complete = len(people) < CONTACTS_MAX and len(found) < ACCOUNTS_MAX
        with self._api.reading(OPERATION):
            known = {str(row["Id"]) for row in found}
        missing = [one for one in owners if one not in known]
        if missing:
            found += await self._accounts(f"Id IN ({', '.join(map(quoted, missing[:ACCOUNTS_MAX]))})")
        contacts = await self._contacts(found)
        complete = complete and len(missing) <= ACCOUNTS_MAX and len(contacts) < CONTACTS_READ_MAX
        with self._api.reading(OPERATION):
            accounts = tuple(account_from(row, contacts, self._fields) for row in found)
        return Lookalikes(accounts=accounts, complete=complete)

    async def read_account(self, crm_id: str) -> CrmAccount | None:
        """See CustomerSearch. Whatever has not the shape of an id names nothing."""
        if _ID.fullmatch(crm_id) is None:
            return None
        found = await self._accounts(f"Id = {quoted(crm_id)}")
        contacts = await self._contacts(found)
        with self._api.reading(OPERATION):
            return account_from(found[0], contacts, self._fields) if found else None

    async def _people(self, stated: StatedCustomer) -> list[Json]:
        tests = [f"Email = {quoted(stated.email.strip())}"] if stated.email.strip() else []
        domain = domain_of(stated.email)
        if domain is not None and _DOMAIN.fullmatch(domain):
            tests.append(f"Email LIKE {quoted('%@' + domain)}")
        if not tests:
            return []
        where = f"AccountId != null AND ({' OR '.join(tests)})"
        query = select(("AccountId",), "Contact", where, f"ORDER BY AccountId LIMIT {CONTACTS_MAX}")
        return await self._api.query(query, operation=OPERATION)

    async def _accounts(self, where: str) -> list[Json]:
        columns = ["Id", "Name", self._fields.account_key, "AccountNumber", "Phone", "Website"]
        columns += ["BillingStreet", "BillingPostalCode", "BillingCity", "BillingCountry"]
        columns += [self._fields.account_vat_id] if self._fields.account_vat_id else []
        query = select(columns, "Account", where, f"ORDER BY Id LIMIT {ACCOUNTS_MAX}")
        return await self._api.query(query, operation=OPERATION)

    async def _contacts(self, accounts: Sequence[Json]) -> list[Json]:
        if not accounts:
            return []
        with self._api.reading(OPERATION):
            ids = ", ".join(quoted(str(row["Id"])) for row in accounts)
        columns = ("AccountId", "FirstName", "LastName", "Email", "Phone")
        query = select(columns, "Contact", f"AccountId IN ({ids})", f"ORDER BY AccountId LIMIT {CONTACTS_READ_MAX}")
        return await self._api.query(query, operation=OPERATION)


def alike(stated: StatedCustomer, fields: Fields) -> str:
    """The test for accounts that carry its key or tax id, or beginnings of the firm's words in their name."""
    tests = [f"{fields.account_key} = {quoted(stated.hub_id)}"]
    if stated.vat_id and fields.account_vat_id:
        tests.append(f"{fields.account_vat_id} = {quoted(stated.vat_id.strip())}")
    words = {word for company in stated.companies for word in _WORD.findall(company)}
    telling = sorted(
        (word for word in words if word.casefold() not in LEGAL_FORMS), key=lambda word: (-len(word), word)
    )
    tests += [f"Name LIKE {quoted(f'%{word[:WORD_BEGINS]}%')}" for word in telling[:WORDS_MAX]]
    return " OR ".join(tests)


def account_from(row: Json, contacts: Sequence[Json], fields: Fields) -> CrmAccount:
    """One account row with those of the contacts that are its own."""
    return CrmAccount(
        crm_id=str(row["Id"]),
        name=row["Name"] or "",
        hub_id=row.get(fields.account_key) or None,
        number=row.get("AccountNumber") or None,
        vat_id=(row.get(fields.account_vat_id) or None) if fields.account_vat_id else None,
        phone=row.get("Phone") or None,
        website=row.get("Website") or None,
        street=row.get("BillingStreet") or None,
        postcode=row.get("BillingPostalCode") or None,
        city=row.get("BillingCity") or None,
        country=row.get("BillingCountry") or None,
        contacts=tuple(
            CrmContact(
                name=" ".join(part for part in (one.get("FirstName"), one.get("LastName")) if part),
                email=one.get("Email") or None,
                phone=one.get("Phone") or None,
            )
            for one in contacts
            if one["AccountId"] == row["Id"]
        ),
    )
