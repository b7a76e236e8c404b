"""Lists at the command line go on where they ended: each says the word that its next page is asked for by."""

from typing import Annotated, Any

import typer

from millstream.cli.screen import plain
from millstream.cli.session import console
from millstream.ports.places import Place, place_in, place_text

After = Annotated[str | None, typer.Option("--after", help="Go on where a list ended: the word it gave.")]


def place_after(text: str | None, shape: type[Place]) -> Place | None:
    """The place `--after` means; None for the beginning. The API's `next` of the same list is taken as well."""
    if not text:
        return None
    place = place_in(text, shape)
    if place is None:
        raise typer.BadParameter(f"{text!r} is no place in this list; give the word behind `more: --after`")
    return place


def tell_more(place: Any) -> None:
    """What to add to the same command for what comes next; nothing at the end."""
    if place is not None:
        console.print(plain(f"more: --after={place_text(place)}"), soft_wrap=True)
