"""Access on a real database, a manual clock and cheap password hashes; browsers and programs that use it."""

from datetime import timedelta

import httpx
from argon2 import PasswordHasher

from fakes.edge import Edge
from fakes.tap import RecordingTap
from fakes.transport import AsgiTransport
from fakes.world import ManualWorld
from millstream.domain.access import Role
from millstream.settings import AccessSection, OpenIdSection
from millstream.store.access_book import open_access_book
from millstream.store.passwords import Passwords
from millstream.web.auth.edge import access_edge

CHEAP = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}
PASSWORD = "correct horse battery"
HTTPS = "https://hub.example"
LOOPBACK = "http://127.0.0.1:8080"


class AccessHouse:
    """What one process has of access; a second one on the same database is another process."""

    def __init__(self, database, *, world=None, transport=None, openid=None, routers=(), **settings):
        section = AccessSection(**settings)
        self.database = database
        self.world = world or ManualWorld()
        self.clock = self.world.clock
        self.tap = RecordingTap()
        self.passwords = Passwords(PasswordHasher(**CHEAP))
        book = open_access_book(section, database=database, world=self.world, passwords=self.passwords)
        self.users, self.sessions, self.keys = book.users, book.sessions, book.keys
        self.access = access_edge(
            users=self.users,
            setup=self.users,
            sessions=self.sessions,
            keys=self.keys,
            public_url=section.public_url,
            openid=openid or OpenIdSection(),
            transport=transport or AsgiTransport(),
            clock=self.clock,
            tap=self.tap,
        )
        self.app = Edge(access=self.access, routers=routers).app

    def browser(self, base_url=HTTPS, *, address="198.51.100.7", **headers):
        """Keeps cookies, as browsers do."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 50000))
        return httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers)

    async def program(self, *, role=Role.VIEWER, rights=None, days=90):
        """A client with a key of its own."""
        made = await self.keys.create_key("test", role=role, rights=rights, lifetime=timedelta(days=days), actor="test")
        return self.browser(authorization=f"Bearer {made.token}")

    async def add(self, name="anna", role=Role.VIEWER):
        return await self.users.add_user(name, role, PASSWORD, actor="test")

    async def audited(self):
        async with self.database.connection() as connection:
            rows = await connection.fetch("select actor, action, subject, detail from audit order by id")
        return [(row["actor"], row["action"], row["subject"]) for row in rows]

    async def everything_stored(self):
        """All text of all access tables and the audit trail, to look for secrets in."""
        text = ""
        async with self.database.connection() as connection:
            for table in ("access_user", "access_setup", "access_session", "access_attempt", "access_key", "audit"):
                text += str(await connection.fetch(f"select row_to_json(t)::text from {table} t"))
        return text


async def sign_in(browser, name="anna", password=PASSWORD, **headers):
    return await browser.post("/api/session", json={"name": name, "password": password}, headers=headers)
