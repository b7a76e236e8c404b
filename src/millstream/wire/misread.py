"""Answers of another shape than a system documents: told with advice, never a crash."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from millstream.domain.errors import Retry

_SIGNS: Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


@contextmanager
def reading(system: str, operation: str, *, code: str) -> Iterator[None]:
    """Put around the reading of an answer, and around nothing else: whatever breaks inside becomes Retry(code)."""
    try:
        yield
    except _SIGNS as error:
        raise misread(system, operation, code=code, why=f"{type(error).__name__}: {error}") from error


def misread(system: str, operation: str, *, code: str, why: str) -> Retry:
    """The failure for an answer that is JSON, but not the JSON that this call is answered with."""
    text = (
        f"{system}: the answer to {operation} is not of the shape this connector knows. Check that the address leads "
        "to the system itself and that its version is one the connector's guide names"
    )
    return Retry(code, text, log=f"{text} ({why[:200]})")
