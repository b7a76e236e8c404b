"""Sends hostile requests over real sockets and reads what comes back."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import msgspec

from fakes.hostile_words import MARK
from fakes.hostility import Shot

READ_TIMEOUT_S = 60
DEPTH = 12  # requests on the way at once on one connection
RAW = (f"<{MARK}", f"{MARK}>", f"<script>{MARK}", f"onerror={MARK}>", "\r\nset-cookie: x")
LEAKED = (b"root:x:0", b"[doors.carrier]", b"Traceback (most recent", b"postgresql://")
PROBLEM = {"type", "title", "status", "detail", "instance", "code"}


class Answer(msgspec.Struct, frozen=True):
    """One answer; `closes`: nothing more comes on its connection."""

    status: int
    head: bytes
    body: bytes
    closes: bool

    @property
    def media_type(self) -> str:
        for line in self.head.lower().split(b"\r\n"):
            if line.startswith(b"content-type:"):
                return line.partition(b":")[2].partition(b";")[0].strip().decode()
        return ""


async def read_answer(reader: asyncio.StreamReader) -> Answer | None:
    """The next answer; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    status, lower = int(head.split(b" ", 2)[1]), head.lower()
    if status == 101:
        return Answer(status, head, b"", True)
    try:
        if b"\r\ntransfer-encoding: chunked" in lower:
            body = await _chunked(reader)
        else:
            length = next((line[15:] for line in lower.split(b"\r\n") if line.startswith(b"content-length:")), None)
            body = await reader.readexactly(int(length)) if length is not None else b""
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Answer(status, head, body, b"\r\nconnection: close" in lower)


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


class Attacker:
    """Fires shots at one port and notes whatever is not as it should be."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sent: Counter[str] = Counter()
        self.answered: Counter[tuple[str, int]] = Counter()
        self.findings: list[str] = []

    async def fire(self, shots: Sequence[Shot]) -> None:
        """All of them, in turn, over as few connections as the server allows."""
        waiting = list(reversed(shots))
        while waiting:
            if waiting[-1].alone:
                await self.fire_alone(waiting.pop())
                continue
            batch = []
            while waiting and not waiting[-1].alone and len(batch) < DEPTH:
                batch.append(waiting.pop())
            unanswered = await self._pipeline(batch)
            waiting += reversed(unanswered)

    async def _pipeline(self, batch: list[Shot]) -> list[Shot]:
        """Those that were not answered, because an answer before theirs closed the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                writer.write(b"".join(shot.sent for shot in batch))
                for number, shot in enumerate(batch):
                    answer = await read_answer(reader)
                    if answer is None and number == 0:
                        self._find(shot, None, "was not answered")
                        return batch[1:]
                    if answer is None:
                        return batch[number:]
                    self.sent[shot.kind] += 1
                    self.judge(shot, answer)
                    if answer.closes:
                        return batch[number + 1 :]
        except (ConnectionError, TimeoutError) as error:
            self._find(batch[0], None, f"{type(error).__name__} in a batch")
        finally:
            writer.close()
        return []

    async def fire_alone(self, shot: Shot) -> None:
        """One on a connection of its own; every answer that comes before its end is judged."""
        self.sent[shot.kind] += 1
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                answers = asyncio.create_task(self._all_answers(reader))
                await self._write(writer, shot, answers)
                for answer in await answers:
                    self.judge(shot, answer)
        except TimeoutError:
            self._find(shot, None, "hangs")
        finally:
            writer.close()

    async def _write(self, writer: asyncio.StreamWriter, shot: Shot, answers: "asyncio.Task[list[Answer]]") -> None:
        try:
            writer.write(shot.sent)
            await writer.drain()
            for piece in shot.lingers:
                if answers.done() or writer.is_closing():
                    return
                writer.write(piece)
                await writer.drain()
                if len(piece) == 1:
                    await asyncio.sleep(0.1)  # slowness itself is what is sent
            writer.write_eof()
        except OSError:
            return  # cut off, which is an answer, too; before the end was written as well

    async def _all_answers(self, reader: asyncio.StreamReader) -> list[Answer]:
        found = []
        while (answer := await read_answer(reader)) is not None:
            found.append(answer)
            if answer.closes:
                break
        return found

    def judge(self, shot: Shot, answer: Answer) -> None:
        """Whether this may be answered so."""
        self.answered[shot.kind, answer.status] += 1
        if answer.status >= 500:
            self._find(shot, answer, "a crash")
        if answer.status < 300 and not shot.reads:
            self._find(shot, answer, "accepted")
        if answer.status in {300, 301, 302, 307, 308}:
            self._find(shot, answer, "sent elsewhere")
        if any(raw.encode() in answer.body or raw.encode() in answer.head for raw in RAW):
            self._find(shot, answer, "reflected")
        if any(leak in answer.body for leak in LEAKED):
            self._find(shot, answer, "leaked")
        if answer.status >= 400 and not shot.pages and not _is_problem(answer):
            self._find(shot, answer, "no problem document")

    def _find(self, shot: Shot, answer: Answer | None, what: str) -> None:
        told = "" if answer is None else f"{answer.status} {answer.head[:150]!r} {answer.body[:300]!r}"
        self.findings.append(f"{what}: {shot.kind}: {shot.sent[:300]!r} -> {told}")


def _is_problem(answer: Answer) -> bool:
    if answer.media_type != "application/problem+json":
        return False
    problem = msgspec.json.decode(answer.body)
    return set(problem) - {"errors"} == PROBLEM and problem["status"] == answer.status
