"""Wire calls: one method per kind of Tryton call, no business."""

from collections.abc import Sequence
from typing import Any, Final

from millstream.connectors.tryton.codec import decode_answer, encode_call
from millstream.connectors.tryton.failures import Warned, failure_of_error, failure_of_status
from millstream.connectors.tryton.session import SessionLogin
from millstream.connectors.tryton.settings import TrytonSettings
from millstream.connectors.tryton.shape import Row, ids_of, rows_of
from millstream.domain.errors import Failure, Reject, Retry
from millstream.ports.world import Clock
from millstream.wire.connection import AuthExpired
from millstream.wire.governor import GovernorSettings
from millstream.wire.http import Request, Response
from millstream.wire.kit import WireKit
from millstream.wire.misread import misread, reading

WARNINGS_MAX: Final = 5
UNREADABLE: Final = "erp.unreadable"


class _Reading:
    """Classifies one answer and keeps its result, so that a body is decoded once."""

    def __init__(self, method: str, clock: Clock) -> None:
        self.result: Any = None
        self._method = method
        self._clock = clock

    def __call__(self, response: Response, _key: str | None) -> Failure | AuthExpired | None:
        failure = failure_of_status(response, self._clock.now())
        if failure is not None:
            return failure
        try:
            answer = decode_answer(response.body)
        except ValueError:
            return Retry("erp.not_json", "Tryton's answer is no JSON; is a proxy in the way?")
        if answer.get("error"):
            return failure_of_error(answer["error"])
        if "result" not in answer:
            return misread("Tryton", self._method, code=UNREADABLE, why="no result")
        self.result = answer["result"]
        return None


class TrytonClient:
    """Calls methods of models and wizards in the context of one company."""

    def __init__(self, name: str, settings: TrytonSettings, kit: WireKit) -> None:
        self.system = name
        self._clock = kit.world.clock
        base = settings.base_url.rstrip("/")
        self._server_url = f"{base}/rpc/"
        self._url = f"{base}/{settings.database}/rpc/"
        self._settings = settings
        self._context: Row | None = None
        login = SessionLogin(name, settings, url=self._url, clock=kit.world.clock)
        self._connection = kit.connect(name, auth=login, limits=GovernorSettings(concurrency=settings.concurrency))

    async def call(
        self, method: str, *params: Any, context: Row | None = None, key: str | None = None, repeatable: bool = True
    ) -> Any:
        """The result of one method. A lost answer is Unknown(key) unless repeating is harmless.

        Raises what the tables in `failures` say.
        """
        arguments = [*params, {**await self.context(), **(context or {})}]
        return await self._post(self._url, method, arguments, key=key, repeatable=repeatable)

    async def press(self, method: str, record: int, *, key: str | None = None, repeatable: bool = True) -> None:
        """Presses a button of one record, answering yes to the warnings the settings allow."""
        for _ in range(WARNINGS_MAX):
            try:
                await self.call(method, [record], key=key, repeatable=repeatable)
            except Warned as warning:
                if not self._may_skip(warning.name):
                    raise
                await self.call("model.res.user.warning.skip", warning.name, False)  # False: this once
            else:
                return
        raise Reject("erp.needs_confirmation", f"Tryton keeps asking for consent to {method} on record {record}")

    async def search_read(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        *,
        limit: int | None = None,
        order: Sequence[Sequence[str]] | None = None,
        context: Row | None = None,
    ) -> list[Row]:
        """Rows of a model; dotted fields of any depth come nested under `name.`."""
        method = f"model.{model}.search_read"
        found = await self.call(method, domain, 0, limit, order, list(fields), context=context)
        with reading(self.system, method, code=UNREADABLE):
            return rows_of(found, fields)

    async def create(self, model: str, values: Sequence[Row], *, key: str) -> list[int]:
        """Ids of new records. Never repeatable: a lost answer is Unknown(key)."""
        method = f"model.{model}.create"
        made = await self.call(method, list(values), key=key, repeatable=False)
        with reading(self.system, method, code=UNREADABLE):
            return ids_of(made, count=len(values))

    async def write(self, model: str, record: int, values: Row, *, key: str, seen: str | None = None) -> None:
        """Writes absolute values, so repeating is harmless.

        With `seen`, the `_timestamp` under which the record was read, one that moved on meanwhile is a Conflict.
        """
        context = None if seen is None else {"_timestamp": {f"{model},{record}": seen}}
        await self.call(f"model.{model}.write", [record], values, context=context, key=key)

    async def run_wizard(self, name: str, state: str, form: Row, *, record: int, model: str, key: str) -> None:
        """Takes one step of a wizard that was started on one record."""
        begun = await self.call(f"wizard.{name}.create")
        with reading(self.system, f"wizard.{name}.create", code=UNREADABLE):
            session = begun[0]
        on_record = {"active_model": model, "active_id": record, "active_ids": [record]}
        await self.call(f"wizard.{name}.execute", session, form, state, context=on_record, key=key)
        await self.call(f"wizard.{name}.delete", session)

    async def server_version(self) -> str:
        """The series, such as "8.2"."""
        return str(await self._post(self._server_url, "common.server.version", []))

    async def context(self) -> Row:
        """The company and language every call is made in."""
        if self._context is None:
            if self._settings.company is not None:
                self._context = {"company": self._settings.company, "language": "en"}
            else:
                self._context = await self._own_context()
        return self._context

    async def _own_context(self) -> Row:
        method = "model.res.user.get_preferences"
        preferences = await self._post(self._url, method, [True, {}])
        with reading(self.system, method, code=UNREADABLE):
            company, language = preferences.get("company"), preferences.get("language")
        if company is None:
            raise Reject("erp.no_company", "The hub's user belongs to no company in Tryton", field="company")
        return {"company": company, "language": language or "en"}

    def _may_skip(self, name: str) -> bool:
        return name.rsplit(".", 1)[-1] in self._settings.skip_warnings

    async def _post(
        self, url: str, method: str, params: list[Any], *, key: str | None = None, repeatable: bool = True
    ) -> Any:
        request = Request(
            method="POST",
            url=url,
            headers={"Content-Type": "application/json"},
            body=encode_call(method, params),
            timeout_s=self._settings.timeout_s,
        )
        answer = _Reading(method, self._clock)
        await self._connection.send(request, operation=method, classify=answer, key=key, repeatable=repeatable)
        return answer.result
