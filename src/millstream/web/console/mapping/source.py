"""The left side: which order, which of its records, and every path an expression can name."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import msgspec
from nicegui import html, ui

from millstream.web.console.mapping.bench import SAMPLES, Bench
from millstream.web.console.parts import NOT_KNOWN, card, code_block, empty

PATHS_MAX: Final = 200
VALUE_SHOWN: Final = 60

Again = Callable[[], Awaitable[None]]


def draw_choice(bench: Bench, *, chosen: Again, turned: Again) -> None:
    """Which order is tried, out of the newest or, `turned`, of those that a mapping holds."""

    async def choose(event: Any) -> None:
        bench.event_id, bench.is_chosen = event.value, True
        ui.navigate.history.replace(bench.address)
        await chosen()

    async def turn(event: Any) -> None:
        bench.failing = bool(event.value)
        bench.event_id, bench.is_chosen = None, False
        ui.navigate.history.replace(bench.address)
        await turned()

    with html.div().classes("ms-row"):
        if bench.samples:
            ui.select(
                {one["id"]: _named(one) for one in bench.samples},
                value=bench.event_id if bench.event_id in {one["id"] for one in bench.samples} else None,
                label=f"Order to try on (of the last {SAMPLES})",
                on_change=choose,
            ).classes("ms-wide").props('aria-label="Order to try on"')
        ui.checkbox("Only orders that a mapping holds", value=bench.failing, on_change=turn)
    if not bench.samples:
        empty(
            "No order is held by a mapping." if bench.failing else "There is no order to try on yet.",
            "It was looked for just now." if bench.failing else "The first one that comes in can be chosen here.",
        )


def _named(sample: dict[str, Any]) -> str:
    waits = f" · waits: {sample['code']}" if sample["code"] else ""
    return f"{sample['number'] or sample['subject']} · {sample['occurred_at'][:16].replace('T', ' ')} UTC{waits}"


def draw_source(bench: Bench, *, chosen: Again) -> None:
    """The record's paths and values, searchable, and the whole of it as JSON. `chosen`: another record is."""
    with card("What expressions see"):
        if not bench.pieces:
            empty(bench.seen["fault"] if bench.seen and bench.seen["fault"] else "No record to show.")
            return

        async def choose(event: Any) -> None:
            bench.piece = int(event.value)
            await chosen()

        labels = {n: f"{piece['target']}: {piece['label']}" for n, piece in enumerate(bench.pieces)}
        ui.select(labels, value=bench.piece, label="Record", on_change=choose).classes("ms-wide").props(
            'aria-label="Record"'
        )
        piece = bench.pieces[bench.piece]
        document = {**piece["given"], "mapped": piece["mapped"]}
        field = ui.input("Search paths and values").classes("ms-wide").props('debounce=250 type="search"')
        found = html.div()

        def search(event: Any) -> None:
            show(event.value or "")

        def show(wanted: str) -> None:
            found.clear()
            with found:
                _draw_paths(document, wanted.strip().lower())

        field.on_value_change(search)
        show("")
        with html.details():
            html.summary("The whole of it as JSON")
            code_block(document, label="What expressions see, as JSON")


def _draw_paths(document: Any, wanted: str) -> None:
    hits = [(path, text) for path, text in paths_of(document) if wanted in path.lower() or wanted in text.lower()]
    if not hits:
        html.p("Nothing has this in its path or value.").classes("ms-hint")
        return
    with html.div(role="region", tabindex="0", **{"aria-label": "Paths and values"}).classes("ms-paths"), html.dl():
        for path, text in hits[:PATHS_MAX]:
            html.dt(path)
            html.dd(text)
    if len(hits) > PATHS_MAX:
        html.p(f"{len(hits) - PATHS_MAX} more: search for what you need.").classes("ms-hint")


def paths_of(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every leaf with the path JSONata reaches it by."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            step = name if name.isidentifier() else f"`{name}`"
            yield from paths_of(inner, f"{path}.{step}" if path else step)
    elif isinstance(value, list) and value:
        for n, inner in enumerate(value):
            yield from paths_of(inner, f"{path}[{n}]")
    else:
        yield path, shown(value)


def shown(value: Any) -> str:
    """A value on one line."""
    if value is None:
        return NOT_KNOWN
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= VALUE_SHOWN else f"{text[:VALUE_SHOWN]}…"
