"""What is in force, and nothing else, is laid over a record; whoever has nothing in force pays nothing."""

from datetime import date
from decimal import Decimal

import pytest

from fakes.overlays import in_force, overlays, rule, version
from fakes.tap import RecordingTap
from fakes.world import ManualClock
from millstream.domain.errors import Reject, Retry
from millstream.engine.overlays.evaluator import Evaluator
from millstream.engine.overlays.keeper import OverlayKeeper
from millstream.engine.trace import overlays_of_this_attempt
from millstream.ports.overlay import Piece, Surface, Target

PLACE = ("crm", "outbound")
SURFACE = Surface(
    connection="crm",
    direction="outbound",
    samples="order.confirmed",
    targets=(
        Target(
            name="order", what="x", fields=r"\w+__c", example="A__c", teach="Ends in __c.", owned=frozenset({"Key__c"})
        ),
        Target(name="line", what="x", fields=r"\w+__c", example="A__c", teach="Ends in __c."),
    ),
    pieces=lambda sample: [],
)
ORDER = Piece(target="order", label="order 7", given={"order": {"number": "7"}}, mapped={"Name": "7"})
LINES = [
    Piece(target="line", label=sku, given={"line": {"sku": sku}}, mapped={"Quantity": 1}) for sku in ("VALVE", "PUMP")
]


class Untouchable:
    """An evaluator nobody may ask."""

    def evaluate(self, *_):
        raise AssertionError("asked")


@pytest.fixture
def live():
    one = overlays()
    yield one
    one.close()


def values(live, *pieces):
    return live.lay_over(SURFACE).values(lambda: list(pieces or (ORDER, *LINES)))


def refusal(live, *pieces):
    with pytest.raises(Reject) as caught:
        values(live, *pieces)
    assert caught.value.code == "mapping.overlay_failed"
    return caught.value


def test_while_nothing_is_in_force_no_record_is_looked_at_and_nothing_evaluated():
    laid = overlays(Untouchable()).lay_over(SURFACE)

    def pieces():
        raise AssertionError("built")

    assert (laid.values(pieces), laid.version) == ((), "")


def test_each_record_gets_the_fields_of_its_target(live):
    in_force(
        live, PLACE, rule("order.A__c", "'n' & order.number"), rule("line.B__c", "line.sku"), rule("line.C__c", "x")
    )
    assert values(live) == [{"A__c": "n7"}, {"B__c": "VALVE"}, {"B__c": "PUMP"}]


def test_a_version_without_rules_puts_an_end_to_it(live):
    in_force(live, PLACE, rule("order.A__c", "1"))
    assert live.lay_over(SURFACE).version == "crm outbound 1"
    in_force(live, PLACE, number=2)
    assert (values(live), live.lay_over(SURFACE).version, live.known[PLACE]) == ((), "", 2)


@pytest.mark.parametrize(
    ("kind", "expression", "value"),
    [
        (None, "'x'", "x"),
        (None, "1.5", 1.5),
        (None, "false", False),
        ("text", "''", ""),
        ("number", "3", 3),
        ("decimal", "'12.50'", Decimal("12.50")),
        ("decimal", "12.5", Decimal("12.5")),
        ("boolean", "true", True),
        ("date", "'2026-11-23'", date(2026, 11, 23)),
    ],
)
def test_a_value_becomes_what_its_kind_says(live, kind, expression, value):
    in_force(live, PLACE, rule("order.A__c", expression, kind))
    found = values(live, ORDER)[0]["A__c"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "expression", "says"),
    [
        ("text", "1", "$string"),
        ("number", "'1'", "$number"),
        ("decimal", "'1e'", "a decimal"),
        ("decimal", "'NaN'", "a decimal"),
        ("boolean", "'true'", "$boolean"),
        ("date", "'tomorrow'", "2026-11-23"),
        ("date", "1", "a date"),
        (None, "[1, 2]", "a list"),
        (None, "{'a': 1}", "an object"),
        (None, "$error('no gift for ' & order.number)", "no gift for 7"),
    ],
)
def test_a_value_of_another_kind_holds_the_order_and_says_what_is_wanted(live, kind, expression, says):
    in_force(live, PLACE, rule("order.A__c", expression, kind))
    failure = refusal(live, ORDER)
    assert says in failure.message
    assert failure.field == "order.A__c"
    assert expression in failure.message
    assert "crm outbound 1" in failure.message


def test_the_expression_is_named_and_the_value_is_not(live):
    in_force(live, PLACE, rule("order.A__c", "$number(order.email)"))
    piece = Piece(target="order", label="x", given={"order": {"email": "anna@acme.example"}}, mapped={})
    assert "anna" not in refusal(live, piece).message


@pytest.mark.parametrize("path", ["order.Key__c", "order.Name", "gone.A__c"])
def test_a_field_that_became_the_connectors_own_is_never_written(live, path):
    in_force(live, PLACE, rule(path, "1"))
    target, _, _ = path.partition(".")
    piece = Piece(target=target, label="x", given={}, mapped={})
    assert refusal(live, piece).field == path


def test_a_field_the_connector_wrote_on_this_record_is_never_replaced(live):
    in_force(live, PLACE, rule("order.A__c", "'mine'"))
    piece = Piece(target="order", label="x", given={}, mapped={"A__c": "theirs"})
    assert "the connector itself writes A__c" in refusal(live, piece).message


def test_an_attempt_knows_which_overlays_it_went_by(live):
    in_force(live, PLACE, rule("order.A__c", "1"), number=4)
    used = set()
    token = overlays_of_this_attempt.set(used)
    try:
        values(live)
    finally:
        overlays_of_this_attempt.reset(token)
    assert used == {"crm outbound 4"}


# --- keeping up


class Book:
    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def in_force(self, known):
        self.asked.append(dict(known))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


AWAY = Retry("store.unavailable", "away")


async def test_nothing_goes_out_before_it_is_known_what_is_in_force(live):
    book = Book(AWAY, [(PLACE, version(rule("order.A__c", "1"), number=3))], [])
    keeper = OverlayKeeper(book, live, clock=ManualClock(), tap=RecordingTap())
    await keeper.begin()
    with pytest.raises(Retry) as failure:
        values(live)
    assert (failure.value.code, failure.value.counts) == ("mapping.not_loaded", False)
    await keeper._try()
    assert values(live, ORDER) == [{"A__c": 1}]
    await keeper._try()
    assert book.asked == [{}, {}, {PLACE: 3}]


async def test_while_the_database_is_away_everything_stays_as_it_was(live):
    book = Book([(PLACE, version(rule("order.A__c", "1")))], AWAY)
    keeper = OverlayKeeper(book, live, clock=ManualClock(), tap=RecordingTap())
    await keeper.begin()
    await keeper._try()
    assert values(live, ORDER) == [{"A__c": 1}]


def test_an_evaluator_is_only_started_when_there_is_something_to_evaluate():
    evaluator = Evaluator()
    live = overlays(evaluator)
    live.start()
    assert evaluator._process is None
    in_force(live, PLACE, rule("order.A__c", "1"))
    live.start()
    assert evaluator._process is not None
    live.close()
