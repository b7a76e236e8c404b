from collections.abc import AsyncIterator, Iterator

import pytest

from fakes import real_tryton
from millstream.sandbox.tryton.people import Buyer, Planner, Warehouse
from millstream.sandbox.tryton.server import TrytonServer


@pytest.fixture(scope="session")
def tryton(tmp_path_factory) -> Iterator[TrytonServer]:
    """The real ERP; installing and seeding it the first time takes a minute or two."""
    server = real_tryton.start(tmp_path_factory.mktemp("tryton"))
    yield server
    server.stop()


@pytest.fixture
async def desk(tryton) -> AsyncIterator[real_tryton.Desk]:
    desk = real_tryton.Desk(tryton)
    yield desk
    await desk.close()


@pytest.fixture(scope="session")
def people(tryton):
    rpc = real_tryton.people(tryton)
    yield rpc
    rpc.close()


@pytest.fixture(scope="session")
def warehouse(people) -> Warehouse:
    return Warehouse(people)


@pytest.fixture(scope="session")
def planner(people) -> Planner:
    return Planner(people)


@pytest.fixture(scope="session")
def buyer(people) -> Buyer:
    return Buyer(people)
