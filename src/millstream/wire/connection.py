"""One governed, authenticated connection to one system: the only way a connector reaches the network."""

from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter
from typing import Protocol

import msgspec

from millstream.domain.errors import Failure, Retry, Unknown
from millstream.ports.connections import Brake, Seen, TokenLife
from millstream.ports.tap import Call, Exchange, Tap
from millstream.wire.conceal import concealed, credentials_in
from millstream.wire.exchange import exchange_of
from millstream.wire.governor import Governor
from millstream.wire.http import Request, Response, Transport, TransportError

calls_of_this_attempt: ContextVar[list[Call] | None] = ContextVar("calls_of_this_attempt", default=None)
lease_of_this_attempt: ContextVar[Callable[[], bool] | None] = ContextVar("lease_of_this_attempt", default=None)
"""Whether the delivery this attempt runs for is still ours; None outside of deliveries."""
trace_of_this_attempt: ContextVar[str | None] = ContextVar("trace_of_this_attempt", default=None)
"""The W3C traceparent that calls of this attempt carry; None where nobody traces."""


class AuthExpired(Exception):  # noqa: N818 - a signal between classifier and connection, not an error of anybody
    """Raised by a classifier: the credential was refused; renew it once and send again."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Auth(Protocol):
    """Puts credentials on a request."""

    async def authorize(self, request: Request, send: "Send") -> Request:
        """The request with credentials. `send` fetches a token where one is needed, ungoverned and unauthenticated."""
        ...

    async def renew(self) -> bool:
        """Forgets a cached credential. False: there is nothing to renew, the refusal is final."""
        ...

    def token_life(self) -> TokenLife | None:
        """The life of the token it holds; None if it holds none, or needs none."""
        ...


class Send(Protocol):
    """Sends one request as it stands."""

    async def __call__(self, request: Request) -> Response:
        """Raises TransportError."""
        ...


Classify = Callable[[Response, str | None], Failure | AuthExpired | None]
"""Reads an answer: None = fine, otherwise what it means. The second argument is the idempotency key."""


def _refuse_without_lease(operation: str, key: str | None) -> None:
    """A worker that stood still past its lease may not do again what another is doing by now."""
    still_ours = lease_of_this_attempt.get()
    if still_ours is not None and not still_ours():
        raise Retry("lease.lost", f"{operation} ({key}): another worker has taken this delivery over", counts=False)


class Connection:
    """Sends requests of one system through its governor, tells the tap, turns lost answers into Retry or Unknown."""

    def __init__(self, system: str, *, transport: Transport, governor: Governor, auth: Auth, tap: Tap) -> None:
        self.system = system
        self.governor = governor
        self._transport = transport
        self.auth = auth
        self._tap = tap

    @property
    def brake(self) -> Brake:
        """See `ports.connections.Governed`."""
        return self.governor.brake

    @brake.setter
    def brake(self, brake: Brake) -> None:
        self.governor.brake = brake

    def seen(self) -> Seen:
        """See `ports.connections.Governed`."""
        return msgspec.structs.replace(self.governor.seen(), token=self.auth.token_life())

    async def send(
        self,
        request: Request,
        *,
        operation: str,
        classify: Classify,
        key: str | None = None,
        repeatable: bool = True,
    ) -> Response:
        """The answer, if it is a good one; otherwise raises what `classify` or the transport made of it.

        `repeatable` says that doing it twice harms nothing: then a lost answer is Retry, otherwise Unknown(key).
        `auth` may be replaced at any time: a call that was refused with the one before is sent once more with the new.
        """
        async with self.governor.slot():
            if not repeatable:
                _refuse_without_lease(operation, key)
            auth = self.auth
            try:
                return await self._attempt(request, operation, classify, key, repeatable)
            except AuthExpired as expired:
                if auth is self.auth and not await auth.renew():
                    raise expired.failure from expired
            try:
                return await self._attempt(request, operation, classify, key, repeatable)
            except AuthExpired as expired:
                raise expired.failure from expired

    async def _attempt(
        self, request: Request, operation: str, classify: Classify, key: str | None, repeatable: bool
    ) -> Response:
        self._tap.note("call.started", system=self.system, operation=operation, key=key)
        self.governor.called()
        started = perf_counter()
        response: Response | None = None
        outcome = "interrupted"  # unless we get to the end of it
        authorized: Request | None = None
        try:
            authorized = await self.auth.authorize(request, self._transport.send)
            trace = trace_of_this_attempt.get()
            sent = authorized if trace is None else authorized.with_headers({"traceparent": trace})
            response = concealed(await self._transport.send(sent), credentials_in(authorized.headers))
            verdict = classify(response, key)
            if verdict is not None:
                raise verdict
        except TransportError as error:
            # A lost answer to the question for a token says nothing about the request: that never left.
            failure = self._lost(error, operation, key, repeatable or authorized is None)
            outcome = failure.code
            self._failed(failure)
            raise failure from error
        except (Retry, Unknown) as failure:
            outcome = failure.code
            self._failed(failure)
            raise
        except (Failure, AuthExpired) as refusal:
            outcome = refusal.code if isinstance(refusal, Failure) else refusal.failure.code
            self.governor.succeeded()  # it answers, so it is up
            raise
        else:
            outcome = "ok"
            self.governor.succeeded()
            return response
        finally:
            ms = (perf_counter() - started) * 1000
            exchange = None
            if outcome != "ok":
                exchange = exchange_of(request, response, credentials_in(authorized.headers) if authorized else ())
            self._record(operation, key, None if response is None else response.status, outcome, ms, exchange)

    def _failed(self, failure: Failure) -> None:
        """Tells the governor. A system that is down is no fault of the delivery that met it: the try does not count."""
        if isinstance(failure, Retry):
            self.governor.failed(after_s=failure.after_s)
            failure.counts = failure.counts and not self.governor.is_open
        else:
            self.governor.failed()

    def _lost(self, error: TransportError, operation: str, key: str | None, repeatable: bool) -> Failure:
        text = f"{self.system}: {operation}: {error.reason}"
        if not error.sent or repeatable:
            return Retry("connection.lost" if error.sent else "connection.refused", text)
        return Unknown("answer.lost", f"{text}; it may have been carried out", key=key or operation)

    def _record(
        self, operation: str, key: str | None, status: int | None, outcome: str, ms: float, exchange: Exchange | None
    ) -> None:
        call = Call(
            system=self.system,
            operation=operation,
            key=key,
            status=status,
            outcome=outcome,
            ms=round(ms, 1),
            exchange=exchange,
        )
        calls = calls_of_this_attempt.get()
        if calls is not None:
            calls.append(call)
        self._tap.note(
            "call.ended", system=self.system, operation=operation, key=key, status=status, outcome=outcome, ms=call.ms
        )
