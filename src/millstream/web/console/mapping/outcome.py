"""The right side: the record as it would go out."""

from nicegui import html

from millstream.web.console.mapping.bench import Bench
from millstream.web.console.mapping.source import shown
from millstream.web.console.parts import card, chip, code_block, empty, table


def draw_outcome(bench: Bench) -> None:
    """What is added to the chosen record, and the whole of it."""
    with card("What goes out"):
        if not bench.pieces or bench.seen is None:
            empty("No record to show.")
            return
        piece = bench.pieces[bench.piece]
        bad = sum(field["fault"] is not None for one in bench.pieces for field in one["fields"])
        with html.div(role="status").classes("ms-row"):
            chip(f"{bad} without a value" if bad else "every rule holds", "bad" if bad else "good")
            html.span(f"{bench.seen['ms']:.1f} ms for the whole order").classes("ms-hint")
        if bad:
            html.p("In force, these rules would hold this order.").classes("ms-hint")
        rows = [(field["field"], field["fault"] or shown(field["value"])) for field in piece["fields"]]
        if rows:
            table(f"Fields added to {piece['label']}", ("Field", "Value"), rows)
        added = {field["field"]: field["value"] for field in piece["fields"] if field["value"] is not None}
        html.p("The connector's own record with these fields. Nothing is sent.").classes("ms-hint")
        code_block({**piece["mapped"], **added}, label=f"{piece['label']} as it would go out")
