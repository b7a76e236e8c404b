"""What the console copies for the shell is what the shell takes."""

import ast
from pathlib import Path

import pytest

import millstream.web.console
from fakes.commands import ASKED, program, read, words_of
from millstream.web.console.alert.taking import ack_command
from millstream.web.console.bulk.planning import Plan
from millstream.web.console.bulk.wish import Wish
from millstream.web.console.caring import (
    RESOLUTIONS,
    SNOOZES,
    assign_command,
    marks_in,
    snooze_command,
    tag_command,
)
from millstream.web.console.delivery import actions
from millstream.web.console.order.holding import hold_command
from millstream.web.console.pages import inbox, orders, settings_keys, settings_users
from millstream.web.console.rewinding import rewind_command

CONSOLE = Path(millstream.web.console.__file__).parent
FOUND = {"delivery": {"id": 7, "code": "sku.unknown", "tags": [], "assignee": None}, "amended": None}
HOSTILE = ["-x", "--yes", "a b", "it's", '"$(id)"', "; rm", "ü"]
OF_A_CAUSE = ("--cause", "f00d")


@pytest.mark.parametrize("which", [("7",), OF_A_CAUSE])
@pytest.mark.parametrize("word", HOSTILE)
def test_care_is_copied_with_the_values_given(which, word):
    command, given = read(assign_command(which, word))
    assert (command, given["assignee"], given["nobody"]) == ("deliveries assign", word, False)
    assert read(assign_command(which, ""))[1]["nobody"] is True
    command, given = read(tag_command(which, add=[word, "two"], remove=["three"]))
    assert (command, given["add"], given["remove"]) == ("deliveries tag", [word, "two"], ["three"])
    for hours in SNOOZES:
        command, given = read(snooze_command(which, {"How long": hours, "Reason": word}))
        assert (command, given["reason"]) == ("deliveries snooze", word)
        assert (given["wake"], given["hours"]) == ((True, None) if hours == "0" else (False, float(hours)))


def test_a_change_of_no_words_copies_nothing():
    assert tag_command(OF_A_CAUSE, add=[], remove=[]) is None
    assert marks_in("one, −two, -three,, -") == (["one"], ["two", "three"])


def test_a_retry_without_what_was_amended_says_so():
    assert read(actions._retry_command(FOUND, {}))[1]["todays_data"] is False
    assert read(actions._retry_command(FOUND, {"Why": actions.AS_IT_IS}))[1]["todays_data"] is False
    assert read(actions._retry_command(FOUND, {"Why": actions.TODAYS_DATA}))[1]["todays_data"] is True


def test_a_decision_is_copied_with_its_reason_and_category():
    for verb in ("release", "reopen"):
        assert read(actions._decide_command(verb, FOUND, {"Reason": "as agreed"}))[1]["reason"] == "as agreed"
    for category in RESOLUTIONS:
        given = read(actions._decide_command("resolve", FOUND, {"Why": category, "Reason": ""}))[1]
        assert (given["category"].value, given["reason"], given["ids"]) == (category, "REASON", [7])


@pytest.mark.parametrize("wish", [
    Wish(ids=(1, 2)),
    Wish(states=("held",), words={"fingerprint": "f00d"}),
    *(Wish(words={"assignee": word, "tag": word, "code": word, "subject": word}) for word in HOSTILE),
    Wish(words={"subscriber": "erp", "event_type": "order.placed"}),
])  # fmt: skip
@pytest.mark.parametrize("action", ["retry", "release", "resolve", "discard"])
def test_a_bulk_action_is_copied_whole(wish, action):
    plan = Plan(None, wish, action, (action,))
    body = wish.body()
    for text in (
        plan._start_command({}),
        plan._start_command({"Reason": "why", **({"Why": "test"} if action == "resolve" else {})}),
        wish.command("bulk", "estimate", action),
    ):
        _, given = read(text)
        assert given["action"].value == action
        assert [state.value for state in given["state"] or ()] == list(body.get("states", ()))
        assert tuple(given["ids"] or ()) == wish.ids
        for option, name in (("assignee", "assignee"), ("tag", "tag"), ("cause", "fingerprint"), ("order", "subject")):
            assert given[option] == wish.words.get(name)
        if "start" in text.split():
            assert (given["category"] is not None) == (action == "resolve")
            assert given["reason"] in {"REASON", "why"}


@pytest.mark.parametrize("word", HOSTILE)
def test_settings_are_copied_with_the_values_given(word):
    command, given = read(settings_users._add_command({"Name": word, "Role": "credit"}))
    assert (command, given["name"], given["role"].value) == ("access users add", word, "credit")
    form = {settings_keys.USED_BY: word, settings_keys.ONLY_RIGHTS: ["view"], settings_keys.GOOD_FOR: "30"}
    command, given = read(settings_keys._make_command({**form, "Role": "viewer"}))
    assert (command, given["name"], [right.value for right in given["right"]]) == ("access keys create", word, ["view"])
    assert read(ack_command(3, {"Reason (if you like)": word}))[1]["note"] == word
    assert read("millstream alerts ack 3")[1]["note"] is None


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("deed", ["hold", "unhold"])
def test_an_order_is_held_by_the_number_and_the_reason_given(word, deed):
    command, given = read(hold_command(deed, word, {"Reason": word}))
    assert (command, given["number"], given["reason"]) == (f"orders {deed}", word, word)
    assert read(hold_command(deed, word, {}))[1]["reason"] == "REASON"


@pytest.mark.parametrize("word", HOSTILE)
def test_a_connection_is_rewound_to_the_moment_typed_once_it_is_one(word):
    command, given = read(rewind_command(word, "2026-11-01 01:30+01:00", {"Reason": word}))
    assert (command, given["name"], given["to"]) == ("connections rewind", word, "2026-11-01T00:30:00Z")
    assert (given["reason"], given["yes"]) == (word, False)
    assert [rewind_command(word, typed, {}) for typed in ("", "yesterday", "0001-01-01T00:00+01:00")] == [None] * 3


@pytest.mark.parametrize("word", ["1000", "-x", "anna@x.example"])
def test_a_search_copies_a_search_and_not_one_order(word):
    text = orders.shell_words("millstream", "orders", *orders._shell(word, None))
    command, given = read(text)
    assert (command, given["number"]) == ("orders list", word)


@pytest.mark.parametrize("view", inbox.VIEWS)
@pytest.mark.parametrize("place", ["", "WzEsImEiXQ", "-x"])
def test_a_view_of_the_inbox_is_copied_with_the_page_one_is_on(view, place):
    command, given = read(inbox._shell(view, "-mia", place))
    assert (command, given["view"].value, given["after"]) == ("deliveries causes", view, place or None)
    assert given["assignee"] == ("-mia" if view == "mine" else None)


def test_a_reason_left_out_is_asked_for():
    assert read("millstream reviews link 7 001x")[1]["reason"] == ASKED


def calls():
    """Each place that writes a command: the words that stand there, None where one is put in."""
    for path in sorted(CONSOLE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"shell_words", "_deliveries"}:
                said = ["deliveries"] if node.func.id == "_deliveries" else []
                words = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
                yield f"{path.relative_to(CONSOLE)}:{node.lineno}", said + [one for one in words if one != "millstream"]


def test_every_place_that_writes_a_command_names_one_there_is_with_options_it_has():
    """A word put in may be any; those that stand there must fit one command, options and all."""
    commands, wrong, seen = words_of(program()), {}, 0
    for where, words in calls():
        said = [word for word in words if word is None or not word.startswith("-")]
        options = {word.partition("=")[0] for word in words if word and word.startswith("--") and word != "--"}
        fits = []
        for name, command in commands.items():
            parts = name.split()
            has = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
            if (
                all(said[n] in {None, part} if n < len(said) else None in said for n, part in enumerate(parts))
                and options <= has
            ):
                fits.append(name)
        seen += 1
        if not fits:
            wrong[where] = words
    assert wrong == {}
    assert seen > 40


def test_no_command_is_written_but_by_words():
    """A line put together by hand is quoted by nobody."""
    wrong = [
        f"{path.name}:{node.lineno}"
        for path in CONSOLE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "command"
        and node.args
        and isinstance(node.args[0], ast.JoinedStr)
    ]
    literal = [
        node.args[0].value
        for path in CONSOLE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "command"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value
    ]
    assert wrong == []
    assert [read(text)[0] for text in literal]
