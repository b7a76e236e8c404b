"""Where a page of a list ended, as one opaque word: the same in the API, in the console and at the command line."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

Place = TypeVar("Place", bound=msgspec.Struct)


def place_text(place: Any) -> str | None:
    """Where the next page begins; None at the end."""
    return None if place is None else urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_in(text: str, shape: type[Place]) -> Place | None:
    """The place a word means in a list whose places have this shape; None if no such list gave it."""
    try:
        place = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=shape, strict=True)
    except (ValueError, msgspec.MsgspecError):
        return None
    moments = [one for one in msgspec.structs.astuple(place) if isinstance(one, datetime)]
    if "\\u0000" in msgspec.json.encode(place).decode() or not all(map(_is_somewhen, moments)):
        return None
    return place


def _is_somewhen(moment: datetime) -> bool:
    """Whether it is a moment of universal time: one without a zone is none, nor one outside of the years 1 to 9999."""
    try:
        return moment.tzinfo is not None and moment.astimezone(UTC).tzinfo is UTC
    except OverflowError:
        return False
