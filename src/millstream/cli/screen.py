"""What reaches the screen. Much of it other systems wrote: it is shown as it is, and nothing in it is obeyed."""

import os
import re
from json import dumps, loads
from typing import Any, Final

from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.table import Table
from rich.text import Text

_OBEYED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal carries out in place of showing it (C0, C1), what turns the direction of reading, and what cannot be
written at all."""
_OBEYED_IN_LINES: Final = re.compile(rf"(?![\t\n]){_OBEYED.pattern}")
PIPE_WIDTH: Final = 200  # columns, where nobody says how wide it is: what programs read is not folded at 80
_OBEYED_IN_JSON: Final = re.compile(rf"(?!\n){_OBEYED.pattern}")


def plain(*parts: object, style: str = "") -> Text:
    r"""One line of text, each part as it is; a part that is a pair is a text and its style.

    No markup is read in it, and a control character shows as its escape, say `\x1b` or `\n`.
    """
    line = Text(style=style)
    for part in parts:
        text, own = part if isinstance(part, tuple) else (part, "")
        line.append(_OBEYED.sub(_escape, str(text)), own)
    return line


class Screen(Console):
    """Shows every text that is given to it, in a cell, a tree or a line, as it is: lines and tabs are kept, no more.

    Colours come by `style` and by `plain`, never by what stands in a text. Where it is narrow, the cells of a table are
    folded and never cut: an order's key that ends in dots is of no use to anybody.
    """

    @property
    def width(self) -> int:
        """How many characters a line has."""
        told = self._width is not None or "COLUMNS" in os.environ or self.is_terminal
        return super().width if told else PIPE_WIDTH

    @width.setter
    def width(self, width: int) -> None:
        self._width = width

    def print(self, *objects: Any, **options: Any) -> None:
        """See Console."""
        for table in objects:
            if isinstance(table, Table):
                for column in table.columns:
                    column.overflow = "fold"
        super().print(*objects, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """See Console: whatever it is given as text passes here."""
        shown = _OBEYED_IN_LINES.sub(_escape, text)
        return super().render_str(shown, **{**options, "markup": False, "emoji": False, "highlight": False})

    def print_json(self, json: str | None = None, *, data: Any = None, **_: Any) -> None:
        """See Console: JSON that any program reads, with the escapes of JSON for what a terminal would obey."""
        text = dumps(data if json is None else loads(json), indent=2, ensure_ascii=False, default=str)
        safe = _OBEYED_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        self.print(JSONHighlighter()(safe), soft_wrap=True)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
