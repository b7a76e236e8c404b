"""The REST resources of one org, as calls that answer or raise the hub's failures."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final
from urllib.parse import quote

import msgspec

from millstream.connectors.salesforce.auth import sign_in
from millstream.connectors.salesforce.errors import ApiError, Interpreter, read_composite_errors, read_errors
from millstream.connectors.salesforce.mapping import Json, to_json
from millstream.connectors.salesforce.settings import SalesforceSettings
from millstream.domain.errors import Failure, Reject, Retry
from millstream.ports.tap import Tap
from millstream.wire.connection import AuthExpired
from millstream.wire.governor import Governor, GovernorSettings
from millstream.wire.http import Request, Response
from millstream.wire.kit import WireKit
from millstream.wire.misread import reading
from millstream.wire.retry_after import retry_after_s

PAGES_MAX: Final = 50  # of 2,000 rows
BUDGET_STEPS: Final = (80, 90, 95, 100)  # percent of the 24-hour budget at which a note is made
NOTHING: Final[frozenset[str]] = frozenset()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A good answer, or the one error the caller said it would settle itself."""

    body: Any = None
    headers: dict[str, str] = {}
    error: ApiError | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One sub-request of a composite call. `path` is relative to the versioned root."""

    method: str
    path: str
    name: str
    body: Any = None
    headers: dict[str, str] = {}


class Budget:
    """Reads `Sforce-Limit-Info`, tells the governor, and notes when more than 80 % of 24 hours' calls are used."""

    def __init__(self, system: str, governor: Governor, tap: Tap) -> None:
        self._system = system
        self._governor = governor
        self._tap = tap
        self._noted = 0

    def seen(self, header: str | None) -> None:
        """Takes note of `api-usage=18/15000`."""
        used, _, most = (header or "").partition("api-usage=")[2].partition(";")[0].partition("/")
        if not used.isdigit() or not most.isdigit() or int(most) == 0:
            return
        self._governor.told_usage(used=int(used), limit=int(most))
        percent = int(used) * 100 // int(most)
        step = max((one for one in BUDGET_STEPS if percent >= one), default=0)
        if step > self._noted:
            self._tap.note("crm.budget_low", system=self._system, used=int(used), limit=int(most), percent=percent)
        self._noted = step


class Api:
    """Speaks to one org. Every call may be repeated without harm, so a lost answer is a Retry."""

    def __init__(self, system: str, settings: SalesforceSettings, kit: WireKit) -> None:
        self.system = system
        self.interpreter = Interpreter(system, settings)
        self._root = f"/services/data/v{settings.api_version}"
        self._origin = settings.login_url  # replaced by the instance that the token answer names
        self._timeout_s = settings.timeout_s
        self._busy_pause_s = settings.busy_pause_s
        self._clock = kit.world.clock
        limits = GovernorSettings(concurrency=settings.concurrency, rate_per_s=settings.rate_per_s)
        self.connection = kit.connect(system, auth=sign_in(system, settings, clock=kit.world.clock), limits=limits)
        self._budget = Budget(system, self.connection.governor, kit.tap)

    async def call(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        body: Any = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        expect: frozenset[str] = NOTHING,
    ) -> Outcome:
        """One plain call. An errorCode in `expect` comes back in the outcome; any other is raised."""

        def classify(response: Response, _key: str | None) -> Failure | AuthExpired | None:
            return self._verdict(response, read_errors(response), operation, expect)

        response = await self._send(method, path, body, operation, key, headers, classify)
        error = self._settled(read_errors(response), operation, expect)
        return Outcome(body=_decoded(response), headers=response.headers, error=error)

    async def composite(
        self, parts: Sequence[Part], *, operation: str, key: str, expect: frozenset[str] = NOTHING
    ) -> Outcome:
        """Several calls as one transaction, in the order given; `body` is the list of their answers by name."""
        errors: tuple[ApiError, ...] = ()

        def classify(response: Response, _key: str | None) -> Failure | AuthExpired | None:
            nonlocal errors
            errors = read_errors(response) or read_composite_errors(_parts(response))
            return self._verdict(response, errors, operation, expect)

        body = {
            "allOrNone": True,
            "collateSubrequests": False,  # collated calls may run in another order; activation must come last
            "compositeRequest": [self._part(part) for part in parts],
        }
        response = await self._send("POST", "/composite", body, operation, key, None, classify)
        error = self._settled(errors, operation, expect)
        answers = {str(part.get("referenceId")): part.get("body") for part in _parts(response)}
        return Outcome(body=answers, headers=response.headers, error=error)

    async def query(self, soql: str, *, operation: str) -> list[Json]:
        """Every record a SOQL query selects, page after page."""
        rows: list[Json] = []
        path = f"/query?q={quote(soql, safe='')}"
        for _ in range(PAGES_MAX):
            answer = (await self.call("GET", path, operation=operation)).body
            with self.reading(operation):
                rows.extend(objects_in(answer["records"]))
                if answer["done"]:
                    return rows
                path = str(answer["nextRecordsUrl"]).removeprefix(self._root)
        raise Reject("crm.too_many_rows", f"{self.system}: {operation}: more than {PAGES_MAX} pages of records")

    def reading(self, operation: str) -> AbstractContextManager[None]:
        """Put around the reading of an answer: one of another shape is a Retry("crm.unreadable"), not a crash."""
        return reading(self.system, operation, code="crm.unreadable")

    def _part(self, part: Part) -> Json:
        raw: Json = {"method": part.method, "url": self._root + part.path, "referenceId": part.name}
        if part.headers:
            raw["httpHeaders"] = part.headers
        return raw if part.body is None else {**raw, "body": part.body}

    async def _send(
        self,
        method: str,
        path: str,
        body: Any,
        operation: str,
        key: str | None,
        headers: dict[str, str] | None,
        classify: Any,
    ) -> Response:
        sent = {"Accept": "application/json", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        request = Request(
            method=method,
            url=self._origin + self._root + path,
            headers=sent,
            body=None if body is None else to_json(body),
            timeout_s=self._timeout_s,
        )
        return await self.connection.send(request, operation=operation, classify=classify, key=key)

    def _verdict(
        self, response: Response, errors: Sequence[ApiError], operation: str, expect: frozenset[str]
    ) -> Failure | AuthExpired | None:
        """What the connection must know at once; errors of single records are settled after it."""
        self._budget.seen(response.headers.get("sforce-limit-info"))
        if response.status == 401:
            text = f"{self.system}: the session is refused; is the integration user active and may it use the API?"
            return AuthExpired(Reject("auth.refused", text, field="client_id"))
        if response.status == 429:  # not the platform's own word for it, but that of what stands in front of it
            after_s = retry_after_s(response.headers, self._clock.now()) or self._busy_pause_s
            return Retry("crm.too_busy", f"{self.system}: {operation}: too many requests", after_s=after_s)
        if response.status < 300 and response.status != 204 and not _is_json(response):
            return Retry("crm.unreadable", f"{self.system}: {operation}: the answer is no JSON; is login_url right?")
        if not errors or errors[0].code in expect or self.interpreter.is_record_level(errors[0]):
            return None
        return self.interpreter.failure(errors[0], status=response.status, doing=operation)

    def _settled(self, errors: Sequence[ApiError], operation: str, expect: frozenset[str]) -> ApiError | None:
        if not errors:
            return None
        if errors[0].code in expect:
            return errors[0]
        raise self.interpreter.failure(errors[0], doing=operation)


def objects_in(rows: Any) -> list[Json]:
    """The records of an answer. Raises TypeError for anything else."""
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise TypeError(f"{type(rows).__name__} in place of records")
    return rows


def segment(value: str) -> str:
    """One path segment, percent-encoded."""
    return quote(value, safe="")


def _is_json(response: Response) -> bool:
    try:
        response.json()
    except msgspec.DecodeError:
        return False
    return True


def _decoded(response: Response) -> Any:
    if not response.body:
        return None
    try:
        return response.json()
    except msgspec.DecodeError:
        return None


def _parts(response: Response) -> list[Json]:
    body = _decoded(response)
    parts = body.get("compositeResponse") if isinstance(body, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
