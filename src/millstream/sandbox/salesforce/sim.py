"""The control surface below `/_sim/`: fill, look inside, break, mend."""

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millstream.sandbox.salesforce import seed
from millstream.sandbox.salesforce.duplicates import Rule
from millstream.sandbox.salesforce.ids import long_id, short_id

if TYPE_CHECKING:
    from millstream.sandbox.salesforce.app import Salesforce

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode


def _ok(body: Any = None) -> Response:
    return Response(_ENCODE(body if body is not None else {}), media_type="application/json")


async def _plan(request: Request) -> dict[str, Any]:
    body = await request.body()
    plan: dict[str, Any] = json.loads(body, parse_float=Decimal) if body else {}
    return plan


def routes(salesforce: "Salesforce") -> list[Route]:
    """`/_sim/faults` is answered by the fault middleware in front."""
    return [
        Route(f"/_sim/{name}", endpoint, methods=methods)
        for name, endpoint, methods in (*_content(salesforce), *_trouble(salesforce), *_access(salesforce))
    ]


def _content(salesforce: "Salesforce") -> list[tuple[str, Any, list[str]]]:
    async def reset(request: Request) -> Response:
        salesforce.reset()
        return _ok()

    async def fill(request: Request) -> Response:
        """`{"accounts": [{"Name": …, "contacts": [{…}]}], "products": [{"code", "name", "price"}]}`

        `{"code", "active": false}` takes a product that is there out of the price books, `true` puts it back.
        """
        plan = await _plan(request)
        made: dict[str, list[str]] = {"accounts": [], "products": []}
        for one in plan.get("accounts") or []:
            contacts = one.pop("contacts", [])
            made["accounts"].append(seed.add_account(salesforce.org, one, contacts))
        for one in plan.get("products") or []:
            if "active" in one:
                made["products"] += seed.offer_product(salesforce.org, one["code"], active=bool(one["active"]))
                continue
            price = Decimal(str(one.get("price", "1.00")))
            made["products"].append(
                seed.add_product(salesforce.org, code=one["code"], name=one.get("name", one["code"]), price=price)
            )
        return _ok(made)

    async def records(request: Request) -> Response:
        """Every record of every object, or of one; `field` and `value` narrow it."""
        wanted, field, value = (request.query_params.get(name) for name in ("object", "field", "value"))
        names = [wanted] if wanted else list(salesforce.org.rows)
        if field is None:
            return _ok({name: salesforce.org.all(name) for name in names})
        return _ok({name: salesforce.org.having(name, field, value) for name in names})

    async def events(request: Request) -> Response:
        """Every published event, or those whose text holds `containing`."""
        part = request.query_params.get("containing", "")
        return _ok([one for one in salesforce.org.events if part in str(one)])

    async def health(request: Request) -> Response:
        counts = {name: len(salesforce.org.all(name)) for name in salesforce.org.rows}
        return _ok({"records": counts, "events": len(salesforce.org.events), "sessions": salesforce.desk.granted})

    return [
        ("reset", reset, ["POST"]),
        ("seed", fill, ["POST"]),
        ("records", records, ["GET"]),
        ("events", events, ["GET"]),
        ("health", health, ["GET"]),
    ]


def _trouble(salesforce: "Salesforce") -> list[tuple[str, Any, list[str]]]:
    async def outage(request: Request) -> Response:
        """`{"on": true}`: maintenance, every call is 503 until turned off."""
        salesforce.down = bool((await _plan(request)).get("on", True))
        return _ok({"on": salesforce.down})

    async def limits(request: Request) -> Response:
        """`{"daily_max": 100, "used": 81, "concurrent_times": 1, "event_times": 1, "query_page": 200}`"""
        plan = await _plan(request)
        salesforce.daily_max = int(plan.get("daily_max", salesforce.daily_max))
        salesforce.used = int(plan.get("used", salesforce.used))
        salesforce.too_busy_times = int(plan.get("concurrent_times", 0))
        salesforce.event_limit_times = int(plan.get("event_times", 0))
        salesforce.rest.query_page = int(plan.get("query_page", salesforce.rest.query_page))
        return _ok()

    async def locks(request: Request) -> Response:
        """`{"id": "001…", "times": 1}` or `{"object": "Order", "times": 1}`: somebody else holds the row that often."""
        plan = await _plan(request)
        if plan.get("id"):
            plan["id"] = long_id(short_id(plan["id"]))
        salesforce.org.locks.append({"times": 1, **plan})
        return _ok()

    async def schema(request: Request) -> Response:
        """`{"drop": ["Order.Delivered_At__c"], "not_unique": ["Account.Hub_Customer_Id__c"]}`

        `{"add": ["Order.Gift_Note__c"]}` makes a field of text.
        """
        plan = await _plan(request)
        for path in plan.get("drop") or []:
            salesforce.org.schema.drop(path)
        for path in plan.get("add") or []:
            salesforce.org.schema.add(path)
        for path in plan.get("not_unique") or []:
            salesforce.org.schema.loosen(path)
        return _ok()

    async def duplicate_rules(request: Request) -> Response:
        """`{"rules": [{"sobject": "Account", "fields": ["Name"], "action": "alert"}]}` in place of those so far."""
        rules = (await _plan(request)).get("rules") or []
        salesforce.org.duplicate_rules = [Rule(**{**one, "fields": tuple(one["fields"])}) for one in rules]
        return _ok()

    return [
        ("outage", outage, ["POST"]),
        ("limits", limits, ["POST"]),
        ("locks", locks, ["POST"]),
        ("schema", schema, ["POST"]),
        ("duplicate_rules", duplicate_rules, ["POST"]),
    ]


def _access(salesforce: "Salesforce") -> list[tuple[str, Any, list[str]]]:
    async def sessions(request: Request) -> Response:
        """Ends every session: the next call of each client is 401."""
        salesforce.desk.revoke()
        return _ok()

    async def credentials(request: Request) -> Response:
        """`{"client_secret": "…"}`: another one from now on; every session ends."""
        salesforce.desk.client_secret = str((await _plan(request))["client_secret"])
        salesforce.desk.revoke()
        return _ok()

    async def key(request: Request) -> Response:
        """`{"public_key": "-----BEGIN PUBLIC KEY…", "username": "hub@maker.example"}` for the JWT bearer flow."""
        plan = await _plan(request)
        salesforce.desk.public_key = plan["public_key"]
        salesforce.desk.username = plan.get("username", salesforce.desk.username)
        return _ok()

    return [
        ("sessions", sessions, ["DELETE"]),
        ("credentials", credentials, ["POST"]),
        ("key", key, ["POST"]),
    ]
