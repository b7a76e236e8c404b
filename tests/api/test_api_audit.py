"""Who did what to what: found, proved, exported."""

import json

import pytest
from test_problems import assert_problem

from fakes.operating_desk import operator
from millstream.domain.access import Identity, Right
from millstream.store import audit_log


@pytest.fixture
async def desk(database):
    async with operator(database) as one:
        yield one


async def test_what_people_did_is_found_among_what_the_hub_did(desk):
    held = await desk.held()
    await desk.post(f"/deliveries/{held['id']}/tag", {"tags": ["vip"]})
    (row,) = (await desk.get("/audit", people=True))["items"]
    assert (row["actor"], row["action"], row["subject"]) == ("mia.admin", "delivery.tag", held["subject"])
    assert row["detail"]["tags"] == ["vip"]
    everything = (await desk.get("/audit", subject=held["subject"]))["items"]
    assert {"delivery.held", "delivery.tag"} == {row["action"] for row in everything}
    assert (await desk.get("/audit", actor="mia.admin"))["items"] == [row]
    assert (await desk.get("/audit", action="delivery.tag"))["items"] == [row]
    assert (await desk.get("/audit", since=row["at"], until=row["at"]))["items"] == []
    assert len((await desk.get("/audit", since=row["at"]))["items"]) == 1


async def test_pages_go_back_in_time_without_a_gap(desk):
    for _ in range(3):
        await desk.house.place()
    await desk.house.settle_down()
    ids, after = [], None
    while True:
        page = await desk.get("/audit", limit=2, **({"after": after} if after else {}))
        ids += [row["id"] for row in page["items"]]
        if (after := page["next"]) is None:
            break
    rows = await desk.house.rows("select id from audit order by id desc")
    assert ids == [row["id"] for row in rows]
    assert len(ids) > 6


async def test_the_export_is_every_row_as_a_line_the_oldest_first(desk, monkeypatch):
    monkeypatch.setattr(audit_log, "BLOCK_ROWS", 2)
    for _ in range(3):
        await desk.house.place()
    await desk.house.settle_down()
    answer = await desk.ask("GET", "/audit/export")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    exported = [json.loads(line) for line in answer.text.splitlines()]
    listed = (await desk.get("/audit", limit=200))["items"]
    assert exported == listed[::-1]


async def test_what_was_amended_is_told_and_shown_only_to_who_may_see_payloads(desk):
    held = await desk.held()
    payload = (await desk.get(f"/deliveries/{held['id']}"))["data"]
    await desk.post(f"/deliveries/{held['id']}/amend", {"payload": payload, "reason": "as it was"})
    (row,) = (await desk.get("/audit", action="delivery.amend"))["items"]
    assert row["detail"]["amended"] == payload

    async def a_key(_):
        return Identity(name="key/books", kind="key", rights=frozenset({Right.VIEW_AUDIT}))

    desk.app.state.authenticate = a_key
    (listed,) = (await desk.get("/audit", action="delivery.amend"))["items"]
    exported = json.loads((await desk.ask("GET", "/audit/export", action="delivery.amend")).text)
    del row["detail"]["amended"]
    assert listed == exported == row
    assert row["detail"]["reason"] == "as it was"


async def test_an_untouched_trail_proves_itself_and_an_altered_one_is_found(desk):
    await desk.house.place()
    await desk.house.settle_down()
    proof = await desk.post("/audit/verify")
    assert (proof["untouched"], proof["broken_seal"], proof["unsealed"]) == (True, None, 0)
    assert proof["rows"] == await desk.house.value("select count(*) from audit")
    async with desk.house.database.transaction() as connection:
        await connection.execute("alter table audit disable trigger audit_is_append_only")
        await connection.execute("update audit set actor = 'nobody' where id = (select min(id) from audit)")
    proof = await desk.post("/audit/verify")
    assert (proof["untouched"], proof["broken_seal"]) == (False, 1)


async def test_a_time_without_a_zone_is_refused(desk):
    assert_problem(await desk.ask("GET", "/audit", since="2026-11-24T10:00:00"), 422, "request.invalid")
