"""Somebody takes an alert on, wherever they read of it."""

from functools import partial
from typing import Any

from nicegui import ui

from millstream.domain.access import Right
from millstream.web.console.parts import Given, ask_reason, attempt, shell_words
from millstream.web.console.visit import Visit


def may_take_on(visit: Visit, alert: dict[str, Any]) -> bool:
    """Whether nobody is on it yet, and whoever looks may be."""
    return alert["state"] == "firing" and visit.may(Right.MANAGE_ALERTS)


async def take_on(visit: Visit, alert_id: int, outside: ui.element) -> bool:
    """Asks what the others should know, and takes it on. False if the person went back. `outside` keeps the dialog."""
    with outside:
        said = await ask_reason(
            f"You are on alert {alert_id}",
            "Nobody else is called for it, nor for what was told together with it. Say what the others should "
            "know, if you like.",
            do="I am on it",
            needed=False,
            cli=partial(ack_command, alert_id),
        )
    if said is None:
        return False
    path = f"/api/alerts/{alert_id}/acknowledge"
    await attempt(visit.api.post(path, {"note": said[0]}), done=f"Alert {alert_id} is yours.")
    return True


def ack_command(alert_id: int, given: Given) -> str:
    """The same for the shell, with what was typed."""
    words = next((value for label, value in given.items() if label.startswith("Reason")), None)
    said = ("--note", words.strip()) if words and words.strip() else ()
    return shell_words("millstream", "alerts", "ack", *said, str(alert_id))
