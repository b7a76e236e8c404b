"""A role that one process plays at a time."""

import asyncio

import asyncpg
import pytest

from fakes.house import House
from fakes.patience import PATIENCE_S, until
from fakes.tap import RecordingTap
from millstream.domain.states import DeliveryState
from millstream.store.database import Database
from millstream.store.exclusive import ExclusiveRole


class Player:
    """One process that wants the role."""

    def __init__(self, database, role="erp:tryton") -> None:
        self.tap = RecordingTap()
        self.role = ExclusiveRole(database, role, tap=self.tap)

    async def until_held(self) -> None:
        """The server lets a role go when it sees the session end, which takes it a moment."""
        async with asyncio.timeout(PATIENCE_S):
            while not await self.role.acquire():
                pass


@pytest.fixture
async def players(database):
    players = [Player(database), Player(database)]
    yield players
    for player in players:
        await player.role.release()


async def end_session(database, player) -> None:
    """As when the process dies: the server sees its session end."""
    pid = player.role._connection.get_server_pid()
    async with database.connection() as connection:
        assert await connection.fetchval("select pg_terminate_backend($1, 5000)", pid)


async def test_one_holds_the_role_and_the_other_does_not(players):
    first, second = players
    assert await first.role.acquire() is True
    assert await second.role.acquire() is False
    assert (first.role.held, second.role.held) == (True, False)
    assert first.tap.named("role.taken") == [{"role": "erp:tryton"}]


async def test_asking_again_keeps_it_without_another_session(players, database):
    first, _ = players
    await first.role.acquire()
    session = first.role._connection
    assert await first.role.acquire() is True
    assert first.role._connection is session
    assert len(first.tap.named("role.taken")) == 1


async def test_a_released_role_is_free_for_the_next(players):
    first, second = players
    await first.role.acquire()
    await first.role.release()
    assert not first.role.held
    await second.until_held()
    assert await first.role.acquire() is False


async def test_the_next_takes_over_when_the_holders_session_ends_and_the_holder_knows(players, database):
    first, second = players
    await first.role.acquire()
    await end_session(database, first)
    await second.until_held()
    await until(lambda: not first.role.held)
    assert await first.role.acquire() is False


async def test_a_holder_whose_session_ended_takes_it_again_if_nobody_else_did(players, database):
    first, _ = players
    await first.role.acquire()
    await end_session(database, first)
    await first.until_held()
    assert len(first.tap.named("role.taken")) == 2


async def test_two_roles_do_not_stand_in_each_others_way(players, database):
    first, _ = players
    other = Player(database, role="erp:another")
    assert await first.role.acquire()
    assert await other.role.acquire()
    await other.role.release()


async def test_a_role_is_asked_for_until_cancelled_and_then_given_back(players):
    first, second = players
    await first.role.acquire()
    keeping = asyncio.create_task(second.role.keep(every_s=0.01))
    await first.role.release()
    await until(lambda: second.role.held)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert not second.role.held
    await first.until_held()


async def test_without_a_database_nobody_holds_it_and_asking_does_no_harm():
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    player = Player(nowhere)
    assert await player.role.acquire() is False
    assert not player.role.held
    await player.role.release()


async def test_a_server_that_breaks_off_in_the_middle_of_its_answer_is_asked_again(players, monkeypatch):
    connect = asyncpg.connect

    async def broken(*args, **kwargs):
        raise asyncpg.InternalClientError("the answer broke off")

    monkeypatch.setattr(asyncpg, "connect", broken)
    assert await players[0].role.acquire() is False
    monkeypatch.setattr(asyncpg, "connect", connect)
    assert await players[0].role.acquire() is True


async def test_being_cancelled_while_asking_leaves_no_session_behind(players, monkeypatch):
    connect, sessions = asyncpg.connect, []

    async def connect_and_be_cancelled(*args, **kwargs):
        sessions.append(await connect(*args, **kwargs))
        asking.cancel()
        return sessions[0]

    monkeypatch.setattr(asyncpg, "connect", connect_and_be_cancelled)
    asking = asyncio.create_task(players[0].role.acquire())
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert sessions[0].is_closed()


async def test_a_worker_claims_orders_for_the_erp_only_while_it_holds_the_role(database):
    house = House(database)
    house.erp.one_writer = True
    await house.place()
    await house.hub.poller.poll_all()
    assert await house.hub.worker.run_due() == 0
    assert await house.value("select state from delivery where subscriber = 'erp'") == DeliveryState.WAITING
    assert "erp" not in house.hub.worker._subscribers()
    assert "store" in house.hub.worker._subscribers()
    assert await house.hub.erp_role.acquire()
    await house.settle_down()
    assert len(house.erp.creations) == 1
    await house.hub.erp_role.release()
    assert "erp" not in house.hub.worker._subscribers()


async def test_an_erp_that_takes_many_writers_needs_no_role(database):
    house = House(database)
    assert house.erp.one_writer is False
    assert "erp" in house.hub.worker._subscribers()


async def test_the_role_is_a_session_lock_anybody_can_see(players, database):
    await players[0].role.acquire()
    async with database.connection() as connection:
        locks = await connection.fetchval(
            "select count(*) from pg_locks where locktype = 'advisory' and granted and database = "
            "(select oid from pg_database where datname = current_database())"
        )
    assert locks == 1
    assert isinstance(players[0].role._connection, asyncpg.Connection)
