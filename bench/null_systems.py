"""Store, CRM and ERP that cost next to nothing: what is measured against them is the hub.

One process, raw HTTP/1.1 over an asyncio protocol, no framework. It speaks as much of Adobe Commerce, Salesforce and
the counting ERP as the hub's own connectors need, answers of the usual size included, and counts every call and key.

`python bench/null_systems.py` prints "ready <url>"; `GET /_counts` tells what it heard.
"""

import argparse
import asyncio
import json
import re
import sys
from collections import Counter
from urllib.parse import unquote

LOOPBACK = "127.0.0.1"
_IN_LIST = re.compile(r"ProductCode IN \(([^)]*)\)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_COLUMN_COUNT = 40  # an order line of a store has so many numbers
_LINE = {"sku": "VALVE-050", "name": "Ball valve DN50", **{f"base_row_total_{n}": 89.9 for n in range(_COLUMN_COUNT)}}
# A store answers an update with half the order: 2.5 kB that nobody reads, but that must be received.
UPDATED_ORDER = json.dumps(
    {
        "base_grand_total": None,
        "grand_total": None,
        "total_due": 0,
        "items": [_LINE, _LINE],
        "billing_address": {"city": "Hamburg", "country_id": "DE", "street": ["Industriestr. 1"], "postcode": "20095"},
        "payment": {"method": "checkmo", "amount_ordered": 253.8, "additional_information": ["Check / Money order"]},
        "status_histories": [],
    }
).encode()
NO_ORDERS = b'{"items":[],"search_criteria":{"filter_groups":[],"page_size":100,"current_page":1},"total_count":0}'
ENQUEUED = (
    b'{"id":"e01xx0000000001AAA","success":true,"errors":[{"statusCode":"OPERATION_ENQUEUED",'
    b'"message":"7f0b7a6e-0000-4000-8000-000000000001","fields":[]}]}'
)


class Systems:
    """All three. `keys` counts, per effect, how often it happened to one thing."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.keys: dict[str, Counter[str]] = {}
        self.base_url = ""

    def _count(self, operation: str, key: str) -> int:
        self.calls[operation] += 1
        seen = self.keys.setdefault(operation, Counter())
        seen[key] += 1
        return seen[key]

    def answer(self, method: bytes, target: str, body: bytes) -> bytes:
        """The JSON body of one answer; b"" stands for 404."""
        if target == "/orders":
            wanted = json.loads(body)
            made = self._count("erp.place_order", wanted["key"]) == 1
            return b'{"id":"%b","number":"%b","ship_date":"2026-12-15","made":%b}' % (
                *(2 * (b"CO" + wanted["key"].encode(),)),
                b"true" if made else b"false",
            )
        if target == "/check":
            self.calls["erp.find_items"] += 1
            wanted = json.loads(body)
            items = [{"sku": sku, "name": sku, "price": wanted["prices"].get(sku)} for sku in wanted["skus"]]
            return json.dumps({"items": items}).encode()
        if target.startswith("/rest/"):
            return self._store(method, target, body)
        if target.startswith("/services/"):
            return self._crm(target, body)
        return self.report() if target == "/_counts" else b""

    def _store(self, method: bytes, target: str, body: bytes) -> bytes:
        if target.endswith("/comments"):
            self._count("store.comment", target.split("/")[-2])
            return b"true"
        if method == b"POST":
            self._count("store.acknowledge", str(json.loads(body)["entity"]["entity_id"]))
            return UPDATED_ORDER
        self.calls["store.poll"] += 1
        return NO_ORDERS

    def _crm(self, target: str, body: bytes) -> bytes:
        if target.endswith("/composite"):
            wanted = json.loads(body)["compositeRequest"]
            self._count("crm.composite", wanted[0]["body"]["Hub_Order_Id__c"])
            return json.dumps({"compositeResponse": [_composed(part) for part in wanted]}).encode()
        if target.endswith("__e/"):
            self._count("crm.event", json.loads(body)["Hub_Event_Id__c"])
            return ENQUEUED
        if "/query?" in target:
            self.calls["crm.query"] += 1
            found = _IN_LIST.search(unquote(target))
            codes = [code.strip(" '") for code in found[1].split(",")] if found else []
            rows = [
                {"Id": f"01u{n:012}AAA", "Pricebook2Id": "01s000000000001AAA", "Product2": {"ProductCode": code}}
                for n, code in enumerate(codes, 1)
            ]
            return json.dumps({"totalSize": len(rows), "done": True, "records": rows}).encode()
        if target.endswith("/token"):
            self.calls["crm.token"] += 1
            return json.dumps(
                {"access_token": "00D!null", "instance_url": self.base_url, "token_type": "Bearer"}
            ).encode()
        return b""

    def report(self) -> bytes:
        """Every count; `twice` lists effects that happened to one thing more than once."""
        return json.dumps(
            {
                "calls": self.calls,
                "distinct": {operation: len(seen) for operation, seen in self.keys.items()},
                "twice": {operation: sum(n > 1 for n in seen.values()) for operation, seen in self.keys.items()},
            }
        ).encode()


def _composed(part: dict) -> dict:
    made = part["method"] == "POST"
    if part["url"].endswith("/composite/sobjects"):
        body = [{"id": f"802{n:012}AAA", "success": True, "errors": []} for n in range(len(part["body"]["records"]))]
    else:
        body = {"id": "801000000000001AAA", "success": True, "errors": []} if made else None
    status = 200 if isinstance(body, list) else 201 if made else 204
    return {"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": part["referenceId"]}


class Wire(asyncio.Protocol):
    """Reads requests off one connection and answers each, after `latency_s`."""

    systems_type = Systems

    def __init__(self, systems: Systems, latency_s: float) -> None:
        self.systems = systems
        self.latency_s = latency_s
        self.received = b""

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while True:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(self.received, 0, end)
            total = end + 4 + (int(length[1]) if length else 0)
            if len(self.received) < total:
                return
            method, target, _ = self.received[: self.received.index(b"\r\n")].split(b" ", 2)
            body, self.received = self.received[end + 4 : total], self.received[total:]
            self._answer(self.systems.answer(method, target.decode(), body))

    def _answer(self, content: bytes) -> None:
        status = b"200 OK" if content else b"404 Not Found"
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(content))
        if self.latency_s:
            asyncio.get_running_loop().call_later(self.latency_s, self._write, head + content)
        else:
            self._write(head + content)

    def _write(self, content: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(content)


async def serve(
    port: int, latency_s: float, *, host: str = LOOPBACK, called: str = "", wire: type[Wire] = Wire
) -> None:
    """Serves until stopped. `called` is the name the systems go by, if that is not the address they listen on."""
    systems = wire.systems_type()
    server = await asyncio.get_running_loop().create_server(lambda: wire(systems, latency_s), host, port)
    port = server.sockets[0].getsockname()[1]
    systems.base_url = f"http://{called or host}:{port}"
    sys.stdout.write(f"ready http://{host}:{port}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main(wire: type[Wire] = Wire) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="another address only on a private network of its own")
    parser.add_argument("--called", default="", help="the name they go by, if that is not the address")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.latency_ms / 1000, host=given.host, called=given.called, wire=wire))


if __name__ == "__main__":
    main()
