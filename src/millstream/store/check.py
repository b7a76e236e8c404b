"""What `millstream doctor` shows of PostgreSQL: what the promise to lose nothing rests on, and its mending."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from millstream.ports.finding import Finding
from millstream.store import sql
from millstream.store.database import Database

_SQL: Final = sql.load("check")
# Settings that must not be "off", and what is lost where they are. Every other value waits for a disk at least.
NEEDED: Final = {
    "fsync": "what was accepted is lost, and the database with it, when the power goes",
    "full_page_writes": "a page half written when the power goes cannot be mended",
    "synchronous_commit": "what was accepted in the last moments is lost when the server dies",
}


class Kept(NamedTuple):
    """A setting as our sessions have it. `source` is PostgreSQL's word for where it was set."""

    name: str
    setting: str
    source: str


async def findings(database: Database) -> list[Finding]:
    """Raises Retry while PostgreSQL does not answer, and Reject if it is too old."""
    async with database.connection() as connection:
        about = await connection.fetchrow(_SQL["about"])
        rows = await connection.fetch(_SQL["durability"], list(NEEDED))
    detail = f"version {about['version']}, the schema is up to date"
    found = Finding(what="PostgreSQL answers", ok=True, detail=detail)
    return [found, *durability([_kept(row) for row in rows], database=about["database"], role=about["role"])]


def durability(kept: Sequence[Kept], *, database: str, role: str) -> list[Finding]:
    """A finding for each setting that keeps what was committed; a setting nobody told of is not well either."""
    told = {one.name: one for one in kept}
    return [_finding(name, told.get(name), lost, database=database, role=role) for name, lost in NEEDED.items()]


def _finding(name: str, kept: Kept | None, lost: str, *, database: str, role: str) -> Finding:
    if kept is not None and kept.setting != "off":
        return Finding(what=name, ok=True, detail=kept.setting)
    set_where = "PostgreSQL does not tell" if kept is None else f"off, set by: {kept.source}"
    place = {
        "database": f'ALTER DATABASE "{database}" SET {name} = on;',
        "user": f'ALTER ROLE "{role}" SET {name} = on;',
        "database user": f'ALTER ROLE "{role}" IN DATABASE "{database}" SET {name} = on;',
        "command line": f"start the server without {name}=off",
        "client": f"take {name} out of database_url and PGOPTIONS",
    }
    mend = place.get(kept.source if kept else "", f"ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();")
    return Finding(what=name, ok=False, detail=f"{set_where}; {lost}", fix=mend)


def _kept(row: Any) -> Kept:
    return Kept(row["name"], row["setting"], row["source"])
