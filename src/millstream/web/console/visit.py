"""One page, opened by one person."""

from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import HTTPConnection, Request

from millstream.domain.access import Right
from millstream.web.console.api import Api

CONSOLE: Final = "/console"


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks, what they may do, and the API as they may use it."""

    name: str
    rights: frozenset[Right]
    api: Api
    request: Request

    def may(self, right: Right) -> bool:
        """Whether to offer what needs this right. The API checks it again."""
        return right in self.rights

    def query(self, name: str, default: str = "") -> str:
        """A member of the page's query, as it was when the page was opened."""
        return self.request.query_params.get(name, default)

    def part(self, name: str) -> str:
        """A part of the page's path."""
        return str(self.request.path_params[name])


def link_to(path: str, **query: Any) -> str:
    """The address of a page; members that are None or empty are left out."""
    wanted = {name: value for name, value in query.items() if value not in (None, "", (), [])}
    return CONSOLE + path + (f"?{urlencode(wanted, doseq=True)}" if wanted else "")


def whole_path(page: HTTPConnection) -> str:
    """Path and query of a page, to come back to."""
    return f"{page.url.path}?{page.url.query}" if page.url.query else page.url.path
