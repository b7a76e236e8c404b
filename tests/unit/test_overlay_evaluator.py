"""No expression, however hostile, harms the process that has it evaluated."""

import os
import resource
import signal
from time import monotonic

import pytest

from millstream.domain.errors import Reject, Retry
from millstream.engine.overlays import cell, evaluator
from millstream.engine.overlays.evaluator import Evaluator, Result

PATIENCE_S = 30.0  # a bound to find a hang by, not a promise


@pytest.fixture(scope="module")
def cells():
    one = Evaluator()
    yield one
    one.close()


def ask(cells, expression, **document):
    return cells.evaluate([document], [(expression, 0)])[0]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("source.a", 1),
        ("source.a & 'x'", "1x"),
        ("source.missing", None),
        ("source.nothing", None),
        ("$uppercase(source.text)", "ÄÖ"),
        ("source.lines[sku='B'].qty", 2),
        ("$sum(source.lines.qty)", 3),
        ("source.a > 0 and true", True),
        ("''", ""),
        ("1 / 0", None),
    ],
)
def test_an_expression_gives_its_value_or_nothing(cells, expression, value):
    lines = [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 2}]
    document = {"a": 1, "nothing": None, "text": "äö", "lines": lines}
    assert ask(cells, expression, source=document) == Result(value=value)


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("($f := function(){$f()}; $f())", "D1012"),
        ("($f := function($x){$x + $f($x)}; $f(1))", "D1011"),
        ("[1..9999999]", "D2015"),
        ("$map([1..9999], function($x){$map([1..9999], function($y){$y})})", "D1012"),
        ("$pad('x', 2000000000)", "exhausted"),
        ("$length($replace($pad('', 100000, 'x'), 'x', $pad('', 100000, 'y')))", "exhausted"),
        (  # whichever runs out first, time or memory
            "($f := function($s, $n){$n = 0 ? $s : $f($s & $s, $n - 1)}; $length($f('xxxxxxxxxx', 40)))",
            "D1012 exhausted",
        ),
        ("(" * 5000 + "1" + ")" * 5000, "U1002"),
        ("source.(", "S0207"),
        ("$sum", "function"),
        ("$eval('1')", "refused"),
        ("$now()", "refused"),
        ("$millis()", "refused"),
        ("$random()", "refused"),
        ("$error('in my own words')", "D3137"),
        ("$pad('x', 40000)", "long"),
    ],
)
def test_what_runs_away_or_is_not_allowed_is_told_and_the_next_one_is_evaluated(cells, expression, error):
    began = monotonic()
    result = ask(cells, expression)
    assert result.error in error.split()
    assert result.value is None
    assert result.message
    assert monotonic() - began < PATIENCE_S
    assert ask(cells, "1 + 1") == Result(value=2)


def test_only_the_culprit_bears_it(cells):
    runs = [("'a'", 0), ("$pad('x', 2000000000)", 0), ("'b'", 0), ("$pad('x', 2000000000)", 0)]
    assert [one.value or one.error for one in cells.evaluate([{}], runs)] == ["a", "exhausted", "b", "exhausted"]


def test_what_is_left_when_the_time_is_spent_is_told_as_exhausted_too(cells):
    runs = [("$pad('x', 2000000000)", 0), ("'b'", 0)]
    assert [one.error for one in cells.evaluate([{}], runs, budget_s=0)] == ["exhausted", "exhausted"]


def test_a_cell_that_somebody_ended_is_started_again_unnoticed(cells):
    cells.start()
    process = cells._process
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert ask(cells, "'still here'") == Result(value="still here")
    assert cells._process is not process


def test_this_process_has_no_limit_of_its_own_to_pay_for_it(cells):
    before = resource.getrlimit(resource.RLIMIT_AS)
    ask(cells, "1")
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_a_cell_ends_with_the_one_that_started_it():
    cells = Evaluator()
    cells.start()
    process = cells._process
    cells.close()
    assert process.poll() is not None
    assert ask(cells, "1") == Result(value=1)
    cells.close()


def test_a_cell_that_does_not_start_is_no_reason_to_hold_an_order(monkeypatch, tmp_path):
    broken = tmp_path / "cell.py"
    broken.write_text("raise SystemExit(1)")
    monkeypatch.setattr(evaluator, "CELL", broken)
    with pytest.raises(Retry) as failure:
        ask(Evaluator(), "1")
    assert failure.value.code == "mapping.not_evaluated"


def test_a_document_beyond_all_measure_is_refused_before_it_is_sent(cells):
    with pytest.raises(Reject) as refusal:
        ask(cells, "1", source="x" * (evaluator.DOCUMENT_BYTES_MAX + 1))
    assert refusal.value.code == "mapping.overlay_failed"


def test_a_lone_surrogate_does_not_stop_an_order(cells):
    assert ask(cells, "source.name", source={"name": "Zo\ud800e"}) == Result(value="Zo?e")


def test_a_long_value_may_be_as_long_as_the_limit_says(cells):
    assert len(ask(cells, f"$pad('x', {cell.RESULT_CHARACTERS_MAX - 2})").value) == cell.RESULT_CHARACTERS_MAX - 2
