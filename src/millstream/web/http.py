"""HTTP at the socket, with the limits the server itself does not have: how large a head may be, and how slow."""

from asyncio import TimerHandle
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from millstream.web.problems import MEDIA_TYPE, Problem, problem_document

HEAD_BYTES_MAX: Final = 64 * 1024  # beyond what came in one piece with its beginning
HEAD_S: Final = 15.0  # from the connection, or the first byte, to the end of the head


class LimitedHttp(HttpToolsProtocol):
    """Cuts off heads that are too large or too slow; whatever is no HTTP is refused in the shape of all refusals.

    Bodies have limits of their own, where they are read.
    """

    _head_is_open = False
    _head_bytes = 0
    _patience: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection on which nothing comes is closed, too."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """No more waiting."""
        self._end_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what comes while a head is not complete."""
        continues = self._head_is_open
        super().data_received(data)
        if not self._head_is_open:
            return
        self._head_bytes = self._head_bytes + len(data) if continues else 0
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(431, f"The head of a request may have {HEAD_BYTES_MAX} bytes.")

    def on_message_begin(self) -> None:
        """A head begins."""
        self._head_is_open = True
        self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """It is complete."""
        self._head_is_open = False
        self._end_waiting()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What the parser cannot read."""
        del msg
        self._refuse(400, "This is no request of HTTP/1.1, or one that may be read in two ways.")

    def _await_head(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD_S, self._lose_patience)

    def _end_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        self._patience = None
        self._refuse(408, f"The head of a request must arrive within {HEAD_S:g} s.")

    def _refuse(self, status: int, detail: str) -> None:
        """Answers and hangs up; nothing is read any more."""
        self._end_waiting()
        self._head_is_open = False
        if self.transport.is_closing():
            return
        problem = Problem("request.refused", detail, status=status)
        body, headers = problem_document(problem, "")
        headers = {**headers, "content-type": MEDIA_TYPE, "content-length": str(len(body)), "connection": "close"}
        lines = [f"HTTP/1.1 {status} Refused", *(f"{name}: {value}" for name, value in headers.items())]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()
