"""The real ERP for the promises that only a real one can show."""

import pytest

from fakes import real_tryton


@pytest.fixture(scope="session")
def tryton(tmp_path_factory):
    server = real_tryton.start(tmp_path_factory.mktemp("tryton-promises"))
    yield server
    server.stop()
