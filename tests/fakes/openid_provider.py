"""A real OpenID provider (oidc-provider from npm, certified by the OpenID Foundation), started as a process."""

import asyncio
import json
import shutil
import socket
from pathlib import Path

import httpx

VERSION = "9.13.3"
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / f".millstream/openid-provider-{VERSION}"
PROGRAM = ROOT / "tests/real/openid_provider/provider.mjs"
INSTALL_TIMEOUT_S = 120


async def install() -> str | None:
    """None if it is there, else why it is not."""
    if (FOLDER / "node_modules/oidc-provider/package.json").exists():
        return None
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return "node and npm are not installed"
    FOLDER.mkdir(parents=True, exist_ok=True)
    wishes = ("--no-audit", "--no-fund", "--no-package-lock", "--prefix", str(FOLDER), f"oidc-provider@{VERSION}")
    process = await asyncio.create_subprocess_exec(
        npm, "install", *wishes, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), INSTALL_TIMEOUT_S)
    return None if process.returncode == 0 else f"npm install oidc-provider failed: {out.decode()[-300:]}"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class OpenIdProcess:
    """The provider, and a person who types into its forms."""

    def __init__(self, *, clients, people):
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.given = json.dumps({"port": self.port, "clients": clients, "people": people})

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            shutil.which("node"),
            str(PROGRAM),
            self.given,
            cwd=FOLDER,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        line = await asyncio.wait_for(self.process.stdout.readline(), 30)
        assert line == b"ready\n", line
        return self

    async def __aexit__(self, *_):
        self.process.kill()
        await self.process.wait()

    async def sign_in(self, url: str, login: str) -> str:
        """Opens the address the hub sent the browser to, fills in both forms, and tells where it is sent back to."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(url)
            for form in ({"prompt": "login", "login": login, "password": "any"}, {"prompt": "consent"}):
                answer = await self._follow(browser, answer)
                if answer.status_code != 200:
                    break
                answer = await browser.post(str(answer.url), data=form)
            answer = await self._follow(browser, answer)
            return answer.headers["location"]

    async def _follow(self, browser, answer):
        """Redirects, as long as they stay at the provider."""
        while answer.is_redirect and answer.next_request.url.port == self.port:
            answer = await browser.send(answer.next_request)
        return answer
