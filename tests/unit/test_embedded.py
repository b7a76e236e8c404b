"""The embedded PostgreSQL when it does not start at once. That it starts, dies and is revived: tests/real."""

import json
import subprocess

import pytest

from millstream.domain.errors import Retry
from millstream.store import embedded
from millstream.store.embedded import START_TRIES_MAX, EmbeddedPostgres


class Refusing:
    """The wheel, whose server does not start the first times it is asked."""

    def __init__(self, times, error):
        self.left = times
        self.error = error
        self.asked = 0

    def __call__(self, folder, *, cleanup_mode):
        self.asked += 1
        if self.left > 0:
            self.left -= 1
            raise self.error
        return self

    def get_uri(self, database):
        return f"postgresql:///{database}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "TRY_AGAIN_S", 0)
    (tmp_path / "PG_VERSION").write_text("18")  # it was made before
    return tmp_path


@pytest.mark.parametrize(
    "error",
    [
        subprocess.CalledProcessError(1, "pg_ctl"),
        subprocess.TimeoutExpired("pg_ctl", 10),
        AssertionError("a pid file of two lines"),
        FileNotFoundError("postmaster.pid"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_server_that_cannot_start_yet_is_waited_for(folder, monkeypatch, error):
    wheel = Refusing(3, error)
    monkeypatch.setattr(embedded, "get_server", wheel)
    assert EmbeddedPostgres(folder).start() == "postgresql:///millstream"
    assert wheel.asked == 4


def test_a_server_that_never_starts_is_one_failure_that_names_its_log(folder, monkeypatch):
    wheel = Refusing(START_TRIES_MAX, subprocess.CalledProcessError(1, "pg_ctl"))
    monkeypatch.setattr(embedded, "get_server", wheel)
    with pytest.raises(Retry) as failure:
        EmbeddedPostgres(folder).start()
    assert failure.value.code == "store.not_started"
    assert str(folder / "log") in failure.value.message
    assert wheel.asked == START_TRIES_MAX


def test_what_was_never_started_or_is_stopped_is_not_revived(folder):
    assert EmbeddedPostgres(folder).revive() is False


def test_a_process_that_was_killed_keeps_it_running_for_nobody(tmp_path):
    server = EmbeddedPostgres(tmp_path)
    server.start()
    killed = subprocess.Popen(["sleep", "60"])
    users = tmp_path / ".handle_pids.json"
    users.write_text(json.dumps([*json.loads(users.read_text()), killed.pid]))
    killed.kill()
    killed.wait()
    server.stop()
    assert not (tmp_path / "postmaster.pid").exists()
