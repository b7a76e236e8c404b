"""The chain follows transaction numbers, however many digits they have."""

from fakes.world import ManualWorld
from millstream.store.audit import AuditTrail

ROW = "insert into audit (tx, at, actor, action, subject, detail) values ($1::text::xid8, now(), 'a', 'b', 'c', '{}')"


async def test_a_seal_over_transactions_9_and_10_covers_both_and_verifies(database):
    trail = AuditTrail(database, world=ManualWorld())
    async with database.transaction() as connection:
        for tx in ("10", "9", "100"):  # all long over when this database was made
            await connection.execute(ROW, tx)
    assert await trail.seal() == 3
    assert await trail.seal() == 0
    verdict = await trail.verify()
    assert (verdict.broken_seal, verdict.rows, verdict.unsealed) == (None, 3, 0)
