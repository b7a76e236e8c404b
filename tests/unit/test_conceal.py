"""Credentials that a system shows back to us go no further."""

import pytest

from millstream.wire.auth import BasicAuth, BearerAuth
from millstream.wire.conceal import concealed, credentials_in
from millstream.wire.http import Request, Response

SIGNED = 'OAuth oauth_consumer_key="key-1", oauth_nonce="n", oauth_token="token-1", oauth_version="1.0", '
SIGNED += 'oauth_signature="c2ln%3D"'


@pytest.mark.parametrize("auth", [BearerAuth("token-1"), BasicAuth("hub", "pass-1")])
async def test_a_page_that_shows_the_request_shows_no_credential(auth):
    request = await auth.authorize(Request(method="GET", url="https://a.example"), None)
    page = Response(status=500, body=f"<pre>{request.headers}</pre>".encode())
    credential = request.headers["Authorization"].partition(" ")[2]
    assert credential.encode() not in concealed(page, credentials_in(request.headers)).body


def test_of_a_signed_request_only_what_is_secret_goes():
    page = Response(status=401, body=SIGNED.encode())
    left = concealed(page, credentials_in({"Authorization": SIGNED})).text()
    assert [secret for secret in ("key-1", "token-1", "c2ln%3D") if secret in left] == []
    assert 'oauth_version="1.0"' in left


def test_an_answer_without_credentials_is_left_as_it_is():
    answer = Response(status=200, body=b'{"items": []}')
    assert concealed(answer, credentials_in({"Authorization": "Bearer token-1"})) is answer
    assert credentials_in({}) == ()
