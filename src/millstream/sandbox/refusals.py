"""How each system says that it does not answer now: the faults that are drawn by seed, in that system's own format."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

HTML: Final = "text/html;charset=UTF-8"
JSON: Final = "application/json;charset=UTF-8"
PLAIN: Final = "text/plain"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An answer in place of the system's. `asks`: it says when to come again, by Retry-After."""

    status: int
    body: bytes
    media_type: str
    asks: bool = False


Table = Mapping[str, Refusal]
"""By kind of fault."""


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """What a system answers, and what differs below some of its paths (patterns)."""

    usual: Table
    elsewhere: Mapping[str, Table] = field(default_factory=dict)

    def of(self, kind: str, path: str) -> Refusal:
        """The answer to a call of this path that meets this kind of fault."""
        for pattern, table in self.elsewhere.items():
            if fnmatchcase(path, pattern) and kind in table:
                return table[kind]
        return self.usual[kind]


def _json(status: int, body: Any, *, asks: bool = False) -> Refusal:
    return Refusal(status=status, body=json.dumps(body).encode(), media_type=JSON, asks=asks)


def _page(status: int, title: str, text: str) -> Refusal:
    body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
    return Refusal(status=status, body=body.encode(), media_type=HTML)


STORE: Final = Refusals(
    usual={
        "429": _json(429, {"message": "Too Many Requests", "trace": None}, asks=True),
        "500": _json(
            500,
            {"message": "Internal Error. Details are available in Magento log file. Report ID: webapi-6b03f96af0639"},
        ),
        "503": _page(503, "Service Temporarily Unavailable", "The store is down for maintenance."),
        "503_html": _page(503, "503 Backend fetch failed", "Guru Meditation: XID: 1081347"),
    },
)
"""Adobe Commerce. Maintenance is a page of its own; what stands in front of it is a cache."""

_NOT_BEFORE_SIGN_IN: Final = Refusal(status=503, body=b"Service Unavailable", media_type=PLAIN)
SALESFORCE: Final = Refusals(
    usual={
        "429": _json(
            403,
            [
                {
                    "message": "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
                    "errorCode": "REQUEST_LIMIT_EXCEEDED",
                }
            ],
        ),
        "500": _json(
            500,
            [
                {
                    "message": "An unexpected error occurred. Please include this ErrorId if you contact support: "
                    "1187240-52301 (-1420012391)",
                    "errorCode": "UNKNOWN_EXCEPTION",
                }
            ],
        ),
        "503": _json(503, [{"message": "Service Unavailable", "errorCode": "SERVER_UNAVAILABLE"}]),
        "503_html": _page(503, "Down For Maintenance", "We are down for maintenance. Sorry for the inconvenience."),
    },
    elsewhere={
        "/services/oauth2/*": {
            "429": _NOT_BEFORE_SIGN_IN,
            "500": _page(500, "Error", "An internal server error has occurred."),
            "503": _NOT_BEFORE_SIGN_IN,
        },
    },
)
"""Salesforce knows no 429 and no Retry-After: a limit is a 403 whose errorCode tells it from a missing right."""

SAP: Final = Refusals(
    usual={
        "429": _json(
            429,
            {"fault": {"faultstring": "Rate limit quota violation", "detail": {"errorcode": "policies.ratelimit"}}},
            asks=True,
        ),
        "500": _json(
            500,
            {
                "error": {
                    "code": "SY/530",
                    "message": {"lang": "en", "value": "An exception was raised"},
                    "innererror": {"application": {}, "transactionid": "6B03F96AF0639", "errordetails": []},
                }
            },
        ),
        "503": _page(503, "503 Service Unavailable", "Service cannot be reached"),
        "503_html": _page(503, "503 - Backend Server is unavailable", "The server is temporarily unable to answer."),
    },
    elsewhere={"/oauth/*": {"500": _page(500, "500 Internal Server Error", "The server encountered an error.")}},
)
"""SAP S/4HANA. OData answers for the application; below it the server itself does, with a page."""
