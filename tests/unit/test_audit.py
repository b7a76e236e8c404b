"""The audit trail shows any altered row."""

import asyncpg
import pytest

from fakes.world import ManualWorld
from millstream.store.audit import AuditTrail


async def write(database, *subjects):
    async with database.transaction() as connection:
        for subject in subjects:
            await connection.execute(
                "insert into audit (at, actor, action, subject, detail) values (now(), 'me', 'did', $1, '{}')", subject
            )


async def tamper(database, statement):
    """As somebody with the rights of the table's owner would."""
    async with database.transaction() as connection:
        await connection.execute("alter table audit disable trigger audit_is_append_only")
        await connection.execute("alter table audit_seal disable trigger audit_seal_is_append_only")
        await connection.execute(statement)


@pytest.fixture
def trail(database):
    return AuditTrail(database, world=ManualWorld())


async def sealed(database, trail):
    await write(database, "a", "b")
    assert await trail.seal() == 2
    await write(database, "c")
    assert await trail.seal() == 1
    await write(database, "d")


async def test_an_untouched_trail_verifies_and_counts_what_is_not_sealed_yet(database, trail):
    await sealed(database, trail)
    verdict = await trail.verify()
    assert (verdict.seals, verdict.rows, verdict.unsealed, verdict.broken_seal) == (2, 3, 1, None)


@pytest.mark.parametrize(
    "statement",
    [
        "update audit set actor = 'nobody' where subject = 'a'",
        "update audit set detail = '{\"x\": 1}' where subject = 'b'",
        "delete from audit where subject = 'a'",
        (
            "insert into audit (id, at, actor, action, subject, detail) overriding system value "
            "values (-1, now(), 'x', 'x', 'x', '{}')"
        ),
        "update audit_seal set hash = 'x' where id = 1",
        "delete from audit_seal where id = 1",
    ],
)
async def test_any_alteration_under_a_seal_is_found(database, trail, statement):
    await sealed(database, trail)
    await tamper(database, statement)
    assert (await trail.verify()).broken_seal is not None


async def test_a_row_of_a_transaction_that_commits_late_is_sealed_after_it_not_lost(database, trail):
    async with database.transaction() as slow:
        await slow.execute(
            "insert into audit (at, actor, action, subject, detail) values (now(), 'me', 'did', 'slow', '{}')"
        )
        await write(database, "quick")
        assert await trail.seal() == 0
    assert await trail.seal() == 2
    assert (await trail.verify()).broken_seal is None


async def test_a_transaction_that_fails_leaves_a_gap_that_disturbs_no_seal(database, trail):
    await write(database, "a")
    with pytest.raises(asyncpg.PostgresError):
        async with database.transaction() as connection:
            await connection.execute(
                "insert into audit (at, actor, action, subject, detail) values (now(), 'me', 'did', 'lost', '{}')"
            )
            await connection.execute("select no_such_column")
    await write(database, "b")
    assert await trail.seal() == 2
    assert (await trail.verify()).broken_seal is None


async def test_a_trail_moved_to_a_younger_cluster_goes_on_and_verifies(database, trail):
    """After dump and restore, transaction numbers start anew; the chain goes by row ids and does not notice."""
    await sealed(database, trail)
    elsewhere = AuditTrail(database, world=ManualWorld())
    elsewhere._horizon = (4, "18446744073709551000")  # as remembered from a cluster with far higher numbers
    await write(database, "e")
    assert await elsewhere.seal() == 2
    assert (await elsewhere.verify()).broken_seal is None


async def test_postgresql_refuses_to_alter_the_trail(database):
    await write(database, "a")
    async with database.connection() as connection:
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute("delete from audit")
