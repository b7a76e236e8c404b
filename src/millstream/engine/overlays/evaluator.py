"""Evaluates expressions in a process of their own, so that none of them can harm this one."""

import atexit
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final

import msgspec

from millstream.domain.errors import Reject, Retry

CELL: Final = Path(__file__).with_name("cell.py")
ANSWER_S_MAX: Final = 1.0  # for one request; then the cell is ended
BUDGET_S: Final = 2.0  # for finding out which expression it was
START_S_MAX: Final = 20.0  # until a new one answers at all
DOCUMENT_BYTES_MAX: Final = 2 * 1024 * 1024
CHUNK: Final = 1 << 16

Run = tuple[str, int]
"""An expression and the number of the document it is for."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one expression gave: a value, nothing (`value` None), or an error in words."""

    value: Any = None
    error: str | None = None
    message: str | None = None


class CellDied(Exception):  # noqa: N818 - a signal within this file
    """The cell ended before it answered, or was `slow` and had to be ended."""

    def __init__(self, *, slow: bool) -> None:
        super().__init__()
        self.slow = slow


EXHAUSTED: Final = Result(error="exhausted", message="it takes too much time or memory")


class Evaluator:
    """One cell, started when it is first needed and again after it died. May be used by one thread after another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None

    def evaluate(
        self, documents: Sequence[Mapping[str, Any]], runs: Sequence[Run], *, budget_s: float = BUDGET_S
    ) -> list[Result]:
        """The result of each run. Blocks: usually a tenth of a millisecond, `ANSWER_S_MAX` where it runs away.

        What ends the cell is tried run by run, so that only the culprits bear it; once `budget_s` is spent the rest is
        told as exhausted, too. Raises Retry if no cell can start.
        """
        if not runs:
            return []
        texts = [_text(document) for document in documents]
        with self._lock:
            try:
                return self._twice(texts, runs)
            except CellDied:
                return self._one_by_one(texts, runs, monotonic() + budget_s)

    def start(self) -> None:
        """Starts the cell, so that the first order need not wait for it."""
        with self._lock:
            self._twice(["null"], [("1", 0)])

    def close(self) -> None:
        """Ends the cell."""
        with self._lock:
            self._end()

    def _one_by_one(self, texts: Sequence[str], runs: Sequence[Run], until: float) -> list[Result]:
        """An expression that ended the cell once is not tried on other documents."""
        culprits: set[str] = set()
        results = []
        for expression, number in runs:
            result = EXHAUSTED
            if expression not in culprits and monotonic() < until:
                try:
                    result = self._ask([texts[number]], [(expression, 0)])[0]
                except CellDied:
                    culprits.add(expression)
            results.append(result)
        return results

    def _twice(self, texts: Sequence[str], runs: Sequence[Run]) -> list[Result]:
        """Whoever ended the first cell may have been somebody else: the system, or an operator."""
        try:
            return self._ask(texts, runs)
        except CellDied as death:
            if death.slow:
                raise
        return self._ask(texts, runs)

    def _ask(self, texts: Sequence[str], runs: Sequence[Run]) -> list[Result]:
        link = self._link or self._begin()
        request = json.dumps({"documents": texts, "runs": runs}).encode() + b"\n"
        try:
            answer = _exchanged(link, request, monotonic() + ANSWER_S_MAX)
            return msgspec.json.decode(answer, type=list[Result])
        except (OSError, msgspec.DecodeError) as error:
            self._end()
            raise CellDied(slow=isinstance(error, TimeoutError)) from error

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own program, by our own interpreter
                    [sys.executable, "-I", str(CELL)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # a Ctrl-C at the terminal is for us: what runs is still finished
                    env={},
                )
            except OSError as error:
                ours.close()
                raise _not_started(str(error)) from error
        self._link = ours
        try:
            _exchanged(ours, b'{"documents": [], "runs": []}\n', monotonic() + START_S_MAX)
        except OSError as error:
            self._end()
            raise _not_started(str(error)) from error
        atexit.register(self.close)
        return ours

    def _end(self) -> None:
        atexit.unregister(self.close)
        link, process = self._link, self._process
        self._link = self._process = None
        if link is not None:
            link.close()
        if process is not None:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)


def _not_started(why: str) -> Retry:
    return Retry(
        "mapping.not_evaluated",
        "The process that evaluates mappings cannot be started; nothing was sent. Look at the machine's memory",
        log=f"overlay cell: {why}",
    )


def _text(document: Mapping[str, Any]) -> str:
    """The document as JSON; characters that no UTF-8 knows are replaced. Raises Reject if it is too large."""
    try:
        text = msgspec.json.encode(document).decode()
    except UnicodeEncodeError:
        plain = json.dumps(msgspec.to_builtins(document), ensure_ascii=False)
        text = plain.encode("utf-8", "replace").decode()
    if len(text) > DOCUMENT_BYTES_MAX:
        raise Reject("mapping.overlay_failed", "The order is too large to lay custom fields over it (2 MiB).")
    return text


def _exchanged(link: socket.socket, request: bytes, deadline: float) -> bytes:
    """One line there and one back. Raises OSError when the other side is gone or too slow."""
    link.settimeout(max(deadline - monotonic(), 0.001))
    link.sendall(request)
    pieces = []
    while True:
        link.settimeout(max(deadline - monotonic(), 0.001))
        piece = link.recv(CHUNK)
        if not piece:
            raise ConnectionResetError("the cell ended")
        pieces.append(piece)
        if piece.endswith(b"\n"):
            return b"".join(pieces)
