"""The bench on which a connector is tried: a wire that plays faults, and what the suite must know of one system.

A bench names one representative read and one keyed write of its connector, counts the effect of that write in the
system, and tells what the system's own refusals look like. The promises themselves are in `contract/test_promises.py`
and are the same for every connector. `docs/connectors/writing-a-connector.md` lists them.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

import msgspec
import pytest

from fakes.tap import RecordingTap
from fakes.world import ManualClock, ManualWorld
from millstream.engine.tap import LogTap, Taps
from millstream.ports.connector import Connector
from millstream.wire.http import Request, Response, TransportError
from millstream.wire.kit import WireKit

Send = Callable[[Request], Awaitable[Response]]
Fault = Callable[[Request, Send], Awaitable[Response]]
Choice = Callable[[Request], bool]


# --- faults: what may happen to one request ---------------------------------------------------------------------------


def answers(response: Response) -> Fault:
    """Something in front of the system answers in its place; nothing was carried out."""

    async def fault(request, send):
        return response

    return fault


async def refuses(request, send):
    """No connection: nothing was sent."""
    raise TransportError("cannot connect: connection refused", sent=False)


async def loses_request(request, send):
    """The request went out and was never carried out; the client cannot know."""
    raise TransportError("connection lost: reset by peer", sent=True)


async def loses_answer(request, send):
    """Carried out, and then silence."""
    await send(request)
    raise TransportError("no answer within 30 s", sent=True)


def spoils(change: Callable[[Response], Response]) -> Fault:
    """Carried out; the answer arrives as something else."""

    async def fault(request, send):
        return change(await send(request))

    return fault


def with_body(body: bytes) -> Callable[[Response], Response]:
    """The same answer with another body."""
    return lambda response: msgspec.structs.replace(response, body=body)


class Wire:
    """The transport between connector and system. Keeps what passed, and lets others run at every request."""

    def __init__(self, inner) -> None:
        self.inner = inner
        self.requests: list[Request] = []
        self.answers: list[Response] = []
        self.played = 0
        self._left = 0
        self._once: tuple[Fault, Choice] | None = None
        self._always: tuple[Fault, Choice] | None = None

    def always(self, fault: Fault, *, only: Choice = lambda _request: True) -> None:
        """Every request (that fits) meets this fault until `heal`."""
        self._always = (fault, only)

    def at(self, nth: int, fault: Fault, *, only: Choice = lambda _request: True) -> None:
        """The n-th request (of those that fit) from now on, counted from 1, meets this fault."""
        self._left = nth
        self._once = (fault, only)

    def heal(self) -> None:
        """No more faults."""
        self._once = self._always = None

    def _fault(self, request: Request) -> Fault | None:
        if self._once is not None and self._once[1](request):
            self._left -= 1
            if self._left == 0:
                fault, _ = self._once
                self._once = None
                return fault
        if self._always is not None and self._always[1](request):
            return self._always[0]
        return None

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        fault = self._fault(request)
        await asyncio.sleep(0)
        if fault is None:
            answer = await self.inner.send(request)
            self.answers.append(answer)
        else:
            self.played += 1
            answer = await fault(request, self.inner.send)
        await asyncio.sleep(0)
        return answer

    async def close(self) -> None:
        await self.inner.close()


# --- what a bench tells -----------------------------------------------------------------------------------------------


class WrongCredential(msgspec.Struct, frozen=True):
    """Settings that the system refuses, and the setting a person has to correct."""

    changed: dict[str, Any]
    names: str


class Throttling(msgspec.Struct, frozen=True):
    """How the system says "not so fast", and how long the connection has to be quiet then (None: it does not say)."""

    answer: Response
    delay_s: float | None


class Bench(ABC):
    """One connector on one system. A subclass is all that a new connector adds to this suite.

    `lacks` names the promises that cannot be shown here and why; the suite skips them with that reason.
    `secrets` are the strings that may appear nowhere but on the wire.
    """

    name: ClassVar[str]
    spec: ClassVar[Connector]
    secrets: ClassVar[tuple[str, ...]]
    lacks: ClassVar[Mapping[str, str]] = {}
    marks: ClassVar[tuple] = ()
    wrong_credentials: ClassVar[tuple[WrongCredential, ...]] = ()
    throttlings: ClassVar[tuple[Throttling, ...]] = ()
    nothing: ClassVar[tuple[bytes, ...]] = ()  # well-formed answers of this system that hold nothing
    optional: ClassVar[frozenset[str]] = frozenset()  # members of the read's answer that may be missing
    quiet_s: ClassVar[float] = 3600.0  # after so long without a change the feed repeats nothing any more

    def __init__(self, transport, *, start: datetime | None = None) -> None:
        self.world = ManualWorld()
        if start is not None:
            self.world.clock = ManualClock(start)
        self.tap = RecordingTap()
        self.wire = Wire(transport)

    @classmethod
    @abstractmethod
    async def open(cls, request: pytest.FixtureRequest) -> "Bench":
        """The bench with its system up and everything in it that the read needs."""

    async def close(self) -> None:
        await self.wire.close()

    def needs(self, promise: str) -> None:
        """Skips the test, visibly, where the system has no such thing."""
        if promise in self.lacks:
            pytest.skip(f"{self.name}: {self.lacks[promise]}")

    def connect(self, **changed):
        """A connection of the connector to the system, over the wire."""
        kit = WireKit(transport=self.wire, world=self.world, tap=Taps([self.tap, LogTap()]))
        settings = self.spec.settings.model_validate(self.settings() | changed)
        return self.spec.open(self.spec.name, settings, kit)

    # What a subclass says

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Settings that work."""

    @abstractmethod
    async def read(self, port) -> Any:
        """The representative read, mapped as far as the hub uses it. Equal values for equal answers."""

    @abstractmethod
    async def wanted(self, n: int) -> Any:
        """What the n-th write is about; it has a `key`. Nothing of it is done yet."""

    @abstractmethod
    async def write(self, port, wanted: Any, *, again: bool) -> Any:
        """The representative keyed write."""

    @abstractmethod
    async def effects(self, wanted: Any) -> int:
        """How often the system holds what the write wanted, counted past the connector."""

    def may_have_an_effect(self, request: Request) -> bool:
        """Which requests of the write are worth losing. All, unless the system is slow and some surely only read."""
        return True

    async def newest(self) -> Any:
        """A cursor behind everything the feed holds before the test begins; None where it holds nothing."""
        return None

    async def insert(self) -> str:
        """One more row for the feed; its name."""
        self._unsaid()

    async def feed(self, port, cursor: Any) -> tuple[Iterable[str], Any, bool]:
        """One page of the feed: names of rows, the cursor behind it, whether there is more."""
        self._unsaid()

    async def stale_write(self, port) -> Any:
        """A write of a record that somebody else has changed meanwhile; lays the fault itself."""
        self._unsaid()

    def _unsaid(self):
        pytest.fail(f"{self.name}: write this method of the bench, or say under `lacks` why there is none")
