"""What a failure means for its delivery: again, a human, or the dead letters."""

import re
from datetime import timedelta
from hashlib import sha256
from typing import Final

import msgspec

from millstream.domain.delivery import Delivery, Outcome
from millstream.domain.errors import Conflict, Failure, Reject, Retry, Unknown
from millstream.domain.states import DeliveryState
from millstream.ports.world import World

_NUMBERS: Final = re.compile(r"[0-9]+")


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential backoff with jitter. `attempts_max` failures that count make a dead letter."""

    attempts_max: int = 12
    first_delay_s: float = 1.0
    delay_max_s: float = 900.0
    unknown_delay_s: float = 0.5  # a lost answer is looked up soon: the order may be in already

    def delay_s(self, attempt: int, world: World) -> float:
        """Between half and the whole of first_delay_s * 2^(attempt-1), capped."""
        ceiling = min(self.delay_max_s, self.first_delay_s * 2 ** min(attempt - 1, 30))
        return world.dice.uniform(ceiling / 2, ceiling)


def fingerprint(subscriber: str, failure: Failure) -> str:
    """Equal for failures of one cause: numbers in the text do not matter."""
    cause = f"{subscriber}|{failure.code}|{_NUMBERS.sub('#', failure.message)}"
    return sha256(cause.encode()).hexdigest()[:12]


def outcome_of_failure(failure: Failure, delivery: Delivery, policy: RetryPolicy, world: World) -> Outcome:
    """Reject is held for a human at once; everything else is tried again until the attempts are used up."""
    state = DeliveryState.RETRYING
    delay_s = policy.delay_s(max(delivery.attempts, 1), world)
    counts = True
    match failure:
        case Reject():
            state = DeliveryState.HELD
        case Retry(after_s=after_s, counts=counts):
            delay_s = delay_s if after_s is None else max(after_s, 0.0) * world.dice.uniform(1.0, 1.1)
        case Unknown():
            delay_s = policy.unknown_delay_s * world.dice.uniform(1.0, 2.0) if delivery.attempts <= 1 else delay_s
        case Conflict():
            delay_s = min(delay_s, policy.first_delay_s)
    if state is DeliveryState.RETRYING and counts and delivery.attempts >= policy.attempts_max:
        state = DeliveryState.DEAD
    return Outcome(
        state=state,
        due_at=world.clock.now() + timedelta(seconds=delay_s) if state is DeliveryState.RETRYING else None,
        counts=counts,
        fault_class=type(failure).__name__,
        fault_code=failure.code,
        fault_message=failure.message,
        fingerprint=fingerprint(delivery.subscriber, failure),
    )
