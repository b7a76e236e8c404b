"""Names of firms and mail domains, brought into a form that can be compared."""

import re
import unicodedata
from typing import Final

LEGAL_FORMS: Final = frozenset(
    {
        "ab", "ag", "and", "aps", "as", "bv", "bvba", "co", "company", "corp", "corporation", "eg", "ek", "gbr",
        "gmbh", "inc", "kg", "kgaa", "limited", "llc", "llp", "ltd", "mbh", "nv", "oe", "ohg", "oy", "oyj",
        "plc", "pty", "sa", "sarl", "sas", "se", "sl", "slu", "sp", "spa", "spzoo", "srl", "sro", "und",
    }
)  # fmt: skip
FREE_MAIL: Final = frozenset(
    {
        "aol.com", "bluewin.ch", "free.fr", "gmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net",
        "googlemail.com", "hotmail.com", "icloud.com", "laposte.net", "libero.it", "live.com", "mail.com",
        "mail.ru", "me.com", "msn.com", "onet.pl", "orange.fr", "outlook.com", "outlook.de", "proton.me",
        "protonmail.com", "seznam.cz", "t-online.de", "web.de", "wp.pl", "yahoo.com", "yahoo.de", "yandex.ru",
        "ymail.com",
    }
)  # fmt: skip
"""Mail domains anybody can have an address in: the commonest, there are others."""

_SPELLED_OUT: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa", "æ": "ae", "ł": "l", "&": " "}
)
_WORD: Final = re.compile(r"[^\W_]+")


def core_of(company: str) -> str:
    """A firm's name without its legal form: what makes it this firm."""
    words = folded(company.replace(".", "")).split()
    return " ".join(word for word in words if word not in LEGAL_FORMS) or " ".join(words)


def folded(text: str) -> str:
    """Words in lower case without accents, umlauts spelled out, nothing but letters and digits."""
    before, plain = None, text
    while plain != before:  # a letter may hide another: ǽ is æ with an accent, and æ is ae
        before, plain = plain, _folded_once(plain)
    return plain


def _folded_once(text: str) -> str:
    spelled = unicodedata.normalize("NFC", text).casefold().translate(_SPELLED_OUT)
    plain = unicodedata.normalize("NFKD", spelled)
    return " ".join(_WORD.findall("".join(char for char in plain if not unicodedata.combining(char))))


def domain_of(email: str) -> str | None:
    """The firm's own mail domain; None for one that anybody can have an address in."""
    domain = lowered(email).rpartition("@")[2]
    return domain if "." in domain and domain not in FREE_MAIL else None


def lowered(text: str) -> str:
    """Without surrounding space, in lower case."""
    return text.strip().casefold()
