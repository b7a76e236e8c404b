"""A step of the schema says what it is for, and one that runs beside the version before only adds."""

import re

import pytest

from millstream.store.schema import migrations

STEPS = migrations()
PRE = [step for step in STEPS if not step.post]
POST = [step for step in STEPS if step.post]
NAME = re.compile(r"\d{4}_(pre|post)_[a-z_]+\.sql")
TAKES_AWAY = re.compile(
    r"\b(drop\s+\w+|rename\s+(to|column|constraint)|alter\s+column|truncate|delete\s+from|set\s+not\s+null)\b"
    r"|\balter\s+table\s+\w+\s+(add\s+(constraint|check|unique|primary|foreign|exclude)|disable|alter)\b",
    re.IGNORECASE,
)
ADDED_COLUMN = re.compile(r"\balter\s+table\s+\w+\s+add\s+(?:column\s+)?(?!constraint)([^;]+);", re.IGNORECASE)


def statements_of(text: str) -> str:
    """Without comments and the bodies of functions: those are checked by running them."""
    without_bodies = re.sub(r"\$\$.*?\$\$", "''", text, flags=re.DOTALL)
    return re.sub(r"--.*", "", without_bodies)


def what_older_code_could_not_live_with(text: str) -> list[str]:
    statements = statements_of(text)
    found = [match[0] for match in TAKES_AWAY.finditer(statements)]
    demanding = [
        match[0]
        for match in ADDED_COLUMN.finditer(statements)
        if re.search(r"\bnot\s+null\b", match[1], re.IGNORECASE)
        and not re.search(r"\b(default|generated)\b", match[1], re.IGNORECASE)
    ]
    return [*found, *demanding]


def test_names_are_numbered_once_and_say_when_they_run():
    assert [step.name for step in STEPS if not NAME.fullmatch(step.name)] == []
    numbers = [step.name[:4] for step in STEPS]
    assert numbers == [f"{n:04}" for n in range(1, len(STEPS) + 1)]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_begins_with_its_purpose(step):
    assert re.match(r"-- [A-Z].{15,}\.\n", step.statements)


@pytest.mark.parametrize("step", PRE, ids=lambda step: step.name)
def test_what_runs_beside_the_version_before_only_adds(step):
    assert what_older_code_could_not_live_with(step.statements) == []
    assert step.floor == 0


def test_what_cleans_up_says_which_release_it_needs():
    assert [step.name for step in POST if step.floor == 0] == []


@pytest.mark.parametrize(
    "text",
    [
        "drop table event;",
        "alter table event drop column data;",
        "alter table event rename to fact;",
        "alter table event rename column data to payload;",
        "alter table event alter column data type text;",
        "alter table event alter data type text;",
        "alter table event add column tenant text not null;",
        "alter table event add tenant text not null;",
        "alter table event add constraint positive check (id is not null);",
        "delete from event;",
    ],
)
def test_a_step_that_takes_away_is_found(text):
    assert what_older_code_could_not_live_with(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "alter table event add column tenant text;",
        "alter table event add column tenant text not null default '';",
        "create index event_by_tenant on event (tenant); -- drop nothing",
        "create table tenant (name text not null primary key);",
    ],
)
def test_a_step_that_adds_is_let_through(text):
    assert what_older_code_could_not_live_with(text) == []
