"""How connections stand, in PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from millstream.ports.connections import (
    Brake,
    BreakerState,
    Budget,
    ConnectionStanding,
    ConnectionState,
    Examined,
    Pause,
    Seen,
    SeenBy,
    TokenLife,
    Usage,
)
from millstream.ports.finding import Finding
from millstream.ports.world import Clock
from millstream.store import sql
from millstream.store.actions import audit
from millstream.store.database import Database
from millstream.store.text import json_text

FORGOTTEN_AFTER: Final = timedelta(days=1)
DAYS_KEPT: Final = timedelta(days=35)
FRESH_FOR: Final = timedelta(seconds=30)  # a process that told nothing for longer is gone, or cannot tell
DAY_S: Final = 86_400
PLAIN: Final = tuple(name for name in Seen.__struct_fields__ if name not in {"token", "usage"})
WHAT: Final[dict[Brake, str]] = {
    "pause": "connection.pause",
    "drain": "connection.drain",
    "off": "connection.resume",
}

_SQL: Final = sql.load("connections")


class PostgresConnections:
    """See `ports.connections.ConnectionBoard`. `reading` is asked for figures."""

    def __init__(self, database: Database, *, clock: Clock, reading: Database | None = None) -> None:
        self._database = database
        self._reading = reading or database
        self._clock = clock

    async def exchange(self, worker: str, seen: Mapping[str, Seen]) -> Mapping[str, Brake]:
        """See ConnectionBoard."""
        now = self._clock.now()
        rows = [_told(one) for one in seen.values()]
        columns = [list(column) for column in zip(*rows, strict=True)] if rows else None
        async with self._database.transaction() as connection:
            if columns is not None:
                await connection.execute(_SQL["tell"], worker, now, list(seen), *columns)
            await connection.execute(_SQL["forget"], now - FORGOTTEN_AFTER)
            await connection.execute(_SQL["forget_days"], (now - DAYS_KEPT).date())
            braked = await connection.fetch(_SQL["braked"])
        return {row["name"]: "drain" if row["drain"] else "pause" for row in braked}

    async def standings(self, kinds: Mapping[str, str], *, window_s: int) -> Sequence[ConnectionStanding]:
        """See ConnectionBoard."""
        now = self._clock.now()
        names = list(kinds)
        async with self._reading.connection() as connection:
            calls = await connection.fetch(_SQL["calls"], now - timedelta(seconds=window_s))
            pauses = await connection.fetch(_SQL["pauses"])
            seen = await connection.fetch(_SQL["seen"], names)
            today = await connection.fetch(_SQL["today"], names, now.astimezone(UTC).date())
            tests = await connection.fetch(_SQL["tests"], names)
        by_system = {row["system"]: row for row in calls}
        by_name = {row["name"]: row for row in pauses}
        called = {row["name"]: row["calls"] for row in today}
        tested = {row["name"]: _examined(row) for row in tests}
        found: dict[str, list[SeenBy]] = {name: [] for name in names}
        for row in seen:
            found[row["name"]].append(_seen(row))
        return [
            _standing(
                name,
                kind,
                pause=by_name.get(name),
                calls=by_system.get(name),
                seen=found[name],
                today=called.get(name),
                test=tested.get(name),
                now=now,
            )
            for name, kind in kinds.items()
        ]

    async def pull(self, name: str, brake: Brake, *, actor: str, reason: str) -> None:
        """See ConnectionBoard."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["pull"], name, brake != "off", brake == "drain", reason, actor, now)
            await audit(connection, now, actor, WHAT[brake], f"connection/{name}", {"reason": reason})

    async def examined(self, name: str, findings: Sequence[Finding], *, actor: str) -> None:
        """See ConnectionBoard."""
        now = self._clock.now()
        told = {"ok": all(finding.ok for finding in findings), "missing": _missing(findings)}
        async with self._database.transaction() as connection:
            await connection.execute(_SQL["remember_test"], name, now, actor, json_text(findings))
            await audit(connection, now, actor, "connection.test", f"connection/{name}", told)


def _told(seen: Seen) -> tuple[Any, ...]:
    """As the statement takes it."""
    token, usage = seen.token, seen.usage
    return (
        *(getattr(seen, name) for name in PLAIN),
        token and token.fetched_at,
        token and token.ends_at,
        usage and usage.used,
        usage and usage.limit,
        usage and usage.told_at,
    )


def _seen(row: Any) -> SeenBy:
    token = usage = None
    if row["token_fetched_at"] is not None:
        token = TokenLife(fetched_at=row["token_fetched_at"], ends_at=row["token_ends_at"])
    if row["usage_told_at"] is not None:
        usage = Usage(used=row["usage_used"], limit=row["usage_limit"], told_at=row["usage_told_at"])
    plain = {name: row[name] for name in PLAIN}
    return SeenBy(**plain, token=token, usage=usage, worker=row["worker"], seen_at=row["seen_at"])


def _missing(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for finding in findings for name in finding.missing))


def _examined(row: Any) -> Examined:
    findings = msgspec.json.decode(row["findings"], type=tuple[Finding, ...])
    return Examined(
        at=row["at"],
        actor=row["actor"],
        ok=all(finding.ok for finding in findings),
        missing=_missing(findings),
        findings=findings,
    )


def _standing(
    name: str,
    kind: str,
    *,
    pause: Any,
    calls: Any,
    seen: Sequence[SeenBy],
    today: int | None,
    test: Examined | None,
    now: datetime,
) -> ConnectionStanding:
    count, failed = (calls["calls"], calls["failed"]) if calls else (0, 0)
    good = calls["last_good_at"] if calls else None
    fresh = [one for one in seen if now - one.seen_at <= FRESH_FOR]
    return ConnectionStanding(
        name=name,
        kind=kind,
        state=_state(pause, fresh),
        still_running=sum(max(one.under_way, one.in_use) for one in fresh) if fresh else None,
        pause=None if pause is None else Pause(**{key: pause[key] for key in Pause.__struct_fields__}),
        breaker=_worst(one.breaker for one in fresh),
        down_since=min((one.down_since for one in fresh if one.down_since is not None), default=None),
        last_good_at=max((at for at in (good, *(one.answered_at for one in seen)) if at is not None), default=None),
        calls=count,
        failed=failed,
        refused=calls["refused"] if calls else 0,
        error_share=round(failed / count, 4) if count else None,
        budget=_budget(fresh, seen, today),
        token=_first_to_end(one.token for one in fresh if one.token is not None),
        last_test=test,
        shared_by=tuple(one.worker for one in fresh),
        processes=tuple(seen),
    )


def _state(pause: Any, fresh: Sequence[SeenBy]) -> ConnectionState:
    """Drained is paused. Who pauses outright has done so at once; who hears of it later calls until then."""
    if pause is None:
        return "on"
    if pause["drain"] and any(one.brake == "off" or one.under_way or one.in_use for one in fresh):
        return "draining"
    return "paused"


def _worst(breakers: Iterable[BreakerState]) -> BreakerState | None:
    """Of all processes that live; None if none does."""
    there = set(breakers)
    worst: tuple[BreakerState, ...] = ("open", "probing", "closed")
    return next((state for state in worst if state in there), None)


def _first_to_end(tokens: Iterable[TokenLife]) -> TokenLife | None:
    """Of those whose end is known; else the oldest."""
    there = sorted(tokens, key=lambda token: (token.ends_at is None, token.ends_at or token.fetched_at))
    return there[0] if there else None


def _budget(fresh: Sequence[SeenBy], seen: Sequence[SeenBy], today: int | None) -> Budget:
    rates = [one.rate_per_s for one in fresh]
    rate = None if not rates else 0.0 if 0 in rates else sum(rates)
    counts = [one.calls_per_min for one in fresh if one.calls_per_min is not None]
    places, in_use = sum(one.concurrency for one in fresh), sum(one.in_use for one in fresh)
    usage = max((one.usage for one in seen if one.usage is not None), key=lambda one: one.told_at, default=None)
    used_now = [in_use / places] if places else []
    if rate and counts:
        used_now.append(sum(counts) / (rate * 60))
    used_today = None
    if usage is not None:
        used_today = usage.used / usage.limit
    elif rate and today is not None:
        used_today = today / (rate * DAY_S)
    return Budget(
        concurrency=places or None,
        in_use=in_use if fresh else None,
        under_way=sum(one.under_way for one in fresh) if fresh else None,
        rate_per_s=rate,
        calls_per_min=sum(counts) if counts else None,
        calls_today=today,
        system=usage,
        used_now=round(max(used_now), 4) if used_now else None,
        used_today=None if used_today is None else round(used_today, 4),
    )
