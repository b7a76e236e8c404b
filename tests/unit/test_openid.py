"""What an OpenID provider answers is believed only if it signed it, for us, now, for this very sign-in."""

import base64
import json
import subprocess
import sys
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from fakes.world import ManualClock
from millstream.domain.access import Role
from millstream.settings import OpenIdSection
from millstream.web.auth.openid import Ask, OpenIdError, OpenIdProvider
from millstream.wire.http import Response, TransportError

ISSUER = "https://login.example/realm"
SECRET = "a secret with / and :"
REDIRECT = "https://hub.example/back"
SETTINGS = OpenIdSection(
    issuer=ISSUER, client_id="hub", client_secret=SECRET, roles={"admins": "admin", "lookers": "viewer"}
)
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://login.example/ask",
    "token_endpoint": "https://login.example/token",
    "jwks_uri": "https://login.example/keys",
    "userinfo_endpoint": "https://login.example/me",
}


class Provider:
    """Answers as it is told to; counts what it is asked."""

    def __init__(self):
        self.clock = ManualClock()
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.published = [self.key]
        self.metadata = dict(METADATA)
        self.answers = {}
        self.asked = []
        self.token = None
        self.hub = OpenIdProvider(SETTINGS, transport=self, clock=self.clock)

    async def send(self, request):
        path = urlsplit(request.url).path
        self.asked.append((path, request))
        if path in self.answers:
            answer = self.answers[path]
            if isinstance(answer, Exception):
                raise answer
            return answer
        body = {
            "/realm/.well-known/openid-configuration": self.metadata,
            "/keys": KeySet(self.published).as_dict(private=False),
            "/token": {"id_token": self.token, "access_token": "at"},
            "/me": {"sub": "7"},
        }[path]
        return Response(status=200, body=json.dumps(body).encode())

    async def close(self):
        pass

    def times(self, path):
        return sum(1 for asked, _ in self.asked if asked == path)

    async def finish(self, *, key=None, alg="RS256", query="", header=None, **changes):
        _, ask = await self.hub.begin(REDIRECT)
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "sub": "7",
            "aud": "hub",
            "exp": now + 300,
            "iat": now,
            "nonce": ask.nonce,
            "email": "anna@example.com",
            "groups": ["admins"],
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if alg == "none":
            parts = ({"alg": "none"}, claims)
            self.token = ".".join(
                base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts
            )
            self.token += "."
        else:
            used = key or self.key
            self.token = jwt.encode(header or {"alg": alg, "kid": used.kid}, claims, used, algorithms=[alg])
        return await self.hub.finish(query or f"code=c&state={ask.state}", ask, REDIRECT)


@pytest.fixture
def provider():
    return Provider()


async def test_a_good_answer_gives_the_person_with_name_and_role(provider):
    person = await provider.finish()
    assert (person.issuer, person.subject, person.name, person.role) == (ISSUER, "7", "anna@example.com", Role.ADMIN)


async def test_the_code_is_redeemed_with_the_verifier_and_the_secret_as_basic_credentials(provider):
    url, ask = await provider.hub.begin(REDIRECT)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["redirect_uri"] == REDIRECT
    assert (asked["state"], asked["nonce"], asked["code_challenge_method"]) == (ask.state, ask.nonce, "S256")
    assert ask.verifier not in url
    await provider.finish()
    request = next(request for path, request in provider.asked if path == "/token")
    name, _, secret = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")
    assert (name, unquote(secret)) == ("hub", SECRET)
    assert "client_secret" not in request.body.decode()
    assert len(parse_qs(request.body.decode())["code_verifier"][0]) >= 43


async def test_a_provider_that_takes_the_secret_in_the_form_only_gets_it_there(provider):
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    await provider.finish()
    request = next(request for path, request in provider.asked if path == "/token")
    assert parse_qs(request.body.decode())["client_secret"] == [SECRET]
    assert "authorization" not in request.headers


PUBLIC = object()


@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("none", None),
        ("HS256", OctKey.import_key(SECRET)),
        ("HS256", PUBLIC),
        ("RS256", RSAKey.generate_key(2048, {"kid": "one"})),
        ("ES256", ECKey.generate_key("P-256", {"kid": "one"})),
    ],
    ids=["unsigned", "by our secret", "by the public key as a secret", "by a stranger", "by a stranger's curve"],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_a_signature_that_is_not_the_providers_is_refused(provider, alg, key):
    if key is PUBLIC:
        key = OctKey.import_key(provider.key.as_pem(private=False).decode().replace("-----", ""))
    with pytest.raises(OpenIdError, match="signature"):
        await provider.finish(alg=alg, key=key, header={"alg": alg, "kid": "one"})


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": ["hub", "another"]},
        {"aud": ["hub", "another"], "azp": "another"},
        {"azp": "another"},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": 4_000_000_000},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": None},
        {"nbf": 4_000_000_000},
    ],
    ids=str,
)
async def test_an_answer_that_is_not_for_us_now_and_this_sign_in_is_refused(provider, claims):
    with pytest.raises(OpenIdError):
        await provider.finish(**claims)


async def test_several_audiences_are_taken_if_we_are_the_party(provider):
    assert (await provider.finish(aud=["hub", "another"], azp="hub")).subject == "7"


@pytest.mark.parametrize("query", ["code=c&state=wrong", "code=c", "state=", "", "code=c&state=a&state=b", "state=%ff"])
async def test_an_answer_to_another_question_is_refused_and_its_code_not_sent_on(provider, query):
    with pytest.raises(OpenIdError, match="another sign-in"):
        await provider.finish(query=query or "x=1")
    assert provider.times("/token") == 0


@pytest.mark.parametrize("told", ["iss=https%3A%2F%2Fevil.example&", ""])
async def test_an_answer_from_another_provider_is_refused(provider, told):
    provider.metadata["authorization_response_iss_parameter_supported"] = True
    _, ask = await provider.hub.begin(REDIRECT)
    with pytest.raises(OpenIdError, match="another provider"):
        await provider.hub.finish(f"{told}code=c&state={ask.state}", ask, REDIRECT)
    assert provider.times("/token") == 0


async def test_a_new_key_is_fetched_when_it_is_first_seen_but_not_for_every_forgery(provider):
    await provider.finish()
    provider.clock.advance(60)
    fresh = RSAKey.generate_key(2048, {"kid": "two"})
    provider.published = [fresh]
    assert (await provider.finish(key=fresh)).subject == "7"
    assert provider.times("/keys") == 2
    for _ in range(5):
        with pytest.raises(OpenIdError):
            await provider.finish(key=RSAKey.generate_key(2048, {"kid": "three"}))
    assert provider.times("/keys") == 2


async def test_what_the_token_leaves_out_is_read_from_userinfo_of_the_same_person_only(provider):
    provider.answers["/me"] = Response(status=200, body=b'{"sub": "7", "groups": ["lookers"]}')
    assert (await provider.finish(groups=None)).role is Role.VIEWER
    provider.answers["/me"] = Response(status=200, body=b'{"sub": "8", "groups": ["admins"]}')
    with pytest.raises(OpenIdError, match="somebody else"):
        await provider.finish(groups=None)


@pytest.mark.parametrize("groups", [["others"], [], "other", None, {"admins": 1}, [["admins"]], 7, "admin"])
async def test_without_a_mapped_value_there_is_no_role(provider, groups):
    with pytest.raises(OpenIdError, match="gives a role"):
        await provider.finish(groups=groups)


async def test_the_issuer_must_be_the_one_that_was_set(provider):
    provider.metadata["issuer"] = "https://login.example/other"
    with pytest.raises(OpenIdError, match=r"openid\.issuer"):
        await provider.hub.begin(REDIRECT)


@pytest.mark.parametrize(
    "answer",
    [
        Response(status=500),
        Response(status=302, headers={"location": "http://127.0.0.1/"}),
        Response(status=200, body=b"<html>"),
        Response(status=200, body=b"[" * 100_000),
        Response(status=200, body=b" " * 300_000),
        Response(status=200, body=b"\xff"),
        TransportError("refused", sent=False),
    ],
    ids=["fails", "redirects", "html", "deep", "large", "no text", "away"],
)
@pytest.mark.parametrize("path", ["/realm/.well-known/openid-configuration", "/keys", "/token"])
async def test_whatever_else_it_answers_nobody_is_signed_in(provider, path, answer):
    provider.answers[path] = answer
    with pytest.raises(OpenIdError) as refused:
        await provider.finish()
    assert SECRET not in str(refused.value)


def test_what_the_browser_keeps_shows_no_secret_of_ours():
    assert set(Ask.__struct_fields__) == {"state", "nonce", "verifier", "next"}
    assert SECRET not in repr(SETTINGS)


def test_what_it_takes_is_loaded_only_where_a_provider_is_set():
    loaded = "import sys, millstream.web.auth.edge; print({'authlib', 'joserfc'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
