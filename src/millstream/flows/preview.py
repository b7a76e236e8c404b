"""What a delivery would send, worked out without sending anything: no system is asked, no effect is had."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from millstream.domain import events
from millstream.domain.acknowledgement import acknowledgement_from_json
from millstream.domain.delivery import Delivery, Settlement
from millstream.domain.errors import Failure, Retry
from millstream.domain.events import Event, NewEvent
from millstream.domain.order import SalesOrder, order_from_json, order_to_json
from millstream.engine.overlays.live import LiveOverlays
from millstream.engine.routes import Routes
from millstream.flows import ROUTES
from millstream.flows.hub import Hub
from millstream.flows.preview_recorder import AnswerNeeded, Requested, recording
from millstream.ports.desk import DeliveryStory
from millstream.ports.overlay import Piece, Sample, Surface

UNREADABLE: Final = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What a flow, or a connector's mapping, comes to grief with over a payload that is not what it takes it for."""


class MappedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record as its connector would write it, with what an overlay adds to it."""

    target: str
    label: str
    fields: dict[str, Any]
    overlaid: dict[str, Any]


class NotedFact(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the hub's own that would come of it, and go to whoever it is routed to."""

    type: str
    subject: str
    data: dict[str, Any]


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of a payload. Ids that only the other system knows stand there in words, or as 0.

    `order` is the order as the hub understands it, null for payloads that carry none. `records` are those of
    `connection`, in the form its system gets, empty where its connector tells of none for this event; `overlay` names
    the mapping of custom fields that is laid over them, empty if none is. `requests` are what the hub asks of
    connections, before their connectors' own form: as far as it gets without an answer, which `needs` names.

    `note` says why nothing is to be done. `fault` says why it would not go through; `fault_code` is the flow's own
    reason, null where the payload cannot be read or mapped at all.
    """

    connection: str | None
    order: dict[str, Any] | None
    records: tuple[MappedRecord, ...]
    overlay: str
    requests: tuple[Requested, ...] = ()
    facts: tuple[NotedFact, ...] = ()
    needs: str | None = None
    note: str | None = None
    fault: str | None = None
    fault_code: str | None = None


class Previews:
    """`overlays` knows what the connectors of this hub map, and what is laid over it. Of `hub`, the books are read."""

    def __init__(self, hub: Hub, overlays: LiveOverlays) -> None:
        self._hub = hub
        self._overlays = overlays
        self._routes = Routes(ROUTES)

    async def of(self, story: DeliveryStory, payload: dict[str, Any] | None = None) -> Mapped:
        """What the next try of a delivery would come to, with another payload if one is given. Never raises for it."""
        delivery = next_try(story, payload)
        mapped = self._records(delivery)
        return mapped if mapped.fault is not None else await self._requests(delivery, mapped)

    # --- in the form that a system gets

    def _records(self, delivery: Delivery) -> Mapped:
        connection, event_type = self._connection(delivery.subscriber), delivery.event.type
        try:
            sample = self._sample(event_type, delivery.payload)
            order = None if sample.order is None else order_to_json(sample.order)
            surface = None if connection is None else self._overlays.surfaces.get((connection, "outbound"))
            if surface is None or surface.samples != event_type:
                return Mapped(connection=connection, order=order, records=(), overlay="")
            return self._mapped(surface, sample, order)
        except Failure as failure:
            return _unreadable(connection, failure.message)
        except UNREADABLE as error:
            return _unreadable(connection, _spelled(error))

    def _connection(self, subscriber: str) -> str | None:
        names = {"erp": self._hub.erp.name, "store": self._hub.store.name, "crm": self._hub.crm.name}
        return names.get(subscriber)

    def _sample(self, event_type: str, payload: Mapping[str, Any]) -> Sample:
        match event_type:
            case events.ORDER_PLACED:
                raw = dict(payload["order"])
                return Sample(raw=raw, order=self._hub.store.interpret(raw), acknowledgement=None, customer_id=None)
            case events.ORDER_CONFIRMED | events.ORDER_INCOMPLETE_IN_CRM:
                return Sample(
                    raw=None,
                    order=order_from_json(payload["order"]),
                    acknowledgement=acknowledgement_from_json(payload["acknowledgement"]),
                    customer_id=payload.get("customer_id"),
                )
        return Sample(raw=None, order=self._order_beside(payload), acknowledgement=None, customer_id=None)

    def _order_beside(self, payload: Mapping[str, Any]) -> SalesOrder | None:
        """The store's order that came along with an event whose flow does not go by it; None if nobody can read it."""
        found = payload.get("order")
        try:
            return self._hub.store.interpret(dict(found), overlaid=False) if isinstance(found, dict) else None
        except (Failure, *UNREADABLE):
            return None

    def _mapped(self, surface: Surface, sample: Sample, order: dict[str, Any] | None) -> Mapped:
        pieces = surface.pieces(sample)
        laid_over = self._overlays.lay_over(surface)
        fault, added = None, None
        try:
            added = laid_over.values(lambda: pieces)
        except Failure as failure:
            fault = failure.message
        return Mapped(
            connection=surface.connection,
            order=order,
            records=tuple(_record(piece, added[n] if added else {}) for n, piece in enumerate(pieces)),
            overlay=laid_over.version,
            fault=fault,
        )

    # --- as the flow goes

    async def _requests(self, delivery: Delivery, mapped: Mapped) -> Mapped:
        """The flow itself, with recorders in place of the systems. What it would change in the books is thrown away."""
        requests: list[Requested] = []
        found: dict[str, Any] = {}
        try:
            found = _come_of(await self._run(delivery, requests))
        except AnswerNeeded as needed:
            found = {"needs": str(needed)}
        except Failure as failure:
            found = {"fault": failure.message, "fault_code": failure.code}
        except UNREADABLE as error:
            found = {"fault": _spelled(error)}
        return msgspec.structs.replace(mapped, requests=tuple(requests), **found)

    async def _run(self, delivery: Delivery, requests: list[Requested]) -> Settlement:
        flow = self._routes.flow(delivery.event.type, delivery.subscriber)
        if flow is None:
            text = f"Nothing here handles {delivery.event.type} for {delivery.subscriber}"
            raise Retry("route.missing", text)
        return await flow(delivery, recording(self._hub, requests))


def next_try(story: DeliveryStory, payload: dict[str, Any] | None = None) -> Delivery:
    """The delivery as a worker would be given it, were it tried now."""
    row, event = story.row, story.event
    return Delivery(
        id=row.id,
        subscriber=row.subscriber,
        lane="",  # no flow goes by its lane, nor by the chain of events it stands in
        event=Event(
            id=event.id,
            source=event.source,
            source_id=event.source_id,
            type=event.type,
            subject=row.subject,
            occurred_at=event.occurred_at,
            received_at=event.received_at,
            correlation_id=event.id,
            causation_id=None,
            data=story.data,
        ),
        tries=row.tries + 1,
        attempts=row.attempts + 1,
        amended=payload if payload is not None else story.amended,
        waived=frozenset(story.waived),
    )


def _come_of(settlement: Settlement) -> dict[str, Any]:
    return {"facts": tuple(map(_noted, settlement.events)), "note": settlement.note or None}


def _noted(event: NewEvent) -> NotedFact:
    return NotedFact(type=event.type, subject=event.subject, data=msgspec.to_builtins(event.data))


def _record(piece: Piece, added: Mapping[str, Any]) -> MappedRecord:
    return MappedRecord(
        target=piece.target,
        label=piece.label,
        fields=msgspec.to_builtins(piece.mapped),
        overlaid=msgspec.to_builtins(added),
    )


def _unreadable(connection: str | None, why: str) -> Mapped:
    return Mapped(connection=connection, order=None, records=(), overlay="", fault=why)


def _spelled(error: Exception) -> str:
    return f"It cannot be read: {type(error).__name__}: {error}"
