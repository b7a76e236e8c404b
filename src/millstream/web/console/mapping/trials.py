"""Below: the tests of a mapping, and what it would change on the last orders."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from nicegui import html, ui

from millstream.web.console.api import Refused
from millstream.web.console.mapping.bench import COMPARED, Bench, Json
from millstream.web.console.mapping.source import shown
from millstream.web.console.parts import button, card, chip, command, empty, heading, note, shell_words, table

NAME_MAX: Final = 120


class Tests:
    """The strip of tests. They run whenever rules change."""

    def __init__(self, bench: Bench, *, again: Callable[[], Awaitable[None]], asking: html.div) -> None:
        self._bench = bench
        self._again = again
        self._asking = asking
        with card("Tests"):
            self._place = html.div()
            with html.div().classes("ms-actions"):
                if bench.may_change:
                    button("Add a test", self._add, icon="add")
                command(shell_words("millstream", "mappings", "test", bench.name))

    async def tell(self) -> None:
        """Runs them and says what came out."""
        tests = list(self._bench.tests)
        try:
            results = (await self._bench.run_tests())["items"] if tests else []
        except Refused as refusal:
            with self._asking:
                note(refusal.detail, good=False)
            return
        self._place.clear()
        with self._place:
            if not results:
                empty("There is no test.", "A mapping is not published while one of its tests fails.")
                return
            rows = [self._row(test, result) for test, result in zip(tests, results, strict=True)]
            table("Tests of this mapping", ("Test", "Verdict", "What came out", "Do"), rows)

    def _row(self, test: Json, result: Json) -> tuple[Any, ...]:
        said = "; ".join(result["faults"]) or ", ".join(f"{name} = {shown(v)}" for name, v in result["actual"].items())
        return (
            test["name"],
            lambda: chip("holds" if result["ok"] else "fails", "good" if result["ok"] else "bad"),
            said or "nothing, as expected",
            lambda: self._draw_removal(test),
        )

    def _draw_removal(self, test: Json) -> None:
        if self._bench.may_change:
            remove = button("Remove", lambda: self._remove(test))
            remove.props("flat dense").props.update({"aria-label": f"Remove the test {test['name']}"})
        else:
            html.span()

    async def _remove(self, test: Json) -> None:
        self._bench.tests.remove(test)
        self._bench.is_changed = True
        await self._again()

    async def _add(self) -> None:
        with self._asking:
            made = await ask_test([one["name"] for one in self._bench.targets])
        if made is not None:
            self._bench.tests.append(made)
            self._bench.is_changed = True
            await self._again()


async def ask_test(targets: list[str]) -> Json | None:
    """Asks for a test: what is given, and which fields come out."""
    with ui.dialog() as dialog, html.div(role="document").classes("ms-dialog"):
        dialog.props.update({"aria-label": "Add a test"})
        heading("Add a test")
        html.p("Make it of an invented order: a test is kept with every version.")
        name = ui.input("Name").props(f"autofocus maxlength={NAME_MAX}").classes("ms-wide")
        target = ui.select(targets, value=targets[0], label="Record").classes("ms-wide")
        given = ui.textarea("Given, as JSON", value='{"order": {"number": "000000001"}}').classes("ms-wide")
        expected = ui.textarea("Fields that come out, as JSON", value="{}").classes("ms-wide")

        def decide() -> None:
            read = {field: _object(field.value) for field in (given, expected)}
            wrong = [field for field, value in read.items() if value is None]
            for field in wrong:
                field.props.update(error=True, **{"error-message": "This is no JSON object"})
                field.update()
            if not (name.value or "").strip():
                name.props.update(error=True, **{"error-message": "Name it"})
                name.update()
            elif not wrong:
                wish = {"name": name.value.strip(), "target": target.value, "mapped": {}}
                dialog.submit({**wish, "given": read[given], "expected": read[expected]})

        with html.div().classes("ms-actions"):
            button("Add", decide, main=True)
            button("Back", lambda: dialog.submit(None))
    try:
        answer = await dialog
    finally:
        dialog.delete()
    return answer if isinstance(answer, dict) else None


def _object(text: str) -> Json | None:
    try:
        return msgspec.json.decode(text, type=Json)
    except (msgspec.DecodeError, TypeError):
        return None


class Comparison:
    """What would change on the last orders, when somebody asks."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        with card("Against what is in force"):
            html.p(f"What would change on the last {COMPARED} orders, field by field. Nothing is sent.")
            with html.div().classes("ms-row"):
                button("Compare now", self.tell, icon="difference")
                command(shell_words("millstream", "mappings", "diff", bench.name, "--last", str(COMPARED)))
            self._place = html.div(role="status")

    async def tell(self) -> None:
        """Compares and says."""
        try:
            diff = await self._bench.compare()
        except Refused as refusal:
            note(refusal.detail, good=False)
            return
        self._place.clear()
        with self._place:
            draw_diff(diff)


def words_of(diff: Mapping[str, Any]) -> str:
    """The blast radius in a sentence."""
    looked = f"{diff['orders']} of the last {diff['asked']} orders looked at" if diff["asked"] else "No order looked at"
    unreadable = f", {diff['unreadable']} have no such record yet" if diff["unreadable"] else ""
    return f"{looked}{unreadable}: {diff['orders_changed']} would change, {diff['orders_failing']} would be held."


def draw_diff(diff: Mapping[str, Any]) -> None:
    """The sentence, then each field with examples."""
    html.p(words_of(diff))
    rows = [
        (
            one["path"],
            str(one["changed"]),
            str(one["failed"]),
            lambda examples=one["examples"]: _draw_examples(examples),
        )
        for one in diff["fields"]
    ]
    if rows:
        table("Changes by field", ("Field", "Changes", "No value", "Examples"), rows, numbers=(1, 2))


def _draw_examples(examples: list[Json]) -> None:
    if not examples:
        html.span("none").classes("ms-hint")
    for one in examples:
        with html.div():
            html.span(f"{one['number']} {one['label']}: ").classes("ms-hint")
            html.span("nothing" if one["before"] is None else shown(one["before"]))
            html.span(" → ")
            html.span(one["fault"] or ("nothing" if one["after"] is None else shown(one["after"])))
