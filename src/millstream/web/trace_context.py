"""W3C Trace Context that a sender gives along with an event, kept in the event so that its trace leads to ours."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from millstream.domain.events import CONTEXT, NewEvent

_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
HEADERS: Final = ("ce-traceparent", "traceparent")  # the event's own goes before that of the hop


def context_of(headers: Mapping[str, str], attribute: Any = None) -> str | None:
    """The first that is well formed; `attribute`: what a CloudEvent says. A wrong one is as good as none."""
    candidates = (attribute, *(headers.get(name) for name in HEADERS))
    return next((text for text in candidates if isinstance(text, str) and _TRACEPARENT.fullmatch(text)), None)


def with_context(events: Iterable[NewEvent], context: str | None) -> tuple[NewEvent, ...]:
    """The events, each with the context it came with, unless it has one of its own."""
    if context is None:
        return tuple(events)
    return tuple(msgspec.structs.replace(event, data={CONTEXT: context, **event.data}) for event in events)
