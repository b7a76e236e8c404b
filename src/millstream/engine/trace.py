"""The trace an event belongs to, derived from its business key: whoever tells of an order, days apart, tells one story.

Nothing is stored and nothing passed on: every process comes to the same ids by itself (docs/adr/0011-monitoring.md).
"""

from contextvars import ContextVar
from hashlib import sha256

subject_of_this_attempt: ContextVar[str | None] = ContextVar("subject_of_this_attempt", default=None)
overlays_of_this_attempt: ContextVar[set[str] | None] = ContextVar("overlays_of_this_attempt", default=None)
"""Every overlay that made something of this attempt, with its version; None outside of deliveries."""


def trace_id(subject: str) -> int:
    """128 bits, never 0."""
    return int.from_bytes(sha256(f"trace/{subject}".encode()).digest()[:16]) or 1


def span_id(*parts: object) -> int:
    """64 bits, never 0."""
    return int.from_bytes(sha256("/".join(map(str, ("span", *parts))).encode()).digest()[:8]) or 1


def root_span_id(subject: str) -> int:
    """The span that stands for the whole life of what the subject names."""
    return span_id("root", subject)


def attempt_span_id(delivery: int, tries: int) -> int:
    """The span of one try at a delivery: the parent of its calls, here and at the systems they reach."""
    return span_id("attempt", delivery, tries)


def traceparent(subject: str, span: int | None = None) -> str:
    """W3C Trace Context, version 00, sampled: what to send along with an event, or a call, about this subject."""
    return f"00-{trace_id(subject):032x}-{span or root_span_id(subject):016x}-01"
