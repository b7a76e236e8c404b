"""`millstream alerts` as an operator types it."""

import json

import pytest

from fakes.house import House
from fakes.notifier import RecordingNotifier
from fakes.shell import Shell
from millstream.domain.errors import Retry

pytestmark = pytest.mark.quick_commits
SECRET = "s3cr3t-t0k3n"


@pytest.fixture
async def shell(database):
    """One order that does not reach the ERP, and a desk that nobody can reach."""
    house = House(database)

    async def refuse(order, *, customer_id, key):
        raise Retry("connection.refused", "erp: nobody answers", after_s=60)

    house.erp.place_order = refuse
    house.hub.watch.notifier = RecordingNotifier("desk")
    house.hub.watch.notifier.refusing = {"desk"}
    await house.place()
    await house.hub.pulse.beat()
    await house.hub.poller.poll_all()
    await house.hub.worker.run_due()
    await house.hub.watch.look()
    await database.close()
    return Shell(database.url)


async def test_alerts_are_listed_shown_and_taken_on(shell):
    code, out, err = await shell("alerts", "list")
    assert (code, err) == (0, "")
    assert "orders-failing" in out
    assert "firing" in out
    assert "not told yet, try 1: alert/1/fired to desk: the channel did not take it" in out
    code, out, _ = await shell("alerts", "show", 1)
    assert code == 0
    assert out.startswith("1 order, EUR ")
    assert "what to do: docs/operate/runbooks/orders-failing.md" in out
    assert "fired to desk: waiting, the channel did not take it" in out
    code, out, _ = await shell("alerts", "ack", 1)
    assert (code, out[:18]) == (0, "alert 1 is yours: ")
    code, out, _ = await shell("alerts", "list", "--json")
    (alert,) = json.loads(out)["alerts"]
    assert (alert["state"], alert["acknowledged_by"][:4]) == ("acknowledged", "cli:")
    code, _, err = await shell("alerts", "ack", 1)
    assert code == 2
    assert "alert.not_firing" in err
    assert (await shell("alerts", "show", 99))[0] == 1


async def test_a_channel_that_does_not_work_is_told_with_exit_code_1_and_without_its_secret(shell):
    code, out, _ = await shell("alerts", "test")
    assert (code, "No channel is set" in out) == (1, True)
    shell.env["MILLSTREAM_ALERTS__CHANNELS__DESK"] = f"json://127.0.0.1:9/{SECRET}"
    shell.env["MILLSTREAM_ALERTS__CHANNELS__TEAM"] = f"nosuch://{SECRET}"
    code, out, err = await shell("alerts", "test")
    assert code == 1
    assert "desk: the channel did not take it" in out
    assert "team: its URL is none that Apprise understands" in out
    assert SECRET not in out + err
