"""Whatever somebody writes into an expression, and whatever an order holds: a value, nothing, or a reason."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.overlays import in_force, overlays, rule
from millstream.domain.errors import Reject
from millstream.engine.overlays.evaluator import Evaluator, Result
from millstream.ports.overlay import Piece, Surface, Target

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PIECES = ("source", ".a", "[0]", "*", "**", "$", "(", ")", "{", "}", "'x'", "1", " & ", " + ", " / ", "?", ":", ":=",
          "$f", "function($v){", "$sum(", "$map(", "$string(", "$number(", "^", "~>", "%", "@", "#", "/a+/", "`", "\\",
          "\x00", "\ud800", "é", "[1..9]", "and", "in", "null", "$error('x')", ",", ";")  # fmt: skip
EXPRESSIONS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=40)
SURFACE = Surface(
    connection="crm",
    direction="outbound",
    samples="order.confirmed",
    targets=(Target(name="order", what="x", fields=r"\w+__c", example="A__c", teach="x"),),
    pieces=lambda sample: [],
)


@pytest.fixture(scope="module")
def evaluator():
    one = Evaluator()
    yield one
    one.close()


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(expression=EXPRESSIONS, document=JSON)
def test_every_expression_gets_one_result(evaluator, expression, document):
    (result,) = evaluator.evaluate([{"source": document}], [(expression, 0)])
    assert isinstance(result, Result)
    assert result.error is None or (result.value is None and result.message is not None)
    assert evaluator.evaluate([{}], [("'still there'", 0)]) == [Result(value="still there")]


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    expression=EXPRESSIONS, document=JSON, kind=st.sampled_from([None, "text", "number", "decimal", "boolean", "date"])
)
def test_a_record_gets_one_plain_value_or_none_or_the_order_is_held(evaluator, expression, document, kind):
    live = overlays(evaluator)
    in_force(live, ("crm", "outbound"), rule("order.A__c", expression, kind))
    piece = Piece(target="order", label="x", given={"source": document}, mapped={"Name": "7"})
    refusal, values = None, {}
    try:
        (values,) = live.lay_over(SURFACE).values(lambda: [piece])
    except Reject as caught:
        refusal = caught
    assert refusal is None or (refusal.code, refusal.field) == ("mapping.overlay_failed", "order.A__c")
    assert values.keys() <= {"A__c"}
    assert not any(isinstance(value, dict | list) or value is None for value in values.values())
