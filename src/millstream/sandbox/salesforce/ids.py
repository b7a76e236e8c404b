"""Record ids: 15 case-sensitive characters, or 18 with three that keep the case."""

from millstream.sandbox.salesforce.problems import Problem

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def new_id(prefix: str, number: int) -> str:
    """The 15 characters of the n-th record under a three-character key prefix."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return f"{prefix}xx0{digits:0>9}"


def long_id(short: str) -> str:
    """The 18 characters the API answers with."""
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, char in enumerate(short[start : start + 5]) if "A" <= char <= "Z")
        suffix += _SUFFIX[bits]
    return short + suffix


def short_id(value: str, prefix: str | None = None) -> str:
    """The 15 characters of either form."""
    short = value[:15]
    legal = len(value) in {15, 18} and value.isascii() and value.isalnum()
    if not legal or (len(value) == 18 and long_id(short) != value):
        raise Problem("MALFORMED_ID", f"malformed id {value}")
    if prefix is not None and not short.startswith(prefix):
        raise Problem("MALFORMED_ID", f"id value of incorrect type: {value}")
    return short
