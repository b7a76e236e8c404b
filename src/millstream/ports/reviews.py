"""Orders that wait because nobody knows for certain who placed them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from millstream.domain.crosswalk import Link
from millstream.ports.desk import DeliveryRow
from millstream.ports.mending import Decision

CUSTOMER_CODES: Final = ("customer.unknown", "customer.ambiguous", "customer.similar", "customer.gone")
"""What an order on its way to the ERP is held with because of its customer."""

LoginOf = Callable[[Mapping[str, Any]], str | None]
"""Payload of an order as placed -> its customer's external id in the store; None if nobody can read it."""


class HeldOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order on its way to the ERP; `payload` is what it goes by: as amended, else as placed."""

    row: DeliveryRow
    payload: dict[str, Any]

    @property
    def is_open(self) -> bool:
        """Whether it still waits for a person to say who its customer is."""
        return self.row.state == "held" and self.row.code in CUSTOMER_CODES


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision did: the delivery as it is now, and all deliveries that go on because of it."""

    delivery: DeliveryRow
    freed: tuple[int, ...]


class ReviewBook(Protocol):
    """Every change is one transaction, with its rows in the audit trail."""

    async def held(self, *, limit: int, after: int = 0, code: str | None = None) -> Sequence[HeldOrder]:
        """Those that wait, the longest first; `after` continues behind a delivery's id."""
        ...

    async def find(self, delivery_id: int) -> HeldOrder | None:
        """An order's delivery to the ERP, in whatever state; None if the id names none."""
        ...

    async def held_of(self, store: str, login: str, login_of: LoginOf) -> Sequence[int]:
        """All deliveries that wait because of this one customer, by id."""
        ...

    async def resolve(
        self, decision: Decision, links: Sequence[Link], *, action: str, login_of: LoginOf, told: Mapping[str, Any]
    ) -> Resolved:
        """Writes the links, the customer's login first; every delivery that waits because of it is due now.

        Again with the same links: nothing more happens. Raises Conflict("link.contradicts") if another link is on
        record, Conflict("delivery.moved_on") if the delivery is not in the version decided about.
        """
        ...

    async def reject(self, decision: Decision) -> DeliveryRow:
        """This order shall not go on; the customer's others stay. Raises as `ports.mending.Mending.discard`.

        Raises Reject("review.settled") too if it does not wait because of its customer.
        """
        ...

    async def unlink(self, decision: Decision, login: Link, *, told: Mapping[str, Any]) -> bool:
        """Forgets which customer a login is; False if that was not on record."""
        ...

    async def let_linked_go(self) -> int:
        """Makes due what waits although its customer has been linked meanwhile; how many. Any process may do it."""
        ...
