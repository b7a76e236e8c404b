"""Codes of every connection, whatever is at its other end."""

from typing import Final

from millstream.domain.faults.words import Text

_TOKEN: Final[Text] = ("it", "the token endpoint is down or asks to wait", "nothing, unless it stays")

TEXTS: Final[dict[str, Text]] = {
    "connection.refused": ("it", "nothing was sent: address wrong or system down", "millstream doctor"),
    "connection.lost": ("nobody", "no answer; repeating is harmless", "nothing, unless it stays"),
    "answer.lost": (
        "nobody",
        "no answer to a write; the next try looks before it repeats",
        "nothing",
    ),
    "breaker.open": (
        "it",
        "the system failed several times in a row or asked for quiet; no attempt is counted",
        "look at the system, not at the delivery",
    ),
    "connection.paused": (
        "it",
        "somebody paused or drained the connection; no attempt is counted",
        "resume it: millstream connections resume NAME",
    ),
    "auth.refused": (
        "it",
        "credentials are refused; the message names the setting",
        "set it, restart, deliveries retry --code auth.refused; one kept sealed: set it, the rest goes by itself",
    ),
    "auth.token_url": (
        "it",
        "there is no token endpoint at that address",
        "correct the setting, restart, retry",
    ),
    "auth.token_unreachable": _TOKEN,
    "auth.token_unavailable": _TOKEN,
}
