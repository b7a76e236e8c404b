"""Whatever somebody changes by the command line leaves at least one row in the audit trail that names them."""

import re

import pytest
from test_cli_reviews import GUEST, served, waiting
from typer.main import get_command

from fakes.access import PASSWORD
from fakes.house import House
from fakes.shell import InnerShell, Shell
from millstream.cli import app_for
from millstream.cli.session import actor
from millstream.ports.desk import Filter

pytestmark = pytest.mark.quick_commits

WHY = ("--reason", "because")
CHANGES_NOTHING = {
    *("serve", "work", "demo"),  # they are the hub, whose doings bear its name
    *("deliveries list", "deliveries causes", "deliveries show", "orders show", "orders list"),
    *("bulk estimate", "bulk dry-run", "bulk list", "bulk show"),
    *("reviews list", "reviews show", "audit list", "audit export", "audit verify"),
    *("connections list", "connections show", "access users list", "access keys list", "secrets list"),
    *("mappings list", "mappings show", "mappings versions", "mappings test", "mappings preview", "mappings diff"),
    *("alerts rules", "alerts list", "alerts show", "alerts drift"),
}


class Desk:
    """A command line whose every command must leave its mark."""

    def __init__(self, house, shell, folder):
        self.house = house
        self.shell = shell
        self.folder = folder
        self.done = set()

    async def does(self, verb, *words, stdin=None, ends=0, shell=None):
        """Does it and looks at the trail; what it said."""
        shell = shell or self.shell
        before = await self.trail()
        await self.house.database.close()  # a restore wants to be alone
        code, out, err = await shell(*verb.split(), *words, stdin=stdin)
        assert code == ends, out + err
        left = await self.trail() - before
        assert actor() in {who for _, _, who in left}, f"{verb} left no row that names {actor()}"
        self.done.add(verb)
        return out

    async def trail(self):
        return {(row["at"], row["action"], row["actor"]) for row in await self.house.rows("select * from audit")}

    async def held(self):
        """A delivery held for the stale price of its only line."""
        await self.house.place(lines=[{"sku": "VALVE-080", "qty": 1, "price": 100}])
        await self.house.settle_down()
        rows = await self.house.hub.desk.list_deliveries(Filter(states=("held",)), limit=1)
        return rows[0].id


async def of_deliveries(desk):
    one = await desk.held()
    await desk.does("deliveries assign", one, "--assignee", "mia", "--yes")
    await desk.does("deliveries tag", one, "--add", "late", "--yes")
    await desk.does("deliveries snooze", one, "--hours", 2, *WHY, "--yes")
    await desk.does("deliveries resolve", one, "--category", "duplicate", *WHY, "--yes")
    await desk.does("deliveries reopen", one, *WHY, "--yes")
    await desk.does("deliveries release", one, *WHY, "--yes")
    await desk.house.settle_down()
    one = await desk.held()
    payload = "select e.data::text from event e join delivery d on d.event_id = e.id where d.id = $1"
    await desk.does("deliveries amend", one, "-", *WHY, stdin=await desk.house.value(payload, one))
    await desk.house.settle_down()
    await desk.does("deliveries retry", one, "--yes")
    await desk.house.settle_down()
    await desk.does("deliveries discard", one, *WHY, "--yes")


async def of_bulk_actions_and_orders(desk):
    one = await desk.held()
    out = await desk.does("bulk start", "discard", one, *WHY, "--yes")
    (bulk_id,) = re.findall(r"bulk show ([0-9a-f-]{36})", out)
    for verb in ("pause", "resume", "cancel"):
        await desk.does(f"bulk {verb}", bulk_id)
    placed = await desk.house.place()
    await desk.house.settle_down()
    for verb in ("hold", "unhold"):
        await desk.does(f"orders {verb}", placed["increment_id"], *WHY)
        await desk.house.settle_down()


async def of_reviews(desk):
    async with served(desk.house.crm_app) as crm_url:
        desk.shell.knows_systems(crm_url)
        rejected = await waiting(desk.house, {**GUEST, "email": "one@x.example"})
        made = await waiting(desk.house, {**GUEST, "email": "two@x.example"})
        linked = await waiting(desk.house)
        await desk.does("reviews reject", rejected, *WHY)
        await desk.does("reviews create", made, *WHY)
        account = (await desk.house.sim("localhost", "GET", "records", object="Account"))["Account"][0]["Id"]
        await desk.does("reviews link", linked, account, *WHY)
        await desk.house.settle_down()
        await desk.does("reviews unlink", linked, *WHY)
        await desk.does("doctor", ends=1)  # nobody answers for store and ERP


async def of_connections_and_mappings(desk):
    for verb in ("pause", "drain", "resume"):
        await desk.does(f"connections {verb}", "crm", *WHY)
    await desk.does("connections test", "crm", ends=1)  # nobody answers for it
    await desk.house.hub.poller.poll_all()
    await desk.does("connections rewind", "shop", "--to", "2026-10-31T00:00Z", *WHY, "--yes")
    file = desk.folder / "crm.outbound.toml"
    file.write_text("[fields.order]\nPoNumber = 'order.number'\n")
    await desk.does("mappings draft", file)
    await desk.does("mappings drop", "crm.outbound")
    await desk.does("mappings publish", file, *WHY)
    await desk.does("mappings rollback", "crm.outbound", 0, *WHY)


async def of_access(desk):
    await desk.does("access setup-link")
    for name in ("ann", "ben"):
        await desk.does("access users add", name, "--role", "admin", "--password-stdin", stdin=PASSWORD)
    await desk.does("access users role", "ben", "viewer")
    await desk.does("access users password", "ben", "--password-stdin", stdin=f"{PASSWORD} too")
    await desk.does("access users disable", "ben")
    await desk.does("access users enable", "ben")
    await desk.does("access keys create", "floor", "--role", "viewer")
    key = await desk.house.value("select id from access_key")
    await desk.does("access keys rotate", key)
    await desk.does(
        "access keys revoke", await desk.house.value("select id from access_key order by created_at desc limit 1")
    )


async def of_alerts_and_secrets(desk):
    await desk.does("alerts set", "slo.oldest_item_s=60", *WHY)
    await desk.does("alerts reset", "slo.oldest_item_s", *WHY)
    await desk.does("alerts off", "canary-silent", "--hours", 2, *WHY)
    await desk.does("alerts on", "canary-silent", *WHY)
    alert = await desk.house.value(
        "insert into alert (code, scope, cause, urgent, state, effect, opened_at, last_true_at, fired_at) "
        "values ('dead-letters', '', '', false, 'firing', 'one is dead', now(), now(), now()) returning id"
    )
    await desk.does("alerts ack", alert)
    process = Shell(desk.house.database.url)  # of its own: the library that tells people warns where it is loaded
    process.env["MILLSTREAM_ALERTS__CHANNELS__TEAM"] = "nosuch://nobody"
    await desk.does("alerts test", ends=1, shell=process)
    desk.shell.env["MILLSTREAM_SECRETS__KEY_FILE"] = str(desk.folder / "key")
    await desk.does("secrets set", "token", "--stdin", stdin="a value")
    await desk.does("secrets rotate-key")
    await desk.does("secrets remove", "token")


async def of_the_database(desk):
    file = desk.folder / "nightly.tar"
    await desk.held()
    await desk.house.value("delete from migration where name = '0012_pre_exchanges.sql'")
    await desk.house.value("drop table failed_call")
    await desk.does("migrate")
    await desk.does("backup", file)
    await desk.does("restore", file, "--replace", "--yes")
    detail = await desk.house.value("select detail::text from audit where action = 'restore.done'")
    assert '"thrown_away": {"events": 1' in detail
    await desk.does("restore", "--mark-only")


STORIES = {
    of_deliveries: {
        *("deliveries assign", "deliveries tag", "deliveries snooze", "deliveries resolve", "deliveries reopen"),
        *("deliveries release", "deliveries retry", "deliveries discard", "deliveries amend"),
    },
    of_bulk_actions_and_orders: {
        "bulk start",
        "bulk pause",
        "bulk resume",
        "bulk cancel",
        "orders hold",
        "orders unhold",
    },
    of_reviews: {"reviews reject", "reviews create", "reviews link", "reviews unlink", "doctor"},
    of_connections_and_mappings: {
        *("connections pause", "connections drain", "connections resume", "connections test"),
        "connections rewind",
        *("mappings draft", "mappings drop", "mappings publish", "mappings rollback"),
    },
    of_access: {
        *("access setup-link", "access users add", "access users role", "access users password"),
        *("access users disable", "access users enable"),
        *("access keys create", "access keys rotate", "access keys revoke"),
    },
    of_alerts_and_secrets: {
        *("alerts set", "alerts reset", "alerts off", "alerts on", "alerts ack", "alerts test"),
        *("secrets set", "secrets rotate-key", "secrets remove"),
    },
    of_the_database: {"migrate", "backup", "restore"},
}


def verbs(command, words=()):
    """Every verb of the command line."""
    if not hasattr(command, "commands"):
        return {" ".join(words)}
    return {verb for name, inner in command.commands.items() for verb in verbs(inner, (*words, name))}


def test_every_verb_is_tried_here_or_changes_nothing():
    changing = set().union(*STORIES.values())
    assert changing & CHANGES_NOTHING == set()
    assert changing | CHANGES_NOTHING == verbs(get_command(app_for([])))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_every_change_is_in_the_audit_trail_with_who_did_it(database, tmp_path, story):
    house = House(database)
    desk = Desk(house, InnerShell(database.url, house).knows_systems(), tmp_path)
    await story(desk)
    assert desk.done == STORIES[story]
