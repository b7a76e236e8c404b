"""Whatever the description allows, the answer is one it names: schemathesis over the whole web edge."""

import asyncio
import threading
from contextlib import suppress
from datetime import timedelta

import pytest
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings

from fakes.operating_desk import operator
from millstream.domain.access import Role
from millstream.serving import web_app
from millstream.store.access_book import open_access_book
from millstream.store.database import Database

EXAMPLES = 10  # for each operation
SEED = 20261124
CHECKS = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")


class Served(threading.Thread):
    """The web edge over a real socket, in a loop of its own, with two orders, one in review. `key` opens all."""

    def __init__(self, database_url):
        super().__init__(daemon=True)
        self.database_url = database_url
        self.ready = threading.Event()
        self.port = self.server = self.key = None

    def run(self):
        asyncio.run(self._serve())

    async def _serve(self):
        database = Database(self.database_url)
        try:
            async with operator(database) as desk:
                await desk.house.place()
                await desk.held()
                hub = desk.house.hub
                keys = open_access_book(hub.settings.access, database=database, world=hub.world).keys
                age = timedelta(days=1)
                self.key = await keys.create_key("all", role=Role.ADMIN, rights=None, lifetime=age, actor="test")
                app = web_app(hub)
                config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", ws="none")
                self.server = uvicorn.Server(config)
                config.load()
                self.server.lifespan = config.lifespan_class(config)
                await self.server.startup()
                self.port = self.server.servers[0].sockets[0].getsockname()[1]
                self.ready.set()
                await self.server.main_loop()
                await self.server.shutdown()
        finally:
            await database.close()
            self.ready.set()

    def stop(self):
        if self.server is not None:
            self.server.should_exit = True
        self.join(30)


@pytest.fixture
async def address(database):
    served = Served(database.url)
    served.start()
    await asyncio.to_thread(served.ready.wait, 60)
    assert served.port is not None
    yield f"http://127.0.0.1:{served.port}", served.key.token
    await asyncio.to_thread(served.stop)


def faults_of(operation, checks, address, key):
    """What one operation answers that it should not."""
    found, answered = [], set()

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case):
        answer = case.call(base_url=address, headers={"authorization": f"Bearer {key}"})
        answered.add(answer.status_code)
        if answer.status_code >= 400 and answer.headers["content-type"] != ["application/problem+json"]:
            found.append(f"{operation.label}: {answer.status_code} as {answer.headers['content-type']}")
        try:
            case.validate_response(answer, checks=checks)
        except BaseExceptionGroup as faults:
            found.extend(f"{operation.label}: {fault}" for fault in faults.exceptions)
        except AssertionError as fault:
            found.append(f"{operation.label}: {fault}")

    ask()
    return found, answered


async def test_every_answer_is_one_that_the_description_names(address):
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is a development dependency")
    from schemathesis import checks as usual
    from schemathesis.specs.openapi import checks as of_openapi

    checks = [usual.not_a_server_error, *(getattr(of_openapi, name) for name in CHECKS)]
    address, key = address
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    faults, answered, operations = [], set(), 0

    def ask_all():
        nonlocal operations
        for result in schema.get_all_operations():
            found, statuses = faults_of(result.ok(), checks, address, key)
            faults.extend(found)
            answered.update(statuses)
            operations += 1

    await asyncio.to_thread(ask_all)
    described = [path for path, verbs in schema.raw_schema["paths"].items() for _ in verbs]
    assert operations == len(described) > 60
    assert {path.split("/")[1] for path in described} >= {"api", "in", "healthz", "metrics"}
    assert faults[:20] == []
    assert {200, 404, 422} <= answered


def test_the_description_is_whole(database_free_app):
    """Every reference leads somewhere, and every operation says what it may refuse with."""
    described = database_free_app.openapi()
    names = set(described["components"]["schemas"])

    def references(node):
        if isinstance(node, dict):
            with suppress(KeyError, AttributeError):
                yield node["$ref"].removeprefix("#/components/schemas/")
            for inner in node.values():
                yield from references(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from references(inner)

    assert set(references(described)) - names == set()
    for path, verbs in described["paths"].items():
        for operation in verbs.values():
            if path.startswith("/api/"):
                assert {"401", "403", "422", "503"} <= set(operation["responses"]), path
                assert operation["summary"]


@pytest.fixture
async def database_free_app(database):
    async with operator(database) as desk:
        yield desk.app
