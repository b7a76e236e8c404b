"""The wire tap: every step the hub takes is a note; history, metrics, logs and fault injection listen."""

from typing import Any, Protocol

import msgspec


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """What was said in a call, as text without credentials, cut to size. `response` is None when no answer came."""

    request: str
    response: str | None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One outward call that really happened. `status` is None when no answer came; `outcome` is "ok" or a code.

    `exchange` is kept of calls that did not go well: it is what somebody needs who must mend it.
    """

    system: str
    operation: str
    key: str | None
    status: int | None
    outcome: str
    ms: float
    exchange: Exchange | None = None


class Tap(Protocol):
    """Listens."""

    def note(self, name: str, /, **facts: Any) -> None:
        """A named step with its facts. Must not fail on its own account; a fault injector may raise on purpose."""
        ...
