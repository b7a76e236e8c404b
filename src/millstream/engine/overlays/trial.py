"""Mappings tried on real orders and on tests, before anything depends on them. Nothing is sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from time import monotonic, perf_counter
from typing import Any, Final
from uuid import UUID

import msgspec

from millstream.engine.overlays.evaluator import Evaluator
from millstream.engine.overlays.live import document_of, outcome_of
from millstream.ports.mappings import Check
from millstream.ports.overlay import Piece, Rule, Surface

TRIAL_S_MAX: Final = 10.0
EXAMPLES_MAX: Final = 5


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One field of one record: its value (null: untouched), or why there is none."""

    field: str
    value: Any = None
    fault: str | None = None


class PieceTried(msgspec.Struct, frozen=True, kw_only=True):
    """One record: what expressions see, what the connector maps, what the overlay adds."""

    target: str
    label: str
    given: dict[str, Any]
    mapped: dict[str, Any]
    fields: tuple[Tried, ...]


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """An overlay on one order. `ms`: for all its expressions together. `fault`: why the order gives no record."""

    event_id: UUID
    number: str | None
    occurred_at: datetime
    pieces: tuple[PieceTried, ...]
    ms: float
    fault: str | None = None


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One record on which a field changes."""

    event_id: UUID
    number: str | None
    label: str
    before: Any
    after: Any
    fault: str | None = None


class FieldDiff(msgspec.Struct, frozen=True, kw_only=True):
    """One field over all orders looked at: on how many records it changes, on how many it fails."""

    path: str
    changed: int
    failed: int
    examples: tuple[Example, ...]


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """Against what is in force. `orders` were looked at of those `asked` for; `unreadable` of them give no record."""

    asked: int
    orders: int
    unreadable: int
    orders_changed: int
    orders_failing: int
    fields: tuple[FieldDiff, ...]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One test: what came out."""

    name: str
    ok: bool
    actual: dict[str, Any]
    faults: tuple[str, ...]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order to try on: its records, or why it has none."""

    event_id: UUID
    number: str | None
    occurred_at: datetime
    pieces: tuple[Piece, ...] = ()
    fault: str | None = None


def fields_of(
    surface: Surface, rules: Sequence[Rule], pieces: Sequence[Piece], evaluator: Evaluator
) -> list[tuple[Tried, ...]]:
    """What the rules give for each piece."""
    runs = [(rule, n) for n, piece in enumerate(pieces) for rule in rules if rule.target == piece.target]
    results = evaluator.evaluate([document_of(one) for one in pieces], [(rule.expression, n) for rule, n in runs])
    found: list[list[Tried]] = [[] for _ in pieces]
    for (rule, n), result in zip(runs, results, strict=True):
        fault, value = outcome_of(rule, pieces[n], surface, result, concealed=False)
        found[n].append(Tried(field=rule.field, value=msgspec.to_builtins(value), fault=fault))
    return [tuple(one) for one in found]


def previewed(surface: Surface, rules: Sequence[Rule], order: Order, evaluator: Evaluator) -> Preview:
    """The order with the rules laid over it. Blocks."""
    started = perf_counter()
    fields = fields_of(surface, rules, order.pieces, evaluator)
    ms = (perf_counter() - started) * 1000
    return Preview(
        event_id=order.event_id,
        number=order.number,
        occurred_at=order.occurred_at,
        pieces=tuple(
            PieceTried(
                target=piece.target,
                label=piece.label,
                given=_plain(piece.given),
                mapped=_plain(piece.mapped),
                fields=tried,
            )
            for piece, tried in zip(order.pieces, fields, strict=True)
        ),
        ms=round(ms, 3),
        fault=order.fault,
    )


def compared(
    surface: Surface, before: Sequence[Rule], after: Sequence[Rule], orders: Sequence[Order], evaluator: Evaluator
) -> Diff:
    """What would change, were `after` in force instead of `before`. Blocks, not much longer than `TRIAL_S_MAX`."""
    tally = _Tally(surface, after)
    until = monotonic() + TRIAL_S_MAX
    looked = 0
    for order in orders:
        if monotonic() > until:
            break
        looked += 1
        old = fields_of(surface, before, order.pieces, evaluator)
        new = fields_of(surface, after, order.pieces, evaluator)
        tally.count(order, old, new)
    return Diff(
        asked=len(orders),
        orders=looked,
        unreadable=sum(order.fault is not None for order in orders[:looked]),
        orders_changed=len(tally.changed_orders),
        orders_failing=len(tally.failing_orders),
        fields=tally.fields(before),
    )


class _Tally:
    """Counts changes by field."""

    def __init__(self, surface: Surface, rules: Sequence[Rule]) -> None:
        self._targets = [target.name for target in surface.targets]
        self._rules = rules
        self._changed: dict[str, int] = {}
        self._failed: dict[str, int] = {}
        self._examples: dict[str, list[Example]] = {}
        self.changed_orders: set[UUID] = set()
        self.failing_orders: set[UUID] = set()

    def count(self, order: Order, old: Sequence[tuple[Tried, ...]], new: Sequence[tuple[Tried, ...]]) -> None:
        for piece, before, after in zip(order.pieces, old, new, strict=True):
            was = {one.field: one for one in before}
            now = {one.field: one for one in after}
            for field in was.keys() | now.keys():
                self._compare(order, piece, field, was.get(field), now.get(field))

    def _compare(self, order: Order, piece: Piece, field: str, was: Tried | None, now: Tried | None) -> None:
        path = f"{piece.target}.{field}"
        fault = now.fault if now else None
        before, after = (was.value if was else None), (now.value if now else None)
        if fault is not None:
            self._failed[path] = self._failed.get(path, 0) + 1
            self.failing_orders.add(order.event_id)
        elif before != after or (was and was.fault):
            self._changed[path] = self._changed.get(path, 0) + 1
            self.changed_orders.add(order.event_id)
        else:
            return
        examples = self._examples.setdefault(path, [])
        if len(examples) < EXAMPLES_MAX:
            examples.append(
                Example(
                    event_id=order.event_id,
                    number=order.number,
                    label=piece.label,
                    before=before,
                    after=after,
                    fault=fault,
                )
            )

    def fields(self, before: Sequence[Rule]) -> tuple[FieldDiff, ...]:
        """Every field of either side, those that nothing happens to included."""
        paths = dict.fromkeys([*(rule.path for rule in self._rules), *(rule.path for rule in before)])
        return tuple(
            FieldDiff(
                path=path,
                changed=self._changed.get(path, 0),
                failed=self._failed.get(path, 0),
                examples=tuple(self._examples.get(path, ())),
            )
            for path in paths
        )


def checked(surface: Surface, rules: Sequence[Rule], tests: Sequence[Check], evaluator: Evaluator) -> list[Checked]:
    """Runs every test. Blocks."""
    pieces = [Piece(target=test.target, label=test.name, given=test.given, mapped=test.mapped) for test in tests]
    results = fields_of(surface, rules, pieces, evaluator)
    return [_judged(test, tried) for test, tried in zip(tests, results, strict=True)]


def _judged(test: Check, tried: Sequence[Tried]) -> Checked:
    actual = {one.field: one.value for one in tried if one.value is not None}
    expected = {field: value for field, value in test.expected.items() if value is not None}
    faults = [f"{one.field}: {one.fault}" for one in tried if one.fault is not None]
    faults += [
        f"{field}: expected {_shown(expected.get(field))}, got {_shown(actual.get(field))}"
        for field in sorted(expected.keys() | actual.keys())
        if expected.get(field) != actual.get(field)
    ]
    return Checked(name=test.name, ok=not faults, actual=actual, faults=tuple(faults))


def _shown(value: Any) -> str:
    return "nothing" if value is None else msgspec.json.encode(value).decode()


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(document)
    return plain
