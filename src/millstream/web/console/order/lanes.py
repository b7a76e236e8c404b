"""The swim lanes: what happened where, how long it took, and what was waited for."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from nicegui import html

from millstream.web.console.order.scale import Scale, rows
from millstream.web.console.order.story import Entry
from millstream.web.console.order.words import LANES
from millstream.web.console.parts import moment, span

ROW_PX: Final = 22
ROWS_MAX: Final = 8
INSET: Final = 1.0  # of a hundred: room for half a dot at either end
DOT_WIDTH: Final = 1.8  # of a hundred: what a dot, or a try of no length, takes up
TICKS_APART: Final = 17.0
_TONES: Final = {"done": "good", "retrying": "warn", "lost": "warn", "held": "bad", "dead": "bad"}


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """An entry where it is drawn, in hundredths of the whole width."""

    entry: Entry
    left: float
    width: float


def draw_lanes(entries: Sequence[Entry], *, href: str) -> None:
    """Draws them; `href` with an entry's anchor leads to it in the list."""
    now = datetime.now(UTC)
    drawn = [entry for entry in entries if entry.kind != "told"]
    scale = Scale(_instants(drawn, now))
    first = drawn[0].n if drawn else 0
    hint = "Time is compressed: the longer a stretch, the more it is shortened. Arrow keys go from one to the next."
    html.p(hint, id="lanes-hint").classes("ms-hint")
    box = html.div(
        role="region", tabindex="0", **{"aria-label": "Timeline by system", "aria-describedby": "lanes-hint"}
    )
    with box.classes("ms-lanes-box"), html.div(**{"data-lanes": ""}).classes("ms-lanes"):
        for lane, name in LANES:
            _draw_lane(name, [_piece(one, scale, now) for one in drawn if one.lane == lane], first=first, href=href)
        _draw_axis(scale)
    _draw_legend()


def _instants(entries: Sequence[Entry], now: datetime) -> list[datetime]:
    found = [entry.at for entry in entries]
    found += [entry.ended_at for entry in entries if entry.ended_at is not None]
    return [*found, now] if any(entry.lasts for entry in entries) else found


def _place(scale: Scale, instant: datetime) -> float:
    return INSET + scale.at(instant) * (100 - 2 * INSET) / 100


def _piece(entry: Entry, scale: Scale, now: datetime) -> Piece:
    left = _place(scale, entry.at)
    if entry.kind == "fact":
        return Piece(entry=entry, left=left - DOT_WIDTH / 2, width=DOT_WIDTH)
    right = _place(scale, entry.ended_at or now)
    return Piece(entry=entry, left=left, width=max(right - left, DOT_WIDTH))


def _draw_lane(name: str, pieces: list[Piece], *, first: int, href: str) -> None:
    pieces.sort(key=lambda piece: piece.left)
    placed = rows([(piece.left, piece.left + piece.width) for piece in pieces], most=ROWS_MAX)
    height = ROW_PX * (max(placed, default=0) + 1) + 6
    with html.div(role="group", **{"aria-label": name}).classes("ms-lane"):
        html.div(name, **{"aria-hidden": "true"}).classes("ms-lane-name")
        with html.div().classes("ms-track").style(f"height: {height}px"):
            for piece, row in zip(pieces, placed, strict=True):
                _draw_piece(piece, row, first=first, href=href)


def _draw_piece(piece: Piece, row: int, *, first: int, href: str) -> None:
    entry = piece.entry
    says = says_of(entry)
    tone = _TONES.get(entry.outcome or "", "info")
    made = html.a(
        href=f"{href}#{entry.anchor}",
        tabindex="0" if entry.n == first else "-1",
        title=says,
        **{"aria-label": says, "data-n": str(entry.n)},
    )
    made.classes(f"ms-piece ms-{entry.kind} ms-{tone}" + (" ms-lasts" if entry.lasts else ""))
    made.style(f"left: {piece.left:.3f}%; width: {piece.width:.3f}%; top: {row * ROW_PX + 4}px")
    if entry.kind == "gap":
        with made:
            html.span(gap_words(entry))


def gap_words(entry: Entry) -> str:
    """What was waited for, and how long."""
    return f"{entry.words}, still lasting" if entry.lasts else f"{span(entry.took_s)} {entry.words}"


def says_of(entry: Entry) -> str:
    """An entry in one sentence."""
    when = f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    match entry.kind:
        case "gap":
            return f"{gap_words(entry)}, since {when}"
        case "try":
            return f"{entry.words}: {entry.outcome}, took {span(entry.took_s)}, {when}"
        case _:
            return f"{entry.words}, {when}"


def _draw_axis(scale: Scale) -> None:
    """Where it begins, and how long after that."""
    ticks = scale.ticks(TICKS_APART)
    with html.div().classes("ms-axis"):
        for n, instant in enumerate(ticks):
            side = "ms-tick ms-last" if n and n == len(ticks) - 1 else "ms-tick"
            with html.span().classes(side).style(f"left: {_place(scale, instant):.3f}%"):
                if n == 0:
                    moment(instant, how="at")
                else:
                    html.span(f"+{span((instant - ticks[0]).total_seconds())}")


def _draw_legend() -> None:
    signs: tuple[tuple[str, Any], ...] = (
        ("ms-fact ms-info", "something happened"),
        ("ms-try ms-good", "a try that succeeded"),
        ("ms-try ms-warn", "one that will be repeated"),
        ("ms-try ms-bad", "one that needs a person"),
        ("ms-gap", "waiting, for what is written on it"),
    )
    with html.ul(**{"aria-label": "Signs"}).classes("ms-legend"):
        for classes, says in signs:
            with html.li():
                html.span(**{"aria-hidden": "true"}).classes(f"ms-piece {classes}")
                html.span(says)
