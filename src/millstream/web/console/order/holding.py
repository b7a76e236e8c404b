"""On hold in the store and off again: the one thing that is done to an order itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from nicegui import html

from millstream.domain.access import Right
from millstream.web.console.parts import Given, ask_reason, attempt, button, command, note, operand, shell_words, why
from millstream.web.console.visit import Visit


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """What it is called, what it does, what is said once it is wanted."""

    says: str
    icon: str
    effect: str
    done: str


VERBS: Final = {
    "hold": Verb(
        says="Hold…",
        icon="pause",
        effect="The store ships and invoices nothing of it any more. The ERP is not told: what it has begun goes on.",
        done="The store is told to hold it",
    ),
    "unhold": Verb(
        says="Take off hold…",
        icon="play_arrow",
        effect="The store goes on with the order where it stood.",
        done="The store is told to go on with it",
    ),
}


class Holding:
    """Draws the buttons that make sense now; `again` shows what became of it."""

    def __init__(self, visit: Visit, path: str, number: str, again: Callable[[], Awaitable[None]]) -> None:
        self._visit = visit
        self._path = path
        self._number = number
        self._again = again

    def draw(self, possible: Sequence[str]) -> None:
        """For what the API says is possible."""
        if not possible or not self._visit.may(Right.REPLAY):
            return
        with html.div(role="group", **{"aria-label": "What can be done"}).classes("ms-actions ms-order-deeds"):
            for deed in possible:
                button(VERBS[deed].says, partial(self._ask, deed), icon=VERBS[deed].icon)
            for deed in possible:
                command(hold_command(deed, self._number, {}), says=f"Copy as command: {deed}")

    async def _ask(self, deed: str) -> None:
        verb = VERBS[deed]
        title = verb.says.removesuffix("…")
        cli = partial(hold_command, deed, self._number)
        decided = await ask_reason(f"{title}: {self._number}", verb.effect, do=title, cli=cli)
        if decided is None:
            return
        found = await attempt(self._visit.api.post(f"{self._path}/{deed}", {"reason": decided[0]}))
        await self._again()
        if found is not None:
            note(_told(verb, found))


def hold_command(deed: str, number: str, given: Given) -> str:
    """The same for the shell."""
    return shell_words("millstream", "orders", deed, *why(given), *operand(number))


def _told(verb: Verb, found: Mapping[str, Any]) -> str:
    if not found["is_new"]:
        return f"Somebody wanted that before; delivery {found['delivery_id']} is {found['state']}."
    return f"{verb.done}; the timeline shows when it has."
