"""Over HTTP a value goes in and never comes out; who may set one is an administrator."""

from datetime import timedelta

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator
from millstream.store.sealing import KeyFile
from millstream.store.secrets import PostgresSecrets
from millstream.web.api.secrets import install_secrets

VALUE = "s3cr3t of the plant"
USED = {"erp": ("erp.password",), "crm": ("crm.client_secret",)}


@pytest.fixture
async def desk(database, tmp_path):
    async with operator(database) as one:
        one.secrets = PostgresSecrets(database, keys=KeyFile(tmp_path / "secrets.key"), world=one.house.world)
        install_secrets(one.app, one.secrets, USED)
        yield one


async def put(desk, name, body, **asking):
    return await desk.ask("PUT", f"/secrets/{name}", body, **asking)


async def test_a_value_goes_in_and_only_what_may_be_told_comes_out(desk):
    answer = await put(desk, "erp", {"value": VALUE})
    assert (answer.status_code, answer.json()) == (200, {"name": "erp", "version": 1})
    assert (await put(desk, "erp", {"value": VALUE + "2", "overlap_hours": 2})).json()["version"] == 2
    told = await desk.get("/secrets")
    (one,) = told["secrets"]
    assert (one["name"], one["version"], one["set_by"]) == ("erp", 2, "mia.admin")
    assert one["used_by"] == ["erp.password"]
    assert one["readable"] is True
    assert one["old_until"] is not None
    assert told["missing"] == {"crm": ["crm.client_secret"]}
    assert VALUE not in str(told)
    assert (await desk.secrets.read(["erp"]))["erp"].value == VALUE + "2"
    trail = await desk.get("/audit", people=True)
    assert [row["action"] for row in trail["items"]] == ["secret.set", "secret.set"]
    assert VALUE not in str(trail)


@pytest.mark.parametrize("role", [None, "viewer", "order_desk", "credit", "integrator"])
async def test_only_an_administrator_sees_or_changes_any(desk, role):
    for method, path, body in (("GET", "", None), ("PUT", "/erp", {"value": VALUE}), ("DELETE", "/erp", None)):
        answer = await desk.ask(method, f"/secrets{path}", body, role=role)
        assert_problem(answer, 403 if role else 401, "access.denied" if role else "access.unauthenticated")
    assert await desk.secrets.list_secrets() == []


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Not-Good", {"value": VALUE}),
        ("erp", {"value": ""}),
        ("erp", {"value": "a\x00b"}),
        ("erp", {"value": VALUE, "overlap_hours": 721}),
        ("erp", {"value": VALUE, "overlap_hours": -1}),
        ("erp", {"value": 7}),
        ("erp", {"value": VALUE, "show": True}),
        ("erp", {}),
    ],
)
async def test_what_cannot_be_a_secret_is_refused_and_not_repeated(desk, name, body):
    answer = await put(desk, name, body)
    assert answer.status_code == 422
    assert answer.json()["code"] in {"secret.refused", "request.invalid"}
    assert VALUE not in answer.text
    assert await desk.secrets.list_secrets() == []


async def test_what_is_used_stays_and_what_is_not_goes(desk):
    await desk.secrets.set_secret("erp", VALUE, overlap=timedelta(0), actor="anna")
    await desk.secrets.set_secret("spare", VALUE, overlap=timedelta(0), actor="anna")
    assert_problem(await desk.ask("DELETE", "/secrets/erp"), 409, "action.refused")
    assert (await desk.ask("DELETE", "/secrets/spare")).status_code == 204
    assert_problem(await desk.ask("DELETE", "/secrets/spare"), 404, "secret.unknown")
    assert [one["name"] for one in (await desk.get("/secrets"))["secrets"]] == ["erp"]
