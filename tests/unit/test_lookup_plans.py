"""A page of orders begins at its place in an index and reads no further than it is long."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from millstream.store import lookup

PLACE = (datetime(2026, 11, 24, tzinfo=UTC), UUID(int=1))


async def plan_of(database, name, *values):
    """As a planner sees it that has a large history before it: indexes wherever one fits."""
    async with database.connection() as connection:
        for way in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin"):
            await connection.execute(f"set enable_{way} = off")
        rows = await connection.fetch("explain (costs off) " + lookup._SQL[name], *values)
        await connection.execute("reset all")
    return [row[0].strip() for row in rows]


@pytest.mark.parametrize(
    ("name", "values", "index", "place"),
    [
        ("newest", (*PLACE, 51), "event_placed_by_time", "(ROW(received_at, id) < ROW("),
        ("in_state", (*PLACE, "packed", 5000, 51), "event_placed_by_time", "(ROW(received_at, id) < ROW("),
        ("looked_to", (*PLACE, 5000), "event_placed_by_time", "(ROW(received_at, id) < ROW("),
        ("on_the_way", (["held", "dead"], 12345, 51), "delivery_by_state", "(id < '12345'"),
        ("search", ("so", "so-5", "S", 51), "order_alias_by_prefix", "order_key) > ROW('so-5'"),
        ("search", ("so", "so-5", "S", 51), "event_by_placed_number", "subject) > ROW('so-5'"),
    ],
)
async def test_a_page_begins_at_its_place_in_the_index(database, name, values, index, place):
    plan = await plan_of(database, name, *values)
    scans = [n for n, line in enumerate(plan) if f" using {index} " in line]
    conditions = [plan[n + 1] for n in scans if plan[n + 1].startswith("Index Cond: ")]
    assert any(place in condition for condition in conditions), plan
    assert any(line.startswith("->  Limit") for line in plan[: scans[0]]), plan


@pytest.mark.parametrize("name", ["newest", "search", "on_the_way", "in_state", "looked_to"])
def test_no_list_of_orders_skips_rows_to_get_to_its_page(name):
    assert not re.search(r"\boffset\b", lookup._SQL[name], re.IGNORECASE)
