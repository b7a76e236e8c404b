"""Codes of the hub itself."""

from typing import Final

from millstream.domain.faults.words import Text

TEXTS: Final[dict[str, Text]] = {
    "hub.fault": (
        "makers",
        "a bug of ours",
        "the log has the trace (delivery.crashed); tell us, upgrade, then retry",
    ),
    "route.missing": (
        "it",
        "this version does not know what to do with the event; another may",
        "finish the upgrade; or discard",
    ),
    "lease.lost": (
        "nobody",
        "this worker stood still past its lease; before an effect that must not happen twice it stopped",
        "nothing: another worker is on it; if it repeats, the machine is overloaded or its clock jumps",
    ),
    "lease.expired": (
        "nobody",
        "a worker fell silent (crash, power, network); another looked up what it had done and went on",
        "nothing",
    ),
    "link.contradicts": (
        "crm",
        "a customer or order is linked to another hub id already",
        "find which of the two is right; merge in the CRM, then retry",
    ),
    "books.conflict": (
        "it",
        "what the flow brings contradicts the books, named by the constraint",
        "two systems claim one number: orders show both, correct one, retry",
    ),
    "delivery.reopened": (
        "desk",
        "somebody opened it again that was resolved before it was ever tried",
        "decide: retry it, or resolve it again",
    ),
    "mapping.overlay_failed": (
        "it",
        "a mapping of a custom field gives no value for this order; the message names field and expression",
        "correct and publish the mapping, then retry",
    ),
    "mapping.not_evaluated": (
        "it",
        "the process that evaluates mappings cannot be started; nothing was sent",
        "look at the machine's memory; it is tried again",
    ),
    "mapping.not_loaded": (
        "nobody",
        "it is not known yet which mappings are in force",
        "nothing: it is tried again as soon as the database answers",
    ),
    "store.not_started": (
        "it",
        "the embedded PostgreSQL does not start",
        "read its own log, which the message names: a full disk, or what a killed server left running",
    ),
    "store.unavailable": (
        "it",
        "PostgreSQL does not answer; nothing was written",
        "bring it back; everything goes on by itself",
    ),
}
