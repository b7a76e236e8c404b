"""A backup: one file with a dump of the whole database and what it must hold, taken while everything works on.

The file is a plain tar of `manifest.json`, `manifest.sha256` and `database.dump`; the last is what `pg_restore` reads.
"""

import asyncio
import os
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import file_digest, sha256
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final

import asyncpg
import msgspec

from millstream.domain.errors import Reject
from millstream.store import sql
from millstream.store.audit import Verdict, examine
from millstream.store.database import database_failures
from millstream.store.programs import SESSION, Address, refused, start
from millstream.store.schema import RELEASE, recorded_steps
from millstream.store.text import json_text

MANIFEST, DIGEST, DUMP = "manifest.json", "manifest.sha256", "database.dump"
MANIFEST_BYTES_MAX: Final = 1_000_000
OURSELVES: Final = "hub:backup"  # whom the audit trail names where no person asked for it

_SQL: Final = sql.load("backup")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the dump must hold; counted in the very snapshot that was dumped."""

    version: str
    release: int
    made_at: datetime
    server: str
    migrations: dict[str, dict[str, Any]]
    tables: dict[str, int]
    newest_event: str | None
    newest_received_at: datetime | None
    audit: Verdict
    dump_bytes: int
    dump_sha256: str


def subject_of(manifest: Manifest) -> str:
    """What the audit trail calls a backup, whatever its file is called."""
    return f"backup/{manifest.dump_sha256[:12]}"


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Any]:
    """A session of its own, not counted among the processes that work."""
    with database_failures():
        connection = await asyncpg.connect(url, server_settings={"application_name": SESSION, "timezone": "UTC"})
        try:
            yield connection
        finally:
            await connection.close()


async def write_backup(url: str, file: Path, *, force: bool = False, actor: str = OURSELVES) -> Manifest:
    """Writes the backup under a temporary name, then gives it its own. Raises Reject, and leaves no half file.

    The audit trail tells of it before the file has its name: there is none that nobody made.
    """
    dump, partial = (file.with_name(f"{file.name}.{suffix}") for suffix in ("dump", "partial"))
    try:
        await asyncio.to_thread(_claim_names, file, dump, partial, force=force)
        async with session(url) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            manifest = await _dump(connection, url, dump)
        await asyncio.to_thread(_pack, manifest, dump, partial)
        async with session(url) as connection:
            told = {"file": str(file), "as_of": manifest.made_at, "sha256": manifest.dump_sha256}
            await connection.execute(_SQL["tell"], actor, "backup.written", subject_of(manifest), json_text(told))
        await asyncio.to_thread(partial.replace, file)
    except OSError as error:
        raise Reject("backup.unwritable", f"{file} cannot be written: {error.strerror or error}.") from error
    finally:
        for rest in (dump, partial):
            rest.unlink(missing_ok=True)
    return manifest


def _claim_names(file: Path, *temporary: Path, force: bool) -> None:
    if file.exists() and not force:
        raise Reject("backup.exists", f"{file} exists. Choose another name, or say --force to overwrite it.")
    for path in temporary:
        path.touch()
        path.chmod(0o600)  # it holds what customers ordered


async def _dump(connection: Any, url: str, dump: Path) -> Manifest:
    """Dumps and counts in one snapshot: what is written meanwhile is in neither."""
    migrations = await recorded_steps(connection)
    if not migrations:
        raise Reject("backup.empty", "There is nothing to back up: this database holds no Millstream yet.")
    server = await connection.fetchrow(_SQL["server"])
    await asyncio.to_thread(_run_dump, Address(url), dump, server["snapshot"])
    names = [row["name"] for row in await connection.fetch(_SQL["tables"])]
    newest = await connection.fetchrow(_SQL["newest_event"])
    size, digest = await asyncio.to_thread(_measure, dump)
    return Manifest(
        version=version("millstream"),
        release=RELEASE,
        made_at=server["now"],
        server=server["version"],
        migrations=migrations,
        tables={name: await connection.fetchval(_SQL["count"].format(table=name)) for name in names},
        newest_event=newest and newest["id"],
        newest_received_at=newest and newest["received_at"],
        audit=await examine(connection),
        dump_bytes=size,
        dump_sha256=digest,
    )


def _run_dump(address: Address, dump: Path, snapshot: str) -> None:
    wishes = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={dump}"]
    with start("pg_dump", [*wishes, f"--dbname={address.url}"], address) as program:
        _, complaint = program.communicate()
    if program.returncode:
        raise refused("backup.failed", "pg_dump could not read the database", complaint)


def _measure(dump: Path) -> tuple[int, str]:
    with dump.open("rb") as content:
        return dump.stat().st_size, file_digest(content, "sha256").hexdigest()


def _pack(manifest: Manifest, dump: Path, partial: Path) -> None:
    written = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    with partial.open("wb") as out, tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in ((MANIFEST, written), (DIGEST, sha256(written).hexdigest().encode() + b"\n")):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), 0o600, int(manifest.made_at.timestamp())
            tar.addfile(member, BytesIO(content))
        tar.add(dump, arcname=DUMP, recursive=False)
        tar.close()
        out.flush()
        os.fsync(out.fileno())


def read_manifest(file: Path) -> Manifest:
    """The manifest of a backup that is whole. Raises Reject for one that is cut off, altered or something else."""
    try:
        with tarfile.open(file, mode="r:") as tar:
            written = _member(tar, MANIFEST).read(MANIFEST_BYTES_MAX)
            told = _member(tar, DIGEST).read(MANIFEST_BYTES_MAX).decode().strip()
            manifest = msgspec.json.decode(written, type=Manifest)
            found = file_digest(_member(tar, DUMP), "sha256").hexdigest()  # type: ignore[arg-type]  # it reads all it needs
    except FileNotFoundError:
        raise Reject("backup.missing", f"There is no file {file}.") from None
    except (tarfile.TarError, EOFError, KeyError, ValueError, msgspec.MsgspecError) as error:
        raise _damaged(file, f"it is cut off, or no backup of Millstream ({error})") from error
    except OSError as error:
        raise Reject("backup.unreadable", f"{file} cannot be read: {error.strerror or error}.") from error
    if sha256(written).hexdigest() != told:
        raise _damaged(file, "its manifest was altered")
    if found != manifest.dump_sha256:
        raise _damaged(file, "its dump is cut off or was altered")
    return manifest


@asynccontextmanager
async def opened_dump(file: Path) -> AsyncIterator[IO[bytes]]:
    """The dump inside a backup, to read from."""
    with tarfile.open(file, mode="r:") as tar:
        yield _member(tar, DUMP)


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    member = tar.extractfile(name)
    if member is None:
        raise KeyError(name)
    return member


def _damaged(file: Path, why: str) -> Reject:
    return Reject(
        "backup.damaged", f"{file} is not restored: {why}. Nothing was touched; take another copy or an older backup."
    )
