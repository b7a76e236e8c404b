"""Who placed this order? Stated beside found; link, create, reject, unlink: each once, with a name in the trail."""

import asyncio
import json

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator

REASON = {"reason": "asked them by phone"}
GUEST = {"email": "nora@gruen-chemie.example", "firstname": "Nora", "lastname": "New"}
STRANGER = {"email": "who@elsewhere.example", "firstname": "Wilma", "lastname": "Who"}
HERE = {"company": "Gruen Chemie", "city": "Köln", "postcode": "50667", "street": ["Industriestr. 3"]}


@pytest.fixture
async def desk(database):
    async with operator(database) as one:
        yield one


async def crm(desk, name):
    return (await desk.house.sim("localhost", "GET", "records", object=name))[name]


async def account_named(desk, name):
    (row,) = [row for row in await crm(desk, "Account") if row["Name"] == name]
    return row


async def guest_order(desk, guest=GUEST, **wish):
    placed = await desk.house.place(guest=guest, **wish)
    await desk.house.settle_down()
    return placed


async def reviews(desk, **query):
    return (await desk.get("/reviews", **query))["items"]


async def audited(desk, action):
    rows = await desk.house.rows("select actor, subject, detail from audit where action = $1 order by id", action)
    return [(row["actor"], row["subject"], json.loads(row["detail"])) for row in rows]


async def test_the_list_says_who_waits_for_how_long_and_for_how_much(desk):
    placed = await guest_order(desk, address=HERE)
    desk.house.world.clock.advance(600)
    (row,) = await reviews(desk)
    assert (row["kind"], row["number"], row["currency"]) == ("customer.unknown", placed["increment_id"], "EUR")
    assert (row["stated"]["email"], row["stated"]["company"]) == (GUEST["email"], "Gruen Chemie")
    assert row["stated"]["guest"] is True
    assert row["grand_total"] is not None
    assert row["age_s"] >= 600
    assert await reviews(desk, kind="customer.similar") == []
    assert_problem(await desk.ask("GET", "/reviews", kind="price.stale"), 422, "request.invalid")


async def test_the_list_pages_from_who_waits_longest(desk):
    for n in range(5):
        await guest_order(desk, {**GUEST, "email": f"g{n}@nowhere.example"})
    await desk.held()  # what is held for another reason is no review
    ids, after = [], None
    while True:
        page = await desk.get("/reviews", limit=2, **({"after": after} if after else {}))
        ids += [row["delivery_id"] for row in page["items"]]
        if (after := page["next"]) is None:
            break
    assert ids == sorted(ids)
    assert len(ids) == 5


async def test_who_may_not_see_payloads_sees_that_there_is_a_review_and_nobodys_data(desk):
    await guest_order(desk, address=HERE)
    page = (await desk.ask("GET", "/reviews", role="viewer")).json()
    (row,) = page["items"]
    assert (row["stated"]["email"], row["stated"]["name"], row["stated"]["bill_to"]) == (
        "no…@gruen-chemie.example", None, None,
    )  # fmt: skip
    answer = await desk.ask("GET", f"/reviews/{row['delivery_id']}", role="viewer")
    shown = answer.json()
    best = shown["candidates"][0]
    assert (best["name"], best["contacts"], best["address"]) == ("Grün Chemie AG", None, None)
    assert {(field["stated"], field["found"]) for field in best["fields"]} == {(None, None)}
    assert {field["verdict"] for field in best["fields"]} >= {"agrees", "unknown"}
    assert "Nora" not in answer.text
    assert "greta@" not in answer.text


async def test_the_account_of_a_colleague_stands_first_with_what_agrees_and_what_differs(desk):
    await guest_order(desk, address=HERE)
    (row,) = await reviews(desk)
    page = await desk.get(f"/reviews/{row['delivery_id']}")
    assert (page["open"], page["customer_id"], page["complete"]) == (True, None, True)
    assert page["held_orders"] == [row["delivery_id"]]
    best = page["candidates"][0]
    assert best["crm_id"] == (await account_named(desk, "Grün Chemie AG"))["Id"]
    by_field = {field["field"]: field for field in best["fields"]}
    assert by_field["company"]["verdict"] == "agrees"  # an umlaut and a legal form apart
    assert (by_field["company"]["stated"], by_field["company"]["found"]) == ("Gruen Chemie", "Grün Chemie AG")
    assert by_field["email_domain"]["verdict"] == "agrees"
    assert by_field["email"]["verdict"] == "differs"
    assert by_field["vat_id"]["verdict"] == "unknown"
    assert best["score"] == sum(field["points"] for field in best["fields"]) >= 30
    others = [one["score"] for one in page["candidates"]]
    assert others == sorted(others, reverse=True)


async def test_a_crm_that_is_down_hides_the_candidates_not_the_review(desk):
    await guest_order(desk)
    (row,) = await reviews(desk)
    await desk.house.sim("localhost", "POST", "outage", {"on": True})
    page = await desk.get(f"/reviews/{row['delivery_id']}")
    assert (page["candidates"], page["complete"]) == (None, None)
    assert page["candidates_trouble"]
    assert page["stated"]["email"] == GUEST["email"]
    refused = await desk.ask("POST", f"/reviews/{row['delivery_id']}/create", REASON)
    assert_problem(refused, 503, "crm.unavailable")
    assert [one["delivery_id"] for one in await reviews(desk)] == [row["delivery_id"]]
    assert await audited(desk, "customer.create") == []


async def test_a_page_that_only_refreshes_does_not_ask_the_crm(desk):
    await guest_order(desk)
    (row,) = await reviews(desk)
    await desk.house.sim("localhost", "POST", "outage", {"on": True})
    page = await desk.get(f"/reviews/{row['delivery_id']}", candidates=False)
    assert (page["candidates"], page["candidates_trouble"]) == (None, None)


class TestLinking:
    async def test_all_orders_of_the_customer_go_on_and_each_is_in_the_erp_once(self, desk):
        first, second = await guest_order(desk, address=HERE), await guest_order(desk)
        other = await guest_order(desk, STRANGER)
        rows = {row["number"]: row["delivery_id"] for row in await reviews(desk)}
        account = (await account_named(desk, "Grün Chemie AG"))["Id"]
        done = await desk.post(f"/reviews/{rows[first['increment_id']]}/link", {"crm_id": account, **REASON})
        assert done["crm_id"] == account
        assert sorted(done["freed"]) == sorted([rows[first["increment_id"]], rows[second["increment_id"]]])
        await desk.house.settle_down()
        numbers = sorted(row["order"].number for row in desk.house.erp.orders.values())
        assert numbers == sorted([first["increment_id"], second["increment_id"]])
        assert len(desk.house.erp.creations) == 2
        assert (await account_named(desk, "Grün Chemie AG"))["Hub_Customer_Id__c"] == done["customer_id"]
        assert [row["number"] for row in await reviews(desk)] == [other["increment_id"]]
        (trail,) = await audited(desk, "customer.link")
        assert trail[:2] == ("mia.admin", done["customer_id"])
        assert (trail[2]["reason"], trail[2]["account"]) == (REASON["reason"], account)
        assert len(await audited(desk, "delivery.link")) == 2

    async def test_the_next_order_of_a_linked_customer_waits_for_nobody(self, desk):
        await guest_order(desk)
        (row,) = await reviews(desk)
        account = (await account_named(desk, "Grün Chemie AG"))["Id"]
        await desk.post(f"/reviews/{row['delivery_id']}/link", {"crm_id": account, **REASON})
        await guest_order(desk)
        assert await reviews(desk) == []
        assert len(desk.house.erp.creations) == 2
        assert {one["AccountId"] for one in await crm(desk, "Order")} == {account}

    async def test_again_and_at_once_it_is_done_once(self, desk):
        await guest_order(desk)
        (row,) = await reviews(desk)
        account = (await account_named(desk, "Grün Chemie AG"))["Id"]
        path, wish = f"/reviews/{row['delivery_id']}/link", {"crm_id": account, **REASON}
        answers = await asyncio.gather(*(desk.ask("POST", path, wish) for _ in range(4)))
        assert [answer.status_code for answer in answers] == [200] * 4
        assert sorted(len(answer.json()["freed"]) for answer in answers) == [0, 0, 0, 1]
        await desk.house.settle_down()
        assert (await desk.post(path, wish))["freed"] == []
        assert len(desk.house.erp.creations) == 1
        assert len(await audited(desk, "customer.link")) == 1
        assert len(await audited(desk, "delivery.link")) == 1

    async def test_two_people_with_two_accounts_link_one_and_the_other_is_told(self, desk):
        await guest_order(desk)
        (row,) = await reviews(desk)
        accounts = [(await account_named(desk, name))["Id"] for name in ("Grün Chemie AG", "Tiny Plumbing")]
        path = f"/reviews/{row['delivery_id']}/link"
        answers = await asyncio.gather(*(desk.ask("POST", path, {"crm_id": account, **REASON}) for account in accounts))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        lost = next(answer for answer in answers if answer.status_code == 409)
        assert_problem(lost, 409, "link.contradicts")
        await desk.house.settle_down()
        assert len(desk.house.erp.creations) == 1
        assert len(await audited(desk, "customer.link")) == 1

    async def test_an_account_that_is_not_there_is_refused_before_anything_is_written(self, desk):
        await guest_order(desk)
        (row,) = await reviews(desk)
        path = f"/reviews/{row['delivery_id']}/link"
        for crm_id in ("001xx0000000zzzAAA", "nonsense", "' OR Name != '"):
            answer = await desk.ask("POST", path, {"crm_id": crm_id, **REASON})
            assert answer.status_code == 422
        assert await desk.house.rows("select * from link") == []
        assert len(await reviews(desk)) == 1

    async def test_the_short_form_of_an_id_means_the_same_account(self, desk):
        await guest_order(desk)
        (row,) = await reviews(desk)
        account = (await account_named(desk, "Grün Chemie AG"))["Id"]
        done = await desk.post(f"/reviews/{row['delivery_id']}/link", {"crm_id": account[:15], **REASON})
        assert done["crm_id"] == account

    async def test_who_saw_another_version_decides_again_and_the_crm_is_not_touched(self, desk):
        await guest_order(desk)
        (row,) = await reviews(desk)
        seen = (await desk.ask("GET", f"/reviews/{row['delivery_id']}", candidates=False)).headers["etag"]
        await desk.post(f"/deliveries/{row['delivery_id']}/assign", {"assignee": "jo"})
        account = await account_named(desk, "Grün Chemie AG")
        for verb, wish in (("link", {"crm_id": account["Id"], **REASON}), ("create", REASON), ("reject", REASON)):
            path = f"/reviews/{row['delivery_id']}/{verb}"
            assert_problem(await desk.ask("POST", path, wish, headers={"if-match": seen}), 412, "version.stale")
        assert (await account_named(desk, "Grün Chemie AG"))["Hub_Customer_Id__c"] is None
        assert [one["assignee"] for one in await reviews(desk)] == ["jo"]

    async def test_an_order_held_while_its_customer_was_being_linked_goes_on_by_itself(self, desk):
        await guest_order(desk)
        await guest_order(desk, STRANGER)
        first, second = [row["delivery_id"] for row in await reviews(desk)]
        account = (await account_named(desk, "Grün Chemie AG"))["Id"]
        await desk.post(f"/reviews/{first}/link", {"crm_id": account, **REASON})
        login = await desk.house.value("select external_id from link where kind = 'login'")
        async with desk.house.database.transaction() as connection:  # as if it had looked before the link was there
            await connection.execute("update delivery set amended = null where id = $1", second)
            await connection.execute(
                "insert into placed_order (order_key, login, filed_at) select e.subject, $2, now() "
                "from delivery d join event e on e.id = d.event_id where d.id = $1",
                second,
                login,
            )
        assert await desk.house.hub.operating.reviews.let_linked_go() == 1
        assert await desk.house.hub.operating.reviews.let_linked_go() == 0
        assert [(actor, detail["delivery"]) for actor, _, detail in await audited(desk, "delivery.retry")] == [
            ("hub:reviews", second)
        ]


class TestCreating:
    async def test_an_account_and_a_contact_are_made_from_the_order_and_it_goes_on(self, desk):
        placed = await guest_order(desk, STRANGER, address={"company": "Who & Co"})
        (row,) = await reviews(desk)
        done = await desk.post(f"/reviews/{row['delivery_id']}/create", REASON)
        account = await account_named(desk, "Who & Co")
        assert (account["Id"], account["Hub_Customer_Id__c"]) == (done["crm_id"], done["customer_id"])
        (contact,) = [one for one in await crm(desk, "Contact") if one["AccountId"] == account["Id"]]
        assert (contact["Email"], contact["LastName"]) == (STRANGER["email"], "Who")
        await desk.house.settle_down()
        assert [one["order"].number for one in desk.house.erp.orders.values()] == [placed["increment_id"]]
        assert [one[0] for one in await audited(desk, "customer.create")] == ["mia.admin"]

    async def test_again_and_at_once_it_makes_one_account(self, desk):
        await guest_order(desk, STRANGER)
        await guest_order(desk, STRANGER)
        paths = [f"/reviews/{row['delivery_id']}/create" for row in await reviews(desk)]
        before = len(await crm(desk, "Account"))
        answers = await asyncio.gather(*(desk.ask("POST", path, REASON) for path in paths * 2))
        assert [answer.status_code for answer in answers] == [200] * 4
        assert len({answer.json()["crm_id"] for answer in answers}) == 1
        assert len(await crm(desk, "Account")) == before + 1
        await desk.house.settle_down()
        assert len(desk.house.erp.creations) == 2
        assert len(await audited(desk, "customer.create")) == 1

    async def test_a_lost_answer_of_the_crm_makes_no_second_account(self, desk):
        await guest_order(desk, STRANGER)
        (row,) = await reviews(desk)
        before = len(await crm(desk, "Account"))
        await desk.house.sim(
            "localhost", "POST", "faults", {"script": [{"kind": "timeout_after", "match": "POST */composite"}]}
        )
        path = f"/reviews/{row['delivery_id']}/create"
        assert_problem(await desk.ask("POST", path, REASON), 503, "crm.unavailable")
        done = await desk.post(path, REASON)
        assert len(await crm(desk, "Account")) == before + 1
        assert done["freed"] == [row["delivery_id"]]

    async def test_a_refusal_of_the_crm_is_told_in_its_words(self, desk):
        await guest_order(desk, STRANGER)
        (row,) = await reviews(desk)
        await desk.house.sim("localhost", "POST", "schema", {"drop": ["Account.Hub_Customer_Id__c"]})
        problem = assert_problem(
            await desk.ask("POST", f"/reviews/{row['delivery_id']}/create", REASON), 409, "crm.refused"
        )
        assert "Hub_Customer_Id__c" in problem["detail"]


class TestRejecting:
    async def test_the_order_ends_and_the_customers_other_orders_stay(self, desk):
        await guest_order(desk)
        await guest_order(desk)
        first, second = [row["delivery_id"] for row in await reviews(desk)]
        row = await desk.post(f"/reviews/{first}/reject", REASON)
        assert (row["state"], row["note"]) == ("discarded", REASON["reason"])
        await desk.house.settle_down()
        assert [one["delivery_id"] for one in await reviews(desk)] == [second]
        assert desk.house.erp.creations == []
        assert_problem(await desk.ask("POST", f"/reviews/{first}/reject", REASON), 409, "action.refused")
        assert_problem(await desk.ask("POST", f"/reviews/{first}/create", REASON), 409, "action.refused")
        assert len(await audited(desk, "delivery.discard")) == 1

    async def test_what_is_held_for_another_reason_is_not_rejected_here(self, desk):
        held = await desk.held()
        assert_problem(await desk.ask("POST", f"/reviews/{held['id']}/reject", REASON), 409, "action.refused")
        assert (await desk.get(f"/deliveries/{held['id']}"))["delivery"]["state"] == "held"

    async def test_a_decision_needs_a_reason_and_an_order(self, desk):
        await guest_order(desk)
        (row,) = await reviews(desk)
        for verb in ("link", "create", "reject", "unlink"):
            path = f"/reviews/{row['delivery_id']}/{verb}"
            assert_problem(await desk.ask("POST", path, {"crm_id": "x"} if verb == "link" else {}), 422,
                           "request.invalid")  # fmt: skip
        assert_problem(await desk.ask("POST", "/reviews/999/create", REASON), 404, "delivery.unknown")
        assert_problem(await desk.ask("GET", "/reviews/999"), 404, "delivery.unknown")


class TestUnlinking:
    async def test_a_wrong_link_is_forgotten_and_the_next_order_asks_again(self, desk):
        await guest_order(desk)
        (row,) = await reviews(desk)
        wrong = (await account_named(desk, "Tiny Plumbing"))["Id"]
        linked = await desk.post(f"/reviews/{row['delivery_id']}/link", {"crm_id": wrong, **REASON})
        await desk.house.settle_down()
        path = f"/reviews/{row['delivery_id']}/unlink"
        assert await desk.post(path, REASON) == {"customer_id": linked["customer_id"]}
        assert_problem(await desk.ask("POST", path, REASON), 409, "action.refused")
        await guest_order(desk)
        (again,) = await reviews(desk)
        right = (await account_named(desk, "Grün Chemie AG"))["Id"]
        done = await desk.post(f"/reviews/{again['delivery_id']}/link", {"crm_id": right, **REASON})
        assert done["customer_id"] != linked["customer_id"]
        await desk.house.settle_down()
        assert len(desk.house.erp.creations) == 2
        assert {one["AccountId"] for one in await crm(desk, "Order")} == {wrong, right}
        assert [one[0] for one in await audited(desk, "customer.unlink")] == ["mia.admin"]

    async def test_an_account_made_after_unlinking_is_another_one(self, desk):
        await guest_order(desk, STRANGER)
        (row,) = await reviews(desk)
        first = await desk.post(f"/reviews/{row['delivery_id']}/create", REASON)
        await desk.house.settle_down()
        await desk.post(f"/reviews/{row['delivery_id']}/unlink", REASON)
        contact = next(one for one in await crm(desk, "Contact") if one["AccountId"] == first["crm_id"])
        await desk.house.hub.hub.crm._api.call(
            "PATCH", f"/sobjects/Contact/{contact['Id']}", operation="mend", body={"Email": "else@x.example"}
        )
        await guest_order(desk, STRANGER)
        (again,) = await reviews(desk)
        second = await desk.post(f"/reviews/{again['delivery_id']}/create", REASON)
        assert second["crm_id"] != first["crm_id"]
        assert second["customer_id"] != first["customer_id"]
