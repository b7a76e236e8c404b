"""Credentials that people set while the hub runs: kept sealed, opened only to be used."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec


class SecretStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What may be told of a secret. `readable`: whether this process has the key it is sealed by."""

    name: str
    version: int
    set_by: str
    set_at: datetime
    old_until: datetime | None
    readable: bool


class SecretValue(msgspec.Struct, frozen=True, kw_only=True):
    """A secret in plain text. `before` is the value it replaced, while that is still to be honoured."""

    value: str
    before: str | None = None

    def __repr__(self) -> str:
        return "SecretValue(**)"


class Secrets(Protocol):
    """The secrets. Every change stands in the audit trail, without the value.

    Raises Reject: `secret.refused`, `secret.unknown`, `secret.key_missing`, `secret.key_exposed`, `secret.unreadable`.
    """

    async def list_secrets(self) -> Sequence[SecretStanding]:
        """All of them, by name."""
        ...

    async def set_secret(self, name: str, value: str, *, overlap: timedelta, actor: str) -> int:
        """A new value; the one before is honoured in signatures of others for the overlap. Its version."""
        ...

    async def remove_secret(self, name: str, *, actor: str) -> None:
        """It is gone; processes that use it keep what they have until they end."""
        ...

    async def versions(self, names: Collection[str]) -> Mapping[str, object]:
        """A mark for each that changes whenever `read` would tell something else."""
        ...

    async def read(self, names: Collection[str]) -> Mapping[str, SecretValue]:
        """Those of them that there are, opened."""
        ...
