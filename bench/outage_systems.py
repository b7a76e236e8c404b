"""The null systems with a CRM that can be taken away: it refuses (503) or falls silent until it is given back.

`GET /_crm/503`, `/_crm/hang` and `/_crm/up` switch it; `GET /_crm/heard` tells when it carried out what, in seconds of
this machine's monotonic clock.
"""

import json
from time import monotonic

from null_systems import Systems, Wire, main

REFUSED = b"refused"
SILENT = b"silent"
BODY = b'[{"message":"the service is unavailable","errorCode":"SERVER_UNAVAILABLE"}]'
HEAD = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)


class OutageSystems(Systems):
    """`heard` is the time, the call and the key of everything the CRM carried out."""

    def __init__(self) -> None:
        super().__init__()
        self.mode = "up"
        self.refused = 0
        self.heard: list[tuple[float, str, str]] = []

    def answer(self, method: bytes, target: str, body: bytes) -> bytes:
        """See Systems."""
        if target == "/_crm/heard":
            return json.dumps({"heard": self.heard, "refused": self.refused}).encode()
        if target.startswith("/_crm/"):
            self.mode = target.rpartition("/")[2]
            return b"{}"
        if target.startswith("/services/") and self.mode != "up":
            self.refused += 1
            return REFUSED if self.mode == "503" else SILENT
        return super().answer(method, target, body)

    def _count(self, operation: str, key: str) -> int:
        if operation.startswith("crm."):
            self.heard.append((monotonic(), operation, key))
        return super()._count(operation, key)


class OutageWire(Wire):
    """Says 503, or nothing, where the systems want that."""

    systems_type = OutageSystems

    def _answer(self, content: bytes) -> None:
        if content is REFUSED:
            self._write(HEAD + BODY)
        elif content is not SILENT:
            super()._answer(content)


if __name__ == "__main__":
    main(OutageWire)
