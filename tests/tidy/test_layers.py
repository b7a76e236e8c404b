"""The contracts of the layers leave no room out, and hold what imports cannot show: no SQL outside the store."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src/millstream"
CONTRACTS = {
    contract["name"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
ROOMS = {path.stem for path in SRC.glob("[a-z]*") if path.suffix == ".py" or (path / "__init__.py").exists()}
SQL = re.compile(
    r"\s*(select\s.*\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|with\s+\w+\s+as\s*\()", re.DOTALL
)
ASKING = {"fetch", "fetchrow", "fetchval", "execute", "executemany"}
OF_ANOTHER_LANGUAGE = {"connectors/salesforce"}  # SOQL, Salesforce's own


def rooms_in(members):
    return {name for member in members for name in re.findall(r"millstream\.(\w+)", member)}


def test_every_room_of_the_house_has_its_layer():
    layers = rooms_in(CONTRACTS["Nothing imports upwards"]["layers"])
    assert layers == ROOMS - {"sandbox"}


def test_the_sandbox_and_the_product_are_kept_apart_in_every_room():
    shares = CONTRACTS["The sandbox shares no code with what it judges"]
    assert rooms_in(shares["forbidden_modules"]) == ROOMS - {"sandbox"}
    knows = CONTRACTS["Only the demo knows that there is a sandbox"]
    assert rooms_in(knows["source_modules"]) == ROOMS - {"sandbox", "demo"}


def test_the_contracts_about_sql_leave_no_room_out():
    contracts = ("SQL lives in the store", "Who names the store's adapters writes no SQL either")
    rooms = [room for name in contracts for room in rooms_in(CONTRACTS[name]["source_modules"])]
    assert sorted(rooms) == sorted(ROOMS - {"sandbox", "store"})


def sql_in(source):
    """Lines with a statement, or that send one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value.lower()):
            yield node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASKING:
            yield node.lineno


def test_no_statement_stands_outside_the_store():
    apart = {"store", "sandbox"}
    found = []
    for path in sorted(SRC.rglob("*.py")):
        name = path.relative_to(SRC).as_posix()
        if name.partition("/")[0] in apart or any(name.startswith(other) for other in OF_ANOTHER_LANGUAGE):
            continue
        found += [f"{name}:{line}" for line in sql_in(path.read_text())]
    assert found == []


def test_a_statement_would_be_seen():
    assert list(sql_in('X = """\nselect a\nfrom b\n"""')) == [1]
    assert list(sql_in("await connection.fetchval(TEXT)")) == [1]
    assert list(sql_in('"""Selects, inserts and updates nothing."""\nfetch(TEXT)')) == []
