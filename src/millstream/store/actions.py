"""What is done to deliveries somebody chose: inside a transaction, on rows that are locked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from millstream.domain.credit import is_credit
from millstream.domain.errors import Reject
from millstream.domain.states import DeliveryState
from millstream.ports.desk import Filter, Resolution, Share, Verb
from millstream.store import sql
from millstream.store.text import json_text
from millstream.store.writing import lock_lanes

DESK: Final = {name: text.replace("{where}", sql.load("desk")["where"]) for name, text in sql.load("desk").items()}
_LEDGER: Final = sql.load("ledger")
_UNLOCKED: Final = DESK["chosen"].replace("for update of d", "")
MENDABLE: Final = ("held", "dead", "retrying")
DISCARDABLE: Final = (*MENDABLE, "waiting")
REOPENABLE: Final = ("discarded",)
ANY_STATE: Final = tuple(DeliveryState)
TARGETS: Final[dict[Verb, tuple[str, ...]]] = {
    "retry": MENDABLE,
    "release": ("held",),
    "discard": DISCARDABLE,
    "resolve": DISCARDABLE,
    "reopen": REOPENABLE,
    "assign": ANY_STATE,
    "tag": ANY_STATE,
    "snooze": ANY_STATE,
}
"""Verb -> the states it can be done in."""


def parameters(wanted: Filter, now: datetime) -> tuple[Any, ...]:
    """What the statements of `desk.sql` take for a filter."""
    return (
        list(wanted.ids) or None,
        list(wanted.states) or None,
        wanted.subscriber,
        wanted.event_type,
        wanted.code,
        wanted.fingerprint,
        wanted.subject,
        wanted.assignee,
        wanted.tag,
        wanted.snoozed,
        now,
    )


async def shares(
    connection: Any, verb: Verb, wanted: Filter, now: datetime, *, waivable: frozenset[str]
) -> tuple[Share, ...]:
    """What a filter means that is in a state the verb can be done in, most first."""
    rows = await connection.fetch(DESK["shares"], *parameters(wanted, now), list(TARGETS[verb]))
    return tuple(Share(**dict(row), refused=refuses(verb, row["code"], waivable)) for row in rows)


def refuses(verb: Verb, code: str | None, waivable: frozenset[str]) -> bool:
    """Whether the fault code alone forbids it."""
    return verb == "release" and code not in waivable and not is_credit(code)


async def look(connection: Any, wanted: Filter, states: Sequence[str], now: datetime) -> list[Any]:
    """The deliveries a filter means, not locked."""
    return list(await connection.fetch(_UNLOCKED, *parameters(wanted, now), list(states)))


async def lock(connection: Any, seen: Sequence[Any], wanted: Filter, states: Sequence[str], now: datetime) -> list[Any]:
    """Locks lanes, then rows, and reads them again: what moved meanwhile, or is not `wanted` any more, is left out."""
    if not seen:
        return []
    await lock_lanes(connection, {row["lane"] for row in seen})
    again = msgspec.structs.replace(wanted, ids=tuple(row["id"] for row in seen))
    return list(await connection.fetch(DESK["chosen"], *parameters(again, now), list(states)))


async def make_due(connection: Any, chosen: Sequence[Any], now: datetime) -> None:
    """Due now, attempts counted from zero."""
    await connection.execute(DESK["make_due"], [row["id"] for row in chosen], now)
    await connection.execute(_LEDGER["notify"], "desk")


async def release(connection: Any, chosen: Sequence[Any], now: datetime) -> None:
    """The rule that holds each does not apply to it any more; due now. Of credit nothing is waived: the ERP decides."""
    await connection.execute(DESK["waive"], [row["id"] for row in chosen if not is_credit(row["fault_code"])])
    await make_due(connection, chosen, now)


async def as_it_came(connection: Any, chosen: Sequence[Any]) -> None:
    """What was amended counts no more."""
    await connection.execute(DESK["as_it_came"], [row["id"] for row in chosen])


async def discard(
    connection: Any, chosen: Sequence[Any], now: datetime, reason: str, resolution: Resolution | None = None
) -> None:
    """They shall not happen; what waits behind them goes on."""
    await connection.execute(DESK["discard"], [row["id"] for row in chosen], now, reason, resolution)
    await connection.execute(_LEDGER["hand_on_lanes"], sorted({row["lane"] for row in chosen}), now)
    await connection.execute(_LEDGER["notify"], "desk")


async def reopen(connection: Any, chosen: Sequence[Any], now: datetime, reason: str) -> None:
    """They rest in review again, each before what came later in its lane.

    Raises Reject("delivery.overtaken") where that would be too late, and then changes nothing.
    """
    ids, lanes = [row["id"] for row in chosen], sorted({row["lane"] for row in chosen})
    await connection.execute(DESK["hold_lanes"], lanes)  # a claim does not ask for the lane's lock
    busy = await connection.fetchrow(DESK["lane_runs"], ids)
    if busy is not None:
        raise Reject(
            "delivery.overtaken",
            f"Delivery {busy['id']} cannot be opened now: delivery {busy['by_id']} of the same lane is being carried "
            "out. Look again in a moment.",
        )
    late = await connection.fetchrow(DESK["overtaken"], ids)
    if late is not None:
        became = "is done" if late["by_state"] == "done" else "may have been carried out"
        raise Reject(
            "delivery.overtaken",
            f"Delivery {late['id']} stays resolved: delivery {late['by_id']} ({late['by_type']}) about the same came "
            f"later and {became}; what comes before it cannot follow it. Mend it in the system itself.",
        )
    await connection.execute(DESK["reopen"], ids, now, f"reopened: {reason}")
    await connection.execute(DESK["take_heads"], ids, lanes)
    await connection.execute(_LEDGER["hand_on_lanes"], lanes, now)


async def audit(connection: Any, at: datetime, actor: str, action: str, subject: str, detail: dict[str, Any]) -> None:
    """One row of the trail."""
    await connection.execute(_LEDGER["insert_audit"], at, [actor], [action], [subject], [json_text(detail)])


async def audit_deliveries(
    connection: Any, chosen: Sequence[Any], at: datetime, actor: str, action: str, detail: dict[str, Any]
) -> None:
    """One row of the trail for each delivery."""
    await connection.execute(
        _LEDGER["insert_audit"],
        at,
        [actor for _ in chosen],
        [f"delivery.{action}" for _ in chosen],
        [row["subject"] for row in chosen],
        [
            json_text({"delivery": row["id"], "was": row["state"], "code": row["fault_code"], **detail})
            for row in chosen
        ],
    )


def amended_text(payload: dict[str, Any]) -> str:
    """An amended payload as `jsonb` takes it."""
    return json_text(msgspec.to_builtins(payload))
