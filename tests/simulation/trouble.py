"""Everything that goes wrong on a virtual day, by name. The seed decides when; every time is counted."""

from collections import Counter

KINDS = {
    "drop": "the connection is refused, or ends before the answer does",
    "delay": "a call takes seconds",
    "duplicate": "the network delivers a call twice; either answer may be the one that is seen",
    "reorder": "a call arrives after one that was sent later",
    "429": "too many requests, told as the system tells it",
    "500": "a program ended",
    "503": "not available, told in the system's own format",
    "503_html": "not available, told by whatever stands in front of the system",
    "timeout_before": "no answer, and nothing was done",
    "timeout_after": "no answer, and everything was done",
    "partial_batch": "of several calls in one, one fails",
    "webhook_lost": "a change of an order is never told",
    "webhook_late": "a change of an order is told minutes later",
    "webhook_stale": "what is told is not how the order is by then",
    "webhook_duplicate": "a change of an order is told twice",
    "webhook_reorder": "a later change is told before an earlier one",
    "clock_skew": "a process or a system begins the day, or its life, with a clock that is wrong",
    "crash": "a process dies at any step it takes",
    "freeze": "a process stands still past its lease, with work in hand",
    "sessions_ended": "CRM or ERP forget every session",
    "locked": "somebody in the CRM or the ERP has the record open",
    "database_away": "a transaction cannot begin",
    "database_answer_lost": "a transaction commits, and its caller hears that it failed",
    "crm_outage": "an hour without a CRM",
    "erp_outage": "twenty minutes without an ERP",
    "credit_stop": "the ERP lets nobody buy for a while",
}
OF_MIDDLEWARE = {"latency": "delay", "refused": "drop", "reset": "drop"}  # where a sandbox has another name for it


class Suffered:
    """How often each kind happened."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, kind: str, times: int = 1) -> None:
        """One more. An unknown kind is a mistake of the day."""
        if kind not in KINDS:
            raise KeyError(kind)
        if times:
            self.counts[kind] += times

    def note_of_system(self, counts: Counter[str]) -> None:
        """What the faults of a sandbox system counted since they were set up."""
        for kind, times in counts.items():
            self.note(OF_MIDDLEWARE.get(kind, kind), times)
        counts.clear()
