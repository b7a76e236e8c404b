"""Wire calls: one method per kind of OData call, no business."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from millstream.connectors.sap_s4hana import batch, odata
from millstream.connectors.sap_s4hana.failures import failure_of
from millstream.connectors.sap_s4hana.odata import Row
from millstream.connectors.sap_s4hana.session import S4HanaAuth
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.domain.errors import Failure, Retry
from millstream.wire.connection import AuthExpired
from millstream.wire.governor import GovernorSettings
from millstream.wire.http import Request, Response
from millstream.wire.kit import WireKit
from millstream.wire.misread import misread, reading

SALES: Final = "API_SALES_ORDER_SRV"
PRODUCTS: Final = "API_PRODUCT_SRV"
PRICES: Final = "API_SLSPRICINGCONDITIONRECORD_SRV"
AVAILABILITY: Final = "API_PRODUCT_AVAILY_INFO_BASIC"
PRODUCTION: Final = "API_PRODUCTION_ORDER_2_SRV"
DELIVERIES: Final = "API_OUTBOUND_DELIVERY_SRV;v=0002"
PARTNERS: Final = "API_BUSINESS_PARTNER"

PAGES_MAX: Final = 200
BATCH_MAX: Final = 50  # requests in one $batch
UNREADABLE: Final = "erp.unreadable"
JSON: Final = {"Content-Type": "application/json"}

Query = Mapping[str, str]


class Change(msgspec.Struct, frozen=True):
    """One change of several. What is created has no version of its own: a change beside it carries the document's."""

    method: str
    path: str
    body: Row

    @property
    def is_conditional(self) -> bool:
        """Whether it names the version it was decided on."""
        return self.method == "PATCH"


class _Reading:
    """Classifies one answer and keeps its content, so that a body is decoded once."""

    def __init__(self, client: "S4HanaClient", operation: str) -> None:
        self.content: Any = None
        self._client = client
        self._operation = operation

    def __call__(self, response: Response, _key: str | None) -> Failure | AuthExpired | None:
        failure = self._client.refusal(response)
        if failure is not None or response.status == 204:
            return failure
        try:
            self.content = odata.decode(response.body)
        except (ValueError, LookupError, TypeError) as error:
            return misread(self._client.system, self._operation, code=UNREADABLE, why=f"{error}")
        return None


class _BatchReading:
    """The same for many answers in one: the first refusal among them is the refusal of all."""

    def __init__(self, client: "S4HanaClient", operation: str, expected: int) -> None:
        self.answers: list[Response] = []
        self._client = client
        self._operation = operation
        self._expected = expected

    def __call__(self, response: Response, _key: str | None) -> Failure | AuthExpired | None:
        failure = self._client.refusal(response)
        if failure is not None:
            return failure
        try:
            self.answers = batch.answers(response)
        except ValueError as error:
            return misread(self._client.system, self._operation, code=UNREADABLE, why=str(error))
        for answer in self.answers:
            failure = self._client.refusal(answer)
            if failure is not None:
                return failure
        if len(self.answers) != self._expected:
            return misread(self._client.system, self._operation, code=UNREADABLE, why="answers are missing")
        return None


class S4HanaClient:
    """Reads, creates and changes rows of services."""

    def __init__(self, name: str, settings: S4HanaSettings, kit: WireKit) -> None:
        self.system = name
        self._settings = settings
        self._clock = kit.world.clock
        self._base = settings.base_url.rstrip("/")
        auth = S4HanaAuth(name, settings, clock=kit.world.clock)
        self._credentials = auth.credentials
        self._connection = kit.connect(name, auth=auth, limits=GovernorSettings(concurrency=settings.concurrency))

    def refusal(self, response: Response) -> Failure | AuthExpired | None:
        """What an answer means, None = it is a good one."""
        return failure_of(response, self._clock.now(), credentials=self._credentials)

    async def read(self, service: str, path: str, query: Query) -> list[Row]:
        """Every row, over all the pages the server makes of them."""
        operation = f"GET {path.partition('(')[0]}"
        content = await self._get(self._url(service, path, query), operation)
        return await self._rest(content, operation)

    async def read_all(self, service: str, path: str, queries: Sequence[Query]) -> list[Row]:
        """The rows of several queries of one set: one round trip, however many there are."""
        if len(queries) <= 1:
            return [row for query in queries for row in await self.read(service, path, query)]
        operation, rows = f"$batch GET {path}", []
        for start in range(0, len(queries), BATCH_MAX):
            addresses = [odata.address(path, query) for query in queries[start : start + BATCH_MAX]]
            for answer in await self._batch(service, batch.reads(addresses), len(addresses), operation):
                with reading(self.system, operation, code=UNREADABLE):
                    content = odata.decode(answer.body)
                rows += await self._rest(content, operation)
        return rows

    async def ask(self, service: str, function: str, parameters: Query) -> Row | None:
        """The result of a function import, None = it has none."""
        content = await self._get(self._url(service, function, parameters), f"GET {function}")
        with reading(self.system, function, code=UNREADABLE):
            result = odata.plain(content[function])
            return result if result is None else odata.rows_of(result)[0]

    async def create(self, service: str, path: str, body: Row, *, key: str) -> None:
        """Makes a row with everything below it. Never repeatable: a lost answer is Unknown(key)."""
        await self._write("POST", service, path, body, {}, key=key, repeatable=False)

    async def change(self, service: str, path: str, body: Row, *, version: str, key: str) -> None:
        """Writes absolute values over the version that was read. Raises Conflict when there is a newer one."""
        await self._write("PATCH", service, path, body, {"If-Match": version}, key=key)

    async def delete(self, service: str, path: str, *, version: str, key: str) -> None:
        """Deletes the version that was read. Raises Conflict when there is a newer one."""
        await self._write("DELETE", service, path, None, {"If-Match": version}, key=key)

    async def change_all(self, service: str, changes: Sequence[Change], *, version: str, key: str) -> None:
        """Makes several changes to one document, all or none, over the version that was read. Raises Conflict."""
        parts = [
            batch.Change(
                method=change.method,
                address=odata.address(change.path, {}),
                headers={
                    **JSON,
                    "Accept": "application/json",
                    **({"If-Match": version} if change.is_conditional else {}),
                },
                body=json.dumps(change.body).encode(),
            )
            for change in changes
        ]
        await self._batch(service, batch.changeset(parts), len(parts), "$batch changeset", key=key)

    # Sending

    def _url(self, service: str, path: str, query: Query = {}) -> str:  # noqa: B006 - never written to
        return f"{self._base}{odata.ROOT}/{service}/{odata.address(path, query)}"

    async def _get(self, url: str, operation: str) -> Any:
        answer = _Reading(self, operation)
        request = Request(method="GET", url=url, timeout_s=self._settings.timeout_s)
        await self._connection.send(request, operation=operation, classify=answer)
        return answer.content

    async def _rest(self, content: Any, operation: str) -> list[Row]:
        """This page and those that follow. Only the address's path is followed: its host may be one behind a proxy."""
        rows: list[Row] = []
        for _ in range(PAGES_MAX):
            with reading(self.system, operation, code=UNREADABLE):
                rows += odata.rows_of(content)
                link = odata.next_link(content)
                if link is None:
                    return rows
                parts = urlsplit(link)
                tail = f"{parts.path}?{parts.query}"
                url = self._base + tail[tail.index(odata.ROOT) :]
            content = await self._get(url, operation)
        raise Retry("erp.too_many", f"{self.system}: {operation} does not end after {PAGES_MAX} pages")

    async def _write(
        self,
        method: str,
        service: str,
        path: str,
        body: Row | None,
        headers: dict[str, str],
        *,
        key: str,
        repeatable: bool = True,
    ) -> None:
        operation = f"{method} {path.partition('(')[0]}"
        request = Request(
            method=method,
            url=self._url(service, path),
            headers={**JSON, **headers},
            body=None if body is None else json.dumps(body).encode(),
            timeout_s=self._settings.timeout_s,
        )
        answer = _Reading(self, operation)
        await self._connection.send(request, operation=operation, classify=answer, key=key, repeatable=repeatable)

    async def _batch(
        self, service: str, body: bytes, expected: int, operation: str, *, key: str | None = None
    ) -> list[Response]:
        request = Request(
            method="POST",
            url=self._url(service, "$batch"),
            headers={"Content-Type": batch.CONTENT_TYPE, "Accept": "multipart/mixed"},
            body=body,
            timeout_s=self._settings.timeout_s,
        )
        answer = _BatchReading(self, operation, expected)
        await self._connection.send(request, operation=operation, classify=answer, key=key)
        return answer.answers
