"""What a shopper reads: order comments, safe to show and recognisable when seen again."""

import html
import re
import unicodedata
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

COMMENT_MAX: Final = 2000  # characters; the column would take 65,535 bytes and then cut without a word
_INVISIBLE: Final = dict.fromkeys([0x200D, *range(0xFE00, 0xFE10)])  # joiners and selectors that a removed emoji leaves
_SPACES: Final = re.compile(r"[^\S\n]+")


def reference(key: str) -> str:
    """The short mark by which a comment of this key is found again: `(ref 3f9a0c21)`."""
    return f"(ref {sha256(key.encode()).hexdigest()[:8]})"


def comment_text(text: str, key: str) -> str:
    """The text as the store may show it, with the mark of its key at the end.

    HTML is escaped, because the store shows comments inside its pages. Characters outside the basic plane become their
    plain form or go: the store's column would turn each into four question marks.
    """
    plain = _plain(text)
    if len(plain) > COMMENT_MAX:
        plain = plain[: COMMENT_MAX - 1].rstrip() + "…"
    return f"{html.escape(plain, quote=False)} {reference(key)}"


def has_comment(comments: Iterable[Mapping[str, Any]], key: str) -> bool:
    """Whether one of the comments carries the mark of this key."""
    mark = reference(key)
    return any(mark in str(comment.get("comment") or "") for comment in comments)


def _plain(text: str) -> str:
    if text.isascii() and text.isprintable():
        return _SPACES.sub(" ", text).strip()
    narrow = "".join(_narrow(character) for character in text.translate(_INVISIBLE))
    lines = (_SPACES.sub(" ", line).strip() for line in narrow.splitlines())
    return "\n".join(lines).strip()


def _narrow(character: str) -> str:
    if character in "\n\t" or (ord(character) <= 0xFFFF and unicodedata.category(character) not in {"Cc", "Cs"}):
        return character
    plain = unicodedata.normalize("NFKC", character)
    return plain if all(c >= " " and ord(c) <= 0xFFFF for c in plain) and plain != character else " "
