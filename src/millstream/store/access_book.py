"""Everything access keeps, opened as the settings say."""

from datetime import timedelta

import msgspec

from millstream.ports.world import World
from millstream.settings import AccessSection
from millstream.store.access import PostgresUsers
from millstream.store.api_keys import PostgresKeys
from millstream.store.database import Database
from millstream.store.passwords import Passwords
from millstream.store.sessions import PostgresSessions, SessionLimits


class AccessBook(msgspec.Struct, frozen=True, kw_only=True):
    """Users (and the first of them), sessions and keys."""

    users: PostgresUsers
    sessions: PostgresSessions
    keys: PostgresKeys


def open_access_book(
    section: AccessSection, *, database: Database, world: World, passwords: Passwords | None = None
) -> AccessBook:
    """One for a process: its password hashes share their places."""
    passwords = passwords or Passwords()
    limits = SessionLimits(
        idle=timedelta(seconds=section.idle_s),
        absolute=timedelta(seconds=section.absolute_s),
        window=timedelta(seconds=section.window_s),
        failures_per_user=section.failures_per_user,
        failures_per_address=section.failures_per_address,
    )
    setup_lifetime = timedelta(seconds=section.setup_s)
    return AccessBook(
        users=PostgresUsers(database, world=world, setup_lifetime=setup_lifetime, passwords=passwords),
        sessions=PostgresSessions(database, world=world, limits=limits, passwords=passwords),
        keys=PostgresKeys(database, world=world, lifetime_max=timedelta(days=section.key_days_max)),
    )
