"""One day from an empty database to what it left behind."""

from simulation.day import VirtualDay
from simulation.evidence import gather

TABLES = (
    "event, delivery, attempt, call, schedule, link, sales_order, order_line, promise, order_alias, audit, audit_seal, "
    "restoration"
)


async def lived(seed, database, **how):
    """The day and its evidence. What the database held is thrown away; its tables count from one again."""
    async with database.connection() as connection:
        await connection.execute(f"truncate {TABLES} restart identity")
    day = VirtualDay(seed, database, **how)
    try:
        await day.live()
    except BaseException:
        print(f"\nseed {seed} did not reach its evening: make simulate SEED={seed}")
        raise
    return day, await gather(day, database)
