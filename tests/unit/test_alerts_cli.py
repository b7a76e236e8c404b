"""`millstream alerts` as an operator types it."""

import json

import pytest

from fakes.house import House
from fakes.notifier import RecordingNotifier
from fakes.shell import InnerShell, Shell
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
    return InnerShell(database.url)


@pytest.fixture
def process(shell):
    """A process of its own: the library that tells people warns where it is loaded."""
    return Shell(shell.env["MILLSTREAM_DATABASE_URL"])


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
    code, out, _ = await shell("alerts", "ack", 1, "--note", "calling the plant")
    assert (code, out[:18]) == (0, "alert 1 is yours: ")
    code, out, _ = await shell("alerts", "list", "--json")
    (alert,) = json.loads(out)["alerts"]
    assert (alert["state"], alert["acknowledged_by"][:4]) == ("acknowledged", "cli:")
    assert alert["note"] == "calling the plant"
    code, _, err = await shell("alerts", "ack", 1)
    assert code == 2
    assert "alert.not_firing" in err
    assert (await shell("alerts", "show", 99))[0] == 1


async def test_a_channel_that_does_not_work_is_told_with_exit_code_1_and_without_its_secret(process):
    code, out, _ = await process("alerts", "test")
    assert (code, "No channel is set" in out) == (1, True)
    process.env["MILLSTREAM_ALERTS__ALLOW_PRIVATE"] = "true"
    process.env["MILLSTREAM_ALERTS__CHANNELS__DESK"] = f"json://127.0.0.1:9/{SECRET}"
    process.env["MILLSTREAM_ALERTS__CHANNELS__TEAM"] = f"nosuch://{SECRET}"
    code, out, err = await process("alerts", "test")
    assert code == 1
    assert "desk: the channel did not take it" in out
    assert "team: its URL is none that Apprise understands" in out
    assert SECRET not in out + err


async def test_rules_are_listed_changed_switched_and_put_back(shell):
    reason = ("--reason", "the sale has begun")
    code, out, err = await shell("alerts", "set", "slo.oldest_item_s=60", "alerts.digest_at=none", *reason)
    assert (code, err) == (0, "")
    code, out, _ = await shell("alerts", "off", "canary-silent", "--hours", 2, *reason)
    assert code == 0
    assert "canary-silent is off until " in out
    code, out, _ = await shell("alerts", "rules", "--json")
    told = json.loads(out)
    levels = {one["level"]["name"]: one for one in told["levels"]}
    assert (levels["slo.oldest_item_s"]["value"], levels["slo.oldest_item_s"]["source"]) == (60, "changed")
    assert levels["slo.oldest_item_s"]["changed"]["actor"][:4] == "cli:"
    assert (levels["alerts.digest_at"]["value"], levels["alerts.digest_at"]["source"]) == (None, "changed")
    assert [one["code"] for one in told["rules"] if not one["on"]] == ["canary-silent"]
    code, out, _ = await shell("alerts", "rules")
    assert "the sale has begun" in out
    assert (await shell("alerts", "reset", "slo.oldest_item_s", "alerts.digest_at", *reason))[0] == 0
    assert (await shell("alerts", "on", "canary-silent", *reason))[0] == 0
    _, out, _ = await shell("alerts", "rules", "--json")
    told = json.loads(out)
    assert {one["source"] for one in told["levels"]} == {"default"}
    assert all(one["on"] for one in told["rules"])


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (("set", "slo.oldest_item_s=0"), "alert.level_refused"),
        (("set", "slo.oldest_item_s=soon"), "alert.level_refused"),
        (("set", "alerts.quiet_from=22:00"), "both quiet_from and quiet_until"),
        (("set", "alerts.escalate_to=boss,desk"), "there is no such channel"),
        (("set", "slo.nothing=1"), "alert.unknown"),
        (("set", "slo.oldest_item_s"), "NAME=VALUE"),
        (("off", "nothing"), "alert.unknown"),
    ],
)
async def test_a_change_that_cannot_be_is_refused_by_name(shell, wish, said):
    code, _, err = await shell("alerts", *wish, "--reason", "x")
    assert code == 2
    assert said in err


async def test_one_channel_can_be_tried_alone(process):
    process.env["MILLSTREAM_ALERTS__CHANNELS__DESK"] = f"json://127.0.0.1:9/{SECRET}"
    process.env["MILLSTREAM_ALERTS__CHANNELS__TEAM"] = f"nosuch://{SECRET}"
    code, out, _ = await process("alerts", "test", "--channel", "team")
    assert (code, out.strip()) == (1, "team: its URL is none that Apprise understands")
    assert (await process("alerts", "test", "--channel", "fax"))[0] == 2


async def test_while_nothing_was_compared_it_is_not_known_whether_the_systems_agree(shell):
    code, out, _ = await shell("alerts", "drift")
    assert (code, out.strip()) == (0, "No order was compared in the last day: it is not known.")
