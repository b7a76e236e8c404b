"""Who may sign in, who is signed in, and which keys programs hold. No method ever returns a secret twice."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec

from millstream.domain.access import RIGHTS_OF, Right, Role


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person. `source` says who checks that it is them: the hub by a password, or an OpenID provider."""

    name: str
    role: Role
    source: Literal["password", "openid"]
    created_at: datetime
    disabled_at: datetime | None = None


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session that has just begun; `secret` goes into the cookie and is kept nowhere else."""

    secret: str
    user: User
    began_at: datetime
    ends_at: datetime


class Locked(msgspec.Struct, frozen=True):
    """Too many sign-ins failed under this name or from this address: none is tried for so long."""

    after_s: float


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key. `rights` were chosen within `role`; what the role loses later, the key loses, too."""

    id: str
    name: str
    role: Role
    rights: frozenset[Right]
    created_by: str
    created_at: datetime
    expires_at: datetime
    replaces: str | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def effective_rights(self) -> frozenset[Right]:
        """What it allows today."""
        return self.rights & RIGHTS_OF[self.role]


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was just made; `token` is what its holder sends, shown this once."""

    key: ApiKey
    token: str


class Users(Protocol):
    """The people. Every change ends the sessions it touches and stands in the audit trail.

    Raises Reject: `access.unknown`, `access.refused`, `access.password_weak`.
    """

    async def list_users(self) -> Sequence[User]:
        """Everybody, by name."""
        ...

    async def add_user(self, name: str, role: Role, password: str, *, actor: str) -> User:
        """A new person who signs in with a password."""
        ...

    async def set_role(self, name: str, role: Role, *, actor: str) -> None:
        """Another role; refused for the last administrator, and for people whose provider decides it."""
        ...

    async def set_password(self, name: str, password: str, *, actor: str) -> None:
        """Another password; lifts a lock on the name."""
        ...

    async def set_disabled(self, name: str, disabled: bool, *, actor: str) -> None:
        """May no longer sign in, or may again; refused for the last administrator."""
        ...


class Setup(Protocol):
    """The first administrator."""

    async def has_admin(self) -> bool:
        """Whether somebody can administer access."""
        ...

    async def new_setup_token(self, *, actor: str) -> str:
        """A token that makes the first administrator, once and soon. Raises Reject if there is one already."""
        ...

    async def set_up(self, token: str, name: str, password: str) -> User:
        """The first administrator. Raises Reject: `access.setup_refused`, `access.password_weak`, `access.refused`."""
        ...


class Sessions(Protocol):
    """Who is signed in. `address` is where a request came from."""

    async def sign_in(self, name: str, password: str, *, address: str) -> NewSession | Locked | None:
        """None: name or password is wrong, or the user is disabled; it takes the same time whichever it was."""
        ...

    async def sign_in_by_provider(self, *, issuer: str, subject: str, name: str, role: Role) -> NewSession | None:
        """A person the provider vouches for, with the role it gives now. None: disabled, or the name is another's."""
        ...

    async def user_of(self, secret: str, *, watching: bool = False) -> User | None:
        """Who holds this session; None if it ended, lay idle too long or never was.

        `watching`: a page refreshes itself, which does not count as use; the session goes on growing idle.
        """
        ...

    async def sign_out(self, secret: str) -> None:
        """Ends the session; does nothing if there is none."""
        ...


class Keys(Protocol):
    """What programs sign in with. Raises Reject: `access.unknown`, `access.refused`."""

    async def list_keys(self) -> Sequence[ApiKey]:
        """All there ever were, the newest first."""
        ...

    async def create_key(
        self, name: str, *, role: Role, rights: frozenset[Right] | None, lifetime: timedelta, actor: str
    ) -> NewKey:
        """A key with some rights of a role; None: all of them."""
        ...

    async def rotate_key(self, key_id: str, *, overlap: timedelta, lifetime: timedelta, actor: str) -> NewKey:
        """A key like it; the old one is good for the overlap."""
        ...

    async def revoke_key(self, key_id: str, *, actor: str) -> None:
        """Good for nothing from now on."""
        ...

    async def key_of(self, token: str) -> ApiKey | None:
        """The key a program sent; None if it is unknown, expired or revoked."""
        ...
