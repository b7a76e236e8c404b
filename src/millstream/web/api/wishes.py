"""What people send with a decision."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from millstream.ports.desk import Resolution
from millstream.web.api.shapes import TEXT_MAX

TAGS_MAX: Final = 20

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX, pattern=r"^[^\x00]*\S[^\x00]*$")]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
Using = Literal["as_it_is", "todays_data"]


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing in it that is not known."""


class Retrying(Document, frozen=True, kw_only=True):
    """Try again now. A reason is welcome.

    The systems are always read anew. `as_it_is` keeps a payload somebody amended; `todays_data` drops it, so that the
    event as it came, and what the systems say today, is used.
    """

    reason: Annotated[str, msgspec.Meta(max_length=TEXT_MAX, pattern=r"^[^\x00]*$")] = ""
    using: Using = "as_it_is"


class Deciding(Document, frozen=True, kw_only=True):
    """A decision, with the reason that goes into the audit trail."""

    reason: Reason


class Resolving(Deciding, frozen=True, kw_only=True):
    """Closes it: it does not happen any more."""

    category: Resolution


class Amending(Deciding, frozen=True, kw_only=True):
    """Another payload beside the original."""

    payload: dict[str, Any]


class Assigning(Document, frozen=True, kw_only=True):
    """Who looks after it; null for nobody."""

    assignee: Word | None


class Snoozing(Deciding, frozen=True, kw_only=True):
    """Out of sight until then; null for in sight again."""

    until: Annotated[datetime, msgspec.Meta(tz=True)] | None


class Tagging(Document, frozen=True, kw_only=True):
    """These words instead of those it has."""

    tags: Annotated[tuple[Word, ...], msgspec.Meta(max_length=TAGS_MAX)]
