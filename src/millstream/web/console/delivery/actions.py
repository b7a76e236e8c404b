"""What can be done to a delivery: as its state allows, as whoever looks may."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from nicegui import html

from millstream.domain.access import Right
from millstream.domain.credit import is_credit, right_to_release
from millstream.web.console.caring import (
    RESOLUTIONS,
    ask_snooze,
    ask_text,
    assign_command,
    tag_command,
    words_in,
)
from millstream.web.console.delivery.amending import ask_payload
from millstream.web.console.parts import Given, ask_reason, attempt, button, command, note, shell_words, why
from millstream.web.console.visit import Visit

ERP_DECIDES: Final = "The ERP still decides: raise the limit or release the order there first."
AS_IT_IS: Final = "as_it_is"
TODAYS_DATA: Final = "todays_data"


class Actions:
    """Draws the buttons; `again` shows what became of an action."""

    def __init__(self, visit: Visit, path: str, again: Callable[[], Awaitable[None]]) -> None:
        self._visit = visit
        self._path = path
        self._again = again

    def draw(self, found: Mapping[str, Any]) -> None:
        """For the delivery as it is now."""
        offered = [(verb, do) for verb, do in self._verbs(found) if verb in found["can"]]
        row = found["delivery"]
        may_care = self._visit.may(Right.REPLAY)
        if not offered and not may_care:
            return
        with html.div(role="group", **{"aria-label": "What can be done"}).classes("ms-actions"):
            for n, (_, (says, icon, act)) in enumerate(offered):
                button(says, act, icon=icon, main=n == 0)
            if may_care:
                if row["assignee"] != self._visit.name:
                    button("Assign to me", partial(self._assign, found, self._visit.name), icon="person")
                button("Assign…", partial(self._ask_assignee, found))
                button("Tag…", partial(self._ask_tags, found))
                button("Snooze…", partial(self._ask_snooze, found))
        with html.div().classes("ms-actions"):
            for verb, words in self._commands(found):
                if verb in dict(offered):
                    command(words, says=f"Copy as command: {verb}")
            if may_care and row["assignee"] != self._visit.name:
                command(assign_command((str(row["id"]),), self._visit.name), says="Copy as command: assign to me")

    def _verbs(self, found: Mapping[str, Any]) -> list[tuple[str, tuple[str, str, Callable[[], Any]]]]:
        """What this person has the right to, whatever the state."""
        code = found["delivery"]["code"] or ""
        may = self._visit.may
        verbs: list[tuple[str, tuple[str, str, Callable[[], Any]]]] = []
        if may(Right.REPLAY):
            verbs.append(("retry", ("Retry…", "replay", partial(self._retry, found))))
        if may(Right.AMEND_PAYLOAD) and may(Right.VIEW_PAYLOAD):
            verbs.append(("amend", ("Amend…", "edit", partial(self._amend, found))))
        if may(right_to_release(code)):
            says = "Release credit…" if is_credit(code) else "Release…"
            verbs.append(("release", (says, "lock_open", partial(self._release, found))))
        if may(Right.REPLAY):
            verbs.append(("resolve", ("Resolve…", "task_alt", partial(self._resolve, found))))
            verbs.append(("reopen", ("Reopen…", "undo", partial(self._reopen, found))))
        return verbs

    def _commands(self, found: Mapping[str, Any]) -> list[tuple[str, str]]:
        number = str(found["delivery"]["id"])
        base = ("millstream", "deliveries")
        return [
            ("retry", shell_words(*base, "retry", number)),
            ("amend", shell_words(*base, "amend", number, "order.json", "--reason", "REASON")),
            ("release", shell_words(*base, "release", number, "--reason", "REASON")),
            ("resolve", shell_words(*base, "resolve", number, "--category", "fixed_in_source", "--reason", "REASON")),
            ("reopen", shell_words(*base, "reopen", number, "--reason", "REASON")),
        ]

    # --- decisions

    async def _retry(self, found: Mapping[str, Any]) -> None:
        choices = None
        if found["amended"] is not None and self._visit.may(Right.AMEND_PAYLOAD):
            choices = {AS_IT_IS: "With what was amended", TODAYS_DATA: "Without it: as it came, read anew"}
        text = "It is tried now. The systems are asked anew: today's prices, customers and stock count."
        answer = await ask_reason(
            "Retry", text, do="Retry", needed=False, choices=choices, cli=partial(_retry_command, found)
        )
        if answer is not None:
            body = {"reason": answer[0], "using": answer[1] or AS_IT_IS}
            await self._do(found, "retry", body, "It is tried now")

    async def _amend(self, found: Mapping[str, Any]) -> None:
        answer = await ask_payload(self._visit, self._path, found)
        if answer is not None:
            await self._do(found, "amend", answer, "Amended; it is tried now. The original stays beside it")

    async def _release(self, found: Mapping[str, Any]) -> None:
        code = found["delivery"]["code"]
        text, done = f"The rule {code} does not apply to this delivery any more, and it is tried now.", "Released"
        if is_credit(code):
            text, done = f"Credit is agreed, and it is tried now. {ERP_DECIDES}", "Credit agreed"
        answer = await ask_reason("Release", text, do="Release", cli=partial(_decide_command, "release", found))
        if answer is not None:
            await self._do(found, "release", {"reason": answer[0]}, f"{done}; it is tried now")

    async def _resolve(self, found: Mapping[str, Any]) -> None:
        text = "It does not happen any more, and what waits behind it goes on. It can be reopened."
        answer = await ask_reason(
            "Resolve", text, do="Resolve it", choices=RESOLUTIONS, cli=partial(_decide_command, "resolve", found)
        )
        if answer is not None:
            await self._do(found, "resolve", {"reason": answer[0], "category": answer[1]}, "Resolved")

    async def _reopen(self, found: Mapping[str, Any]) -> None:
        text = "It needs a decision again, in its old place before what came later."
        answer = await ask_reason("Reopen", text, do="Reopen", cli=partial(_decide_command, "reopen", found))
        if answer is not None:
            await self._do(found, "reopen", {"reason": answer[0]}, "Open again")

    # --- care

    async def _assign(self, found: Mapping[str, Any], assignee: str | None) -> None:
        await self._do(found, "assign", {"assignee": assignee}, f"Assigned to {assignee or 'nobody'}")

    async def _ask_assignee(self, found: Mapping[str, Any]) -> None:
        title, text = "Who looks after it?", "Leave it empty for nobody."
        now = found["delivery"]["assignee"] or ""

        def cli(given: Given) -> str:
            return assign_command(_which(found), (given["User name"] or "").strip())

        name = await ask_text(title, text, label="User name", do="Assign", value=now, cli=cli)
        if name is not None:
            await self._assign(found, name or None)

    async def _ask_tags(self, found: Mapping[str, Any]) -> None:
        now = found["delivery"]["tags"]

        def cli(given: Given) -> str | None:
            wanted = words_in(given["Words"] or "")
            more, less = [word for word in wanted if word not in now], [word for word in now if word not in wanted]
            return tag_command(_which(found), add=more, remove=less)

        title, says = "Words on it", "Several with commas between."
        text = await ask_text(title, says, label="Words", do="Tag", value=", ".join(now), cli=cli)
        if text is not None:
            await self._do(found, "tag", {"tags": words_in(text)}, "Tagged")

    async def _ask_snooze(self, found: Mapping[str, Any]) -> None:
        answer = await ask_snooze("Snooze", _which(found))
        if answer is not None:
            await self._do(found, "snooze", {"until": answer[0], "reason": answer[1]}, "Snoozed")

    async def _do(self, found: Mapping[str, Any], verb: str, body: Mapping[str, Any], done: str) -> None:
        """About the delivery as it was seen: if somebody was quicker, the API says so and nothing is done."""
        answer = await attempt(self._visit.api.post(f"{self._path}/{verb}", body, version=found["version"]))
        await self._again()
        if answer is not None:
            note(done)


def _which(found: Mapping[str, Any]) -> tuple[str]:
    return (str(found["delivery"]["id"]),)


def _retry_command(found: Mapping[str, Any], given: Given) -> str:
    """The shell's retry keeps what was amended, as the choice does, unless it is told otherwise."""
    anew = ("--todays-data",) if given.get("Why") == TODAYS_DATA else ()
    return shell_words("millstream", "deliveries", "retry", *_which(found), *anew)


def _decide_command(verb: str, found: Mapping[str, Any], given: Given) -> str:
    category = ("--category", str(given["Why"])) if "Why" in given else ()
    return shell_words("millstream", "deliveries", verb, *_which(found), *category, *why(given))
