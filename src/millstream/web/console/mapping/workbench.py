"""The workbench: source, rules and result side by side; tests, comparison and versions below."""

from functools import partial
from typing import Final

from nicegui import html, ui

from millstream.web.console.live import Live, live
from millstream.web.console.mapping.bench import Bench, Json
from millstream.web.console.mapping.outcome import draw_outcome
from millstream.web.console.mapping.rules import RuleRows
from millstream.web.console.mapping.source import draw_choice, draw_source
from millstream.web.console.mapping.trials import Comparison, Tests, words_of
from millstream.web.console.mapping.versions import draw_versions
from millstream.web.console.parts import (
    Given,
    ask_reason,
    attempt,
    button,
    chip,
    command,
    empty,
    moment,
    shell_words,
    why,
)

WITHIN: Final = "Running processes have it within 3 s."


class Workbench:
    """The page's parts, and which of them a change concerns."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._turn = 0
        self._standing: Live | None = None
        self._comparison: Comparison | None = None
        self._rows: RuleRows | None = None
        self._tests: Tests | None = None

    async def draw(self) -> None:
        """For the first time."""
        bench = self._bench
        self._standing = await live(bench.visit, bench.mapping, self._show_standing)
        self._draw_actions()
        self._state = html.div(role="status")
        self._choice = html.div()
        with html.div().classes("ms-bench"):
            self._source, self._middle, self._target = html.div(), html.div(), html.div()
        with html.div().classes("ms-live"):
            self._strip, self._compared, self._versions = html.div(), html.div(), html.div()
        self._asking = html.div()  # questions and notes live here: nothing that is drawn anew takes them along
        if bench.may_try:
            with self._compared:
                self._comparison = Comparison(bench)
        await self._renew()

    # --- what has to be drawn anew

    async def _renew(self) -> None:
        """Other rules: every part."""
        bench = self._bench
        await self._renew_choice()
        self._middle.clear()
        with self._middle:
            self._rows = RuleRows(bench, changed=self._try, again=self._renew)
        self._strip.clear()
        if bench.may_try:
            with self._strip:
                self._tests = Tests(bench, again=self._renew, asking=self._asking)
        await self._renew_versions()
        await self._try()

    async def _renew_choice(self) -> None:
        bench = self._bench
        if not bench.may_try:
            return
        with self._asking:
            await attempt(bench.look_for_samples())
        self._choice.clear()
        with self._choice:
            draw_choice(bench, chosen=self._try, turned=self._turned)

    async def _turned(self) -> None:
        await self._renew_choice()
        await self._try()

    async def _renew_versions(self) -> None:
        with self._asking:
            versions = await attempt(self._bench.versions())
        self._versions.clear()
        with self._versions:
            draw_versions(self._bench, versions or {"items": [], "next": None}, self._roll_back)

    async def _try(self) -> None:
        """Another expression, another order: tried, and only what came of it is drawn, so that typing goes on."""
        self._turn += 1
        turn = self._turn
        if self._bench.may_try:
            with self._asking:
                await attempt(self._bench.preview())
        if turn != self._turn:
            return  # somebody typed on: what comes next tells more
        self._show_state()
        self._show_outcome()
        if self._rows is not None:
            self._rows.tell()
        if self._tests is not None:
            await self._tests.tell()

    def _show_outcome(self) -> None:
        self._source.clear()
        self._target.clear()
        with self._source:
            if self._bench.may_try:
                draw_source(self._bench, chosen=self._show_record)
            else:
                empty("What customers sent is shown with the right “view_payload”.")
        with self._target:
            if self._bench.may_try:
                draw_outcome(self._bench)

    async def _show_record(self) -> None:
        self._show_outcome()

    # --- how it stands

    def _show_standing(self, mapping: Json) -> None:
        version, draft = mapping["version"], mapping["draft"]
        with html.div(role="status").classes("ms-row"):
            if version is None or not version["rules"]:
                chip("nothing is laid over", "idle")
            else:
                chip(f"version {version['version']} in force", "good")
            if version is not None:
                moment(version["published_at"], how="ago")
                html.span(f"by {version['published_by']}: {version['reason']}")
            if draft is not None:
                chip("draft", "warn")
                moment(draft["changed_at"], how="ago")
                html.span(f"by {draft['changed_by']}")
        if version is not None and version["version"] > self._bench.on_top_of:
            html.p("Somebody published meanwhile: load this page again before you go on.").classes("ms-warning")

    def _draw_actions(self) -> None:
        with html.div().classes("ms-actions"):
            if self._bench.may_change:
                button("Publish", self._publish, icon="publish", main=True)
                button("Save draft", self._save, icon="save")
                button("Drop draft", self._drop)
            ui.space()
            command(shell_words("millstream", "mappings", "show", self._bench.name))
            if self._bench.may_change:
                file = f"{self._bench.name}.toml"
                command(shell_words("millstream", "mappings", "draft", file), says="Copy as command: save draft")
                command(
                    shell_words("millstream", "mappings", "drop", self._bench.name), says="Copy as command: drop draft"
                )

    def _show_state(self) -> None:
        self._state.clear()
        with self._state:
            if self._bench.is_changed:
                chip("not saved", "warn")
            for fault in self._bench.faults:
                html.p(f"{fault['place']}: {fault['message']}").classes("ms-warning")

    # --- doing

    async def _save(self) -> None:
        with self._asking:
            saved = await attempt(self._bench.save(), done="The draft is kept.")
        if saved is not None:
            await self._renew()
            await self._look()

    async def _drop(self) -> None:
        with self._asking:
            dropped = await attempt(self._bench.drop(), done="The draft is dropped.")
        if dropped is not None:
            await self._renew()
            await self._look()

    async def _publish(self) -> None:
        with self._asking:
            text = f"These rules are in force from then on. {WITHIN}"
            if self._bench.may_try:
                diff = await attempt(self._bench.compare())
                if diff is None:
                    return
                text = f"{words_of(diff)} {text}"
            said = await ask_reason(
                f"Publish {self._bench.name}", text, do="Publish", cli=partial(self._command, "publish")
            )
            published = said and await attempt(self._bench.publish(said[0]), done=f"In force. {WITHIN}")
        if published:
            await self._take()

    async def _roll_back(self, number: int) -> None:
        with self._asking:
            text = f"The rules of version {number} are in force again, as a new version. {WITHIN}"
            cli = partial(self._command, "rollback", version=(str(number),))
            said = await ask_reason(f"Roll back to version {number}", text, do="Roll back", cli=cli)
            done = said and await attempt(self._bench.roll_back(number, said[0]), done=f"In force. {WITHIN}")
        if done:
            await self._take()

    def _command(self, verb: str, given: Given, version: tuple[str, ...] = ()) -> str:
        return shell_words("millstream", "mappings", verb, self._bench.name, *version, *why(given))

    async def _take(self) -> None:
        self._bench.take(await self._bench.mapping())
        await self._renew()
        await self._look()

    async def _look(self) -> None:
        if self._standing is not None:
            await self._standing.again()
