"""What the codes of failures mean to people, and what cures them: one catalogue for API, command line and console.

`docs/operate/mend.md` prints the same texts; a test holds the two together.
"""

from typing import Final

import msgspec

from millstream.domain.faults import commerce, connections, crm, erp, flows, hub
from millstream.domain.faults.words import Text, Who

_TEXTS: Final[dict[str, Text]] = {
    code: text for part in (flows, hub, connections, commerce, erp, crm) for code, text in part.TEXTS.items()
}
_WHO: Final[dict[Who, str]] = {
    "desk": "the order desk",
    "store": "whoever keeps the store",
    "erp": "whoever keeps the ERP",
    "crm": "whoever keeps the CRM",
    "credit": "the credit desk, in the ERP",
    "it": "IT operations",
    "nobody": "nobody has to: it passes by itself",
    "makers": "the makers of Millstream; the log has the trace",
}
CODES: Final = frozenset(_TEXTS)


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A failure for people. `means` says why it failed, `who` can mend it, `fix` how. `passes`: it mends itself."""

    code: str
    means: str
    who: str
    fix: str
    passes: bool


def explain(code: str | None) -> Explanation | None:
    """None for a code that nobody explained: then the failure's own message has to do."""
    text = _TEXTS.get(code or "")
    if text is None:
        return None
    who, means, fix = text
    return Explanation(
        code=code or "", means=_sentence(means), who=_WHO[who], fix=_sentence(fix), passes=who == "nobody"
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
