"""What other systems write reaches the operator's screen as it is: no markup, no terminal sequence, no lost list."""

import ast
import io
import json
import re
from pathlib import Path

import pytest
from rich.table import Table
from rich.tree import Tree

from fakes.bench import LedgerBench
from fakes.house import House
from fakes.shell import InnerShell
from millstream import cli
from millstream.cli.deliveries import _table
from millstream.cli.screen import Screen, plain
from millstream.domain.states import DeliveryState
from millstream.ports.desk import Filter

ESC = "\x1b"
SKU, PO, NAME = "G[/x]", "[/]", f"{ESC}]0;owned\x07[red]Eve :skull:"
SEEN = r"\x1b]0;owned\x07[red]Eve :skull:"  # as it has to stand on the screen
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
HOSTILE = ["[/b]", "[red]", "[link=file:///x]y[/link]", ":skull:", "a:100:b", f"{ESC}[2J", "\x9b31m", "\u202egnp.exe"]
SOURCES = sorted(Path(cli.__file__).parent.glob("*.py"))
# `screen` is where it is made safe; the demo shows what it wrote itself.
MAY_USE_RICH = {"screen.py", "demo.py"}


def shown(*things, **options):
    screen = Screen(file=io.StringIO(), width=200, force_terminal=True, color_system="truecolor")
    screen.print(*things, **options)
    return screen.file.getvalue()


def table_of(text):
    table = Table(text, title=text, box=None)
    table.add_row(text)
    return table


def tree_of(text):
    tree = Tree(text)
    tree.add(plain(("x", "bold"), text, style="red"))
    return tree


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("make", [str, plain, table_of, tree_of])
def test_nothing_in_a_text_is_obeyed_wherever_it_stands(make, text):
    out = re.sub(rf"{ESC}\[[0-9;]*m", "", shown(make(text), style="bold"))  # what `style` asked for
    assert not OBEYED.search(out)
    assert text.encode("unicode_escape").decode() in out


def test_lines_of_our_own_stay_lines_and_those_in_a_foreign_text_do_not_pose_as_ours():
    assert shown("one\ntwo\tthree").splitlines() == ["one", "two     three"]
    assert shown(plain("held\n25 released")).splitlines() == [r"held\n25 released"]


@pytest.mark.parametrize("text", [*HOSTILE, "Grün", 'a"b\\c', "\ud800"])
def test_json_keeps_every_character_for_programs_and_obeys_none(text):
    screen = Screen(file=io.StringIO(), width=200)
    screen.print_json(json.dumps({text: [text]}))
    out = screen.file.getvalue()
    assert not OBEYED.search(out)
    assert json.loads(out) == {text: [text]}
    assert ("Grün" in out) == (text == "Grün")


async def test_a_hostile_subject_message_and_assignee_leave_the_list_readable(database):
    bench = LedgerBench(database)
    await bench.accept(bench.event(1, f"PO-7 {PO} {NAME}", "thing.urgent"))
    (delivery,) = await bench.claim()
    fault = {"fault_class": "Reject", "fault_code": "sku.unknown", "fingerprint": "f1"}
    await bench.settle(delivery, DeliveryState.HELD, fault_message=f"no item {SKU} {NAME}", **fault)
    (row,) = await bench.desk.list_deliveries(Filter(states=("held",)), limit=2)
    out = shown(_table([row]))
    assert not OBEYED.search(re.sub(rf"{ESC}\[1?m|{ESC}\[0m", "", out))
    assert f"PO-7 {PO} {SEEN}" in out
    assert f"no item {SKU} {SEEN}" in out


async def test_a_hostile_order_is_listed_shown_audited_and_reviewed_like_any_other(database):
    house = House(database)
    shell = InnerShell(database.url, house).knows_systems()
    shell.env["COLUMNS"] = "2000"
    products = house.store_app.shop.products
    products[SKU] = {**products["GHOST-1"], "sku": SKU}
    ghost = await house.place((SKU, 1), po_number=NAME)
    await house.place(po_number=PO)
    guest = {"email": "eve@x.example", "firstname": NAME, "lastname": "[/b]"}
    await house.place(guest=guest, address={"company": "[red]"})
    await house.settle_down()
    delivery, review = await house.hub.desk.list_deliveries(Filter(states=("held",)), limit=3)
    await house.hub.desk.assign(Filter(ids=(delivery.id,)), NAME, actor="[/b]")
    wanted = {
        ("deliveries", "list"): SKU,
        ("deliveries", "list", "--json"): SKU,
        ("deliveries", "show", delivery.id): SKU,
        ("deliveries", "show", review.id): r"\u001b]0;owned\u0007[red]Eve :skull:",
        ("orders", "show", ghost["increment_id"]): SKU,
        ("orders", "show", PO): f"po {PO}",
        ("orders", "show", NAME): f"No order has the number {SEEN}.",
        ("orders", "list"): "SO00001",
        ("audit", "list", "--action", "delivery.assign"): r"\u001b]0;owned\u0007[red]Eve :skull:",
        ("audit", "list", "--people"): "[/b]",
        ("reviews", "list"): f"{SEEN} [/b], [red], eve@x.example",
        ("bulk", "estimate", "retry", "--code", "sku.unknown"): "retry: 1 deliveries now",
    }
    for args, said in wanted.items():
        code, out, err = await shell(*args)
        assert code == (1 if NAME in args else 0), (args, err)
        assert said in out, args
        assert not OBEYED.search(out), args


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_command_writes_through_the_screen(path):
    if path.name in MAY_USE_RICH:
        return
    tree = ast.parse(path.read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name for name in modules if name and name.split(".")[0] == "rich"} <= {"rich.table", "rich.tree"}
    assert "echo" not in {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_the_error_line_obeys_nothing_either(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli._refuse("sku.unknown", f"no item {SKU} {NAME}")
    assert capsys.readouterr().err == f"error sku.unknown: no item {SKU} {SEEN}\n"
