"""The sandbox keeps SAP's rules: write tokens, versions, OData options, changesets, the plant's own sense."""

import asyncio
import base64
import json
import sys
from datetime import date
from urllib.parse import quote

import pytest

from fakes.transport import AsgiTransport
from fakes.world import ManualWorld
from millstream.sandbox.sap_s4hana import CLIENT_ID, CLIENT_SECRET, PASSWORD, USER, create_app
from millstream.sandbox.sap_s4hana.people import Planner, Plant, PlantError, Warehouse
from millstream.wire.http import AiohttpTransport, Request

SALES = "API_SALES_ORDER_SRV"
ORDER = {
    "SalesOrderType": "OR",
    "SalesOrganization": "1010",
    "DistributionChannel": "10",
    "OrganizationDivision": "00",
    "SoldToParty": "10001003",
    "PurchaseOrderByCustomer": "PO-1",
    "to_Text": {"results": [{"Language": "EN", "LongTextID": "TX01", "LongText": "web-1 d"}]},
    "to_Item": {
        "results": [
            {"Material": "VALVE-050", "RequestedQuantity": "5", "RequestedQuantityUnit": "PC"},
            {"Material": "PUMP-CFG", "RequestedQuantity": "1", "RequestedQuantityUnit": "PC"},
        ]
    },
}


class Client:
    """A client that knows HTTP and nothing of the product's connector."""

    def __init__(self, transport=None, base="http://s4.test"):
        self.world = ManualWorld()
        self.transport = transport or AsgiTransport(**{"s4.test": create_app(now=self.world.clock.now)})
        self.base = base
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.headers = {"Authorization": f"Basic {basic}", "Accept": "application/json"}

    async def ask(self, method, path, body=None, *, service=SALES, **headers):
        content = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.base}/sap/opu/odata/sap/{service}/{quote(path, safe='/?$&=(),')}"
        return await self.transport.send(
            Request(method=method, url=url, headers={**self.headers, **named}, body=content)
        )

    async def log_in(self):
        answer = await self.ask("GET", "", x_csrf_token="fetch")
        self.headers["x-csrf-token"] = answer.headers["x-csrf-token"]
        self.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())

    async def sim(self, method, path, body=None):
        content = None if body is None else json.dumps(body).encode()
        return await self.transport.send(Request(method=method, url=f"{self.base}/_sim/{path}", body=content))


@pytest.fixture
async def sap():
    client = Client()
    await client.log_in()
    return client


async def order(sap, **changed):
    answer = await sap.ask("POST", "A_SalesOrder", ORDER | changed)
    assert answer.status == 201, answer.text()
    return answer.json()["d"]


async def test_nobody_gets_in_without_credentials(sap):
    sap.headers["Authorization"] = "Basic bm9ib2R5Om5vdGhpbmc="
    assert (await sap.ask("GET", "A_SalesOrder")).status == 401
    form = f"grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}".encode()
    token = await sap.transport.send(Request(method="POST", url="http://s4.test/oauth/token", body=form))
    sap.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
    assert (await sap.ask("GET", "A_SalesOrder")).status == 200
    sap.world.clock.advance(3601)
    assert (await sap.ask("GET", "A_SalesOrder")).status == 401


@pytest.mark.parametrize("spoil", ["token", "cookie", "time"])
async def test_a_write_needs_the_token_of_a_living_session(sap, spoil):
    if spoil == "token":
        sap.headers["x-csrf-token"] = "guessed"
    elif spoil == "cookie":
        del sap.headers["Cookie"]
    else:
        sap.world.clock.advance(1801)
    refused = await sap.ask("POST", "A_SalesOrder", ORDER)
    assert (refused.status, refused.headers["x-csrf-token"]) == (403, "Required")


async def test_an_order_comes_back_whole_with_numbers_as_text_and_dates_in_milliseconds(sap):
    made = await order(sap)
    assert made["SalesOrder"] == "5000001"
    assert made["CreationDate"] == "/Date(1795392000000)/"
    expand = "to_Item/to_ScheduleLine,to_Partner/to_Address,to_Text"
    answer = await sap.ask("GET", f"A_SalesOrder('5000001')?$expand={expand}")
    shown = answer.json()["d"]
    assert shown["__metadata"]["etag"].startswith("W/\"datetimeoffset'2026-11-23T08%3A00%3A00")
    first, second = shown["to_Item"]["results"]
    assert first["RequestedQuantity"] == "5"
    assert first["to_Text"]["__deferred"]["uri"].endswith("SalesOrderItem='10')/to_Text")
    assert [line["ConfdOrderQtyByMatlAvailCheck"] for line in second["to_ScheduleLine"]["results"]] == ["0", "1"]
    assert [one["PartnerFunction"] for one in shown["to_Partner"]["results"]] == ["SP", "SH", "BP", "PY"]


async def test_a_change_needs_a_version_and_an_old_one_is_refused(sap):
    made = await order(sap)
    path, version = "A_SalesOrder('5000001')", made["__metadata"]["etag"]
    assert (await sap.ask("PATCH", path, {"DeliveryBlockReason": "01"})).status == 428
    assert (await sap.ask("PATCH", path, {"DeliveryBlockReason": "01"}, If_Match=version)).status == 204
    stale = await sap.ask("PATCH", path, {"DeliveryBlockReason": ""}, If_Match=version)
    assert stale.status == 412
    item = "A_SalesOrderItem(SalesOrder='5000001',SalesOrderItem='10')"
    assert (await sap.ask("PATCH", item, {"SalesDocumentRjcnReason": "61"}, If_Match=version)).status == 412


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"SoldToParty": "1"}, "VP/204"),
        ({"SalesOrganization": "9999"}, "V1/314"),
        ({"SalesOrderType": "XX"}, "V1/312"),
        ({"DeliveryBlockReason": "99"}, "V1/104"),
        ({"PurchaseOrderByCustomer": "x" * 36}, "005056A509B11EE1B9A8FEC11C21578E"),
        ({"Nonsense": "1"}, "005056A509B11EE1B9A8FEC11C21D78E"),
        ({"to_Item": {"results": []}}, "V1/480"),
        ({"to_Item": {"results": [{"Material": "NOPE", "RequestedQuantity": "1"}]}}, "V1/382"),
        ({"to_Item": {"results": [{"Material": "OIL-1L", "RequestedQuantity": "x"}]}}, "/IWBEP/CM_MGW_RT/176"),
        ({"to_PricingElement": {"results": [{"ConditionType": "PMP0", "ConditionRateValue": "1"}]}}, "V1/207"),
    ],
)
async def test_what_sap_would_refuse_is_refused_with_a_code_and_details(sap, changed, code):
    refused = await sap.ask("POST", "A_SalesOrder", ORDER | changed)
    assert refused.status == 400
    error = refused.json()["error"]
    assert error["code"] == code
    assert error["message"]["lang"] == "en"
    assert error["innererror"]["transactionid"]
    assert error["innererror"]["errordetails"][0]["severity"] == "error"
    assert (await sap.sim("GET", "orders")).json() == []


async def test_options_of_a_query_mean_what_they_say(sap):
    for n in range(5):
        await order(sap, PurchaseOrderByCustomer=f"PO-{n}")
    query = "A_SalesOrder?$select=SalesOrder&$orderby=SalesOrder desc&$top=2&$skip=1&$inlinecount=allpages"
    found = (await sap.ask("GET", query)).json()["d"]
    assert [row["SalesOrder"] for row in found["results"]] == ["5000004", "5000003"]
    assert found["__count"] == "5"
    for filter_, count in (
        ("startswith(PurchaseOrderByCustomer,'PO-') and not (PurchaseOrderByCustomer eq 'PO-1')", 4),
        ("substringof('-3',PurchaseOrderByCustomer) or SalesOrder eq '5000001'", 2),
        ("LastChangeDateTime gt datetimeoffset'2026-11-23T08:00:00.000002Z'", 3),
        ("CreationDate ge datetime'2026-11-23T00:00:00'", 5),
        ("TotalNetAmount gt 1000.50m", 5),
    ):
        rows = (await sap.ask("GET", f"A_SalesOrder?$filter={filter_}")).json()["d"]["results"]
        assert len(rows) == count, filter_


@pytest.mark.parametrize(
    "query",
    [
        "$filter=Nonsense eq '1'",
        "$filter=SalesOrder like '1'",
        "$filter=SalesOrder eq",
        "$orderby=Nonsense",
        "$top=x",
        "$nonsense=1",
        "$select=Nonsense",
        "$filter=SalesOrder eq 7",
    ],
)
async def test_a_question_nobody_understands_is_refused(sap, query):
    await order(sap)
    assert (await sap.ask("GET", f"A_SalesOrder?{query}")).status == 400


async def test_services_and_records_that_are_not_there_are_told_apart(sap):
    assert (await sap.ask("GET", "A_SalesOrder", service="API_NOPE_SRV")).status == 403
    assert (await sap.ask("GET", "A_Nope")).status == 404
    assert (await sap.ask("GET", "A_SalesOrder('1')")).status == 404
    assert (await sap.ask("POST", "A_Product", {}, service="API_PRODUCT_SRV")).status == 405


async def test_stock_goes_with_goods_issue_and_what_is_promised_once_is_not_promised_twice(sap):
    await sap.sim("POST", "stock", {"VALVE-050": 6})
    await order(sap)
    second = await order(sap)
    lines = (await sap.ask("GET", f"A_SalesOrder('{second['SalesOrder']}')?$expand=to_Item/to_ScheduleLine")).json()[
        "d"
    ]
    confirmed = [
        one["ConfdOrderQtyByMatlAvailCheck"] for one in lines["to_Item"]["results"][0]["to_ScheduleLine"]["results"]
    ]
    assert confirmed == ["0", "1", "4"]
    assert (await sap.sim("POST", "ship", {"order": "5000001", "tracking": "T"})).status == 200
    query = "A_MatlStkInAcctMod?$filter=Material eq 'VALVE-050' and Plant eq '1010'"
    rows = (await sap.ask("GET", query, service="API_MATERIAL_STOCK_SRV")).json()["d"]["results"]
    assert [row["MatlWrhsStkQtyInMatlBaseUnit"] for row in rows] == ["1"]


async def test_the_availability_service_knows_when_how_much_can_be_had(sap):
    await sap.sim("POST", "stock", {"VALVE-050": 3})
    asked = "Material='VALVE-050'&SupplyingPlant='1010'&ATPCheckingRule='A'"
    service = "API_PRODUCT_AVAILY_INFO_BASIC"
    soon = await sap.ask("GET", f"DetermineAvailabilityOf?{asked}&RequestedQuantityInBaseUnit=3m", service=service)
    later = await sap.ask("GET", f"DetermineAvailabilityOf?{asked}&RequestedQuantityInBaseUnit=4m", service=service)
    series = await sap.ask("GET", f"CalculateAvailabilityTimeseries?{asked}", service=service)
    assert soon.json()["d"]["DetermineAvailabilityOf"]["PeriodStartUTCDateTime"] == "/Date(1795478400000)/"
    assert later.json()["d"]["DetermineAvailabilityOf"]["PeriodStartUTCDateTime"] == "/Date(1796083200000)/"
    assert len(series.json()["d"]["results"]) == 2


async def test_what_is_made_to_order_ships_when_it_is_made_and_a_blocked_order_never(sap):
    await order(sap)
    await sap.sim("POST", "ship", {"order": "5000001", "tracking": "T"})
    assert (await sap.sim("POST", "ship", {"order": "5000001"})).status == 409
    await sap.sim("POST", "production/1000001/confirm", {})
    assert (await sap.sim("POST", "ship", {"order": "5000001"})).status == 200
    await order(sap, DeliveryBlockReason="Z1")
    blocked = await sap.sim("POST", "ship", {"order": "5000002"})
    assert (blocked.status, "blocked for delivery" in blocked.json()["message"]) == (409, True)
    assert len((await sap.sim("GET", "production")).json()) == 1, "nothing is made for a blocked order"


async def test_the_rest_of_an_item_is_rejected_once_what_was_delivered_has_left(sap):
    await order(sap)
    first = (await sap.sim("POST", "deliveries", {"order": "5000001", "quantities": {"10": 1}})).json()
    rejection = {"item": "10", "SalesDocumentRjcnReason": "62"}
    refused = await sap.sim("POST", "orders/5000001", dict(rejection))
    assert (refused.status, refused.json()["code"]) == (400, "V1/488")
    for step in ("pick", "pack", "issue"):
        await sap.sim("POST", f"deliveries/{first['DeliveryDocument']}/{step}", {})
    done = (await sap.sim("POST", "orders/5000001", dict(rejection))).json()
    assert done["to_Item"][0]["SDProcessStatus"] == "C"
    assert (await sap.sim("POST", "ship", {"order": "5000001", "quantities": {"10": 1}})).status == 409


async def test_the_people_of_the_plant_work_over_a_socket():
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "millstream.sandbox.run", "sap_s4hana", "--port", "0"), stdout=asyncio.subprocess.PIPE
    )
    try:
        base = (await process.stdout.readline()).decode().split()[1]
        client = Client(AiohttpTransport(), base)
        await client.log_in()
        assert len(client.headers["Cookie"].split("; ")) == 2
        await order(client)
        await client.transport.close()
        await asyncio.to_thread(at_work, Plant(base))
    finally:
        process.terminate()
        await process.wait()


def at_work(plant):
    (sale,) = plant.sales()
    assert (sale["web_id"], sale["number"], sale["state"], sale["total_amount"]) == (
        "web-1",
        "5000001",
        "open",
        "3549.50",
    )
    planner, warehouse = Planner(plant), Warehouse(plant)
    (work_order,) = planner.work_orders("web-1")
    planner.reschedule(work_order, date(2030, 1, 2))
    assert planner.planned_date(work_order) == date(2030, 1, 2)
    warehouse.deliver("web-1", "TRACK-1")
    with pytest.raises(PlantError, match="nothing to deliver"):
        warehouse.deliver("web-1", "TRACK-2")
    planner.make(work_order)
    warehouse.reserve("5000001")
    with pytest.raises(PlantError, match="no order web-9"):
        warehouse.pick("web-9")
