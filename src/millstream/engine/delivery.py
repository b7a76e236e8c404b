"""Runs one delivery: a sentence with a beginning and an end."""

from typing import Any

from msgspec.structs import replace

from millstream.domain.delivery import Delivery, Outcome, Settlement
from millstream.domain.errors import Conflict, Failure, Retry
from millstream.domain.events import CONTEXT
from millstream.domain.states import DeliveryState
from millstream.engine.retry import RetryPolicy, outcome_of_failure
from millstream.engine.routes import Routes
from millstream.engine.trace import overlays_of_this_attempt, subject_of_this_attempt
from millstream.ports.ledger import Attempt, Ledger
from millstream.ports.tap import Call, Tap
from millstream.ports.world import World
from millstream.wire.connection import calls_of_this_attempt, lease_of_this_attempt
from millstream.wire.governor import Undertaking


async def _nobody(delivery: Delivery, _ports: object) -> Settlement:
    raise Retry(
        "route.missing",
        f"nothing here handles {delivery.event.type} for {delivery.subscriber}; "
        "a newer or older version of Millstream may",
        after_s=60.0,
        counts=False,
    )


class Execution:
    """Runs the flow of a delivery and settles what came of it."""

    def __init__(
        self, *, ledger: Ledger, routes: Routes, ports: Any, policy: RetryPolicy, world: World, tap: Tap
    ) -> None:
        self._ledger = ledger
        self._routes = routes
        self._ports = ports
        self._policy = policy
        self._world = world
        self._tap = tap
        self._settling: set[tuple[int, int]] = set()

    async def run(self, delivery: Delivery) -> Outcome:
        """Runs, settles, returns the outcome. Only a failure to settle (database gone) escapes, as Retry."""
        calls: list[Call] = []
        overlays: set[str] = set()
        overlays_of_this_attempt.set(overlays)
        lease_of_this_attempt.set(lambda: self._ledger.holds(delivery))
        subject_of_this_attempt.set(delivery.event.subject)
        calls_of_this_attempt.set(calls)  # a task of its own, so this reaches this delivery's calls only
        started = self._world.clock.now()
        with Undertaking():
            outcome = await self._run_flow(delivery)
        attempt = Attempt(
            delivery=delivery,
            started_at=started,
            ended_at=self._world.clock.now(),
            outcome=outcome,
            calls=tuple(calls),
            overlays=tuple(sorted(overlays)),
        )
        self._settling.add((delivery.id, delivery.tries))
        try:
            outcome, kept = await self._settle(attempt)
        finally:
            self._settling.discard((delivery.id, delivery.tries))
        self._tell(delivery, outcome, kept=kept)
        return outcome

    def settles(self, delivery: Delivery) -> bool:
        """Whether this try has had its effects and its outcome is being written."""
        return (delivery.id, delivery.tries) in self._settling

    async def _settle(self, attempt: Attempt) -> tuple[Outcome, bool]:
        """What was written in the end, and whether it was."""
        try:
            return attempt.outcome, await self._ledger.settle(attempt)
        except Conflict as conflict:
            outcome = outcome_of_failure(conflict, attempt.delivery, self._policy, self._world)
            now = self._world.clock.now()
            return outcome, await self._ledger.settle(replace(attempt, outcome=outcome, ended_at=now))

    async def _run_flow(self, delivery: Delivery) -> Outcome:
        self._tap.note(
            "delivery.started",
            delivery=delivery.id,
            subscriber=delivery.subscriber,
            type=delivery.event.type,
            subject=delivery.event.subject,
            tries=delivery.tries,
            event=delivery.event.id,
            cause=delivery.event.causation_id,
            occurred_at=delivery.event.occurred_at,
            context=delivery.event.data.get(CONTEXT),
        )
        flow = self._routes.flow(delivery.event.type, delivery.subscriber) or _nobody
        try:
            settlement = await flow(delivery, self._ports)
        except Failure as failure:
            return outcome_of_failure(failure, delivery, self._policy, self._world)
        except Exception as bug:  # noqa: BLE001 - a fault of ours must not take the other deliveries down
            self._tap.note("delivery.crashed", delivery=delivery.id, error=f"{type(bug).__name__}: {bug}", bug=bug)
            fault = Retry(
                "hub.fault",
                f"Millstream itself failed on this ({type(bug).__name__}); the log has the trace",
                log=f"{type(bug).__name__}: {bug}",
            )
            return outcome_of_failure(fault, delivery, self._policy, self._world)
        return Outcome(state=DeliveryState.DONE, settlement=settlement)

    def _tell(self, delivery: Delivery, outcome: Outcome, *, kept: bool) -> None:
        self._tap.note(
            "delivery.settled",
            delivery=delivery.id,
            subscriber=delivery.subscriber,
            type=delivery.event.type,
            subject=delivery.event.subject,
            state=outcome.state.value if kept else "taken over",
            fault=outcome.fault_class,
            code=outcome.fault_code,
            message=outcome.fault_message,
            occurred_at=delivery.event.occurred_at,
            events=tuple(event.subject for event in outcome.settlement.events),
        )
