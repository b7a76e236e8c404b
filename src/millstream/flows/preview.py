"""What a delivery would send, worked out without sending anything: no system is asked, no effect is had."""

from collections.abc import Mapping
from typing import Any

import msgspec

from millstream.domain import events
from millstream.domain.acknowledgement import acknowledgement_from_json
from millstream.domain.errors import Failure
from millstream.domain.order import SalesOrder, order_from_json, order_to_json
from millstream.engine.overlays.live import LiveOverlays
from millstream.flows.hub import Hub
from millstream.ports.overlay import Piece, Sample, Surface


class MappedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record as its connector would write it, with what an overlay adds to it."""

    target: str
    label: str
    fields: dict[str, Any]
    overlaid: dict[str, Any]


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of a payload. Ids that only the other system knows stand there in words, or as 0.

    `order` is the order as the hub understands it, null for payloads that carry none. `records` are those of
    `connection`, empty where its connector tells of none for this event. `overlay` names the mapping of custom fields
    that is laid over them, empty if none is. `fault` says why the payload gives no records.
    """

    connection: str | None
    order: dict[str, Any] | None
    records: tuple[MappedRecord, ...]
    overlay: str
    fault: str | None = None


class Previews:
    """`overlays` knows what the connectors of this hub map, and what is laid over it."""

    def __init__(self, hub: Hub, overlays: LiveOverlays) -> None:
        self._hub = hub
        self._overlays = overlays

    def of(self, event_type: str, subscriber: str, payload: Mapping[str, Any]) -> Mapped:
        """What this payload of an event of this type would come to for this subscriber. Never raises for a payload."""
        connection = self._connection(subscriber)
        try:
            sample = self._sample(event_type, payload)
            order = None if sample.order is None else order_to_json(sample.order)
            surface = None if connection is None else self._overlays.surfaces.get((connection, "outbound"))
            if surface is None or surface.samples != event_type:
                return Mapped(connection=connection, order=order, records=(), overlay="")
            return self._mapped(surface, sample, order)
        except Failure as failure:
            return _unreadable(connection, failure.message)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return _unreadable(connection, f"It cannot be read: {type(error).__name__}: {error}")

    def _connection(self, subscriber: str) -> str | None:
        names = {"erp": self._hub.erp.name, "store": self._hub.store.name, "crm": self._hub.crm.name}
        return names.get(subscriber)

    def _sample(self, event_type: str, payload: Mapping[str, Any]) -> Sample:
        match event_type:
            case events.ORDER_PLACED:
                raw = dict(payload["order"])
                return Sample(raw=raw, order=self._hub.store.interpret(raw), acknowledgement=None, customer_id=None)
            case events.ORDER_CONFIRMED:
                return Sample(
                    raw=None,
                    order=order_from_json(payload["order"]),
                    acknowledgement=acknowledgement_from_json(payload["acknowledgement"]),
                    customer_id=payload.get("customer_id"),
                )
        return Sample(raw=None, order=_order_in(payload), acknowledgement=None, customer_id=None)

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


def _record(piece: Piece, added: Mapping[str, Any]) -> MappedRecord:
    return MappedRecord(
        target=piece.target,
        label=piece.label,
        fields=msgspec.to_builtins(piece.mapped),
        overlaid=msgspec.to_builtins(added),
    )


def _order_in(payload: Mapping[str, Any]) -> SalesOrder | None:
    found = payload.get("order")
    return order_from_json(found) if isinstance(found, (dict, SalesOrder)) else None


def _unreadable(connection: str | None, why: str) -> Mapped:
    return Mapped(connection=connection, order=None, records=(), overlay="", fault=why)
