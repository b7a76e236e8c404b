"""What takes long says how far it is; what fails says what it said last."""

import sys

import pytest

from millstream.sandbox.tryton import install
from millstream.sandbox.tryton.install import PINS, InstallError, installed, run

SLOW = "import time; print('half way', flush=True); time.sleep(0.5)"


def test_a_program_that_takes_long_is_seen_to_move(monkeypatch):
    monkeypatch.setattr(install, "TELL_EVERY_S", 0.02)
    told = []
    output = run(
        [sys.executable, "-c", SLOW], timeout_s=30, say=told.append, look=lambda line: f"3 packages in place: {line}"
    )
    assert output == "half way\n"
    seen = [line.partition(" s: ")[2] for line in told]
    assert seen[-1] == "3 packages in place: half way"
    assert set(seen) <= {"3 packages in place: half way", "3 packages in place: nothing said yet"}
    assert all(line.startswith("… ") for line in told)


def test_a_program_that_is_done_at_once_says_nothing():
    told = []
    run([sys.executable, "-c", "print(1)"], timeout_s=30, say=told.append)
    assert told == []


@pytest.mark.parametrize(
    ("program", "complaint"),
    [("import sys; print('no such package'); sys.exit(3)", "no such package"), ("while True: pass", "timed out")],
)
def test_a_program_that_fails_is_told_with_what_it_said(program, complaint):
    with pytest.raises(InstallError, match=complaint):
        run([sys.executable, "-c", program], timeout_s=0.5 if "while" in program else 30, say=lambda _: None)


def test_an_installation_of_other_versions_or_half_of_one_is_none(tmp_path):
    program = tmp_path / "venv/bin/trytond"
    program.parent.mkdir(parents=True)
    program.touch()
    assert installed(tmp_path) is None
    (tmp_path / "installed.txt").write_text("\n".join(PINS))
    assert installed(tmp_path) == program.parent
    program.unlink()
    assert installed(tmp_path) is None
    program.touch()
    (tmp_path / "installed.txt").write_text("trytond==7.0.0")
    assert installed(tmp_path) is None
