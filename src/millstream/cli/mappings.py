"""`millstream mappings`: custom fields laid over what connectors map. A trial sends nothing."""

import json
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer
from rich.table import Table

from millstream.bootstrap import Runtime
from millstream.cli.choice import Reason
from millstream.cli.hub import run_hub
from millstream.cli.screen import plain
from millstream.cli.session import actor, console
from millstream.engine.overlays.files import place_of, read_overlay, written
from millstream.engine.overlays.keeper import LOOK_EVERY_S
from millstream.engine.overlays.workshop import SAMPLES_MAX, Workshop
from millstream.ports.mappings import Content, Place

app = typer.Typer(help="Custom fields: look, test, preview, publish, roll back.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Connection and direction, as `crm.outbound`.")]
What = Annotated[str, typer.Argument(help="A file, as `mappings/crm.outbound.toml`; or `crm.outbound`: its draft.")]
Json = Annotated[bool, typer.Option("--json", help="For scripts.")]


async def _given(workshop: Workshop, what: str) -> tuple[Place, Content]:
    """A file's content; or the draft of an overlay, or what is in force if there is none."""
    path = Path(what)
    if path.suffix == ".toml":
        return place_of(path), read_overlay(path)
    place = place_of(Path(f"{what}.toml"))
    return place, (await workshop.standing(place)).content


@app.command("list")
def list_mappings(*, as_json: Json = False) -> None:
    """What may be laid over which connection, and what is."""

    async def work(runtime: Runtime) -> int:
        standings = await runtime.operating.workshop.standings()
        table = Table("mapping", "fields of", "version", "rules", "published", "draft", box=None)
        told = []
        for one in standings:
            surface, version, draft = one.surface, one.version, one.draft
            name = f"{surface.connection}.{surface.direction}"
            targets = [target.name for target in surface.targets]
            rules = len(version.rules) if version else 0
            by = f"{version.published_at:%Y-%m-%d %H:%M} by {version.published_by}" if version else "never"
            at = f"{draft.changed_at:%Y-%m-%d %H:%M} by {draft.changed_by}" if draft else ""
            table.add_row(name, ", ".join(targets), str(one.newest or ""), str(rules), by, at)
            told.append({"mapping": name, "targets": targets, "version": one.newest, "rules": rules})
        _tell(told, table, as_json=as_json)
        return 0

    run_hub(work)


@app.command()
def show(
    name: Name,
    version: Annotated[int | None, typer.Option(help="Not the draft or the one in force, but this one.")] = None,
) -> None:
    """The rules as a file, and what else may be set."""

    async def work(runtime: Runtime) -> int:
        workshop = runtime.operating.workshop
        place, content = await _given(workshop, name)
        if version is not None:
            content = await workshop.version(place, version)
        for target in workshop.surface(place).targets:
            console.print(f"# {target.name}: {target.what}. For example {target.example}. {target.teach}")
        console.print(written(content) or "# nothing is laid over it", soft_wrap=True, end="")
        return 0

    run_hub(work)


@app.command()
def versions(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    after: Annotated[int | None, typer.Option(min=1, help="Those before this version.")] = None,
) -> None:
    """What was published, when, by whom and why, the newest first."""

    async def work(runtime: Runtime) -> int:
        place = place_of(Path(f"{name}.toml"))
        table = Table("version", "published", "by", "rules", "reason", "restores", box=None)
        found = await runtime.operating.workshop.versions(place, limit=limit + 1, before=after)
        for one in found[:limit]:
            at = f"{one.published_at:%Y-%m-%d %H:%M:%S}"
            back = "" if one.restores is None else str(one.restores)
            table.add_row(str(one.version), at, one.published_by, str(len(one.rules)), one.reason, back)
        console.print(table)
        if len(found) > limit:
            console.print(f"more: --after {found[limit - 1].version}")
        return 0

    run_hub(work)


@app.command("test")
def run_tests(what: What, *, as_json: Json = False) -> None:
    """Is every rule allowed, and does every test give what it should? Exit code 1 if not."""

    async def work(runtime: Runtime) -> int:
        place, content = await _given(runtime.operating.workshop, what)
        faults = await runtime.operating.workshop.faults(place, content)
        results = [] if faults else await runtime.operating.workshop.run_tests(place, content)
        table = Table("", "test", "", box=None)
        for fault in faults:
            table.add_row("✗", fault.place, fault.message)
        for one in results:
            table.add_row("✓" if one.ok else "✗", one.name, "; ".join(one.faults))
        _tell({"faults": faults, "tests": results}, table, as_json=as_json)
        if not as_json:
            good = sum(one.ok for one in results)
            console.print(
                f"{len(content.rules)} rules, {len(faults)} faults; {good} of {len(content.tests)} tests hold"
            )
        return 1 if faults or not all(one.ok for one in results) else 0

    run_hub(work)


@app.command()
def preview(
    what: What,
    event: Annotated[str | None, typer.Option(help="The event of an order; else the newest order.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """The fields on one real order."""

    async def work(runtime: Runtime) -> int:
        workshop = runtime.operating.workshop
        place, content = await _given(workshop, what)
        seen = await workshop.preview(place, content.rules, UUID(event) if event else None)
        table = Table("record", "field", "value", "", title=f"order {seen.number} · {seen.ms} ms", box=None)
        for piece in seen.pieces:
            for one in piece.fields:
                table.add_row(f"{piece.target} · {piece.label}", one.field, _shown(one.value), one.fault or "")
        _tell(seen, table, as_json=as_json)
        if seen.fault:
            console.print(plain(seen.fault, style="red"))
        return 1 if seen.fault or any(one.fault for piece in seen.pieces for one in piece.fields) else 0

    run_hub(work)


@app.command()
def diff(what: What, last: Annotated[int, typer.Option(min=1, max=SAMPLES_MAX)] = 50, *, as_json: Json = False) -> None:
    """What it would change on the last orders, against what is in force. Exit code 1 if a field fails."""

    async def work(runtime: Runtime) -> int:
        workshop = runtime.operating.workshop
        place, content = await _given(workshop, what)
        found = await workshop.diff(place, content.rules, last=last)
        title = f"{found.orders} orders looked at: {found.orders_changed} change, {found.orders_failing} fail"
        table = Table("field", "changes", "fails", "order", "before", "after", title=title, box=None)
        for one in found.fields:
            table.add_row(one.path, str(one.changed), str(one.failed), "", "", "")
            for example in one.examples:
                after = example.fault or _shown(example.after)
                table.add_row("", "", "", f"{example.number} {example.label}", _shown(example.before), after)
        _tell(found, table, as_json=as_json)
        return 1 if found.orders_failing else 0

    run_hub(work)


@app.command()
def publish(
    what: What,
    reason: Reason,
    on_top_of: Annotated[int | None, typer.Option(help="Refuse unless this version is in force.")] = None,
) -> None:
    """Puts it in force. Refused for a rule that may not be, and for a test that fails."""

    async def work(runtime: Runtime) -> int:
        workshop = runtime.operating.workshop
        place, content = await _given(workshop, what)
        base = (await workshop.standing(place)).newest if on_top_of is None else on_top_of
        version = await workshop.publish(place, content, actor=actor(), reason=reason, on_top_of=base)
        _say_in_force(place, version.version)
        return 0

    run_hub(work)


@app.command()
def rollback(
    name: Name,
    version: Annotated[int, typer.Argument(help="Whose rules shall hold again; 0: none at all.", min=0)],
    reason: Reason,
) -> None:
    """Puts the rules of an earlier version in force again, as a new version."""

    async def work(runtime: Runtime) -> int:
        workshop = runtime.operating.workshop
        place = place_of(Path(f"{name}.toml"))
        base = (await workshop.standing(place)).newest
        done = await workshop.roll_back(place, version, actor=actor(), reason=reason, on_top_of=base)
        _say_in_force(place, done.version)
        return 0

    run_hub(work)


@app.command()
def draft(file: Annotated[Path, typer.Argument(help="As `mappings/crm.outbound.toml`.")]) -> None:
    """Keeps a file's rules as the draft, in place of the one there is; nothing is in force by it."""

    async def work(runtime: Runtime) -> int:
        workshop = runtime.operating.workshop
        place, content = place_of(file), read_overlay(file)
        before = (await workshop.standing(place)).draft
        kept = await workshop.save(place, content, revision=before.revision if before else 0, actor=actor())
        console.print(f"the draft of {'.'.join(place)} is kept: {len(kept.rules)} rules")
        for fault in await workshop.faults(place, kept):
            console.print(plain(f"✗ {fault.place}: {fault.message}"))
        return 0

    run_hub(work)


@app.command()
def drop(name: Name) -> None:
    """Drops the draft; what is in force stays."""

    async def work(runtime: Runtime) -> int:
        place = place_of(Path(f"{name}.toml"))
        dropped = await runtime.operating.workshop.discard(place, actor=actor())
        console.print(f"the draft of {name} is dropped" if dropped else f"there is no draft of {name}")
        return 0 if dropped else 1

    run_hub(work)


def _say_in_force(place: Place, version: int) -> None:
    name = ".".join(place)
    console.print(f"version {version} of {name} is in force; running processes have it within {LOOK_EVERY_S:g} s")


def _tell(document: Any, table: Table, *, as_json: bool) -> None:
    if as_json:
        console.print_json(msgspec.json.encode(document).decode())
    else:
        console.print(table)


def _shown(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)
