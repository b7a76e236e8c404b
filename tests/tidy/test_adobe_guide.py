"""The Adobe Commerce guide and the connector tell the same, trap by trap."""

import ast
import re
from pathlib import Path

from millstream.connectors.adobe_commerce import SPEC

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/connectors/adobe_commerce.md").read_text()
TRAPS = GUIDE.partition("## Traps")[2].partition("\n## ")[0]
NUMBERS = re.compile(r"test_trap_((?:\d+_(?:and_)?)+)")


def numbered_tests():
    """The names of tests that carry the number of a trap, by number."""
    found: dict[int, set[str]] = {}
    for path in sorted(ROOT.glob("tests/*/test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            carried = NUMBERS.match(node.name)
            for number in re.findall(r"\d+", carried[1]) if carried else ():
                found.setdefault(int(number), set()).add(node.name)
    return found


def traps_of_the_guide():
    """What the guide says of each trap, by number."""
    entries = re.split(r"^(\d+)\. ", TRAPS, flags=re.MULTILINE)[1:]
    return {int(number): text for number, text in zip(entries[::2], entries[1::2], strict=True)}


def test_every_trap_has_a_test_that_carries_its_number_and_no_other_number_is_carried():
    assert sorted(numbered_tests()) == sorted(traps_of_the_guide()) == list(range(1, 31))


def test_the_guide_names_a_test_of_every_trap_and_each_one_exists():
    tests = numbered_tests()
    for number, text in traps_of_the_guide().items():
        named = set(re.findall(r"`(test_trap_\w+)`", text))
        assert named, f"trap {number} names no test"
        assert named <= tests[number], f"trap {number} names {named - tests[number]}"


def test_every_setting_is_in_the_guide():
    missing = [name for name in SPEC.settings.model_fields if f"`{name}`" not in GUIDE]
    assert missing == []
