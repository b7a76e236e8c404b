"""What to do about an alert: the text of its runbook, wherever the hub was installed from."""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from millstream.engine.alerts.rules import RULES

_PACKED: Final = "runbooks"  # a wheel carries the runbooks beside the code
_SOURCES: Final = Path(__file__).parents[4] / "docs/operate/runbooks"


@lru_cache(maxsize=len(RULES))
def runbook(code: str) -> str | None:
    """The runbook of a rule as it stands in the guide; None where it is not installed, or there is no such rule."""
    if code not in RULES:
        return None
    for place in (files("millstream") / _PACKED / f"{code}.md", _SOURCES / f"{code}.md"):
        if place.is_file():
            return place.read_text(encoding="utf-8")
    return None
