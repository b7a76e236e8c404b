"""Text that PostgreSQL can hold: it refuses NUL and lone surrogates, and one such character must not stop a batch."""

import re
from typing import Any, Final

import msgspec

REPLACEMENT: Final = "\ufffd"
_REFUSED: Final = re.compile("[\x00\ud800-\udfff]")
_ESCAPED_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def storable(text: str) -> str:
    """The text with every character PostgreSQL refuses replaced by U+FFFD; usually the very same text."""
    return text if text.isascii() and "\x00" not in text else _REFUSED.sub(REPLACEMENT, text)


def json_text(value: Any) -> str:
    """JSON that `jsonb` takes, characters it refuses replaced by U+FFFD."""
    try:
        text = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # a lone surrogate somewhere inside
        text = msgspec.json.encode(_cleaned(msgspec.to_builtins(value))).decode()
    return _ESCAPED_NUL.sub(rf"\1{REPLACEMENT}", text) if "\\u0000" in text else text


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return _REFUSED.sub(REPLACEMENT, value)
        case dict():
            return {storable(str(key)): _cleaned(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_cleaned(inner) for inner in value]
    return value
