"""What one person decides about one delivery, having seen it in one version."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from millstream.ports.desk import DeliveryRow, Resolution


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Who decides about which delivery, why, and what it looked like to them (None: however it looks)."""

    delivery_id: int
    actor: str
    reason: str = ""
    version: str | None = None


class Mending(Protocol):
    """Each is one transaction with its row in the audit trail, and returns the delivery as it is afterwards.

    Each raises Reject("delivery.unknown"), Conflict("delivery.moved_on") if the delivery is not in the version decided
    about any more, and Reject("delivery.not_mendable") if its state does not allow it.
    """

    async def retry(self, decision: Decision, *, as_it_came: bool = False) -> DeliveryRow:
        """Due now, with a fresh set of attempts and today's data. `as_it_came` drops what was amended."""
        ...

    async def amend(self, decision: Decision, payload: dict[str, Any]) -> DeliveryRow:
        """Another payload beside the original; due now."""
        ...

    async def release(self, decision: Decision) -> DeliveryRow:
        """Waives the rule that holds it; due now. Raises Reject("rule.not_waivable")."""
        ...

    async def discard(self, decision: Decision) -> DeliveryRow:
        """Shall not happen; its lane goes on."""
        ...

    async def resolve(self, decision: Decision, resolution: Resolution) -> DeliveryRow:
        """Closed: shall not happen, for this reason; its lane goes on."""
        ...

    async def reopen(self, decision: Decision) -> DeliveryRow:
        """In review again, in its old place in its lane.

        Raises Reject("delivery.overtaken") where something later has happened that it would have to come before.
        """
        ...

    async def assign(self, decision: Decision, assignee: str | None) -> DeliveryRow:
        """Who looks after it."""
        ...

    async def snooze(self, decision: Decision, until: datetime | None) -> DeliveryRow:
        """Out of sight until then. Changes nothing about when it is tried again."""
        ...

    async def tag(self, decision: Decision, tags: Sequence[str]) -> DeliveryRow:
        """These words instead of those it had."""
        ...
