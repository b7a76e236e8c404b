"""The wire tap's listeners: structured log lines, counters."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from millstream.engine.trace import subject_of_this_attempt, trace_id
from millstream.ports.tap import Tap

_LOUD: Final = {
    "bulk.crashed": logging.ERROR,
    "delivery.crashed": logging.ERROR,
    "poll.crashed": logging.ERROR,
    "worker.heartbeat_failed": logging.ERROR,
    "lane.was_asleep": logging.ERROR,
    "poll.failed": logging.WARNING,
    "worker.ledger_unreachable": logging.WARNING,
    "worker.lease_lapsed": logging.WARNING,
    "worker.settle_failed": logging.WARNING,
    "settle.failed": logging.WARNING,
    "breaker.opened": logging.WARNING,
    "breaker.closed": logging.INFO,
    "door.refused": logging.INFO,
    "role.taken": logging.INFO,
    "mapping.in_force": logging.INFO,
    "secret.taken": logging.INFO,
    "secret.not_taken": logging.WARNING,
    "worker.draining": logging.INFO,
    "store.revived": logging.WARNING,
    "store.not_revived": logging.ERROR,
    "watch.crashed": logging.ERROR,
    "watch.failed": logging.WARNING,
    "alert.fired": logging.WARNING,
    "alert.grown": logging.WARNING,
    "alert.escalated": logging.WARNING,
    "alert.resolved": logging.INFO,
}

_PERSONAL: Final = {
    "delivery.settled": {"message"},  # may name a customer; `millstream deliveries show` has it
    "crm.customer_similar": {"accounts"},
}
"""Facts that are left out of the log, because they may say who somebody is."""


class LogTap:
    """One JSON line per note worth a line; failures of deliveries included, the rest at debug level."""

    def __init__(self) -> None:
        self._log = logging.getLogger("millstream")

    def note(self, name: str, /, **facts: Any) -> None:
        """See Tap."""
        level = _LOUD.get(name, logging.DEBUG)
        if name == "notification.ended" and facts.get("problem"):
            level = logging.WARNING
        if name == "delivery.settled" and facts.get("code"):
            # What is tried again mends itself; what is held or dead waits for somebody.
            level = logging.INFO if facts.get("state") == "retrying" else logging.WARNING
        if not self._log.isEnabledFor(level):
            return
        bug = facts.pop("bug", None)
        facts = {fact: value for fact, value in facts.items() if fact not in _PERSONAL.get(name, ())}
        subject = facts.get("subject") or subject_of_this_attempt.get()
        if subject is not None:
            facts["trace"] = f"{trace_id(subject):032x}"
        line = msgspec.json.encode({"note": name, **facts}, enc_hook=str).decode()
        self._log.log(level, line, exc_info=bug)


class CountingTap:
    """How often each note was heard."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, name: str, /, **facts: Any) -> None:
        """See Tap."""
        del facts
        self.counts[name] += 1


class Taps:
    """Several listeners, told in turn."""

    def __init__(self, listeners: Sequence[Tap]) -> None:
        self._listeners = listeners

    def note(self, name: str, /, **facts: Any) -> None:
        """See Tap."""
        for listener in self._listeners:
            listener.note(name, **facts)
