"""Every point that the sources tell of is one that a process dies at, or no order that goes well comes by it."""

import ast
from pathlib import Path

import pytest

import millstream
from crash.scene import WAYS, Scene

pytestmark = pytest.mark.quick_commits

SOURCES = Path(millstream.__file__).parent

# What is told on other paths than the one of an order that goes well, and why no order that does takes that path.
ELSEWHERE = {
    "something failed or was refused": {
        "access.openid_refused",
        "bulk.crashed",
        "bundle.not_read",
        "catalogue_skus.not_read",
        "crm.lines_locked",
        "crm.products_unknown",
        "delivery.crashed",
        "door.refused",
        "door.unreadable",
        "drift.unknown",
        "poll.crashed",
        "poll.failed",
        "settle.failed",
        "status.refused",
        "status.too_late",
        "store.not_revived",
        "store.revived",
        "watch.crashed",
        "watch.failed",
        "worker.heartbeat_failed",
        "worker.lease_lapsed",
        "worker.ledger_unreachable",
        "worker.settle_failed",
    },
    "a connection went down, came back, or nears a limit": {"breaker.closed", "breaker.opened", "crm.budget_low"},
    "the watch tells people": {"alert.escalated", "alert.fired", "alert.grown", "alert.resolved", "notification.ended"},
    "a process begins, ends, or takes over a part": {"lane.was_asleep", "role.taken", "worker.draining"},
    "an operator changed something": {"door.validation_asked", "mapping.in_force", "secret.not_taken", "secret.taken"},
    "a setting of the CRM that is off here": {"crm.announcement_off"},
    "another account looks like the customer's": {"crm.customer_similar"},
}


def told_in_the_sources():
    """The names of all notes, and the places that pass on a name they were given."""
    names, passed_on = set(), set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "note":
                if isinstance(node.args[0], ast.Constant):
                    names.add(node.args[0].value)
                else:
                    passed_on.add(path.relative_to(SOURCES).as_posix())
    return names, passed_on


async def test_every_point_of_the_sources_is_died_at_or_lies_elsewhere(database):
    scene = Scene(database, **WAYS["the store tells of it"])  # and a poll finds it once more
    reached = {step.partition(" ")[0] for step in await scene.undisturbed()}
    await scene.close()
    names, passed_on = told_in_the_sources()
    elsewhere = [name for group in ELSEWHERE.values() for name in group]
    assert passed_on == {"engine/tap.py"}
    assert len(elsewhere) == len(set(elsewhere))
    assert reached & set(elsewhere) == set()
    assert reached | set(elsewhere) == names
