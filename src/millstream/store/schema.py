"""The schema: the steps that make it, and whether this version of Millstream can live with what is there.

`NNNN_pre_*.sql` only adds: the version before must still work on it, so every process applies it at its start.
`NNNN_post_*.sql` cleans up what the version before still needed: `millstream migrate --post` applies it once every
process runs the new version. Its line `-- needs release N` is the floor: older code refuses to start from then on.
A fresh database gets all of them in order, so a pre step may not count on a post step before it having run.
"""

import asyncio
import re
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, NamedTuple

from millstream.domain.errors import Reject
from millstream.store import sql
from millstream.store.text import json_text

RELEASE: Final = 1  # one more with every version that a post step must be able to tell from those before
APPLICATION: Final = "millstream"  # every session of ours is called `millstream/<release>`
LOCK: Final = 7_305_011  # any number, the same in every process
STEP_TIMEOUT_S: Final = 3600.0  # an index over years of events takes its time
SESSION_LOOKS_MAX: Final = 20
OURSELVES: Final = "hub:start"  # whom the audit trail names where a process brought the schema up to date

_SQL: Final = sql.load("schema")
_NEEDS: Final = re.compile(r"^-- needs release (\d+)$", re.MULTILINE)


class Step(NamedTuple):
    """One file. What was released is never edited: the digest of an applied file is on record."""

    name: str
    statements: str

    @property
    def post(self) -> bool:
        """Whether it waits until no process of the version before runs."""
        return "_post_" in self.name

    @property
    def floor(self) -> int:
        """The oldest release that can live with it; 0 if any can."""
        found = _NEEDS.search(self.statements)
        return int(found[1]) if found else 0

    @property
    def digest(self) -> str:
        """What tells an edited file from the one that was applied."""
        return sha256(self.statements.encode()).hexdigest()


class Condition(NamedTuple):
    """Where a step stands in a database."""

    name: str
    state: str


def migrations(folder: Traversable | None = None) -> list[Step]:
    """Every step, in order."""
    folder = folder or files("millstream.store").joinpath("migrations")
    found = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [Step(name, entry.read_text(encoding="utf-8")) for name, entry in found]


async def apply_steps(
    connection: Any, steps: list[Step], *, post: bool, release: int = RELEASE, actor: str | None = None
) -> list[str]:
    """Applies what is missing, in this transaction; returns the names. Raises Reject if this version cannot live here.

    Any number of processes may do this at once: they take turns. The audit trail tells who changed a schema, be it a
    process at its start; of a fresh one it tells only if somebody asked for it.
    """
    await connection.execute(_SQL["take_turn"], LOCK, timeout=STEP_TIMEOUT_S)
    await connection.execute(_SQL["create_migration"])
    recorded = await recorded_steps(connection)
    refuse_what_does_not_fit(recorded, steps, release=release)
    wanted = [step for step in steps if step.name not in recorded and (post or not recorded or not step.post)]
    await _refuse_old_sessions(connection, max((step.floor for step in wanted if recorded), default=0))
    for step in wanted:
        await connection.execute(step.statements, timeout=STEP_TIMEOUT_S)
        await connection.execute(_SQL["insert_step"], step.name)
    await connection.execute(
        _SQL["record_steps"],
        [step.name for step in steps],
        [step.digest for step in steps],
        [step.floor for step in steps],
    )
    names = [step.name for step in wanted]
    if names and (recorded or actor) and await connection.fetchval(_SQL["has_audit"]):
        await connection.execute(_SQL["tell"], actor or OURSELVES, json_text({"steps": names, "post": post}))
    return names


async def conditions(connection: Any, steps: list[Step], *, release: int = RELEASE) -> list[Condition]:
    """Every step this version or the database knows, in order. Raises Reject as `apply_steps` would."""
    recorded = await recorded_steps(connection)
    refuse_what_does_not_fit(recorded, steps, release=release)
    ours = {step.name: step for step in steps}
    told = []
    for name in sorted({*ours, *recorded}):
        if name in recorded:
            state = f"applied {recorded[name]['applied_at'][:19]}" + ("" if name in ours else ", by a newer version")
        else:
            state = "waits for --post" if ours[name].post and recorded else "to be applied"
        told.append(Condition(name, state))
    return told


def refuse_what_does_not_fit(recorded: dict[str, dict[str, Any]], steps: list[Step], *, release: int = RELEASE) -> None:
    """Raises Reject if the schema is for newer code only, or an applied file is no longer what it was."""
    floor = max((row.get("floor") or 0 for row in recorded.values()), default=0)
    if floor > release:
        raise Reject(
            "schema.newer",
            f"The database was cleaned up for release {floor} and newer of the schema; this version knows {release}. "
            "Install the version that ran `millstream migrate --post`, or restore a backup from before.",
        )
    for step in steps:
        digest = recorded.get(step.name, {}).get("digest")
        if digest is not None and digest != step.digest:
            raise Reject(
                "schema.edited",
                f"{step.name} is not the file that was applied to this database: it was edited since. "
                "Put the released file back (reinstall Millstream); a change of the schema is a new file.",
            )


async def recorded_steps(connection: Any) -> dict[str, dict[str, Any]]:
    """The rows of `migration` by name, whichever columns it has by now."""
    if not await connection.fetchval(_SQL["has_migration"]):
        return {}
    return {
        row["name"]: {"applied_at": row["applied_at"], "digest": row["digest"], "floor": row["floor"]}
        for row in await connection.fetch(_SQL["recorded"])
    }


async def sessions_that_stay(connection: Any, floor: int | None = None) -> list[str]:
    """Where processes work on this database from: all of them, or those whose release is below `floor`.

    Looks for up to two seconds: the session of a process that just ended takes a moment to go.
    """
    for n in range(1, SESSION_LOOKS_MAX + 1):
        await connection.execute(_SQL["look_anew"])
        rows = await connection.fetch(_SQL["sessions"], floor)
        if not rows or n == SESSION_LOOKS_MAX:
            break
        await asyncio.sleep(0.1)
    return [row["place"] for row in rows]


async def _refuse_old_sessions(connection: Any, floor: int) -> None:
    """A process that cannot live with what comes must have ended before."""
    running = await sessions_that_stay(connection, floor) if floor else []
    if running:
        raise Reject(
            "schema.in_use",
            f"Processes of an older version still work on this database ({', '.join(running)}). "
            "Stop them or bring them to this version, then run `millstream migrate --post` again.",
        )
