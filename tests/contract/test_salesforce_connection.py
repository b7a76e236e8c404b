import pytest

from fakes.salesforce import BASE, SandboxOrg, customer, purchase
from millstream.domain.errors import Reject, Retry
from millstream.sandbox.salesforce import CLIENT_SECRET
from millstream.wire.connection import calls_of_this_attempt


@pytest.fixture
def org():
    return SandboxOrg()


async def test_one_session_serves_every_call(org):
    await org.crm.find_customer(customer())
    await org.crm.find_customer(customer())

    assert len(org.calls("/oauth2/token")) == 1


async def test_an_expired_session_is_renewed_once_and_the_call_repeated(org):
    await org.crm.find_customer(customer())
    await org.sim("DELETE", "sessions")

    assert (await org.crm.find_customer(customer())).name == "Acme Water GmbH"
    assert len(org.calls("/oauth2/token")) == 2


async def test_a_wrong_secret_names_the_setting_and_never_shows_the_secret(org):
    crm = org.connect(client_secret="wrong-secret-123")

    with pytest.raises(Reject, match="client_secret") as refusal:
        await crm.find_customer(customer())

    assert refusal.value.code == "auth.refused"
    assert "wrong-secret-123" not in f"{refusal.value}{refusal.value.log}{org.tap.notes}"


async def test_no_token_or_secret_in_any_note_or_call_record(org):
    record = []
    token = calls_of_this_attempt.set(record)
    await org.adopted()
    await org.crm.record_purchase(purchase(), key="k")
    calls_of_this_attempt.reset(token)

    told = f"{org.tap.notes}{record}"
    assert record
    assert CLIENT_SECRET not in told
    assert "00Dxx" not in told


async def test_the_used_up_budget_of_the_day_pauses_the_connection_for_long(org):
    await org.sim("POST", "limits", {"daily_max": 100, "used": 100})

    with pytest.raises(Retry, match="24 hours") as exhausted:
        await org.crm.find_customer(customer())
    with pytest.raises(Retry) as paused:
        await org.crm.find_customer(customer())

    assert (exhausted.value.code, exhausted.value.after_s) == ("crm.budget_exhausted", 900.0)
    assert (paused.value.code, paused.value.counts) == ("breaker.open", False)
    assert len(org.calls("/query")) == 1


async def test_too_many_calls_at_the_same_time_is_a_short_pause(org):
    await org.sim("POST", "limits", {"concurrent_times": 1})

    with pytest.raises(Retry) as busy:
        await org.crm.find_customer(customer())
    org.world.clock.advance(6)

    assert (busy.value.code, busy.value.after_s) == ("crm.too_busy", 5.0)
    assert await org.crm.find_customer(customer())


async def test_more_than_four_fifths_of_the_budget_is_noted_once_per_step(org):
    await org.sim("POST", "limits", {"daily_max": 100, "used": 79})
    for _ in range(4):
        await org.crm.find_customer(customer())

    assert [note["percent"] for note in org.tap.named("crm.budget_low")] == [80]


async def test_maintenance_is_a_retry_and_ends_by_itself(org):
    await org.crm.find_customer(customer())
    await org.sim("POST", "outage", {"on": True})

    with pytest.raises(Retry) as down:
        await org.crm.find_customer(customer())
    await org.sim("POST", "outage", {"on": False})

    assert down.value.code == "crm.unavailable"
    assert await org.crm.find_customer(customer())


@pytest.mark.parametrize("kind", ["500", "503", "503_html", "reset", "refused", "timeout_before"])
async def test_a_broken_answer_is_a_retry(org, kind):
    await org.crm.find_customer(customer())
    await org.sim("POST", "faults", {"script": [{"kind": kind, "match": "GET */query"}]})

    with pytest.raises(Retry):
        await org.crm.find_customer(customer())
    assert await org.crm.find_customer(customer())


async def test_an_html_page_in_place_of_json_is_a_retry_that_points_at_the_url(org):
    crm = org.connect()

    async def page(request):
        answer = await original(request)
        if "/query" in request.url:
            return type(answer)(status=200, headers={"content-type": "text/html"}, body=b"<html>")
        return answer

    original = org.transport.inner.send
    org.transport.inner.send = page
    with pytest.raises(Retry, match="login_url"):
        await crm.find_customer(customer())


async def test_every_page_of_a_long_query_is_read(org):
    await org.sim("POST", "limits", {"query_page": 3})

    rows = await org.crm._api.query("SELECT Id FROM Account WHERE Name != null ORDER BY Id", operation="all")

    assert len({row["Id"] for row in rows}) == 10
    assert len(org.calls("/query/")) == 3


async def test_the_doctor_is_content_with_a_finished_set_up(org):
    findings = await org.crm.check()

    assert [finding for finding in findings if not finding.ok] == []
    assert "14998 of 15000" in findings[0].detail or "14999 of 15000" in findings[0].detail


async def test_the_doctor_names_each_missing_piece_and_how_to_make_it(org):
    plan = {
        "drop": ["Order.Delivered_At__c", "OrderItem.Hub_Line_Id__c", "Customer_Purchased__e"],
        "not_unique": ["Account.Hub_Customer_Id__c"],
    }
    await org.sim("POST", "schema", plan)

    red = {finding.what: finding for finding in await org.crm.check() if not finding.ok}

    assert set(red) == {
        "Order.Delivered_At__c",
        "OrderItem.Hub_Line_Id__c",
        "Customer_Purchased__e",
        "Account.Hub_Customer_Id__c as key",
    }
    assert "create Delivered_At__c on Order" in red["Order.Delivered_At__c"].fix
    assert "tick Unique" in red["Account.Hub_Customer_Id__c as key"].fix
    assert "Setup > Platform Events" in red["Customer_Purchased__e"].fix


async def test_the_doctor_never_raises_and_stops_where_signing_in_failed(org):
    findings = await org.connect(client_secret="wrong").check()

    [finding] = findings
    assert not finding.ok
    assert "client_secret" in finding.detail


async def test_the_doctor_warns_of_a_nearly_used_budget(org):
    await org.sim("POST", "limits", {"daily_max": 100, "used": 90})

    [budget, *_rest] = await org.crm.check()

    assert not budget.ok
    assert "9 of 100" in budget.detail


async def test_calls_go_to_the_instance_that_the_token_answer_names(org):
    async def named(request):
        answer = await original(request)
        if "/oauth2/token" in request.url:
            body = answer.body.replace(b"acme.my.salesforce.test", b"acme--eu.my.salesforce.test")
            return type(answer)(status=200, headers=answer.headers, body=body)
        return answer

    original = org.transport.inner.send
    org.transport.inner.apps["acme--eu.my.salesforce.test"] = org.app
    org.transport.inner.send = named

    await org.crm.find_customer(customer())

    assert org.calls("/query")[0].url.startswith("https://acme--eu.my.salesforce.test/services/data/v66.0/query?q=")


async def test_an_instance_without_tls_is_never_given_the_token(org):
    async def downgraded(request):
        answer = await original(request)
        return type(answer)(
            status=answer.status, headers=answer.headers, body=answer.body.replace(BASE.encode(), b"http://evil.test")
        )

    original = org.transport.inner.send
    org.transport.inner.send = downgraded

    with pytest.raises(Reject, match="https") as refusal:
        await org.crm.find_customer(customer())

    assert refusal.value.code == "auth.instance_url"
    assert org.calls("evil.test") == []
