"""Bearer tokens from a token endpoint: kept, renewed, fetched once."""

import asyncio
import json
from base64 import b64decode
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from fakes.transport import ScriptedTransport
from fakes.world import ManualWorld
from millstream.domain.errors import Reject, Retry
from millstream.ports.connections import TokenLife
from millstream.wire.auth import BasicAuth, BearerAuth, ClientCredentialsAuth, NoAuth
from millstream.wire.http import Request, Response, TransportError
from millstream.wire.retry_after import retry_after_s

REQUEST = Request(method="GET", url="https://api.example/x")


def token(text="tok-1", **members):
    return Response(status=200, body=json.dumps({"access_token": text, "token_type": "bearer"} | members).encode())


def credentials(world=None, **changes):
    given = {
        "token_url": "https://ims.example/token",
        "client_id": "id-1",
        "client_secret": "hush hush&",
        "clock": (world or ManualWorld()).clock,
    }
    return ClientCredentialsAuth("store", **given | changes)


async def bearer(auth, transport):
    return (await auth.authorize(REQUEST, transport.send)).headers["Authorization"]


async def test_a_token_is_fetched_once_and_kept_until_shortly_before_its_end():
    world = ManualWorld()
    transport = ScriptedTransport(token("tok-1", expires_in=600), token("tok-2", expires_in=600))
    auth = credentials(world)
    assert await bearer(auth, transport) == "Bearer tok-1"
    world.clock.advance(539)
    assert await bearer(auth, transport) == "Bearer tok-1"
    world.clock.advance(1)
    assert await bearer(auth, transport) == "Bearer tok-2"


async def test_a_token_without_an_end_is_kept_for_the_assumed_lifetime():
    world = ManualWorld()
    transport = ScriptedTransport(token("tok-1"), token("tok-2"))
    auth = credentials(world, lifetime_s=1000)
    assert await bearer(auth, transport) == "Bearer tok-1"
    world.clock.advance(930)
    assert await bearer(auth, transport) == "Bearer tok-1"
    world.clock.advance(11)
    assert await bearer(auth, transport) == "Bearer tok-2"


async def test_the_life_of_a_token_is_told_and_its_end_only_if_the_answer_said_it():
    world = ManualWorld()
    transport = ScriptedTransport(token("tok-1", expires_in=600), token("tok-2"))
    auth = credentials(world)
    assert auth.token_life() is None
    await bearer(auth, transport)
    now = world.clock.now()
    assert auth.token_life() == TokenLife(fetched_at=now, ends_at=now + timedelta(seconds=600))
    world.clock.advance(600)
    await bearer(auth, transport)
    assert auth.token_life() == TokenLife(fetched_at=world.clock.now(), ends_at=None)
    assert [one.token_life() for one in (NoAuth(), BearerAuth("x"), BasicAuth("a", "b"))] == [None] * 3


async def test_a_hundred_requests_wait_for_one_fetch():
    class Slow(ScriptedTransport):
        async def send(self, request):
            await asyncio.sleep(0)
            return await super().send(request)

    transport = Slow(token("tok-1"))
    auth = credentials()
    headers = await asyncio.gather(*(bearer(auth, transport) for _ in range(100)))
    assert set(headers) == {"Bearer tok-1"}
    assert len(transport.requests) == 1


async def test_renewing_by_many_at_once_drops_the_token_they_used_and_not_the_new_one():
    transport = ScriptedTransport(token("tok-1"), token("tok-2"))
    auth = credentials()

    async def refused_then_again():
        first = await bearer(auth, transport)
        await asyncio.sleep(0)
        assert await auth.renew()
        return first, await bearer(auth, transport)

    outcomes = await asyncio.gather(*(refused_then_again() for _ in range(5)))
    assert set(outcomes) == {("Bearer tok-1", "Bearer tok-2")}
    assert len(transport.requests) == 2


async def test_client_credentials_go_into_the_body_or_the_header_as_configured():
    transport = ScriptedTransport(token(), token())
    await bearer(credentials(scope="a,b", form={"audience": "x"}), transport)
    form = parse_qs(transport.requests[0].body.decode())
    assert form == {
        "grant_type": ["client_credentials"],
        "scope": ["a,b"],
        "audience": ["x"],
        "client_id": ["id-1"],
        "client_secret": ["hush hush&"],
    }
    await bearer(credentials(client_auth="basic"), transport)
    assert "client_secret" not in transport.requests[1].body.decode()
    basic = transport.requests[1].headers["Authorization"].removeprefix("Basic ")
    assert b64decode(basic) == b"id-1:hush%20hush%26"


async def test_extra_headers_and_what_else_was_granted_are_there():
    auth = credentials(headers={"x-api-key": "id-1"})
    transport = ScriptedTransport(token(instance_url="https://eu1.example", refresh_token="r"))
    request = await auth.authorize(REQUEST, transport.send)
    assert request.headers["x-api-key"] == "id-1"
    assert auth.granted == {"token_type": "bearer", "instance_url": "https://eu1.example"}


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_refused_credentials_name_the_setting_to_change(status):
    body = b'{"error":"invalid_client","error_description":"bad hush hush& given"}'
    transport = ScriptedTransport(Response(status=status, body=body))
    with pytest.raises(Reject) as refused:
        await bearer(credentials(settings_named="ims_client_secret"), transport)
    assert refused.value.code == "auth.refused"
    assert refused.value.field == "ims_client_secret"
    assert "invalid_client" in refused.value.message
    assert "hush hush&" not in str(refused.value) + refused.value.log


@pytest.mark.parametrize("answer", [Response(status=404), Response(status=302), Response(status=200, body=b"<html>")])
async def test_a_wrong_token_address_names_its_setting(answer):
    with pytest.raises(Reject) as refused:
        await bearer(credentials(url_setting_named="ims_token_url"), ScriptedTransport(answer))
    assert refused.value.field == "ims_token_url"


async def test_a_token_endpoint_that_is_down_is_tried_later_and_never_leaves_a_write_in_doubt():
    for answer in (Response(status=503, headers={"retry-after": "7"}), TransportError("reset", sent=True)):
        with pytest.raises(Retry) as later:
            await bearer(credentials(), ScriptedTransport(answer))
    assert later.value.code == "auth.token_unreachable"
    with pytest.raises(Retry) as later:
        await bearer(credentials(), ScriptedTransport(Response(status=429, headers={"retry-after": "7"})))
    assert later.value.after_s == 7


async def test_fixed_credentials_have_nothing_to_renew():
    transport = ScriptedTransport()
    assert await bearer(BearerAuth("abc"), transport) == "Bearer abc"
    assert await bearer(BasicAuth("üser", "pass"), transport) == "Basic w7xzZXI6cGFzcw=="
    assert await NoAuth().authorize(REQUEST, transport.send) == REQUEST
    assert not any([await each.renew() for each in (NoAuth(), BearerAuth("a"), BasicAuth("a", "b"))])


def test_retry_after_is_read_as_seconds_or_date_and_never_believed_beyond_an_hour():
    now = ManualWorld().clock.now()
    assert retry_after_s({"retry-after": "30"}, now) == 30
    assert retry_after_s({"retry-after": "Mon, 23 Nov 2026 08:01:00 GMT"}, now) == 60
    assert retry_after_s({"retry-after": "Mon, 23 Nov 2020 08:01:00 GMT"}, now) == 0
    assert retry_after_s({"retry-after": "999999"}, now) == 3600
    assert retry_after_s({"retry-after": "soon"}, now) is None
    assert retry_after_s({}, now) is None
