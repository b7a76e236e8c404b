"""What the screen does with width: nothing is cut off, and what programs read is not folded."""

import io

from rich.table import Table

from millstream import cli
from millstream.cli.screen import PIPE_WIDTH, Screen

KEY = "shop-1-000000004"


def test_a_cell_that_is_too_long_is_folded_and_never_cut():
    screen = Screen(file=io.StringIO(), width=30)
    table = Table("order", "code", "amiss", box=None)
    table.add_row(KEY, "customer.unknown", "erp does not sell it")
    screen.print(table)
    out = screen.file.getvalue()
    assert "…" not in out
    columns = [line[: out.index("code")] for line in out.splitlines()[1:]]
    assert "".join(cell.strip() for cell in columns) == KEY


def test_a_pipe_is_wide_unless_somebody_says_how_wide(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert Screen(file=io.StringIO()).width == PIPE_WIDTH
    assert Screen(file=io.StringIO(), width=50).width == 50
    monkeypatch.setenv("COLUMNS", "70")
    assert Screen(file=io.StringIO()).width == 70


def test_the_version_is_told(capsys):
    cli.app_for(["--version"])(["--version"], standalone_mode=False)
    assert capsys.readouterr().out.startswith("millstream ")
