"""OpenTelemetry spans of what the tap tells: store event, ERP call and shipment of an order in one trace.

Imported only where `telemetry.traces_url` is set; needs the extra `millstream[traces]`.
"""

from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final

import msgspec
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import millstream
from millstream.domain.events import ORDER_DELIVERY_REPORTED, ORDER_HINTED, ORDER_PLACED, ORDER_PROMISE_REPORTED
from millstream.engine.trace import attempt_span_id, root_span_id, span_id, trace_id, traceparent
from millstream.ports.world import Clock
from millstream.wire.connection import trace_of_this_attempt

BEFORE_THE_ORDER: Final = frozenset({ORDER_HINTED, ORDER_DELIVERY_REPORTED, ORDER_PROMISE_REPORTED})
"""Events whose subject is a placeholder: their spans link to the order that they turn out to be about."""
CALLS_MAX: Final = 200  # spans of one attempt; more calls than that are counted, not drawn
SCOPE: Final = InstrumentationScope("millstream", millstream.__version__)


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    ended_ns: int
    facts: dict[str, Any]


class _Attempt(msgspec.Struct, kw_only=True):
    started_ns: int
    facts: dict[str, Any]
    calls: list[_Call]
    left_out: int = 0


_attempt: ContextVar[_Attempt | None] = ContextVar("attempt_being_traced", default=None)


class SpanTap:
    """A tap. Gives each ended attempt and its calls to `processor` as spans with derived ids."""

    def __init__(self, processor: SpanProcessor, clock: Clock, *, service: str = "millstream") -> None:
        self._processor = processor
        self._clock = clock
        self._resource = Resource({"service.name": service, "service.version": millstream.__version__})

    def note(self, name: str, /, **facts: Any) -> None:
        """See Tap."""
        if name == "delivery.started":
            _attempt.set(_Attempt(started_ns=_ns(self._clock.now()), facts=facts, calls=[]))
            trace_of_this_attempt.set(traceparent(facts["subject"], attempt_span_id(facts["delivery"], facts["tries"])))
        elif name == "call.ended":
            self._called(facts)
        elif name == "delivery.settled":
            attempt = _attempt.get()
            _attempt.set(None)
            trace_of_this_attempt.set(None)
            if attempt is not None and attempt.facts["delivery"] == facts["delivery"]:
                self._settled(attempt, facts)

    def close(self) -> None:
        """Sends what is left."""
        self._processor.shutdown()

    def _called(self, facts: dict[str, Any]) -> None:
        attempt = _attempt.get()
        if attempt is None:
            return
        if len(attempt.calls) < CALLS_MAX:
            attempt.calls.append(_Call(ended_ns=_ns(self._clock.now()), facts=facts))
        else:
            attempt.left_out += 1

    def _settled(self, attempt: _Attempt, facts: dict[str, Any]) -> None:
        ended_ns, began = _ns(self._clock.now()), attempt.facts
        subject, about_order = facts["subject"], facts["type"] not in BEFORE_THE_ORDER
        root = _context(subject, root_span_id(subject))
        own = _context(subject, attempt_span_id(facts["delivery"], began["tries"]))
        others = () if about_order else sorted(set(facts["events"]))
        links = [*_sent(began.get("context")), *(Link(_context(each, root_span_id(each))) for each in others)]
        self._end(
            name=f"{facts['type']} to {facts['subscriber']}",
            context=own,
            parent=root if about_order else None,
            links=links,
            kind=SpanKind.CONSUMER,
            start_time=attempt.started_ns,
            end_time=ended_ns,
            status=_status(facts["code"]),
            attributes={
                "millstream.event.id": str(began["event"]),
                "millstream.event.type": facts["type"],
                "millstream.event.cause": str(began["cause"] or ""),
                "millstream.delivery.id": facts["delivery"],
                "millstream.delivery.try": began["tries"],
                "millstream.delivery.state": facts["state"],
                "millstream.subject": subject,
                "millstream.calls.left_out": attempt.left_out,
            },
        )
        for n, call in enumerate(attempt.calls):
            self._end_call(n, call, own, began)
        if facts["type"] == ORDER_PLACED and facts["state"] == "done":
            self._end(
                name="order",
                context=root,
                parent=None,
                links=[],
                kind=SpanKind.INTERNAL,
                start_time=min(_ns(facts["occurred_at"]), attempt.started_ns),
                end_time=ended_ns,
                status=Status(StatusCode.UNSET),
                attributes={"millstream.subject": subject},
            )

    def _end_call(self, n: int, call: _Call, parent: SpanContext, began: dict[str, Any]) -> None:
        facts = call.facts
        outcome = None if facts["outcome"] == "ok" else facts["outcome"]
        attributes = {"millstream.system": facts["system"], "millstream.outcome": facts["outcome"]}
        if facts["status"] is not None:
            attributes["http.response.status_code"] = facts["status"]
        self._end(
            name=f"{facts['system']} {facts['operation']}",
            context=_context(began["subject"], span_id("call", began["delivery"], began["tries"], n)),
            parent=parent,
            links=[],
            kind=SpanKind.CLIENT,
            start_time=call.ended_ns - int(facts["ms"] * 1e6),
            end_time=call.ended_ns,
            status=_status(outcome),
            attributes=attributes,
        )

    def _end(self, **span: Any) -> None:
        self._processor.on_end(ReadableSpan(resource=self._resource, instrumentation_scope=SCOPE, **span))


def _sent(context: str | None) -> list[Link]:
    """To the span of whoever sent the event, if they told it."""
    found = TraceContextTextMapPropagator().extract({"traceparent": context}) if context else None
    span = None if found is None else get_current_span(found).get_span_context()
    return [Link(span)] if span is not None and span.is_valid else []


def otlp(url: str) -> SpanProcessor:
    """Sends spans in batches, from a thread, to an OTLP/HTTP collector; one that is away costs its spans only."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - tests export in memory
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - see above

    return BatchSpanProcessor(OTLPSpanExporter(endpoint=url))


def _context(subject: str, span: int) -> SpanContext:
    return SpanContext(trace_id(subject), span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _status(code: str | None) -> Status:
    return Status(StatusCode.UNSET) if code is None else Status(StatusCode.ERROR, code)


def _ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6) * 1000
