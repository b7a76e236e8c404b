"""The middle: one row per field, with its expression and what it gives right now."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from nicegui import html, ui

from millstream.web.console.mapping.bench import Bench, Json
from millstream.web.console.mapping.source import shown
from millstream.web.console.parts import button, card, chip, empty, moment

KINDS: Final = {
    "": "as it comes",
    "text": "text",
    "number": "number",
    "decimal": "decimal, exact",
    "boolean": "true or false",
    "date": "date",
}
RECORDS_SHOWN: Final = 5

Again = Callable[[], Awaitable[None]]


class RuleRows:
    """The rows. `tell` draws only what came of them, so that nobody's typing is disturbed."""

    def __init__(self, bench: Bench, *, changed: Again, again: Again) -> None:
        self._bench = bench
        self._changed = changed
        self._again = again
        self._outcomes: list[tuple[Json, html.div]] = []
        with card("Rules"):
            if not bench.rules:
                empty("Nothing is laid over this mapping.", "Add a field below, and its expression.")
            for rule in bench.rules:
                self._draw_row(rule)
            if bench.may_change:
                self._draw_adding()

    def tell(self) -> None:
        """What each rule gives on the chosen order."""
        for rule, place in self._outcomes:
            place.clear()
            with place:
                _draw_outcome(self._bench, rule)

    def _draw_row(self, rule: Json) -> None:
        path = f"{rule['target']}.{rule['field']}"
        with html.div(role="group", **{"aria-label": f"Rule for {path}"}).classes("ms-rule"):
            with html.div().classes("ms-row"):
                html.strong(path)
                ui.space()
                if self._bench.may_change:
                    button("Remove", lambda: self._remove(rule)).props(f'flat dense aria-label="Remove {path}"')
            field = ui.textarea(f"Expression for {path}", value=rule["expression"])
            field.props("outlined autogrow debounce=300 input-class=ms-mono spellcheck=false").classes("ms-wide")
            kind = ui.select(KINDS, value=rule["kind"] or "", label=f"Kind of {path}").props("dense").classes("ms-wide")
            if self._bench.may_change:
                field.on_value_change(lambda event: self._edit(rule, "expression", event.value or ""))
                kind.on_value_change(lambda event: self._edit(rule, "kind", event.value or None))
            else:
                field.props("readonly")
                kind.props("readonly")
            self._outcomes.append((rule, html.div(role="status")))
            if rule.get("changed_by"):
                with html.p().classes("ms-hint"):
                    html.span(f"Last changed by {rule['changed_by']} ")
                    moment(rule["changed_at"], how="ago")

    async def _edit(self, rule: Json, name: str, value: Any) -> None:
        rule[name] = value
        self._bench.is_changed = True
        await self._changed()

    async def _remove(self, rule: Json) -> None:
        self._bench.rules.remove(rule)
        self._bench.is_changed = True
        await self._again()

    def _draw_adding(self) -> None:
        targets = {one["name"]: f"{one['name']}: {one['what']}" for one in self._bench.targets}
        teach = {one["name"]: f"For example {one['example']}. {one['teach']}" for one in self._bench.targets}
        with html.div(role="group", **{"aria-label": "Add a field"}).classes("ms-rule"):
            target = ui.select(targets, value=next(iter(targets)), label="Record").classes("ms-wide")
            field = ui.input("Field").classes("ms-wide").props('maxlength=120 autocomplete="off"')
            hint = html.p(teach[target.value]).classes("ms-hint")

            def explain(event: Any) -> None:
                hint.clear()
                hint._text = teach[event.value]  # noqa: SLF001 - plain elements have no other way to be given text
                hint.update()

            target.on_value_change(explain)

            async def add() -> None:
                name = (field.value or "").strip()
                known = {(rule["target"], rule["field"]) for rule in self._bench.rules}
                if not name or (target.value, name) in known:
                    problem = "There is a rule for this field" if name else "Name the field"
                    field.props.update(error=True, **{"error-message": problem})
                    field.update()
                    return
                self._bench.add_rule(target.value, name)
                await self._again()

            button("Add field", add, icon="add")


def _draw_outcome(bench: Bench, rule: Json) -> None:
    outcomes = bench.outcomes(rule)
    for label, field in outcomes[:RECORDS_SHOWN]:
        with html.div().classes("ms-row"):
            if field["fault"]:
                chip("no value", "bad")
                html.span(f"{label}: {field['fault']}")
            elif field["value"] is None:
                chip("untouched", "idle")
                html.span(label)
            else:
                chip("value", "good")
                html.span(f"{label}: {shown(field['value'])}")
    if len(outcomes) > RECORDS_SHOWN:
        html.p(f"and {len(outcomes) - RECORDS_SHOWN} more records").classes("ms-hint")
    if bench.pieces and not outcomes:
        html.p("This order has no such record.").classes("ms-hint")
