"""What was said in a call that did not go well, as a person may read it."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from millstream.ports.tap import Exchange
from millstream.wire.http import Request, Response

CHARACTERS_MAX: Final = 16_384  # of the request, and of the answer; an order of fifty lines fits
CONCEALED: Final = "(concealed)"
_SECRET: Final = re.compile(r'("[^"]*(?:password|secret|token|api_?key)[^"]*"\s*:\s*")(?:[^"\\]|\\.)*"', re.IGNORECASE)


def exchange_of(request: Request, response: Response | None, secrets: Iterable[str]) -> Exchange:
    """Method, path and body; status and body. `request` as its connector made it, before credentials were put on.

    Values of members that are called like secrets are concealed, and so are `secrets` wherever they stand.
    """
    parts = urlsplit(request.url)
    line = f"{request.method} {parts.path}{'?' + parts.query if parts.query else ''}"
    asked = _shown(line, request.body, secrets)
    return Exchange(
        request=asked,
        response=None if response is None else _shown(str(response.status), response.body, secrets),
    )


def _shown(head: str, body: bytes | None, secrets: Iterable[str]) -> str:
    text = (body or b"").decode("utf-8", "replace")
    cut = text[:CHARACTERS_MAX]
    for secret in secrets:
        cut = cut.replace(secret, CONCEALED)
    cut = _SECRET.sub(rf'\1{CONCEALED}"', cut)
    rest = f"\n… {len(text) - CHARACTERS_MAX:,} more characters" if len(text) > CHARACTERS_MAX else ""
    return f"{head}\n\n{cut}{rest}" if text else head
