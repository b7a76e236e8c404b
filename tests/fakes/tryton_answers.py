"""Recorded answers of a real Tryton, and a connector that hears them."""

import json
from pathlib import Path

from fakes.tap import RecordingTap
from fakes.transport import ScriptedTransport
from fakes.world import ManualWorld
from millstream.connectors.tryton import SPEC
from millstream.connectors.tryton.codec import decode_answer
from millstream.wire.http import Response
from millstream.wire.kit import WireKit

RECORDINGS = Path(__file__).parents[1] / "recordings" / "tryton"


def answer(name: str) -> Response:
    """The recorded answer as it came over the wire."""
    recorded = json.loads((RECORDINGS / f"{name}.json").read_text())["response"]
    body = recorded["body"]
    headers = {key.lower(): value for key, value in recorded["headers"].items()}
    return Response(
        status=recorded["status"],
        headers=headers,
        body=body.encode() if isinstance(body, str) else json.dumps(body).encode(),
    )


def rows(name: str) -> list[dict]:
    """The decoded rows of a recorded read."""
    return decode_answer(answer(name).body)["result"]


def result(value) -> Response:
    return Response(status=200, body=json.dumps({"id": 1, "result": value}).encode())


def connector(*answers, **changed):
    """A connector whose network is a list of answers; company is set, so no preferences are read."""
    transport, world, tap = ScriptedTransport(*answers), ManualWorld(), RecordingTap()
    settings = {
        "base_url": "http://erp.test:8000/",
        "database": "mfg",
        "user": "hub",
        "password": "s3cret-Pass",
        "company": 1,
        "web_shop": "Shop",
        "warehouse": "EAST",
    } | changed
    erp = SPEC.open("erp", SPEC.settings(**settings), WireKit(transport=transport, world=world, tap=tap))
    return erp, transport, world, tap
