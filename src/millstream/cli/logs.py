"""How log lines look: text or JSON, and never with an e-mail address in them."""

import logging
import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from millstream.settings import Settings

_EMAIL: Final = re.compile(r"\b([\w.+%-])[\w.+%'-]*@([\w-]+(?:\.[\w-]+)+)")


def masked(text: str) -> str:
    """The text with its e-mail addresses as a…@example.com."""
    return _EMAIL.sub(r"\1…@\2", text) if "@" in text else text


class TextLines(logging.Formatter):
    """Time, level, and what was said; a trace below it."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        return masked(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object per line, whoever logs; the facts of a note beside time and level."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        said = record.getMessage()
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        try:
            facts = msgspec.json.decode(said)
        except msgspec.DecodeError:
            facts = None
        line |= facts if isinstance(facts, dict) else {"message": said}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return masked(msgspec.json.encode(line).decode())


def set_up(settings: Settings) -> None:
    """Logs of this process go to standard error, as the settings want them."""
    lines = logging.StreamHandler()
    json = settings.telemetry.log_format == "json"
    lines.setFormatter(JsonLines() if json else TextLines("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[lines], level=settings.log_level.upper())
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the console asks the API every few seconds
