"""Two JSON documents side by side. What differs is told by sign and word as well as by colour."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Final, Literal

import msgspec
from nicegui import html

LINES_MAX: Final = 4000  # longer documents are shown beside each other, but not compared
CONTEXT: Final = 3

Sign = Literal[" ", "−", "+"]


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that are the same on both sides, or that stand in each other's place."""

    same: bool
    left: tuple[str, ...]
    right: tuple[str, ...]


def lines_of(document: Any) -> list[str]:
    """As people read JSON: two spaces, members in their order."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode().splitlines()


def in_order_of(document: Any, model: Any) -> Any:
    """The same document with its members in the order the model has them: what order they came in means nothing."""
    if isinstance(document, dict) and isinstance(model, dict):
        names = [name for name in model if name in document]
        names += [name for name in document if name not in model]
        return {name: in_order_of(document[name], model.get(name)) for name in names}
    if isinstance(document, list) and isinstance(model, list):
        models = [*model, *[None] * (len(document) - len(model))]
        return [in_order_of(one, of) for one, of in zip(document, models, strict=False)]
    return document


def stretches(left: Sequence[str], right: Sequence[str]) -> list[Stretch]:
    """Both documents, cut where they begin or cease to differ."""
    matcher = SequenceMatcher(a=left, b=right, autojunk=False)
    return [
        Stretch(same=kind == "equal", left=tuple(left[a:b]), right=tuple(right[c:d]))
        for kind, a, b, c, d in matcher.get_opcodes()
    ]


def compare(left: Any, right: Any, *, left_says: str, right_says: str) -> None:
    """Draws both; None is a document that is not there."""
    right = in_order_of(right, left)
    before, after = ([] if document is None else lines_of(document) for document in (left, right))
    if len(before) + len(after) > LINES_MAX:
        _too_long(before, after, left_says, right_says)
        return
    found = stretches(before, after)
    removed, added = (sum(len(side) for side in sides) for sides in _changed(found))
    html.p(
        "Both are the same."
        if not removed and not added
        else f"{removed} lines only on the left (−), {added} only on the right (+)."
    ).classes("ms-hint").props.update(role="status")
    box = html.div(role="region", tabindex="0", **{"aria-label": f"{left_says}, and {right_says}"}).classes(
        "ms-diff-box"
    )
    with box, html.table().classes("ms-diff"):
        with html.thead(), html.tr():
            html.th(left_says, scope="col")
            html.th(right_says, scope="col")
        with html.tbody():
            for one in found:
                _rows(one)


def _changed(found: Sequence[Stretch]) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    differing = [one for one in found if not one.same]
    return [one.left for one in differing], [one.right for one in differing]


def _rows(one: Stretch) -> None:
    if not one.same:
        with html.tr().classes("ms-diff-changed"):
            _side(one.left, "−", "only on the left")
            _side(one.right, "+", "only on the right")
        return
    for lines, hidden in _folded(one.left):
        with html.tr().classes("ms-diff-same"):
            if hidden:
                with html.td(colspan="2"), html.details():
                    html.summary(f"{len(lines)} lines that are the same")
                    html.pre("\n".join(lines)).classes("ms-diff-lines")
            else:
                _side(lines, " ", "")
                _side(lines, " ", "")


def _folded(lines: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The middle of a long stretch is folded away."""
    if len(lines) <= 3 * CONTEXT:
        yield lines, False
        return
    yield lines[:CONTEXT], False
    yield lines[CONTEXT:-CONTEXT], True
    yield lines[-CONTEXT:], False


def _side(lines: tuple[str, ...], sign: Sign, says: str) -> None:
    tone = {"−": "ms-diff-left", "+": "ms-diff-right", " ": ""}[sign]
    with html.td().classes(tone if lines else "ms-diff-nothing"):
        if not lines:
            return
        if says:
            html.span(f"{says}:").classes("ms-unseen")
        html.pre("\n".join(f"{sign} {line}" for line in lines)).classes("ms-diff-lines")


def _too_long(before: Sequence[str], after: Sequence[str], left_says: str, right_says: str) -> None:
    html.p(f"Together they have more than {LINES_MAX} lines: they are shown, but not compared.").classes("ms-hint")
    with html.div().classes("ms-grid"):
        for says, lines in ((left_says, before), (right_says, after)):
            with html.div():
                html.h3(says).classes("ms-heading")
                html.pre("\n".join(lines), role="region", tabindex="0", **{"aria-label": says}).classes("ms-code")
