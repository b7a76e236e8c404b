"""What the log says, and that it says nothing about people."""

import json
import logging
import sys

import pytest

from fakes.house import House
from millstream.cli.logs import JsonLines, TextLines, masked
from millstream.domain.errors import Reject
from millstream.engine.tap import LogTap
from millstream.engine.trace import subject_of_this_attempt, trace_id

STRANGER = {
    "email": "wilhelmina.quast@pumpenfreunde.example",
    "firstname": "Wilhelmina",
    "lastname": "Quastenberg",
    "street": ["Hinterer Lerchenstieg 17"],
    "city": "Unterpfaffenrode",
    "telephone": "0511-4711-0815",
}


@pytest.mark.quick_commits
async def test_the_life_of_an_order_logged_in_full_names_nobody(database, caplog):
    caplog.set_level(logging.DEBUG)
    house = House(database)
    house.extra_taps.append(LogTap())
    house.hub = house.build()
    await house.place()
    placed = await house.place(guest=STRANGER)  # nobody knows them: held, with their name in the message
    await house.settle_down()
    held = await house.rows("select fault_code, fault_message from delivery where state = 'held'")
    assert [row["fault_code"] for row in held] == ["customer.unknown"]
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert held[0]["fault_code"] in told
    assert f"shop-1-{placed['increment_id']}" in told
    raw = await house.rows("select data from event where type = 'order.placed'")
    known = {
        str(value)
        for row in raw
        for address in _addresses(json.loads(row["data"]))
        for name, value in address.items()
        if name in {"email", "customer_email", "firstname", "lastname", "customer_firstname", "customer_lastname",
                    "street", "city", "telephone"} and value and not isinstance(value, list)
    }  # fmt: skip
    known |= {line for row in raw for each in _addresses(json.loads(row["data"])) for line in each.get("street") or ()}
    assert len(known) > 8, "the orders say who ordered"
    assert {word for word in known if word in told} == set()


def _addresses(data):
    """Every object in it that holds part of an address or of a person."""
    if isinstance(data, dict):
        if {"firstname", "customer_firstname", "customer_email", "street"} & data.keys():
            yield data
        for value in data.values():
            yield from _addresses(value)
    elif isinstance(data, list):
        for value in data:
            yield from _addresses(value)


def record(message, exc_info=None):
    return logging.LogRecord("millstream", logging.WARNING, "x.py", 1, message, (), exc_info)


def test_json_lines_hold_the_facts_of_a_note_beside_time_and_level():
    line = json.loads(JsonLines().format(record('{"note":"breaker.opened","system":"erp"}')))
    assert (line["level"], line["note"], line["system"]) == ("warning", "breaker.opened", "erp")
    assert line["time"].endswith("+00:00")


def test_a_line_of_another_library_is_json_too():
    assert json.loads(JsonLines().format(record("listening on 8080")))["message"] == "listening on 8080"


@pytest.mark.parametrize("lines", [TextLines(), JsonLines()])
def test_an_address_in_the_text_of_a_bug_is_masked(lines):
    def refuse():
        raise Reject("x.y", "no account has anna.lee+shop@acme.example")

    try:
        refuse()
    except Reject:
        line = lines.format(record("crashed for anna.lee+shop@acme.example", sys.exc_info()))
    assert "anna" not in line
    assert line.count("a…@acme.example") >= 2
    assert "Traceback" in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("to o'neil@x.example now", "to o…@x.example now"),
        ("a@b", "a@b"),
        ("postgresql://hub@db.example/x", "postgresql://h…@db.example/x"),
        ("nobody", "nobody"),
    ],
)
def test_addresses_are_masked_wherever_they_stand(text, told):
    assert masked(text) == told


def test_a_line_names_the_trace_of_the_order_it_is_about(caplog):
    caplog.set_level(logging.DEBUG, logger="millstream")
    LogTap().note("delivery.settled", subject="shop-1-7", state="done", code=None, message="to Anna Lee")
    token = subject_of_this_attempt.set("shop-1-8")
    LogTap().note("call.ended", system="erp", operation="read")
    subject_of_this_attempt.reset(token)
    LogTap().note("breaker.opened", system="erp")
    lines = [json.loads(each.getMessage()) for each in caplog.records]
    assert [line.get("trace") for line in lines] == [
        f"{trace_id('shop-1-7'):032x}",
        f"{trace_id('shop-1-8'):032x}",
        None,
    ]
    assert "message" not in lines[0]
