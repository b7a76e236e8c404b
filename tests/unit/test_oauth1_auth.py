"""OAuth 1.0a on a connection: fresh nonces, two server generations, one retry."""

import re
from urllib.parse import unquote, urlsplit

import pytest

from fakes.world import ManualWorld
from millstream.domain.errors import Reject
from millstream.wire.connection import AuthExpired, Connection
from millstream.wire.governor import Governor, GovernorSettings
from millstream.wire.http import Request, Response
from millstream.wire.oauth1 import OAuth1Auth
from millstream.wire.signing import oauth1_signature

PLAIN = "https://shop.example/rest/default/V1/orders/42"
AWKWARD = "https://shop.example/rest/default/V1/products/A%2FB"


def auth(**changes):
    given = {"consumer_key": "ck", "consumer_secret": "cs", "token": "t", "token_secret": "ts", "world": ManualWorld()}
    return OAuth1Auth(**given | changes)


def members(request):
    return {k: unquote(v) for k, v in re.findall(r'(\w+)="([^"]*)"', request.headers["Authorization"])}


class Server:
    """Accepts signatures of one generation; remembers nonces as the real one does."""

    def __init__(self, generation):
        self.generation = generation
        self.nonces = []

    async def send(self, request):
        oauth = members(request)
        signature = oauth.pop("oauth_signature")
        expected = oauth1_signature(
            request.method, request.url, oauth, consumer_secret="cs", token_secret="ts", generation=self.generation
        )
        assert oauth["oauth_nonce"] not in self.nonces
        self.nonces.append(oauth["oauth_nonce"])
        return Response(status=200 if signature == expected else 401)

    async def close(self):
        pass


class Silent:
    def note(self, name, /, **facts):
        pass


def classify(response, key):
    return None if response.status == 200 else AuthExpired(Reject("auth.signature", "refused"))


def connection(server, credentials):
    governor = Governor("shop", GovernorSettings(), clock=ManualWorld().clock, tap=Silent())
    return Connection("shop", transport=server, governor=governor, auth=credentials, tap=Silent())


@pytest.mark.parametrize("generation", ["native", "laminas"])
async def test_trap_22_an_encoded_path_reaches_either_server_and_the_right_rule_is_remembered(generation):
    server = Server(generation)
    wire = connection(server, auth())
    for _ in range(2):
        await wire.send(Request(method="GET", url=AWKWARD), operation="x", classify=classify)
    assert len(server.nonces) == (2 if generation == "native" else 3)


async def test_a_plain_path_is_signed_alike_for_both_and_a_refusal_is_final():
    for generation in ("native", "laminas"):
        server = Server(generation)
        await connection(server, auth()).send(Request(method="GET", url=PLAIN), operation="x", classify=classify)
        assert len(server.nonces) == 1
    wrong = auth(token_secret="wrong")
    server = Server("native")
    with pytest.raises(Reject, match="refused"):
        await connection(server, wrong).send(Request(method="GET", url=PLAIN), operation="x", classify=classify)
    assert len(server.nonces) == 1


async def test_a_generation_that_was_set_is_not_guessed_at():
    server = Server("native")
    wire = connection(server, auth(generation="laminas"))
    with pytest.raises(Reject):
        await wire.send(Request(method="GET", url=AWKWARD), operation="x", classify=classify)
    assert len(server.nonces) == 1


async def test_every_send_has_a_nonce_of_its_own_and_the_time_of_the_clock():
    world = ManualWorld()
    credentials = auth(world=world)
    request = Request(method="POST", url=PLAIN, body=b"{}")
    first, second = [members(await credentials.authorize(request, None)) for _ in range(2)]
    assert first["oauth_nonce"] != second["oauth_nonce"]
    assert first["oauth_timestamp"] == str(int(world.clock.now().timestamp()))
    assert first["oauth_signature_method"] == "HMAC-SHA256"


async def test_behind_a_proxy_the_address_the_store_sees_is_signed_and_the_real_one_is_called():
    credentials = auth(signature_base_url="http://inner.example:8080")
    request = await credentials.authorize(Request(method="GET", url=PLAIN), None)
    oauth = members(request)
    signature = oauth.pop("oauth_signature")
    inner = "http://inner.example:8080" + urlsplit(PLAIN).path
    assert request.url == PLAIN
    assert signature == oauth1_signature(
        "GET", inner, oauth, consumer_secret="cs", token_secret="ts", generation="native"
    )


async def test_no_secret_shows_in_the_header_or_the_representation():
    request = await auth(consumer_secret="hush-1", token_secret="hush-2").authorize(
        Request(method="GET", url=PLAIN), None
    )
    assert "hush" not in str(request)
    assert "hush" not in repr(auth(consumer_secret="hush-1"))
