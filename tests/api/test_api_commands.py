"""Whatever the API does, the command line does: each operation that changes something has its command."""

from typing import get_args

import pytest

from fakes.commands import program, words_of
from fakes.house import House
from millstream.ports.bulk import Order
from millstream.serving import web_app

BY_HAND = {  # what is no action of an operator, and why
    "POST /api/session": "signs in; a shell is somebody already",
    "DELETE /api/session": "signs out",
    "POST /api/access/setup": "redeems the link that `access setup-link` shows",
}
COMMANDS = {
    "POST /api/access/users": "access users add",
    "PATCH /api/access/users/{name}": "access users role",
    "POST /api/access/keys": "access keys create",
    "POST /api/access/keys/{key_id}/rotate": "access keys rotate",
    "DELETE /api/access/keys/{key_id}": "access keys revoke",
    "PUT /api/secrets/{name}": "secrets set",
    "DELETE /api/secrets/{name}": "secrets remove",
    "PUT /api/mappings/{connection}/{direction}/draft": "mappings draft",
    "DELETE /api/mappings/{connection}/{direction}/draft": "mappings drop",
    "POST /api/mappings/{connection}/{direction}/validate": "mappings test",
    "POST /api/mappings/{connection}/{direction}/preview": "mappings preview",
    "POST /api/mappings/{connection}/{direction}/diff": "mappings diff",
    "POST /api/mappings/{connection}/{direction}/test": "mappings test",
    "POST /api/mappings/{connection}/{direction}/publish": "mappings publish",
    "POST /api/mappings/{connection}/{direction}/rollback": "mappings rollback",
    "POST /api/audit/verify": "audit verify",
    "POST /api/alerts/{alert_id}/acknowledge": "alerts ack",
    "PUT /api/alerts/rules/levels": "alerts set",
    "DELETE /api/alerts/rules/levels": "alerts reset",
    "PUT /api/alerts/rules/{code}": "alerts off",
    "POST /api/alerts/test-channel": "alerts test",
    "POST /api/bulk": "bulk start",
    "POST /api/bulk/dry-run": "bulk dry-run",
    "POST /api/bulk/{bulk_id}/{order}": "bulk resume",  # and the others of `Order`, see below
    **{f"POST /api/orders/{{key}}/{verb}": f"orders {verb}" for verb in ("hold", "unhold")},
    **{
        f"POST /api/connections/{{name}}/{verb}": f"connections {verb}"
        for verb in ("pause", "drain", "resume", "test", "rewind")
    },
    **{
        f"POST /api/reviews/{{delivery_id}}/{verb}": f"reviews {verb}"
        for verb in ("link", "create", "reject", "unlink")
    },
    **{
        f"POST /api/deliveries/{{delivery_id}}/{verb}": f"deliveries {verb}"
        for verb in ("retry", "amend", "release", "discard", "resolve", "reopen", "assign", "tag", "snooze")
    },
    "POST /api/deliveries/{delivery_id}/preview": "deliveries amend",
    **{f"POST /api/failures/{{fingerprint}}/{verb}": f"deliveries {verb}" for verb in ("assign", "tag", "snooze")},
}


@pytest.fixture
async def described(database):
    """The whole web edge, as a process has it."""
    return web_app(House(database).hub).openapi()


async def test_every_operation_that_changes_something_has_its_command(described):
    operations = {
        f"{method.upper()} {path}"
        for path, methods in described["paths"].items()
        for method in methods
        if method not in {"get", "head"}
    }
    there = {operation for operation in operations if not operation.startswith("POST /in/")}
    named = COMMANDS.keys() | BY_HAND.keys()
    assert there - named == set(), "without a command"
    assert named - there == set(), "named, and not there any more"


def test_every_command_named_is_one_there_is():
    orders = {f"bulk {order}" for order in get_args(Order)}
    assert (set(COMMANDS.values()) | orders) - words_of(program()).keys() == set()
