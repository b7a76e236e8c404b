"""The town spread over machines: systems and PostgreSQL on the host, every worker on a machine of its own."""

from collections import Counter
from pathlib import Path

from fakes.town import Town

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


class SpreadTown(Town):
    """`network` gives each worker the machine of its name. `clocks` says by how many seconds a worker's is wrong."""

    def __init__(self, folder: Path, database, *, dice, network, clocks: dict[str, int] | None = None) -> None:
        super().__init__(folder, database, dice=dice)
        self.network = network
        self.clocks = clocks or {}

    def command(self, name: str, command: list[str]) -> list[str]:
        """See Town."""
        if name in self.network.machines:
            return [*self.network.command(name), *super().command(name, command)]
        return super().command(name, [*command, "--host", self.network.systems_address])

    def environment(self, name: str) -> dict[str, str]:
        """See Town. libfaketime tells every part of the process the wrong time, at the right pace."""
        wrong = {}
        if name in self.clocks:
            wrong = {
                "LD_PRELOAD": str(FAKETIME),
                "FAKETIME": f"{self.clocks[name]:+d}s",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "DONT_FAKE_MONOTONIC": "1",
            }
        return super().environment(name) | wrong

    def settings(self) -> dict:
        """See Town. The machines know the systems as localhost."""
        told = super().settings()
        for section, name in (("store", "base_url"), ("crm", "login_url")):
            told[section][name] = told[section][name].replace(self.network.systems_address, "localhost")
        return told

    def log(self, name: str) -> str:
        """What a worker has told so far."""
        return (self.folder / f"{name}.log").read_text()

    async def attempts(self, name: str, condition: str = "true", *args) -> int:
        """How many attempts of a worker are on record."""
        return await self.value(
            f"select count(*) from attempt where worker like $1 and {condition}", f"{name}-%", *args
        )

    async def held_up(self, name: str, subscriber: str) -> int:
        """How many deliveries for a subscriber a worker has been at for a while."""
        return await self.value(
            "select count(*) from delivery where state = 'running' and worker like $1 and subscriber = $2 "
            "and updated_at < clock_timestamp() - interval '0.5 s'",
            f"{name}-%",
            subscriber,
        )

    async def judge(self) -> dict:
        """See Town. Lanes in order, too."""
        left = await super().judge()
        # One lane is settled under its lock, so the ids of the audit rows tell the order whatever the clocks said.
        done = await self.rows(
            "select d.lane, d.id from audit a join delivery d on d.id = (a.detail ->> 'delivery')::bigint "
            "where a.action = 'delivery.done' order by a.id"
        )
        lanes: dict[str, list[int]] = {}
        for row in done:
            lanes.setdefault(row["lane"], []).append(row["id"])
        assert {lane: ids for lane, ids in lanes.items() if ids != sorted(ids)} == {}
        assert len(done) == await self.value("select count(*) from delivery")
        shared = Counter(len(ids) for ids in lanes.values())
        assert max(shared) > 1, "no lane had two deliveries: nothing could be out of order"
        return left
