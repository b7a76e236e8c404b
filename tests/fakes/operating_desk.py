"""The operator API over a whole hub in one event loop; whoever asks says by which role."""

from contextlib import asynccontextmanager

import httpx

from fakes.edge import Edge
from fakes.house import House
from millstream.alerting import Alerting
from millstream.domain.access import RIGHTS_OF, Identity, Role


async def by_role(request):
    """The role stands in a header; none: nobody."""
    role = request.headers.get("x-role")
    return None if role is None else Identity(name=f"mia.{role}", kind="user", rights=RIGHTS_OF[Role(role)])


class Operator:
    """A house and an operator who looks at it."""

    def __init__(self, house):
        self.house = house
        self.app = Edge().app
        self.app.state.authenticate = by_role
        alerting = Alerting(rules=house.hub.rules, notifier=house.hub.watch.notifier)
        house.hub.operating.install_api(self.app, house.hub.audit, alerting)

    async def ask(self, method, path, body=None, *, role="admin", headers=None, **query):
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        given = {**({"x-role": role} if role else {}), **(headers or {})}
        wish = {} if body is None else {"json": body}
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
            return await client.request(method, f"/api{path}", headers=given, params=query, **wish)

    async def get(self, path, **query):
        answer = await self.ask("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path, body=None, **query):
        answer = await self.ask("POST", path, body, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def held(self, *, sku="VALVE-050", price="1.00", **wish):
        """An order that rests in review, as its price is not the ERP's; its delivery."""
        from fakes import erp

        before, erp.PRICES[sku] = erp.PRICES[sku], price
        try:
            await self.house.place((sku, 1), **wish)
            await self.house.settle_down()
        finally:
            erp.PRICES[sku] = before
        self.house.world.clock.advance(11)  # long enough to be filed as an order that waits
        return (await self.get("/deliveries", state="held", limit=1))["items"][0]


@asynccontextmanager
async def operator(database, **policy):
    """And away again."""
    house = House(database, **policy)
    try:
        yield Operator(house)
    finally:
        await house.hub.operating.close()
