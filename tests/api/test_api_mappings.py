"""Custom fields by the API: drafts, trials on real orders, publishing, and the request that proves it."""

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator

CRM = "/mappings/crm/outbound"
SHOP_IN = "/mappings/shop/inbound"
SHOP_OUT = "/mappings/shop/outbound"


def rule(field, expression, target="order", **more):
    return {"target": target, "field": field, "expression": expression, **more}


def content(*rules, tests=()):
    return {"rules": list(rules), "tests": list(tests)}


PO = content(rule("PoNumber", '"PO-" & order.number'))


@pytest.fixture
async def desk(database):
    async with operator(database) as one:
        yield one


async def publish(desk, place, wish, *, on_top_of=0):
    body = {"reason": "asked for by sales", "on_top_of": on_top_of, "content": wish}
    version = await desk.post(f"{place}/publish", body)
    await desk.house.hub.operating.overlay_keeper.look()
    return version


async def records(desk, sobject="Order"):
    return (await desk.house.sim("localhost", "GET", "records", object=sobject))[sobject]


async def test_every_connection_says_what_may_be_laid_over_it(desk):
    items = (await desk.get("/mappings"))["items"]
    places = {(one["connection"], one["direction"]) for one in items}
    assert places == {("shop", "inbound"), ("shop", "outbound"), ("crm", "outbound")}
    assert {one["version"] for one in items} == {0}
    crm = await desk.get(CRM)
    assert [target["name"] for target in crm["targets"]] == ["order", "line", "account", "event"]
    assert "Hub_Order_Id__c" in crm["targets"][0]["owned"]


async def test_a_published_field_stands_in_the_request_and_the_trail_says_by_which_version(desk):
    await publish(desk, CRM, PO)
    order = await desk.house.place()
    await desk.house.settle_down()
    assert [row["PoNumber"] for row in await records(desk)] == [f"PO-{order['increment_id']}"]
    told = await desk.house.rows("select detail ->> 'mappings' as mappings from audit where detail ? 'mappings'")
    assert [row["mappings"] for row in told] == ['["crm outbound 1"]']


async def test_what_the_store_sends_reaches_the_crm_by_a_field_of_the_hub(desk):
    await publish(desk, SHOP_IN, content(rule("custom.first", "$string(source.items[0].sku)")))
    await publish(desk, CRM, content(rule("PoNumber", "order.custom.first")))
    await desk.house.place()
    await desk.house.settle_down()
    assert [row["PoNumber"] for row in await records(desk)] == ["VALVE-050"]


async def test_a_rule_that_fails_holds_the_order_and_a_mended_one_lets_it_go(desk):
    await publish(desk, CRM, content(rule("PoNumber", "$number(order.number & 'x')")))
    await desk.house.place()
    await desk.house.settle_down()
    held = (await desk.get("/deliveries", state="held"))["items"]
    assert [one["code"] for one in held] == ["mapping.overlay_failed"]
    assert "order.PoNumber" in held[0]["message"]
    assert "crm outbound 1" in held[0]["message"]
    assert await records(desk) == []
    failing = (await desk.get(f"{CRM}/samples", failing="true"))["items"]
    assert [one["code"] for one in failing] == ["mapping.overlay_failed"]

    await publish(desk, CRM, PO, on_top_of=1)
    await desk.post(f"/deliveries/{held[0]['id']}/retry", {"reason": "mended"})
    await desk.house.settle_down()
    assert len(await records(desk)) == 1


async def test_a_message_never_tells_what_the_customer_sent(desk):
    await publish(desk, CRM, content(rule("PoNumber", "$number(order.customer.email)")))
    await desk.house.place()
    await desk.house.settle_down()
    held = (await desk.get("/deliveries", state="held"))["items"][0]
    assert "@" not in held["message"]


@pytest.mark.parametrize(
    ("wish", "place", "says"),
    [
        (rule("Hub_Order_Id__c", "'x'"), "order.Hub_Order_Id__c", "The connector itself writes"),
        (rule("Name", "'x'"), "order.Name", "ends in __c"),
        (rule("UnitPrice", "1", "line"), "line.UnitPrice", "ends in __c"),
        (rule("Gift__c", "'x'", "lead"), "lead.Gift__c", "There are: order, line, account"),
        (rule("Gift__c", "order.("), "order.Gift__c", "cannot be read"),
        (rule("Gift__c", "  "), "order.Gift__c", "empty"),
        (rule("Gift__c", "$random()"), "order.Gift__c", "same order must give the same fields"),
        (rule("Gift__c", "$eval(order.note)"), "order.Gift__c", "$eval"),
        (rule("Gift__c", "$pad('x', 2000000000)"), "order.Gift__c", "too much time or memory"),
    ],
)
async def test_what_may_not_be_laid_over_is_refused_with_a_word_on_what_may(desk, wish, place, says):
    faults = (await desk.post(f"{CRM}/validate", content(wish)))["faults"]
    assert [fault["place"] for fault in faults] == [place]
    assert says in faults[0]["message"]
    body = {"reason": "try it", "on_top_of": 0, "content": content(wish)}
    refused = await desk.ask("POST", f"{CRM}/publish", body)
    assert_problem(refused, 422, "mapping.invalid")
    assert (await desk.get(CRM))["version"] is None


async def test_two_rules_for_one_field_are_one_too_many(desk):
    wish = content(rule("Gift__c", "1"), rule("Gift__c", "2"))
    assert "two rules" in (await desk.post(f"{CRM}/validate", wish))["faults"][0]["message"]


async def test_a_preview_shows_source_mapping_and_fields_of_a_real_order_and_sends_nothing(desk):
    order = await desk.house.place()
    await desk.house.settle_down()
    before = await records(desk)
    sample = (await desk.get(f"{CRM}/samples"))["items"][0]
    assert sample["number"] == order["increment_id"]
    wish = content(rule("PoNumber", "'PO-' & order.number"), rule("Gift__c", "order.nothing"), rule("Bad__c", "order"))
    seen = await desk.post(f"{CRM}/preview", {**wish, "use": "content", "event_id": sample["id"]})
    record = seen["pieces"][0]
    assert record["given"]["order"]["number"] == order["increment_id"]
    assert record["mapped"]["Name"] == order["increment_id"]
    assert [(one["field"], one["value"]) for one in record["fields"]] == [
        ("PoNumber", f"PO-{order['increment_id']}"),
        ("Gift__c", None),
        ("Bad__c", None),
    ]
    assert "an object" in record["fields"][2]["fault"]
    assert seen["ms"] > 0
    assert await records(desk) == before


@pytest.mark.parametrize("place", [SHOP_IN, SHOP_OUT, CRM])
async def test_every_surface_shows_its_records_for_an_order(desk, place):
    await desk.house.place(("VALVE-050", 2), ("PUMP-100", 1))
    await desk.house.settle_down()
    seen = await desk.post(f"{place}/preview", {"use": "draft"})
    targets = {target["name"] for target in (await desk.get(place))["targets"]}
    assert seen["fault"] is None
    assert {piece["target"] for piece in seen["pieces"]} == targets


async def test_a_diff_counts_what_changes_by_field_and_what_fails(desk):
    await desk.house.place(("VALVE-050", 2))
    await desk.house.place(("PUMP-100", 1))
    await desk.house.settle_down()
    await publish(desk, CRM, content(rule("PoNumber", "'old'"), rule("Type", "'same'")))
    wish = content(
        rule("PoNumber", "order.lines.sku[0] = 'VALVE-050' ? 'new' : 'old'"),
        rule("Type", "'same'"),
        rule("Gift__c", "order.lines.sku[0] = 'VALVE-050' ? 'ok' : $error('no gift')"),
    )
    diff = await desk.post(f"{CRM}/diff", {**wish, "use": "content", "last": 50})
    assert (diff["orders"], diff["orders_changed"], diff["orders_failing"]) == (2, 1, 1)
    fields = {one["path"]: one for one in diff["fields"]}
    assert (fields["order.PoNumber"]["changed"], fields["order.PoNumber"]["failed"]) == (1, 0)
    assert fields["order.PoNumber"]["examples"][0]["before"] == "old"
    assert fields["order.PoNumber"]["examples"][0]["after"] == "new"
    assert (fields["order.Type"]["changed"], fields["order.Type"]["failed"]) == (0, 0)
    assert fields["order.Gift__c"]["failed"] == 1


async def test_a_draft_is_kept_with_its_faults_and_who_changed_which_rule(desk):
    first = await desk.ask(
        "PUT", f"{CRM}/draft", {**content(rule("PoNumber", "'a'"), rule("Gift__c", "(")), "revision": 0}
    )
    assert [fault["place"] for fault in first.json()["faults"]] == ["order.Gift__c"]
    wish = {**content(rule("PoNumber", "'a'"), rule("Gift__c", "'b'")), "revision": 1}
    second = await desk.ask("PUT", f"{CRM}/draft", wish, role="integrator")
    rules = second.json()["draft"]["rules"]
    assert [one["changed_by"] for one in rules] == ["mia.admin", "mia.integrator"]
    assert_problem(await desk.ask("PUT", f"{CRM}/draft", wish), 412, "version.stale")
    assert (await desk.get(CRM))["draft"]["revision"] == 2


async def test_a_draft_may_be_dropped_and_then_there_is_nothing_to_publish(desk):
    await desk.ask("PUT", f"{CRM}/draft", {**PO, "revision": 0})
    assert (await desk.ask("DELETE", f"{CRM}/draft")).json()["draft"] is None
    assert_problem(await desk.ask("POST", f"{CRM}/publish", {"reason": "now", "on_top_of": 0}), 409, "mapping.no_draft")


async def test_publishing_the_draft_drops_it_and_a_second_one_on_the_same_base_is_refused(desk):
    await desk.ask("PUT", f"{CRM}/draft", {**PO, "revision": 0})
    version = await desk.post(f"{CRM}/publish", {"reason": "asked for by sales", "on_top_of": 0})
    assert (version["version"], version["published_by"], version["reason"]) == (1, "mia.admin", "asked for by sales")
    assert (await desk.get(CRM))["draft"] is None
    late = {"reason": "me too", "on_top_of": 0, "content": PO}
    assert_problem(await desk.ask("POST", f"{CRM}/publish", late), 412, "version.stale")


async def test_a_failing_test_keeps_a_mapping_from_being_published(desk):
    check = {"name": "number", "target": "order", "given": {"order": {"number": "7"}}, "expected": {"PoNumber": "PO-8"}}
    wish = content(*PO["rules"], tests=[check])
    results = await desk.post(f"{CRM}/test", {**wish, "use": "content"})
    assert not results["ok"]
    assert results["items"][0]["faults"] == ['PoNumber: expected "PO-8", got "PO-7"']
    refused = await desk.ask("POST", f"{CRM}/publish", {"reason": "now", "on_top_of": 0, "content": wish})
    assert "PO-8" in assert_problem(refused, 422, "mapping.invalid")["detail"]
    check["expected"] = {"PoNumber": "PO-7"}
    assert (await publish(desk, CRM, wish))["version"] == 1


async def test_a_rollback_is_a_new_version_with_the_content_of_the_old_one(desk):
    await publish(desk, CRM, PO)
    await publish(desk, CRM, content(rule("PoNumber", "'oops'")), on_top_of=1)
    wish = {"reason": "sales complains", "on_top_of": 2, "version": 1}
    version = await desk.post(f"{CRM}/rollback", wish)
    assert (version["version"], version["restores"]) == (3, 1)
    assert [one["expression"] for one in version["rules"]] == [PO["rules"][0]["expression"]]
    assert [one["version"] for one in (await desk.get(f"{CRM}/versions"))["items"]] == [3, 2, 1]
    first = await desk.get(f"{CRM}/versions", limit=2)
    rest = await desk.get(f"{CRM}/versions", limit=2, after=first["next"])
    assert [[one["version"] for one in page["items"]] for page in (first, rest)] == [[3, 2], [1]]
    assert rest["next"] is None
    off = await desk.post(f"{CRM}/rollback", {"reason": "no fields at all", "on_top_of": 3, "version": 0})
    assert off["rules"] == []
    assert_problem(await desk.ask("POST", f"{CRM}/rollback", {**wish, "version": 9}), 404, "mapping.unknown")


async def test_every_change_stands_in_the_audit_trail(desk):
    await desk.ask("PUT", f"{CRM}/draft", {**PO, "revision": 0})
    await desk.ask("DELETE", f"{CRM}/draft")
    await publish(desk, CRM, PO)
    await desk.post(f"{CRM}/rollback", {"reason": "undo", "on_top_of": 1, "version": 0})
    rows = (await desk.get("/audit", subject="mapping/crm/outbound"))["items"]
    assert {row["action"] for row in rows} == {
        "mapping.draft",
        "mapping.discard",
        "mapping.publish",
        "mapping.rollback",
    }


async def test_tests_are_hidden_from_those_who_may_not_see_what_customers_sent(desk):
    check = {"name": "n", "target": "order", "given": {"order": {"number": "7"}}, "expected": {"PoNumber": "PO-7"}}
    await publish(desk, CRM, content(*PO["rules"], tests=[check]))
    for role, count in (("viewer", 0), ("order_desk", 1)):
        version = (await desk.ask("GET", CRM, role=role)).json()["version"]
        assert len(version["tests"]) == count


async def test_an_unknown_connection_is_told_which_there_are(desk):
    refused = await desk.ask("GET", "/mappings/nowhere/outbound")
    assert "crm outbound" in assert_problem(refused, 404, "mapping.unknown")["detail"]


async def test_without_an_order_there_is_nothing_to_preview(desk):
    assert_problem(await desk.ask("POST", f"{CRM}/preview", {"use": "draft"}), 404, "mapping.no_sample")


async def test_an_order_that_an_inbound_mapping_holds_is_still_known_by_its_money_and_its_customer(desk):
    await publish(desk, SHOP_IN, content(rule("custom.gift", "$error('no gift')")))
    order = await desk.house.place()
    await desk.house.settle_down()
    held = (await desk.get("/deliveries", state="held"))["items"]
    assert [(one["code"], one["subject"]) for one in held] == [
        ("mapping.overlay_failed", f"shop-1-{order['increment_id']}")
    ]
    desk.house.world.clock.advance(11)
    await desk.house.hub.operating.filing.file_waiting_orders()
    hit = (await desk.get("/orders", q=order["increment_id"]))["items"][0]
    assert hit["grand_total"] is not None
