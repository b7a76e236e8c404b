"""Seeded faults for every sandbox system: one ASGI middleware for requests, one dealer for webhooks.

Put it outermost: `FaultMiddleware(app, Faults(...), refusals)`. It answers `/_sim/faults` itself:
`POST {"seed": 7, "rate": {"503": 0.02, "timeout_after": 0.01}, "operations": ["POST /rest/*"], "script": [...]}`
replaces the plan, `DELETE` ends it, `GET` tells the counts. Nothing below `/_sim/` is ever faulted.

`rate` gives a probability per kind; `operations` limits the rates to requests whose "METHOD /path" matches one of the
patterns; `script` is a list of `{"kind": ..., "match": "POST */ship", "times": 1}` used up before dice are thrown.

Kinds: latency; 429 (too much asked), 500, 503, each as the system says it (`refusals.py`: not every one has a status
429), and 503_html, a page of whatever stands in front of it; refused (no connection: the client knows
that nothing was sent); timeout_before and timeout_after (no answer; only after the latter was it carried out); reset;
partial_batch (of a call that carries several one part fails, and what hangs on it; meant for such calls only); for
webhooks drop, duplicate, reorder (kept back until the next one went).
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from millstream.sandbox.refusals import Refusals

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Sleep = Callable[[float], Awaitable[None]]

REQUEST_KINDS = (
    "latency", "429", "500", "503", "503_html", "refused", "timeout_before", "timeout_after", "reset", "partial_batch",
)  # fmt: skip
WEBHOOK_KINDS = ("drop", "duplicate", "reorder")
BATCHES = ("*/$batch", "*/composite")  # calls that carry several
SPOILED = "sandbox.spoiled"  # in the scope of such a call: a number that tells which part fails
LATENCY_MAX_S = 5.0
RETRY_AFTER_S = 3


class LostAnswer(ConnectionError):  # noqa: N818 - it is an event, not a mistake
    """Raised through an in-process app instead of an answer. `sent` is what a client could know, not what happened.

    Only "refused" is surely unsent; after "timeout_before" a client knows as little as after "timeout_after".
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"sandbox fault: {kind}")
        self.kind = kind
        self.sent = kind != "refused"


class Faults:
    """The plan, the dice and the counts. One per sandbox system; the same seed gives the same faults."""

    def __init__(self, *, seed: int = 0, sleep: Sleep = asyncio.sleep, lost: str = "raise") -> None:
        """`lost`: "raise" raises LostAnswer (in process); "hang" keeps the socket silent until the client gives up."""
        self.sleep = sleep
        self.lost = lost
        self.counts: Counter[str] = Counter()
        self.configure({"seed": seed})

    def configure(self, plan: dict[str, Any]) -> None:
        """Replaces the plan and starts the dice and the counts anew. Raises ValueError for an unknown kind."""
        rate = {str(kind): float(chance) for kind, chance in (plan.get("rate") or {}).items()}
        script = [dict(step) for step in plan.get("script") or []]
        unknown = (rate.keys() | {step["kind"] for step in script}) - {*REQUEST_KINDS, *WEBHOOK_KINDS}
        if unknown:
            raise ValueError(f"unknown fault {sorted(unknown)}; known: {[*REQUEST_KINDS, *WEBHOOK_KINDS]}")
        seed = plan.get("seed", 0)
        self.rate = rate
        self.script = script
        self.operations: list[str] = list(plan.get("operations") or [])
        self.latency_s = float(plan.get("latency_s", LATENCY_MAX_S))
        self.retry_after_s = int(plan.get("retry_after_s", RETRY_AFTER_S))
        self._request_dice = Random(f"{seed}/request")  # noqa: S311 - a seed must reproduce it
        self._webhook_dice = Random(f"{seed}/webhook")  # noqa: S311 - as above
        self._kept_back: list[Any] = []
        self.counts = Counter()

    def clear(self) -> None:
        """No more faults; the counts stay."""
        counts = self.counts
        kept_back = self._kept_back
        self.configure({})
        self.counts = counts
        self._kept_back = kept_back

    def draw(self, operation: str) -> str | None:
        """The fault for one request, "METHOD /path", or None."""
        kind = self._scripted(operation, REQUEST_KINDS) or self._thrown(operation, REQUEST_KINDS, self._request_dice)
        if kind is not None:
            self.counts[kind] += 1
        return kind

    def latency(self) -> float:
        """How long one slow request takes."""
        return self._request_dice.uniform(0.05, self.latency_s)

    def part(self) -> int:
        """Which part of a call that carries several fails: to be taken modulo their number."""
        return self._request_dice.randrange(1 << 16)

    def deal(self, message: Any, operation: str = "WEBHOOK") -> list[Any]:
        """The messages to send now in place of this one: none (lost or kept back), one, or several."""
        kind = self._scripted(operation, WEBHOOK_KINDS) or self._thrown(operation, WEBHOOK_KINDS, self._webhook_dice)
        if kind is not None:
            self.counts[kind] += 1
        if kind == "drop":
            return self.release()
        if kind == "reorder":
            self._kept_back.append(message)
            return []
        return [message, message, *self.release()] if kind == "duplicate" else [message, *self.release()]

    @property
    def keeps_back(self) -> bool:
        """Whether a reordered message waits for the next one."""
        return bool(self._kept_back)

    def release(self) -> list[Any]:
        """The messages kept back so far; ask for them when nothing more will come."""
        kept, self._kept_back = self._kept_back, []
        return kept

    def _scripted(self, operation: str, kinds: tuple[str, ...]) -> str | None:
        for index, step in enumerate(self.script):
            if (
                step["kind"] in kinds
                and _fits(step["kind"], operation)
                and fnmatchcase(operation, step.get("match", "*"))
            ):
                step["times"] = step.get("times", 1) - 1
                if step["times"] <= 0:
                    del self.script[index]
                return str(step["kind"])
        return None

    def _thrown(self, operation: str, kinds: tuple[str, ...], dice: Random) -> str | None:
        chances = [(kind, self.rate[kind]) for kind in kinds if self.rate.get(kind) and _fits(kind, operation)]
        if not chances:
            return None
        limited = kinds is REQUEST_KINDS and self.operations
        if limited and not any(fnmatchcase(operation, pattern) for pattern in self.operations):
            return None
        throw = dice.random()
        for kind, chance in chances:
            if throw < chance:
                return kind
            throw -= chance
        return None


class FaultMiddleware:
    """Lets the faults of a plan happen around an ASGI app, in the words of the system that the app stands for."""

    def __init__(self, app: App, faults: Faults, refusals: Refusals) -> None:
        self.app = app
        self.faults = faults
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == "/_sim/faults":
            await self._control(scope, receive, send)
        elif scope["path"].startswith("/_sim/"):
            await self.app(scope, receive, send)
        else:
            await self._suffer(self.faults.draw(f"{scope['method']} {scope['path']}"), scope, receive, send)

    async def _suffer(self, kind: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        match kind:
            case None:
                await self.app(scope, receive, send)
            case "latency":
                await self.faults.sleep(self.faults.latency())
                await self.app(scope, receive, send)
            case "timeout_after":
                await self.app(scope, receive, _swallow)
                await self._lose(kind, receive, send)
            case "timeout_before":
                await self._lose(kind, receive, send)
            case "reset" | "refused":
                await self._cut(kind, receive, send)
            case "partial_batch":
                await self.app({**scope, SPOILED: self.faults.part()}, receive, send)
            case _:
                await _answer(send, *self._refusal(kind, scope["path"]))

    def _refusal(self, kind: str, path: str) -> tuple[int, bytes, dict[str, str]]:
        refusal = self._refusals.of(kind, path)
        headers = {"content-type": refusal.media_type}
        if refusal.asks:
            headers["retry-after"] = str(self.faults.retry_after_s)
        return refusal.status, refusal.body, headers

    async def _lose(self, kind: str, receive: Receive, send: Send) -> None:
        if self.faults.lost == "raise":
            raise LostAnswer(kind)
        while (await receive())["type"] != "http.disconnect":
            pass
        _abort(send)

    async def _cut(self, kind: str, receive: Receive, send: Send) -> None:
        if self.faults.lost == "raise" or not _abort(send):
            await self._lose(kind, receive, send)

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 200
        answer: dict[str, Any] = {}
        if scope["method"] == "POST":
            try:
                self.faults.configure(json.loads(await _body(receive) or b"{}"))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                status, answer = 400, {"message": str(error)}
        elif scope["method"] == "DELETE":
            self.faults.clear()
        answer |= {"counts": dict(self.faults.counts), "rate": self.faults.rate, "script": self.faults.script}
        await _answer(send, status, json.dumps(answer).encode(), {"content-type": "application/json"})


def _fits(kind: str, operation: str) -> bool:
    return kind != "partial_batch" or any(fnmatchcase(operation, pattern) for pattern in BATCHES)


def _abort(send: Send) -> bool:
    """Cuts the connection where the server shows its transport (uvicorn's `send` is a method of the request cycle)."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        return False
    transport.abort()
    return True


async def _swallow(_message: Message) -> None:
    pass


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _answer(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    lines = [(name.encode(), value.encode()) for name, value in {**headers, "content-length": str(len(body))}.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
