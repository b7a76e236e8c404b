"""What a connection check found."""

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a connection check: what was tried, whether it is well, and what to change if not.

    `missing` names the scopes, permissions or fields that are lacking, as the system calls them.
    """

    what: str
    ok: bool
    detail: str
    fix: str = ""
    missing: tuple[str, ...] = ()
