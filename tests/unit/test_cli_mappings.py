"""Custom fields on the command line: from a file to what is in force."""

import json

import pytest

from fakes.house import CRM, STORE, House, store_credentials
from fakes.shell import InnerShell

RULES = """
[fields.order]
PoNumber = '"PO-" & order.number'
PoDate = { expression = "expected_ship_date", kind = "date" }
"""
TESTS = """
[[tests]]
name = "the number"
target = "order"
given = { order = { number = "7" } }
expected = { PoNumber = "PO-7" }
"""


@pytest.fixture
def house(database):
    return House(database)


@pytest.fixture
def shell(database, house):
    shell = InnerShell(database.url, house)
    sections = {
        "STORE": {**STORE, **store_credentials(house.store_app)},
        "CRM": CRM,
        "ERP": {
            "kind": "tryton",
            "name": "erp",
            "base_url": "http://127.0.0.1:1",
            "database": "d",
            "user": "u",
            "password": "p",
            "web_shop": "s",
            "warehouse": "WH",
        },
    }
    shell.env |= {f"MILLSTREAM_{part}__{key.upper()}": v for part, one in sections.items() for key, v in one.items()}
    return shell


@pytest.fixture
def files(tmp_path):
    (tmp_path / "crm.outbound.toml").write_text(RULES)
    (tmp_path / "crm.outbound.tests.toml").write_text(TESTS)
    return tmp_path / "crm.outbound.toml"


async def test_a_file_is_tested_previewed_published_and_taken_back(house, shell, files):
    order = await house.place()
    await house.settle_down()
    code, out, err = await shell("mappings", "test", files)
    assert (code, "1 of 1 tests hold" in out) == (0, True), out + err
    code, out, _ = await shell("mappings", "preview", files, "--json")
    record = json.loads(out)["pieces"][0]
    assert (code, record["fields"][0]["value"]) == (0, f"PO-{order['increment_id']}")
    code, out, _ = await shell("mappings", "diff", files, "--json")
    assert (code, json.loads(out)["orders_changed"]) == (0, 1)
    code, out, err = await shell("mappings", "publish", files, "--reason", "asked for by sales")
    assert (code, "version 1 of crm.outbound is in force" in out) == (0, True), err
    code, out, _ = await shell("mappings", "list")
    assert (code, "crm.outbound" in out, "cli:" in out) == (0, True, True)
    code, out, _ = await shell("mappings", "show", "crm.outbound")
    assert (code, '"PoNumber" = "\\"PO-\\" & order.number"' in out) == (0, True)
    code, out, err = await shell("mappings", "rollback", "crm.outbound", "0", "--reason", "no more")
    assert (code, "version 2" in out) == (0, True), err
    code, out, _ = await shell("mappings", "versions", "crm.outbound")
    assert (code, "asked for by sales" in out, "no more" in out) == (0, True, True)
    pages = [
        (await shell("mappings", "versions", "crm.outbound", "--limit", 1, *more))[1] for more in ((), ("--after", 2))
    ]
    assert ["no more" in pages[0], "more: --after 2" in pages[0]] == [True, True]
    assert ["asked for by sales" in pages[1], "more:" in pages[1]] == [True, False]
    actors = await house.rows("select distinct actor from audit where action like 'mapping.%'")
    assert all(row["actor"].startswith("cli:") for row in actors)


async def test_a_field_that_is_not_ours_and_a_test_that_fails_are_told_with_exit_code_1(shell, files):
    files.write_text("[fields.order]\nHub_Order_Id__c = '\"x\"'\n")
    code, out, _ = await shell("mappings", "test", files)
    assert (code, "The connector itself writes Hub_Order_Id__c" in out) == (1, True)
    code, _, err = await shell("mappings", "publish", files, "--reason", "try it")
    assert (code, "mapping.invalid" in err) == (2, True)
    files.write_text("[fields.order]\nPoNumber = 'order.number'\n")
    code, out, _ = await shell("mappings", "test", files)
    assert (code, 'expected "PO-7", got "7"' in out) == (1, True)


async def test_a_file_of_another_name_or_shape_is_refused_in_one_line(shell, files):
    code, _, err = await shell("mappings", "test", files.with_name("crm.toml"))
    assert (code, "mapping.file" in err, "Traceback" in err) == (2, True, False)
    files.write_text("[fields.order]\nX__c = 7\n")
    code, _, err = await shell("mappings", "test", files)
    assert (code, "order.X__c" in err) == (2, True)


async def test_a_draft_is_kept_from_a_file_again_and_dropped(house, shell, files):
    for kept in (1, 2):
        code, out, err = await shell("mappings", "draft", files)
        assert (code, "the draft of crm.outbound is kept: 2 rules" in out) == (0, True), out + err
        (row,) = await house.rows("select revision from overlay_draft")
        assert row["revision"] == kept
    code, out, _ = await shell("mappings", "versions", "crm.outbound")
    assert "1" not in out, "nothing is in force by it"
    code, out, _ = await shell("mappings", "drop", "crm.outbound")
    assert (code, "is dropped" in out) == (0, True)
    assert await house.rows("select * from overlay_draft") == []
    code, out, _ = await shell("mappings", "drop", "crm.outbound")
    assert (code, "there is no draft" in out) == (1, True)


async def test_a_draft_with_a_fault_is_kept_and_the_fault_told(shell, files):
    files.write_text("[fields.order]\nHub_Order_Id__c = '\"x\"'\n")
    code, out, _ = await shell("mappings", "draft", files)
    assert (code, "The connector itself writes Hub_Order_Id__c" in out) == (0, True)
