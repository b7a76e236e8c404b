"""The clock machines agree by, whatever their own clocks say."""

from datetime import UTC, datetime, timedelta

import pytest

from millstream.engine.world import SystemClock, SystemIds, SystemWorld, ticks_s, wall_time

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


class Machine:
    """A wall clock and a pendulum, both in our hands."""

    def __init__(self, wall=NOON, ticks=5_000.0):
        self.wall = wall
        self.ticks = ticks
        self.clock = SystemClock(wall=lambda: self.wall, ticks=lambda: self.ticks)

    def passes(self, seconds):
        self.wall += timedelta(seconds=seconds)
        self.ticks += seconds


def test_until_it_is_calibrated_the_machines_own_time_counts():
    machine = Machine()
    assert machine.clock.now() == NOON
    machine.passes(1.5)
    assert machine.clock.now() == NOON + timedelta(seconds=1.5)


@pytest.mark.parametrize("wrong_by", [timedelta(minutes=10), timedelta(minutes=-10), timedelta(days=-9000)])
def test_a_wrong_wall_clock_is_overruled_by_the_databases(wrong_by):
    machine = Machine(wall=NOON + wrong_by)
    machine.clock.calibrate(NOON)
    machine.passes(20)
    assert machine.clock.now() == NOON + timedelta(seconds=20)


def test_two_machines_with_wrong_clocks_agree():
    ahead, behind = Machine(wall=NOON + timedelta(minutes=10)), Machine(wall=NOON - timedelta(minutes=10), ticks=1.0)
    for machine in (ahead, behind):
        machine.clock.calibrate(NOON)
        machine.passes(7)
    assert ahead.clock.now() == behind.clock.now()


def test_setting_the_wall_clock_while_we_work_moves_nothing():
    machine = Machine()
    machine.clock.calibrate(NOON)
    machine.wall += timedelta(minutes=10)
    assert machine.clock.now() == NOON
    machine.wall -= timedelta(hours=3)
    machine.ticks += 2
    assert machine.clock.now() == NOON + timedelta(seconds=2)


def test_an_answer_that_took_long_is_from_the_middle_of_the_wait():
    machine = Machine()
    machine.passes(4)
    machine.clock.calibrate(NOON, asked_for_s=4)
    assert machine.clock.now() == NOON + timedelta(seconds=2)


def test_the_pace_is_counted_on_while_a_machine_sleeps():
    before = ticks_s()
    assert ticks_s() >= before
    world = SystemWorld()
    assert abs(world.clock.now() - wall_time()) < timedelta(minutes=1)


def test_ids_carry_the_agreed_time_not_the_machines():
    machine = Machine(wall=NOON + timedelta(minutes=10))
    machine.clock.calibrate(NOON)
    ids = SystemIds(machine.clock)
    first = ids.new()
    machine.passes(1)
    second = ids.new()
    assert first < second
    assert first.int >> 80 == int(NOON.timestamp() * 1000)
    assert (first.version, second.version) == (7, 7)


async def test_a_process_goes_by_the_databases_clock(database):
    from fakes.house import House
    from millstream.bootstrap import Runtime

    house = House(database)
    world = SystemWorld(clock=SystemClock(wall=lambda: NOON - timedelta(days=900)))
    runtime = Runtime(
        house.hub.settings, database=database, transport=house.transport, world=world, tap=house.tap, erp=house.erp
    )
    before = await database.now()
    await runtime.calibrate_clock()
    assert before - timedelta(seconds=1) <= world.clock.now() <= await database.now() + timedelta(seconds=1)
