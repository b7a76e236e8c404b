"""Whoever links what to what, in whatever order and however many at once: one name leads to one thing, both ways."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.bench import LedgerBench
from millstream.domain.crosswalk import Link
from millstream.domain.delivery import Settlement
from millstream.domain.errors import Conflict
from millstream.store.records import PostgresRecords

LINKS = st.builds(
    Link,
    kind=st.sampled_from(["customer", "order", "login"]),
    system=st.sampled_from(["shop", "crm"]),
    external_id=st.sampled_from(["1", "2", "3", "guest:a@b.example"]),
    hub_id=st.sampled_from(["H-1", "H-2", "H-3"]),
)
SETTLEMENTS = st.lists(LINKS, max_size=4)
WRITERS = st.lists(SETTLEMENTS, min_size=1, max_size=5)  # what arrives at the same moment
TRUNCATE = "truncate event, delivery, attempt, call, audit, link restart identity cascade"


class Crosswalk:
    """What must be on record: one hub id per name, and one name per system and hub id, logins excepted."""

    def __init__(self) -> None:
        self.hub_ids: dict[tuple[str, str, str], str] = {}

    def take(self, links) -> bool:
        """Takes all of them or none."""
        proposed = dict(self.hub_ids)
        for link in links:
            name = (link.kind, link.system, link.external_id)
            if proposed.setdefault(name, link.hub_id) != link.hub_id:
                return False
            names = [key for key, hub_id in proposed.items() if hub_id == link.hub_id and key[:2] == name[:2]]
            if link.kind != "login" and len(names) > 1:
                return False
        self.hub_ids = proposed
        return True


async def link_all(bench: LedgerBench, rounds) -> None:
    await _empty(bench)
    crosswalk, records, made = Crosswalk(), PostgresRecords(bench.database), 0
    for writers in rounds:
        first = made + 1
        made += len(writers)
        await bench.accept(*(bench.event(n, f"S-{n}", "thing.urgent") for n in range(first, made + 1)))
        claimed = sorted(await bench.claim(), key=lambda delivery: delivery.id)
        results = await asyncio.gather(
            *(
                bench.settle(delivery, settlement=Settlement(links=tuple(links)))
                for delivery, links in zip(claimed, writers, strict=True)
            ),
            return_exceptions=True,
        )
        for links, result in zip(writers, results, strict=True):
            assert (result is True) is crosswalk.take(links)
            assert result is True or isinstance(result, Conflict)
        stored = await bench.rows("select kind, system, external_id, hub_id from link")
        assert {(r["kind"], r["system"], r["external_id"]): r["hub_id"] for r in stored} == crosswalk.hub_ids
    for (kind, system, external_id), hub_id in crosswalk.hub_ids.items():
        assert await records.find_link(kind, system, external_id) == hub_id


async def _empty(bench: LedgerBench) -> None:
    async with bench.database.connection() as connection:
        await connection.execute(TRUNCATE)


def test_links_are_unique_both_ways_and_a_contradiction_writes_nothing(stepped):
    database, runner = stepped

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(rounds=st.lists(WRITERS, min_size=1, max_size=4))
    def check(rounds):
        runner.run(link_all(LedgerBench(database), rounds))

    check()


def test_a_second_link_for_the_same_thing_is_no_contradiction(stepped):
    database, runner = stepped
    link = Link(kind="customer", system="crm", external_id="1", hub_id="H-1")
    runner.run(link_all(LedgerBench(database), [[[link], [link, link]], [[link]]]))
