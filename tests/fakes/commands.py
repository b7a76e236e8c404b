"""A command line is read as the program reads it, and nothing is carried out."""

import shlex
from functools import cache
from typing import Any
from unittest.mock import patch

import typer
from typer.core import TyperOption

from millstream.cli import app_for

ASKED = "what a person types when the command asks"


@cache
def program() -> Any:
    return typer.main.get_command(app_for([]))


def words_of(command: Any) -> dict[str, Any]:
    """Every command by its words: `orders show` -> what click knows of it."""
    found = {}
    for name, inner in command.commands.items():
        if hasattr(inner, "commands"):
            found |= {f"{name} {words}": one for words, one in words_of(inner).items()}
        else:
            found[name] = inner
    return found


def read(text: str) -> tuple[str, dict[str, Any]]:
    """The words of the command and what it would be given. Raises what click raises for a line it refuses."""
    first, *left = shlex.split(text)
    assert first == "millstream", text
    command, context, words = program(), None, []
    with patch.object(TyperOption, "prompt_for_value", lambda *_: ASKED):
        while True:
            context = command.make_context(words[-1] if words else first, left, parent=context)
            if not hasattr(command, "commands"):
                return " ".join(words), context.params
            name, command, left = command.resolve_command(context, [*context._protected_args, *context.args])
            words.append(name)
