"""Reads a system again from an earlier moment on: asks back to when, shows what it means, asks why."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from millstream.web.console.caring import ask_text
from millstream.web.console.parts import NOT_KNOWN, Given, ask_reason, attempt, note, operand, shell_words, why
from millstream.web.console.visit import Visit

REWINDABLE: Final = frozenset({"store", "erp"})
"""Kinds of connections that the hub polls."""
BACK_TO: Final = "Back to when (UTC)"
FORM: Final = "%Y-%m-%d %H:%M"
EXPLAINED: Final = (
    "What changed there from then on is read again, for instance after that system was restored. It only goes back. "
    "Nothing is done before you see what it means."
)


async def rewind(visit: Visit, name: str, path: str) -> None:
    """From the first question to the answer."""
    title = f"Rewind {name}?"
    typed = await ask_text(
        title,
        EXPLAINED,
        label=BACK_TO,
        do="Show what it means",
        value=f"{datetime.now(UTC) - timedelta(days=1):{FORM}}",
        cli=lambda given: rewind_command(name, str(given[BACK_TO] or ""), {}),
    )
    if typed is None:
        return
    to = moment_of(typed)
    if to is None:
        note(f"{typed} is no moment; write it as 2026-11-01 00:00", good=False)
        return
    wish: dict[str, Any] = {"to": to.isoformat(), "reason": "estimate"}
    estimate = await attempt(visit.api.post(path, wish))
    if estimate is None:
        return
    decided = await ask_reason(title, said_of(estimate), do="Rewind", cli=partial(rewind_command, name, typed))
    if decided is None:
        return
    wish = {**wish, "reason": decided[0], "dry_run": False}
    await attempt(visit.api.post(path, wish), done=f"{name} is read from {to:{FORM}} UTC on at its next poll.")


def moment_of(typed: str) -> datetime | None:
    """As people type it; UTC unless they name another zone. None: it is no moment."""
    try:
        moment = datetime.fromisoformat(typed.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def said_of(estimate: Mapping[str, Any]) -> str:
    """An estimate in words."""
    was = NOT_KNOWN if estimate["was"] is None else f"{datetime.fromisoformat(estimate['was']):{FORM}} UTC"
    to = datetime.fromisoformat(estimate["to"])
    return (
        f"It was read until {was} and goes back to {to:{FORM}} UTC. Read again are the orders that the hub heard of "
        f"since, about {estimate['orders']:,}: they are known already and change nothing. What it has not heard of "
        "comes as new."
    )


def rewind_command(name: str, typed: str, given: Given) -> str | None:
    """The same for the shell; None while no moment is typed."""
    to = moment_of(typed)
    if to is None:
        return None
    return shell_words(
        "millstream", "connections", "rewind", "--to", f"{to:%Y-%m-%dT%H:%M:%SZ}", *why(given), *operand(name)
    )
