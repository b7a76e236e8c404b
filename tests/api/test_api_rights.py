"""Roles by verbs: who may ask the operator API for what."""

import httpx
import pytest

from fakes.operating_desk import operator
from millstream.domain.access import Role

EVERYBODY = frozenset(Role)
DESK = frozenset({Role.ORDER_DESK, Role.INTEGRATOR, Role.ADMIN})
INTEGRATION = frozenset({Role.INTEGRATOR, Role.ADMIN})
PAYLOAD = frozenset(Role) - {Role.VIEWER}
CRM = "/mappings/crm/outbound"
BULK = "/bulk/00000000-0000-7000-8000-000000000000"

ALLOWED = {
    ("GET", "/orders"): EVERYBODY,
    ("GET", "/orders/x"): EVERYBODY,
    ("POST", "/orders/x/hold"): DESK,
    ("POST", "/orders/x/unhold"): DESK,
    ("GET", "/deliveries"): EVERYBODY,
    ("GET", "/deliveries/1"): EVERYBODY,
    ("GET", "/deliveries/1/attempts"): EVERYBODY,
    ("GET", "/deliveries/1/history"): EVERYBODY,
    ("GET", "/deliveries/1/preview"): EVERYBODY - {Role.VIEWER},
    ("POST", "/deliveries/1/preview"): DESK,
    ("POST", "/deliveries/1/retry"): DESK,
    ("POST", "/deliveries/1/discard"): DESK,
    ("POST", "/deliveries/1/amend"): DESK,
    ("POST", "/deliveries/1/resolve"): DESK,
    ("POST", "/deliveries/1/reopen"): DESK,
    ("POST", "/deliveries/1/assign"): DESK,
    ("POST", "/deliveries/1/snooze"): DESK,
    ("POST", "/deliveries/1/tag"): DESK,
    ("POST", "/deliveries/1/release"): EVERYBODY,  # which right it takes depends on the rule: test_api_deliveries
    ("GET", "/failures"): EVERYBODY,
    ("GET", "/failures/views"): EVERYBODY,
    ("GET", "/failures/f1"): EVERYBODY,
    ("POST", "/failures/f1/assign"): DESK,
    ("POST", "/failures/f1/tag"): DESK,
    ("POST", "/failures/f1/snooze"): DESK,
    ("GET", "/reviews"): EVERYBODY,
    ("GET", "/reviews/1"): EVERYBODY,
    ("POST", "/reviews/1/link"): DESK,
    ("POST", "/reviews/1/create"): DESK,
    ("POST", "/reviews/1/reject"): DESK,
    ("POST", "/reviews/1/unlink"): DESK,
    ("GET", "/today"): EVERYBODY,
    ("GET", "/routes"): EVERYBODY,
    ("POST", "/bulk"): DESK | {Role.CREDIT},  # to release what credit stopped, and nothing else: test_api_credit
    ("POST", "/bulk/dry-run"): PAYLOAD,
    ("GET", "/bulk"): EVERYBODY,
    ("GET", BULK): EVERYBODY,
    ("GET", f"{BULK}/outcome"): EVERYBODY,
    ("POST", f"{BULK}/start"): DESK | {Role.CREDIT},
    ("GET", "/connections"): EVERYBODY,
    ("POST", "/connections/shop/pause"): INTEGRATION,
    ("POST", "/connections/shop/drain"): INTEGRATION,
    ("POST", "/connections/shop/resume"): INTEGRATION,
    ("POST", "/connections/shop/test"): INTEGRATION,
    ("POST", "/connections/shop/rewind"): INTEGRATION,
    ("GET", "/alerts"): EVERYBODY,
    ("GET", "/alerts/1"): EVERYBODY,
    ("POST", "/alerts/1/acknowledge"): INTEGRATION,
    ("GET", "/alerts/rules"): EVERYBODY,
    ("GET", "/alerts/drift"): EVERYBODY,
    ("PUT", "/alerts/rules/levels"): INTEGRATION,
    ("DELETE", "/alerts/rules/levels"): INTEGRATION,
    ("PUT", "/alerts/rules/backlog"): INTEGRATION,
    ("POST", "/alerts/test-channel"): INTEGRATION,
    ("GET", "/mappings"): EVERYBODY,
    ("GET", f"{CRM}"): EVERYBODY,
    ("GET", f"{CRM}/versions"): EVERYBODY,
    ("GET", f"{CRM}/samples"): PAYLOAD,
    ("POST", f"{CRM}/preview"): PAYLOAD,
    ("POST", f"{CRM}/diff"): PAYLOAD,
    ("POST", f"{CRM}/test"): PAYLOAD,
    ("POST", f"{CRM}/validate"): INTEGRATION,
    ("PUT", f"{CRM}/draft"): INTEGRATION,
    ("DELETE", f"{CRM}/draft"): INTEGRATION,
    ("POST", f"{CRM}/publish"): INTEGRATION,
    ("POST", f"{CRM}/rollback"): INTEGRATION,
    ("GET", "/audit"): INTEGRATION,
    ("GET", "/audit/export"): INTEGRATION,
    ("POST", "/audit/verify"): INTEGRATION,
}


async def test_every_role_is_let_in_where_it_should_be_and_nowhere_else(database):
    async with operator(database) as desk:
        let_in = {}
        for wish in ALLOWED:
            statuses = {role: (await desk.ask(*wish, role=role)).status_code for role in Role}
            let_in[wish] = frozenset(role for role, status in statuses.items() if status not in {401, 403})
        strangers = {wish: (await desk.ask(*wish, role=None)).status_code for wish in ALLOWED}
    assert let_in == ALLOWED
    assert set(strangers.values()) == {401}


async def test_the_matrix_names_every_operation_there_is(database):
    async with operator(database) as desk:
        paths = desk.app.openapi()["paths"]
    described = {(verb.upper(), path) for path, verbs in paths.items() if path.startswith("/api/") for verb in verbs}
    named = {
        ("POST", "/api/bulk/{bulk_id}/{order}"),
        ("GET", "/api/bulk/{bulk_id}"),
        ("GET", "/api/bulk/{bulk_id}/outcome"),
    }
    for verb, path in ALLOWED:
        plain = path.replace("/deliveries/1", "/deliveries/{delivery_id}").replace("/shop/", "/{name}/")
        plain = plain.replace("/orders/x", "/orders/{key}").replace("/reviews/1", "/reviews/{delivery_id}")
        plain = plain.replace("/failures/f1", "/failures/{fingerprint}")
        plain = plain.replace("/alerts/1", "/alerts/{alert_id}").replace("/rules/backlog", "/rules/{code}")
        plain = plain.replace("/crm/outbound", "/{connection}/{direction}")
        if not plain.startswith(BULK):
            named.add((verb, f"/api{plain}"))
    assert described == named


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"reason": 7}', b'{"reason": "x", "more": 1}', b"\xff"])
async def test_a_body_that_is_not_understood_wholly_is_refused(database, body):
    async with operator(database) as desk:
        headers = {"x-role": "admin", "content-type": "application/json"}
        transport = httpx.ASGITransport(desk.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
            answer = await client.post("/api/deliveries/1/discard", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"
