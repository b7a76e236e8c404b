"""`millstream deliveries amend` and the way back: what is taken, what is refused before anything is written."""

import json
import re

import pytest

from fakes.house import House
from fakes.shell import InnerShell
from millstream.ports.desk import Filter

WHY = ("--reason", "the price of the ERP")
PRICE = 129.9  # what the ERP says; the order was placed with 100


@pytest.fixture
def house(database):
    return House(database)


@pytest.fixture
def shell(database, house):
    return InnerShell(database.url, house).knows_systems()


@pytest.fixture
async def story(house):
    """A delivery held for the stale price of its only line."""
    await house.place(lines=[{"sku": "VALVE-080", "qty": 1, "price": 100}])
    await house.settle_down()
    (row,) = await house.hub.desk.list_deliveries(Filter(states=("held",)), limit=10)
    return await house.hub.desk.show_delivery(row.id)


def corrected(story):
    """Its payload with the price of the ERP, closing to the cent."""
    amended = json.loads(json.dumps(story.data))
    for item in amended["order"]["items"]:
        item.update(price=PRICE, row_total=PRICE)
    amended["order"].update(subtotal=PRICE, grand_total=round(amended["order"]["grand_total"] + PRICE - 100, 2))
    return amended


@pytest.mark.parametrize("by", ["file", "standard input"])
async def test_amend_keeps_the_original_beside_and_goes_on_with_the_amended_payload(house, shell, story, tmp_path, by):
    amended, file = corrected(story), tmp_path / "payload.json"
    file.write_text(json.dumps(amended))
    given = (file, None) if by == "file" else ("-", json.dumps(amended))
    code, _, err = await shell("deliveries", "amend", story.row.id, given[0], *WHY, stdin=given[1])
    assert (code, err) == (0, "")
    await house.settle_down()
    (key,) = house.erp.orders
    assert str(house.erp.orders[key]["order"].lines[0].unit_price.amount) == str(PRICE)
    after = await house.hub.desk.show_delivery(story.row.id)
    assert (after.data, after.amended) == (story.data, amended)
    (told,) = await house.rows("select actor, detail from audit where action = 'delivery.amend'")
    assert (told["actor"][:4], json.loads(told["detail"])["reason"]) == ("cli:", "the price of the ERP")


async def test_todays_data_drops_what_was_amended_and_a_plain_retry_does_not(house, shell, story):
    amended = {**corrected(story), "note": "ours"}
    assert (await shell("deliveries", "amend", story.row.id, "-", *WHY, stdin=json.dumps(amended)))[0] == 0
    assert (await shell("deliveries", "retry", story.row.id, "--yes"))[0] == 0
    assert (await house.hub.desk.show_delivery(story.row.id)).amended == amended
    code, out, _ = await shell("deliveries", "retry", story.row.id, "--todays-data", "--yes")
    assert (code, "1 due now" in out) == (0, True)
    assert (await house.hub.desk.show_delivery(story.row.id)).amended is None
    await house.settle_down()
    after = await house.hub.desk.show_delivery(story.row.id)
    assert (after.row.state, after.row.code, house.erp.creations) == ("held", "price.stale", [])


async def test_a_payload_that_could_not_be_read_is_refused_and_nothing_is_written(house, shell, story):
    gap, nameless = corrected(story), corrected(story)
    gap["order"]["grand_total"] += 1
    del nameless["order"]["increment_id"]
    for payload, said in ((gap, "does not close to the cent"), (nameless, "cannot read it"), ({}, "`order` must be")):
        code, _, err = await shell("deliveries", "amend", story.row.id, "-", *WHY, stdin=json.dumps(payload))
        assert (code, "error payload.invalid: " in err, said in err) == (2, True, True), err
    after = await house.hub.desk.show_delivery(story.row.id)
    assert (after.row.state, after.amended) == ("held", None)
    assert await house.value("select count(*) from audit where action = 'delivery.amend'") == 0


async def test_what_does_not_exist_cannot_be_amended(shell):
    code, out, _ = await shell("deliveries", "amend", 999, "-", *WHY, stdin="{}")
    assert (code, "There is no delivery 999" in out) == (1, True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[1, 2", "no JSON"),
        (b"[1, 2]", "must be a JSON object"),
        (b'{"total": NaN}', "no JSON"),
        ('{"name": "Jürgen"}'.encode("latin-1"), "not in UTF-8"),
    ],
)
@pytest.mark.parametrize("by", ["file", "standard input"])
def test_what_is_no_object_in_json_is_refused_with_a_line_that_teaches(content, said, by, tmp_path):
    file = tmp_path / "payload.json"
    file.write_bytes(content)
    assert said in refusal(file if by == "file" else "-", content)


def test_a_file_that_cannot_be_read_is_refused_with_a_line_that_teaches(tmp_path):
    assert "No such file" in refusal(tmp_path / "missing.json")
    assert "Is a directory" in refusal(tmp_path)


def test_who_amends_says_why_and_is_asked_where_standard_input_is_free(tmp_path):
    file = tmp_path / "payload.json"
    file.write_text("[]")
    assert "say why: --reason" in refusal("-", b"{}", why=())
    assert "says nothing" in refusal(file, why=("--reason", " "))
    shell = InnerShell("postgresql://nobody@127.0.0.1:1/nothing")
    _, out, err = shell.run(["deliveries", "amend", "1", str(file)], b"because\n")
    assert ("Reason" in out, "must be a JSON object" in re.sub(r"[\s│]+", " ", err)) == (True, True)


def refusal(payload, stdin=None, why=WHY):
    """What is told; no database is needed to find it out."""
    shell = InnerShell("postgresql://nobody@127.0.0.1:1/nothing")
    code, out, err = shell.run(["deliveries", "amend", "1", str(payload), *why], stdin)
    assert (code, out, "Traceback" in err) == (2, "", False)
    return re.sub(r"[\s│]+", " ", err)
