"""Credentials change while orders flow: nothing is restarted, nothing is lost, nobody is asked to mend."""

from datetime import timedelta

import httpx
import pytest

from fakes.edge import HMAC_SECRET, delivered, encoded, hmac_headers
from fakes.house import CRM, STORE, House, store_credentials
from fakes.operating_desk import by_role
from millstream.bootstrap import CONNECTORS, Runtime, open_port
from millstream.credentials import read_credentials
from millstream.engine.tap import Taps
from millstream.ports.desk import Filter
from millstream.sandbox.salesforce.app import CLIENT_SECRET
from millstream.serving import web_app
from millstream.settings import Settings
from millstream.store.sealing import KeyFile
from millstream.store.secrets import PostgresSecrets
from millstream.wire.kit import WireKit

NONE = timedelta(0)
NEW_SECRET = "the client secret after the change"


class SealedHouse(House):
    """A house whose settings name secrets instead of holding them."""

    def __init__(self, database, folder):
        self.folder = folder
        self.values = {}
        super().__init__(database)

    @property
    def secrets(self):
        return PostgresSecrets(self.database, keys=KeyFile(self.folder / "secrets.key"), world=self.world)

    def build(self):
        self.runs += 1
        return Runtime(
            self.sealed_settings(),
            database=self.database,
            transport=self.transport,
            world=self.world,
            tap=Taps([self.tap]),
            worker_name=f"w{self.runs}",
            erp=self.erp,
            secrets=self.values,
        )

    def sealed_settings(self):
        return Settings(
            data_dir=self.folder,
            store={**STORE, **store_credentials(self.store_app), "access_token_secret": "secret:shop-token"},
            erp={"kind": "tryton"},
            crm={**CRM, "client_secret": "secret:crm"},
            doors={"planner": {"kind": "events", "scheme": "hmac", "secrets": ["secret:planner"]}},
        )

    async def set(self, name, value, overlap=NONE):
        await self.secrets.set_secret(name, value, overlap=overlap, actor="anna")

    async def states(self):
        rows = await self.rows("select state, count(*) as n from delivery group by state")
        return {row["state"]: row["n"] for row in rows}

    async def purchases(self):
        records = (await self.sim("localhost", "GET", "records", object="Order"))["Order"]
        return sorted(record["Hub_Order_Id__c"] for record in records)


@pytest.fixture
async def house(database, tmp_path, monkeypatch):
    monkeypatch.setattr(SealedHouse, "build", lambda _self: None)
    house = SealedHouse(database, tmp_path)
    monkeypatch.undo()
    await house.set("crm", CLIENT_SECRET)
    await house.set("shop-token", store_credentials(house.store_app)["access_token_secret"])
    await house.set("planner", HMAC_SECRET)
    house.values = await read_credentials(house.sealed_settings(), database)
    house.hub = house.build()
    yield house
    await house.hub.operating.close()


async def test_the_crms_secret_changes_while_orders_flow_and_every_purchase_is_there_once(house):
    placed = [await house.place(("VALVE-050", 1))]
    await house.settle_down()
    assert len(await house.purchases()) == 1
    await house.sim("localhost", "POST", "credentials", {"client_secret": NEW_SECRET})
    placed += [await house.place(("VALVE-050", 2)), await house.place(("PUMP-CFG", 1))]
    await house.settle_down()
    refused = await house.rows("select fault_code, subscriber from delivery where state = 'held'")
    assert {row["fault_code"] for row in refused} == {"auth.refused"}, "before the hub knows, the CRM refuses it"
    await house.set("crm", NEW_SECRET)
    await house.hub.credentials.keeper.look()
    placed += [await house.place(("VALVE-080", 1))]
    await house.settle_down()
    assert set(await house.states()) == {"done"}
    assert await house.purchases() == sorted(f"shop-1-{order['increment_id']}" for order in placed)
    (told,) = [facts for name, facts in house.tap.notes if name == "secret.taken" and facts["systems"]]
    assert told["systems"] == ["crm"], "the others go on as they were"
    retried = await house.rows("select actor, count(*) as n from audit where action = 'delivery.retry' group by actor")
    assert [(row["actor"], row["n"]) for row in retried] == [("hub:secrets", len(refused))]


async def test_a_secret_changed_in_the_hub_first_serves_from_the_moment_the_crm_takes_it(house):
    await house.set("crm", NEW_SECRET)
    await house.hub.credentials.keeper.look()
    await house.place(("VALVE-050", 1))
    await house.settle_down()
    assert "held" in await house.states()
    await house.sim("localhost", "POST", "credentials", {"client_secret": NEW_SECRET})
    await house.hub.desk.retry(Filter(states=("held",)), actor="anna")
    await house.settle_down()
    assert set(await house.states()) == {"done"}


async def test_a_value_the_connector_cannot_take_leaves_everything_as_it_was(house):
    web_app(house.hub)  # its doors have a say, too
    before = house.hub.credentials.settings
    await house.set("planner", "too short")
    await house.set("crm", NEW_SECRET)
    await house.hub.credentials.keeper.look()
    assert house.hub.credentials.settings is before
    (told,) = [facts for name, facts in house.tap.notes if name == "secret.not_taken"]
    assert told["code"] == "secret.not_usable"
    assert "doors.planner" in told["message"]
    assert "too short" not in str(told)
    await house.place(("VALVE-050", 1))
    await house.settle_down()
    assert set(await house.states()) == {"done"}, "the CRM is still called with the value from before"
    await house.set("planner", HMAC_SECRET)
    await house.hub.credentials.keeper.look()
    assert house.hub.credentials.settings.crm["client_secret"] == NEW_SECRET


async def test_a_door_takes_the_next_signature_by_the_new_secret_and_the_old_one_for_the_overlap(house):
    app = web_app(house.hub)
    app.state.authenticate = by_role

    async def report(number, secret):
        body = encoded(delivered(id=number))
        headers = hmac_headers(body, house.world.clock.now(), secret=secret)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
            return (await client.post("/in/events/planner", content=body, headers=headers)).status_code

    other = "another planner secret, as good"
    assert [await report("e1", HMAC_SECRET), await report("e2", other)] == [202, 401]
    await house.set("planner", other, timedelta(hours=1))
    await house.hub.credentials.keeper.look()
    assert [await report("e3", HMAC_SECRET), await report("e4", other)] == [202, 202]
    house.world.clock.advance(3601)
    await house.hub.credentials.keeper.look()
    assert [await report("e5", HMAC_SECRET), await report("e6", other)] == [401, 202]


SECTIONS = {
    "adobe_commerce": ("access_token", {"base_url": "http://shop", "auth": "bearer"}),
    "tryton": ("password", {"base_url": "http://erp", "database": "d", "user": "u", "web_shop": "s", "warehouse": "w"}),
    "sap_s4hana": (
        "password",
        {
            "base_url": "http://s4",
            "username": "u",
            "sales_organization": "1",
            "distribution_channel": "2",
            "plant": "3",
        },
    ),
    "salesforce": ("client_secret", {"login_url": "http://localhost", "client_id": "c"}),
}


@pytest.mark.parametrize(("kind", "name"), CONNECTORS)
async def test_every_connector_can_be_given_other_credentials(kind, name, house):
    """All it knows of credentials went into its one connection, under its own name: they can be replaced there."""
    secret, section = SECTIONS[name]
    kit, fresh = (WireKit(transport=house.transport, world=house.world, tap=house.tap) for _ in range(2))
    for value, into in (("old one", kit), ("new one", fresh)):
        open_port(kind, {"kind": name, "name": "it", secret: value, **section}, into)
    assert list(kit.connections) == list(fresh.connections) == ["it"]
    kit.take_credentials("it", fresh)
    assert kit.connections["it"].auth is fresh.connections["it"].auth
