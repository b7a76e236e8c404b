"""Whether rules may be laid over a surface, and what the value of one becomes."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from millstream.engine.overlays.evaluator import Evaluator
from millstream.ports.mappings import Check
from millstream.ports.overlay import Kind, Rule, Surface, Target

RULES_MAX: Final = 200
TESTS_MAX: Final = 200
EXPRESSION_CHARACTERS_MAX: Final = 4_000
OWN_WORDS: Final = "D3137"  # JSONata's code for what an expression says itself, by $error
UNREADABLE: Final = re.compile(
    r"S0\d\d\d|U1002|refused|function|exhausted"
)  # what cannot be read at all, whatever the order
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one rule or test, and what to do. `place` is `order.Gift__c` or `tests[0]`."""

    place: str
    message: str


class WrongValue(Exception):  # noqa: N818 - a signal within this package
    """The value cannot be this field's; the text says why."""


def faults_of(rules: Sequence[Rule], tests: Sequence[Check], surface: Surface, evaluator: Evaluator) -> list[Fault]:
    """Everything that keeps an overlay from being published. Blocks, as `evaluator` does."""
    faults = [*_too_many(rules, tests), *(fault for rule in rules for fault in _faults_of_rule(rule, surface))]
    twice = [path for path, count in Counter(rule.path for rule in rules).items() if count > 1]
    faults += [Fault(place=path, message="There are two rules for this field; keep one.") for path in twice]
    faults += [
        Fault(place=f"tests[{n}]", message=f"{test.target!r} is no target here. {_known(surface)}")
        for n, test in enumerate(tests)
        if surface.target(test.target) is None
    ]
    return faults or _unreadable(rules, evaluator)


def _too_many(rules: Sequence[Rule], tests: Sequence[Check]) -> list[Fault]:
    counts = (("rules", len(rules), RULES_MAX), ("tests", len(tests), TESTS_MAX))
    return [
        Fault(place=what, message=f"There are {count}; at most {most} are kept.")
        for what, count, most in counts
        if count > most
    ]


def _faults_of_rule(rule: Rule, surface: Surface) -> list[Fault]:
    target = surface.target(rule.target)
    if target is None:
        return [Fault(place=rule.path, message=f"{rule.target!r} is no target here. {_known(surface)}")]
    if not target.takes(rule.field):
        return [Fault(place=rule.path, message=why_not(rule.field, target))]
    if not rule.expression.strip():
        return [Fault(place=rule.path, message="The expression is empty. Write one, or take the rule away.")]
    if len(rule.expression) > EXPRESSION_CHARACTERS_MAX:
        return [Fault(place=rule.path, message=f"The expression has more than {EXPRESSION_CHARACTERS_MAX} characters.")]
    return []


def _known(surface: Surface) -> str:
    return f"There are: {', '.join(target.name for target in surface.targets)}."


def why_not(field: str, target: Target) -> str:
    """Teaches somebody who wanted a field that is not theirs to set."""
    if field in target.owned:
        return (
            f"The connector itself writes {field}: identity, money, quantities and everything else the hub answers for "
            f"stay as they are. {target.teach}"
        )
    return f"{field} cannot be set here. {target.teach}"


def _unreadable(rules: Sequence[Rule], evaluator: Evaluator) -> list[Fault]:
    """Expressions that no order could make sense of. One that fails for an order without anything may be fine."""
    results = evaluator.evaluate([{"mapped": {}}], [(rule.expression, 0) for rule in rules])
    return [
        Fault(place=rule.path, message=f"The expression cannot be read: {result.message}")
        for rule, result in zip(rules, results, strict=True)
        if result.error is not None and UNREADABLE.fullmatch(result.error)
    ]


def value_of(rule: Rule, value: Any) -> Any:
    """The value as its kind wants it. Raises WrongValue."""
    given = _given(value)
    if given is None:
        raise WrongValue(f"it gives {'a list' if isinstance(value, list) else 'an object'}; a field takes one value")
    if rule.kind is None or rule.kind == given or (rule.kind == "decimal" and given == "number"):
        return Decimal(str(value)) if rule.kind == "decimal" else value
    converted = _converted(rule.kind, value) if given == "text" else None
    if converted is None:
        raise WrongValue(f"it gives {given}, the field takes {_WANTED[rule.kind]}")
    return converted


_WANTED: Final[dict[Kind, str]] = {
    "text": "text: use $string(…)",
    "number": "a number: use $number(…)",
    "decimal": "a decimal: a number, or text such as 12.50",
    "boolean": "true or false: use $boolean(…)",
    "date": "a date: text such as 2026-11-23",
}


def _given(value: Any) -> str | None:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "text"
    return None


def _converted(kind: Kind, text: str) -> Any:
    try:
        if kind == "date":
            return date.fromisoformat(text)
        number = Decimal(text) if kind == "decimal" else None
    except (ValueError, InvalidOperation):
        return None
    return number if number is not None and number.is_finite() else None


def told(error: str | None, message: str | None) -> str:
    """An error for somebody who may not see what customers sent: values in quotes are left out."""
    words = message or "it failed"
    return words if error == OWN_WORDS else _QUOTED.sub("'…'", words)
