"""How each HTTP client behaves where the hub's promises rest on it. Cost is the business of `http_clients.py`.

    python bench/http_client_manners.py --json manners.json

Per client: which addresses do not arrive byte for byte; whether a call that is given up is hung up; how often a POST
arrives whose kept connection dies before the answer; how many of so many short programs end without a crash.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter

from http_client_calls import CLIENTS, Call, version

LOOPBACK = "127.0.0.1"
PATIENCE_S = 2.0  # a call that is given up is hung up within this, or it is not
PROBE_MAX_S = 60.0
PROGRAMS = 40
CALLS_PER_PROGRAM = 64
CANDIDATES = [name for name in CLIENTS if name != "floor"]  # which is no client and has no manners
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ADDRESSES = [
    "/rest/all/V1/products/A%2FB",
    "/rest/V1/orders?searchCriteria[filterGroups][0][filters][0][value]=1",
    "/rest/V1/orders?q=a+b%20c%2Bd&x=%7e~",
    "/query?q=Name%20%3D%20'M%C3%BCller'",
    "/sap/A_SalesOrder('1')/to_Item",
    "/rest//V1/products",
    "/rest/V1/products/%2E%2E/media",
    "/rest/V1/products/..",
]


@asynccontextmanager
async def serving(serve):
    """The address of a server that does `serve(reader, writer)` with each connection."""

    async def connected(reader, writer) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, LOOPBACK, 0)
    yield f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    server.close()


async def take(reader) -> str:
    """The target of the next request, whose body is two bytes long."""
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)
    return head.split(b" ", 2)[1].decode()


async def altered_addresses(call: Call) -> dict[str, str]:
    """What was sent instead, per address that was not sent as given."""
    arrived = []

    async def answers(reader, writer) -> None:
        while True:
            arrived.append(await take(reader))
            writer.write(OK)

    async with serving(answers) as url:
        for address in ADDRESSES:
            await call(url + address, b"{}")
    return {given: sent for given, sent in zip(ADDRESSES, arrived, strict=True) if given != sent}


async def hangs_up(call: Call) -> bool:
    """Whether the other side sees the end of a call that was given up."""
    heard, ended = asyncio.Event(), asyncio.Event()

    async def silent(reader, writer) -> None:
        await take(reader)
        heard.set()
        with suppress(ConnectionError):
            await reader.read()
        ended.set()

    async with serving(silent) as url:
        task = asyncio.ensure_future(call(f"{url}/", b"{}"))
        await heard.wait()
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), PATIENCE_S)
    return ended.is_set()


async def arrivals_of_a_lost_post(call: Call) -> int:
    """How often it arrives: answered once to keep the connection, then taken and left without an answer."""
    arrived = 0

    async def forgets(reader, writer) -> None:
        nonlocal arrived
        await take(reader)
        writer.write(OK)
        await take(reader)
        arrived += 1

    async with serving(forgets) as url:
        await call(f"{url}/", b"{}")
        with suppress(Exception):
            await call(f"{url}/", b"{}")
    return arrived


async def probe(name: str) -> dict:
    """The manners of one client, in this process."""
    async with CLIENTS[name][1]() as call:
        return {
            "altered_addresses": await altered_addresses(call),
            "arrivals_of_a_lost_post": await arrivals_of_a_lost_post(call),
            "a_cancelled_call_is_hung_up": await hangs_up(call),
        }


async def short_program(name: str) -> None:
    """Calls side by side, closes, ends."""

    async def answers(reader, writer) -> None:
        while True:
            await take(reader)
            writer.write(OK)

    async with serving(answers) as url, CLIENTS[name][1]() as call:
        await asyncio.gather(*(call(f"{url}/", b"{}") for _ in range(CALLS_PER_PROGRAM)))


def examine(name: str) -> dict:
    """Everything about one client, each part in a process of its own."""
    run = [sys.executable, __file__]
    probed = subprocess.run([*run, "--probe", name], capture_output=True, check=False, timeout=PROBE_MAX_S)
    ended = [
        subprocess.run([*run, "--program", name], capture_output=True, check=False, timeout=PROBE_MAX_S).returncode
        for _ in range(PROGRAMS)
    ]
    return {**json.loads(probed.stdout), "programs_that_crashed": f"{sum(map(bool, ended))} of {PROGRAMS}"}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", nargs="*", choices=CANDIDATES, default=CANDIDATES, metavar="CLIENT")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--probe", choices=CLIENTS, help=argparse.SUPPRESS)
    parser.add_argument("--program", choices=CLIENTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.probe:
        sys.stdout.write(json.dumps(asyncio.run(probe(given.probe))))
        sys.stdout.flush()
        return
    if given.program:
        asyncio.run(short_program(given.program))
        return
    started = perf_counter()
    clients = {name: examine(name) if version(CLIENTS[name][0]) else "not installed" for name in given.clients}
    text = json.dumps({"clients": clients, "took_s": round(perf_counter() - started, 1)}, indent=2)
    sys.stdout.write(text + "\n")
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
