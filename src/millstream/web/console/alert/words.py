"""An alert in the words of the console."""

from collections.abc import Mapping
from typing import Any, Final

from millstream.web.console.visit import link_to

WORKERS: Final = "workers"
_CAUSES: Final[Mapping[str, str]] = {
    "connection": "the connection {} does not answer",
    "flow": "what goes to {} is refused or fails",
    "subscription": "the webhook of the {} is silent",
    "dead": "attempts for {} are used up",
    "reviews": "nobody has decided yet what is to become of items for {}",
}
_SAYS: Final[Mapping[str, str]] = {
    "pending": "seen, not for long enough to tell anybody",
    "firing": "nobody is on it yet",
    "acknowledged": "somebody is on it",
    "resolved": "over",
}


def cause_in_words(cause: str) -> str:
    """What alerts of this cause have in common."""
    if cause == WORKERS:
        return "no worker is alive"
    kind, _, name = cause.partition("/")
    return _CAUSES[kind].format(name) if kind in _CAUSES and name else cause


def state_in_words(alert: Mapping[str, Any]) -> str:
    """What the state of an alert means to whoever looks."""
    if alert["state"] == "firing" and alert["told_with"] is not None:
        return f"told together with alert {alert['told_with']}"
    return _SAYS[alert["state"]]


def behind(alert: Mapping[str, Any]) -> tuple[str, str]:
    """Where to look: what stands there, and its address."""
    places: dict[str, tuple[str, str]] = {
        "orders-failing": ("What fails on the way to the ERP", link_to("/inbox", view="at_risk")),
        "orders-slow": ("Orders and how long they take", link_to("/")),
        "dead-letters": ("What was given up", link_to("/inbox")),
        "reviews-waiting": ("What waits for a decision", link_to("/inbox")),
        "flow-failing": ("What fails", link_to("/inbox")),
        "backlog": ("What waits where", link_to("/flow")),
        "worker-silent": ("What waits where", link_to("/flow")),
        "connection-down": ("How the systems answer", link_to("/connections")),
        "canary-silent": ("How the systems answer", link_to("/connections")),
        "drift": ("The orders that differ", f"{link_to('/alerts')}/{alert['id']}#drift"),
    }
    return places.get(alert["code"], ("Orders", link_to("/orders")))
