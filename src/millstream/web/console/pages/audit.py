"""Audit: who did what to what, the proof that nobody altered it, and all of it to take away."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from nicegui import html, ui

from millstream.domain.access import Right
from millstream.web.console.frame import page
from millstream.web.console.live import EVERY_S, Live, live
from millstream.web.console.parts import (
    attempt,
    button,
    card,
    chip,
    code_block,
    command,
    empty,
    known,
    link,
    moment,
    shell_words,
    table,
)
from millstream.web.console.visit import Visit, link_to

ROWS: Final = 50
SHORT: Final = 80  # characters of a detail that are told in line
FIELDS: Final = (
    ("actor", "Who", "As the list shows it, whole"),
    ("action", "What", "As delivery.retry, whole"),
    ("subject", "To what", "An order's key, user/…, connection/…"),
    ("since", "From (UTC)", "2026-11-24 or 2026-11-24 08:30"),
    ("until", "Until (UTC)", "2026-11-25; not included"),
)
"""Query name, label, how it is written."""
TIMES: Final = frozenset({"since", "until"})


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for, as it stands in the page's address. `people`: without what the hub did itself."""

    words: Mapping[str, str]
    people: bool
    after: str

    @property
    def wanted(self) -> dict[str, Any]:
        """The filter as the API takes it."""
        given = {name: _time(value) if name in TIMES else value for name, value in self.words.items() if value}
        return {**given, "people": True} if self.people else given

    def link(self, after: str | None = None) -> str:
        """The address of this search, from a place in it."""
        return link_to("/audit", **self.words, people="" if self.people else "no", after=after)

    def options(self) -> list[str]:
        """The filter as the command line takes it."""
        options = [
            part for name, value in self.wanted.items() if name != "people" for part in (f"--{name}", str(value))
        ]
        return [*options, *(["--people"] if self.people else [])]


def _time(text: str) -> str:
    """A time without a zone is UTC; what is no time is left to the API, which says so."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (given if given.tzinfo is not None else given.replace(tzinfo=UTC)).isoformat()


def _search(visit: Visit) -> Search:
    words = {name: visit.query(name).strip() for name, _, _ in FIELDS}
    return Search(words=words, people=visit.query("people") != "no", after=visit.query("after"))


@page("/audit", title="Audit", right=Right.VIEW_AUDIT)
async def audit(visit: Visit) -> None:
    """Search on top, the proof beside it, rows below; the newest first."""
    search = _search(visit)
    Proof(visit).draw()
    _draw_search(search)

    async def fetch(*, watching: bool) -> Any:
        return await visit.api.get("/api/audit", **search.wanted, after=search.after, limit=ROWS, watching=watching)

    part = await live(visit, fetch, partial(_show, search))
    _looked_at(part)


class Proof:
    """The button that recomputes the chain, and what came of it."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def draw(self) -> None:
        """Before anybody has asked, it is not known."""
        with card("Was it altered?"):
            html.p(
                "Rows are only ever added, and every 15 seconds a seal is put over the new ones: a hash that covers "
                "the seal before. Verifying reads every row as it is now and recomputes the chain."
            ).classes("ms-hint")
            self._outcome = html.div(role="status").classes("ms-row ms-audit-proof")
            with self._outcome:
                known(None)
                html.span("until it is verified.").classes("ms-hint")
            with html.div().classes("ms-actions"):
                self._button = button("Verify now", self._verify, icon="fact_check", main=True)
                command(shell_words("millstream", "audit", "verify"))

    async def _verify(self) -> None:
        self._button.props.update({"loading": True, "disable": True})
        self._button.update()
        try:
            proof = await attempt(self._visit.api.post("/api/audit/verify"))
        finally:
            self._button.props.update({"loading": False, "disable": False})
            self._button.update()
        if proof is None:
            return
        self._outcome.clear()
        with self._outcome:
            _draw_proof(proof)


def _draw_proof(proof: Mapping[str, Any]) -> None:
    if proof["untouched"]:
        chip("untouched", "good")
        html.span(f"{proof['rows']:,} rows under {proof['seals']:,} seals; {proof['unsealed']:,} too new to be sealed.")
    else:
        chip("altered", "bad")
        html.span(f"{proof['detail']}. Seal {proof['broken_seal']} does not match. Compare with a backup from before.")
    html.span("Verified").classes("ms-hint")
    moment(datetime.now(UTC), how="at")


def _draw_search(search: Search) -> None:
    form = html.form(role="search", action=link_to("/audit"), method="get", **{"aria-label": "Search the audit trail"})
    with form.classes("ms-find ms-audit-search"):
        with html.div().classes("ms-audit-fields"):
            for name, label, hint in FIELDS:
                _draw_field(name, label, hint, search.words[name])
            with html.div():
                html.label("By whom", **{"for": "audit-people"})
                with html.select(name="people", id="audit-people"):
                    for value, text in (("", "people and programs"), ("no", "the hub as well")):
                        html.option(text, value=value, **({"selected": True} if (value == "") == search.people else {}))
        with html.div().classes("ms-row"):
            html.button("Search", type="submit").classes("ms-find-button")
            if any(search.words.values()) or not search.people:
                link("What people did", link_to("/audit"))
            query = (
                f"?{urlencode(search.wanted | ({'people': 'true'} if search.people else {}))}" if search.wanted else ""
            )
            link("Export these rows (JSON lines)", f"/api/audit/export{query}").props.update(
                {"download": "audit.jsonl"}
            )
            command(shell_words("millstream", "audit", "export", *search.options()), says="Copy export as command")


def _draw_field(name: str, label: str, hint: str, value: str) -> None:
    with html.div():
        html.label(label, **{"for": f"audit-{name}"})
        ui.element("input").props.update(
            {
                "name": name,
                "type": "text",
                "id": f"audit-{name}",
                "maxlength": "200",
                "autocomplete": "off",
                "^value": value,  # the attribute: the property would be set anew, over what is being typed
                "aria-describedby": f"audit-{name}-hint",
            }
        )
        html.p(hint, id=f"audit-{name}-hint").classes("ms-hint")


def _show(search: Search, found: Mapping[str, Any]) -> None:
    if not found["items"]:
        if search.after:
            empty("There is nothing older.")
        elif any(search.words.values()):
            empty(
                "Nothing was done that fits.", "Who, what and to what are looked for whole, as they stand in the list."
            )
        else:
            empty("Nobody has done anything yet.", "Whatever people and programs change appears here by itself.")
    else:
        with card():
            says = "What people did, the newest first" if search.people else "What was done, the newest first"
            table(says, ("When", "Who", "What", "To what", "Details"), [_row(search, row) for row in found["items"]])
    with html.nav(**{"aria-label": "Pages of the audit trail"}).classes("ms-actions"):
        if search.after:
            link("Newest", search.link())
        if found["next"]:
            link("Older", search.link(found["next"]))
        else:
            html.span("Nothing older.").classes("ms-hint")
        command(shell_words("millstream", "audit", "list", *search.options()))


def _row(search: Search, row: Mapping[str, Any]) -> tuple[Any, ...]:
    def narrowed(name: str) -> str:
        return msgspec.structs.replace(search, words={**search.words, name: row[name]}, after="").link()

    return (
        lambda: moment(row["at"]),
        lambda: link(row["actor"], narrowed("actor")),
        lambda: link(row["action"], narrowed("action")),
        lambda: link(row["subject"], narrowed("subject")),
        partial(_draw_details, row["detail"], row["id"]),
    )


def _draw_details(detail: Mapping[str, Any], row_id: int) -> None:
    """Short ones in line, the rest to be opened."""
    if not detail:
        html.span("none").classes("ms-hint")
        return
    told = {name: value for name, value in detail.items() if len(_plain(value)) <= SHORT}
    with html.div().classes("ms-audit-details"):
        for name, value in told.items():
            with html.div():
                html.span(f"{name.replace('_', ' ')}: ").classes("ms-hint")
                html.span(_plain(value))
        if len(told) < len(detail):
            with html.details():
                html.summary("everything")
                code_block(dict(detail), label=f"All details of row {row_id}")


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _looked_at(part: Live) -> None:
    """When the hub was asked last, however long nothing changed."""
    with html.p().classes("ms-hint"):
        html.span("Looked at ")
        stamp = moment(datetime.now(UTC), how="at")
        html.span(f", and again every {EVERY_S:.0f} seconds.")

    def tell() -> None:
        if part.asked_at is not None:
            stamp.props.update(datetime=part.asked_at.isoformat())
            stamp.update()

    ui.timer(EVERY_S, tell)
