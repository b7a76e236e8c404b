"""Some systems, proxies and debug pages show the request they were sent: its credentials must not come back with it."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from millstream.wire.http import Response

CONCEALED: Final = b"(concealed)"
_OAUTH1: Final = re.compile(r'oauth_(?:token|signature|consumer_key)="([^"]+)"')


def credentials_in(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The secret parts of an Authorization header."""
    scheme, _, credential = headers.get("Authorization", "").partition(" ")
    if scheme == "OAuth":
        return tuple(_OAUTH1.findall(credential))
    return (credential,) if credential else ()


def concealed(response: Response, secrets: Iterable[str]) -> Response:
    """The answer without these secrets, before anybody makes an error text of it."""
    body = response.body
    for secret in secrets:
        body = body.replace(secret.encode(), CONCEALED)
    return response if body == response.body else msgspec.structs.replace(response, body=body)
