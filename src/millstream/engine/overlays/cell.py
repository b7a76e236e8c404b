"""The program that evaluates expressions, in a process of its own: it may run away or run out of memory there.

Started by `engine.overlays.evaluator` with a socket as its standard input. A request is one line of JSON:
`{"documents": [text of JSON, …], "runs": [[expression, number of the document], …]}`. The answer is one line, for each
run `{"value": …}`, `{}` if the expression gives nothing, or `{"error": code, "message": …}`.
"""

import json
import os
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

MEMORY_BYTES_MAX: Final = 384 * 1024 * 1024


def limit_memory() -> None:
    """An expression may not take the machine's; where the system knows no such limit, time alone ends it."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    limit_memory()  # first of all: the library sets address space aside when it is loaded

import jsonatapy  # noqa: E402 - see above

EVALUATION_MS_MAX: Final = 250
STACK_DEPTH_MAX: Final = 200
SEQUENCE_MAX: Final = 10_000
RESULT_CHARACTERS_MAX: Final = 32_768
COMPILED_MAX: Final = 2_000
CHANGING: Final = ("now", "millis", "random")
LIMITS: Final = {
    "D1011": f"it calls itself deeper than {STACK_DEPTH_MAX} times",
    "D1012": f"it takes longer than {EVALUATION_MS_MAX} ms",
    "D2014": "it makes a list that is too long",
    "D2015": f"it makes a list of more than {SEQUENCE_MAX:,} members",
    "U1001": f"it calls itself deeper than {STACK_DEPTH_MAX} times",
}


class Refused(Exception):  # noqa: N818 - a signal out of the evaluator
    """The expression used what it may not."""


def _not_constant(*_arguments: Any) -> Any:
    raise Refused("the same order must give the same fields however often it is tried: no $now, $millis, $random")


def _no_eval(*_arguments: Any) -> Any:
    raise Refused("$eval would run text of an order as an expression")


@lru_cache(maxsize=COMPILED_MAX)
def compiled(expression: str) -> jsonatapy.JsonataExpression:
    """Ready to be evaluated. Raises ValueError where it cannot be read."""
    program = jsonatapy.compile(
        expression,
        timeout=EVALUATION_MS_MAX,
        max_stack_depth=STACK_DEPTH_MAX,
        max_sequence_length=SEQUENCE_MAX,
    )
    for name in CHANGING:
        program.register_override(name, _not_constant)
    program.register_override("eval", _no_eval)
    return program


def result_of(expression: str, document: jsonatapy.JsonataData) -> dict[str, Any]:
    """What one expression gives for one document."""
    try:
        text = compiled(expression).evaluate_data_to_json(document)
        if text == '""' and compiled(f"$type(({expression}\n))").evaluate_data_to_json(document) == '"function"':
            return {"error": "function", "message": "it gives a function, not a value: is its call () missing?"}
    except MemoryError:
        return {"error": "memory", "message": "it takes too much memory"}
    except Exception as error:  # noqa: BLE001 - whatever the library raises is this expression's fault
        return explained(error)
    if len(text) > RESULT_CHARACTERS_MAX:
        return {"error": "long", "message": f"its value has more than {RESULT_CHARACTERS_MAX:,} characters"}
    value = json.loads(text)
    return {} if value is None else {"value": value}


def explained(error: BaseException) -> dict[str, Any]:
    """A failure in words, with the code JSONata gives it."""
    text = str(error).removeprefix("Parse error: ").removeprefix("host function raised Refused: ")
    code, colon, words = text.partition(": ")
    if not colon or len(code) != len("D1011"):
        return {"error": "refused", "message": text}
    return {"error": code, "message": LIMITS.get(code, words)}


def answered(line: bytes) -> Iterator[dict[str, Any]]:
    """The results of one request."""
    request = json.loads(line)
    documents = [jsonatapy.JsonataData.from_json(text) for text in request["documents"]]
    for expression, number in request["runs"]:
        yield result_of(expression, documents[number])


def main() -> None:
    """Answers until the other side is gone."""
    link = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    with link, link.makefile("rb") as requests:
        for line in requests:
            link.sendall(json.dumps(list(answered(line))).encode() + b"\n")


if __name__ == "__main__":
    main()
