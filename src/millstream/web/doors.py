"""The inbound doors: refuse first, then write down, then say thanks."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from millstream.domain.errors import Retry
from millstream.ports.inbox import Inbox
from millstream.ports.tap import Tap
from millstream.ports.world import Clock
from millstream.web import door_adobe_io, door_events, door_mageos
from millstream.web.body import decode_json, read_body, require_media_type
from millstream.web.door_settings import DoorSettings
from millstream.web.openapi_doors import ADOBE_IO, ADOBE_IO_CHALLENGE, EVENTS, MAGEOS
from millstream.web.order_hint import Reading
from millstream.web.problems import Problem
from millstream.web.signatures import ADOBE_SIGNATURES, PublicKey, verify_adobe_io, verify_mageos
from millstream.web.trace_context import context_of, with_context

PATH: Final = "/in/"
BODY_TIMEOUT_S: Final = 10.0
ACCEPT_TIMEOUT_S: Final = 8.0  # Adobe waits 10 s for an answer and then takes it for a failure
STORE_MEDIA_TYPES: Final = frozenset(
    {"application/json", "application/cloudevents+json", "application/cloudevents-batch+json"}
)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the events of one request. Duplicates had been stored before; ignored ones are of no interest."""

    accepted: int = 0
    duplicates: int = 0
    ignored: int = 0


class Doors:
    """The configured doors and what they have in common: limits, commit before thanks, the count of refusals."""

    def __init__(
        self,
        settings: Mapping[str, DoorSettings],
        *,
        inbox: Inbox,
        clock: Clock,
        tap: Tap,
        body_timeout_s: float = BODY_TIMEOUT_S,
        accept_timeout_s: float = ACCEPT_TIMEOUT_S,
    ) -> None:
        self.clock = clock
        self._settings = settings
        self._inbox = inbox
        self._tap = tap
        self._body_timeout_s = body_timeout_s
        self._accept_timeout_s = accept_timeout_s
        self._in_flight = dict.fromkeys(settings, 0)

    def find(self, name: str, kind: str) -> DoorSettings:
        """The door's settings. An unknown name and a door of another kind are refused alike."""
        door = self._settings.get(name)
        if door is None or door.kind != kind:
            raise Problem("door.unknown", "No door of this name takes such requests. Check the address you were given.")
        return door

    def label(self, path: str) -> str | None:
        """Which door a path means, for counting: a configured name, "unknown", or None for other paths."""
        if not path.startswith(PATH):
            return None
        name = path.rpartition("/")[2]
        return name if name in self._settings else "unknown"

    @asynccontextmanager
    async def body(self, request: Request, name: str, door: DoorSettings) -> AsyncIterator[bytes]:
        """The raw body, and one of the door's places until the request is answered."""
        if self._in_flight[name] >= door.in_flight_max:
            detail = "This door is busy. Send the same request again in a moment."
            raise Problem("door.busy", detail, headers={"retry-after": "2", "connection": "close"})
        self._in_flight[name] += 1
        try:
            yield await read_body(request, bytes_max=door.bytes_max, timeout_s=self._body_timeout_s)
        finally:
            self._in_flight[name] -= 1

    async def accept(self, name: str, reading: Reading, *, context: str | None = None) -> Response:
        """Answers after the commit: 202 if something new was stored, else 200. Raises Retry if nothing could be.

        `context`: the trace of the request, for events that tell no trace of their own.
        """
        ids: list[object] = []
        events = with_context(reading.events, context)
        if events:
            try:
                async with asyncio.timeout(self._accept_timeout_s):
                    ids = list(await self._inbox.accept(events))
            except TimeoutError:
                raise Retry("inbox.slow", f"the inbox took longer than {self._accept_timeout_s:g} s") from None
        for what in reading.unreadable:
            self._tap.note("door.unreadable", door=name, what=what)
        accepted = sum(1 for stored in ids if stored is not None)
        receipt = Receipt(
            accepted=accepted, duplicates=len(ids) - accepted, ignored=reading.ignored + len(reading.unreadable)
        )
        self._tap.note("door.answered", door=name, **msgspec.to_builtins(receipt))
        return json_response(msgspec.to_builtins(receipt), status=202 if accepted else 200)

    def validation_asked(self, name: str, url: str) -> Response:
        """Tells the operator where Adobe waits to be asked; the answer says so."""
        self._tap.note("door.validation_asked", door=name, url=url)
        return json_response({"validation": "open the URL within 5 minutes, or register again"}, status=202)


def json_response(content: Mapping[str, Any], *, status: int) -> Response:
    """A small JSON answer that nobody caches."""
    body = msgspec.json.encode(content)
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def door_routes(doors: Doors, public_key: PublicKey) -> APIRouter:
    """The three kinds of doors."""
    router = APIRouter(prefix=PATH.rstrip("/"), tags=["doors"])

    @router.get("/adobe-io/{door}", **ADOBE_IO_CHALLENGE)
    async def challenge(door: str, challenge: str | None = None) -> Response:
        doors.find(door, "io_events")
        text = door_adobe_io.answer_challenge(challenge)
        return PlainTextResponse(text, headers={"x-content-type-options": "nosniff"})

    @router.post("/adobe-io/{door}", **ADOBE_IO)
    async def adobe_io(request: Request, door: str) -> Response:
        settings = doors.find(door, "io_events")
        async with doors.body(request, door, settings) as body:
            require_media_type(request, STORE_MEDIA_TYPES)
            if b"validationUrl" in body and not any(name in request.headers for name in ADOBE_SIGNATURES):
                url = door_adobe_io.adobe_validation_url(decode_json(body))
                if url is not None:
                    return doors.validation_asked(door, url)
            await verify_adobe_io(request.headers, body, public_key)
            reading = door_adobe_io.read_batch(
                decode_json(body),
                store=settings.store or "",
                client_id=settings.client_id or "",
                sub_events=settings.types,
                now=doors.clock.now(),
            )
            return await doors.accept(door, reading, context=context_of(request.headers))

    @router.post("/mageos/{door}", **MAGEOS)
    async def mageos(request: Request, door: str) -> Response:
        settings = doors.find(door, "mageos")
        async with doors.body(request, door, settings) as body:
            require_media_type(request, STORE_MEDIA_TYPES)
            verify_mageos(request.headers, body, settings.plain_secrets)
            reading = door_mageos.read_entity(decode_json(body), settings.store or "", now=doors.clock.now())
            return await doors.accept(door, reading, context=context_of(request.headers))

    @router.post("/events/{source}", **EVENTS)
    async def events(request: Request, source: str) -> Response:
        settings = doors.find(source, "events")
        async with doors.body(request, source, settings) as body:
            event = door_events.read_event(request, body, source, settings, now=doors.clock.now())
            return await doors.accept(source, Reading(events=(event,)), context=context_of(request.headers))

    return router
