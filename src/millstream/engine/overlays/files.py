"""Overlays as files: `shop.inbound.toml` holds the rules, `shop.inbound.tests.toml` beside it the tests.

[fields.order]
Gift_Note__c = "order.note"
Delivery_Day__c = { expression = "ship_date", kind = "date" }

[[tests]]
name = "a note becomes a gift note"
target = "order"
given = { order = { note = "for Anna" } }
expected = { Gift_Note__c = "for Anna" }
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from millstream.domain.errors import Reject
from millstream.ports.mappings import Check, Content, Place
from millstream.ports.overlay import Rule

DIRECTIONS: Final = ("inbound", "outbound")


class RuleFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file of rules holds."""

    fields: dict[str, dict[str, Any]] = {}


class TestFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file of tests holds."""

    tests: tuple[Check, ...] = ()


def place_of(path: Path) -> Place:
    """Which overlay a file is: its name says it. Raises Reject("mapping.file")."""
    connection, _, direction = path.name.removesuffix(".toml").rpartition(".")
    if not connection or direction not in DIRECTIONS:
        raise _refused(path, "name it after connection and direction: crm.outbound.toml")
    return (connection, "inbound" if direction == "inbound" else "outbound")


def read_overlay(path: Path) -> Content:
    """The rules of a file and the tests beside it. Raises Reject("mapping.file") naming the place."""
    place_of(path)
    rules = _read(path, RuleFile)
    tests = path.with_name(f"{path.name.removesuffix('.toml')}.tests.toml")
    return Content(
        rules=tuple(_rules(path, rules.fields)), tests=_read(tests, TestFile).tests if tests.exists() else ()
    )


def _read(path: Path, shape: type[Any]) -> Any:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), shape)
    except OSError as error:
        raise _refused(path, f"it cannot be read ({type(error).__name__})") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise _refused(path, str(error)) from error


def _rules(path: Path, fields: Mapping[str, Mapping[str, Any]]) -> Iterator[Rule]:
    for target, given in fields.items():
        for field, value in _flat(given):
            wish = {"expression": value} if isinstance(value, str) else value
            try:
                yield msgspec.convert({**wish, "target": target, "field": field}, Rule)
            except (TypeError, msgspec.ValidationError) as error:
                raise _refused(path, f"{target}.{field}: {error}") from error


def _flat(given: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """`custom.gift = "…"` is one field, whether its name was quoted or not."""
    for name, value in given.items():
        if isinstance(value, dict) and "expression" not in value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _refused(path: Path, why: str) -> Reject:
    return Reject("mapping.file", f"{path.name}: {why}. docs/operate/mappings.md shows how such a file looks.")


def written(content: Content) -> str:
    """The rules as a file. Reading it back gives the same."""
    lines: list[str] = []
    for target in dict.fromkeys(rule.target for rule in content.rules):
        lines += ["", f"[fields.{_text(target)}]"] if lines else [f"[fields.{_text(target)}]"]
        lines += [_line(rule) for rule in content.rules if rule.target == target]
    return "\n".join(lines) + "\n" if lines else ""


def _line(rule: Rule) -> str:
    name, expression = _text(rule.field), _text(rule.expression)
    if rule.kind is None:
        return f"{name} = {expression}"
    return f'{name} = {{ expression = {expression}, kind = "{rule.kind}" }}'


def _text(text: str) -> str:
    """A basic string: TOML's escapes are JSON's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
