"""The wire tap: every step the hub takes is a note; history, metrics, logs and fault injection listen."""

from typing import Any, Protocol

import msgspec


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One outward call that really happened. `status` is None when no answer came; `outcome` is "ok" or a code."""

    system: str
    operation: str
    key: str | None
    status: int | None
    outcome: str
    ms: float


class Tap(Protocol):
    """Listens."""

    def note(self, name: str, /, **facts: Any) -> None:
        """A named step with its facts. Must not fail on its own account; a fault injector may raise on purpose."""
        ...
