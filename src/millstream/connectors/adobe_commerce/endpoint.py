"""Where a call goes: built from flavour, base URL, scope and path, never by joining strings elsewhere."""

from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import quote

import msgspec

Flavour = Literal["open_source", "paas", "saas"]
DEFAULT_SCOPE: Final = "default"
QUERY_SAFE: Final = "-._~"  # a space is sent as %20: "+" breaks OAuth 1.0a signatures


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One store's REST API. `scope` is "all", "default" or a store view code."""

    flavour: Flavour
    base_url: str
    scope: str = DEFAULT_SCOPE

    def url(self, path: str, query: Sequence[tuple[str, str]] = ()) -> str:
        """`path` is below V1 and already percent-encoded: `orders/42`."""
        root = self.base_url.rstrip("/")
        versioned = f"{root}/V1/{path}" if self.flavour == "saas" else f"{root}/rest/{self.scope}/V1/{path}"
        encoded = "&".join(f"{quote(name, safe=QUERY_SAFE)}={quote(value, safe=QUERY_SAFE)}" for name, value in query)
        return f"{versioned}?{encoded}" if encoded else versioned

    def headers(self) -> dict[str, str]:
        """What the scope needs beside the URL: Adobe Commerce as a Cloud Service takes it as a header."""
        return {"Store": self.scope} if self.flavour == "saas" else {}
