"""Levels of the alert rules in words, and the field by which one is changed."""

from typing import Any, Final

from nicegui import ui

from millstream.web.console.parts import span
from millstream.web.console.settings.forms import Unfinished, text_field

NO_VALUE: Final = "none"


def value_in_words(level: dict[str, Any], value: Any) -> str:
    """A value with its unit; that there is none is said, too."""
    if value is None or value in ([], ()):
        return NO_VALUE
    name = level["name"]
    if name.endswith("_s"):
        return span(float(value)) if value >= 10 else f"{value:g} s"
    if name.endswith("_percent"):
        return f"{value:g} %"
    if name.endswith("_days"):
        return f"{value} d"
    return ", ".join(value) if isinstance(value, list) else str(value)


def bounds_in_words(level: dict[str, Any]) -> str:
    """What a value may be."""
    words = {
        "number": "A number",
        "whole": "A whole number",
        "time": "A time of day as HH:MM",
        "zone": "A time zone as in Europe/Berlin",
        "channels": "Channels of this hub",
    }[level["kind"]]
    if level["name"].endswith("_s"):
        words += " of seconds"
    for bound, said in (("more_than", "more than"), ("at_least", "at least"), ("at_most", "at most")):
        if level[bound] is not None:
            words += f", {said} {level[bound]:.12g}"
    return words + ("; left empty: none." if level["may_be_null"] else ".")


class LevelField:
    """Where one level is typed in."""

    def __init__(self, standing: dict[str, Any], channels: list[str]) -> None:
        self._level = level = standing["level"]
        value = standing["value"]
        label = level["meaning"]
        if level["kind"] == "channels":
            chosen = [name for name in value or () if name in channels]
            self._field: Any = ui.select(channels, label=label, value=chosen, multiple=True).props("outlined use-chips")
            self._field.classes("ms-wide")
        else:
            shown = "" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)
            self._field = text_field(label, value=shown, longest=60)

    def read(self) -> Any:
        """As the API takes it; whether it fits, the API says. Raises Unfinished if it is no such thing at all."""
        given, kind = self._field.value, self._level["kind"]
        if kind == "channels":
            return list(given) or None
        words = str(given or "").strip()
        if not words:
            if self._level["may_be_null"]:
                return None
            raise Unfinished(f"{self._level['name']} needs a value.")
        if kind in {"time", "zone"}:
            return words
        try:
            return int(words) if words.lstrip("-").isdigit() else float(words)
        except ValueError:
            raise Unfinished(f"{self._level['name']} is a number.") from None
