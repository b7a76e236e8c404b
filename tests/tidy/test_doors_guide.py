"""docs/operate/doors.md says what the doors do: its table is complete and its examples run."""

import asyncio
import re
import shutil
import tomllib
from pathlib import Path

import pytest
import uvicorn

from fakes.edge import Edge
from millstream.web.door_settings import DoorSettings
from millstream.web.problems import PROBLEMS

GUIDE = (Path(__file__).parents[2] / "docs/operate/doors.md").read_text()
SECRET = "whsec_Y2FycmllciBzZWNyZXQsIDI0IGJ5dGVz"


def block(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)[1]


def test_every_refusal_code_is_explained_with_its_status():
    table = {code: int(status) for code, status in re.findall(r"^\| `([a-z_.]+)` \| (\d+) \|", GUIDE, re.MULTILINE)}
    assert table == {code: status for code, (status, _) in PROBLEMS.items()}


def test_the_settings_shown_are_valid():
    text = block("toml").replace('"whsec_..."', f'"{SECRET}"')
    doors = {name: DoorSettings(**door) for name, door in tomllib.loads(text)["doors"].items()}
    assert sorted(doors) == ["adobe", "mage", "planner", "ups"]


async def serve_and_run(scheme: str, *command: str) -> tuple[str, Edge]:
    from datetime import datetime

    edge = Edge(doors={"ups": DoorSettings(kind="events", scheme=scheme, secrets=[SECRET])})
    edge.clock.now = lambda: datetime.now().astimezone()  # the example signs with the real time
    server = uvicorn.Server(uvicorn.Config(edge.app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    run = await asyncio.create_subprocess_exec(
        *command,
        env={"HUB_URL": f"http://127.0.0.1:{port}", "HUB_SECRET": SECRET, "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await asyncio.wait_for(run.communicate(), 30)
    await server.shutdown()
    return printed.decode(), edge


async def test_the_python_example_delivers():
    import sys

    printed, edge = await serve_and_run("standard_webhooks", sys.executable, "-c", block("python"))
    assert printed.startswith("202"), printed
    assert edge.inbox.events[0].subject == "1Z999"


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("openssl"), reason="needs curl and openssl")
async def test_the_shell_example_delivers():
    printed, edge = await serve_and_run("hmac", "sh", "-euc", block("sh"))
    assert '"accepted":1' in printed, printed
    assert edge.inbox.events[0].data["tracking_number"] == "1Z999"
