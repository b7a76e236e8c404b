"""Passwords: what is good enough to be one, and argon2id."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from millstream.domain.errors import Reject, Retry

LENGTH_MIN: Final = 12
LENGTH_MAX: Final = 200  # characters; more is no password, it is an attack on the processor
HASHES_AT_ONCE_MAX: Final = 2  # each takes 64 MiB and a core
WAITING_MAX: Final = 32  # more would only wait longer than anybody at a browser does
USER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,99}")


def require_good_name(name: str) -> str:
    """The name as it is kept. Raises Reject."""
    kept = name.strip().lower()
    if not USER_NAME.fullmatch(kept):
        raise Reject(
            "access.refused",
            "A user name has 2 to 100 characters: letters a to z, digits and . _ @ + -, a letter or digit first.",
        )
    return kept


def require_good_password(name: str, password: str) -> None:
    """Raises Reject if it is too short, too long, or the name."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise Reject("access.password_weak", f"A password has {LENGTH_MIN} to {LENGTH_MAX} characters.")
    if _canonical(password).casefold() == _canonical(name).casefold():
        raise Reject("access.password_weak", "The password must not be the name.")


class Passwords:
    """Hashes and compares, in threads, a few at once."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()  # the parameters of RFC 9106 for 64 MiB
        self._places = asyncio.Semaphore(HASHES_AT_ONCE_MAX)
        self._waiting = 0
        self._nobody: str | None = None

    async def digest(self, password: str) -> str:
        """The hash to keep. Raises Retry while too many wait for theirs."""
        async with self._place():
            return await asyncio.to_thread(self._hasher.hash, _canonical(password))

    async def fits(self, digest: str | None, password: str) -> bool:
        """Whether the password made the digest. Without one it takes as long, and does not fit. Raises as `digest`."""
        if self._nobody is None:  # before the first comparison of any kind, so that none differs from another
            self._nobody = await self.digest("the password of nobody")
        async with self._place():
            fits = await asyncio.to_thread(self._verify, digest or self._nobody, password[:LENGTH_MAX])
        return fits and digest is not None and len(password) <= LENGTH_MAX

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._waiting >= WAITING_MAX:
            raise Retry("access.busy", "too many passwords are being checked at once", after_s=2.0)
        self._waiting += 1
        try:
            async with self._places:
                yield
        finally:
            self._waiting -= 1

    def is_outdated(self, digest: str) -> bool:
        """Whether it was made with weaker parameters than those of today."""
        return self._hasher.check_needs_rehash(digest)

    def _verify(self, digest: str, password: str) -> bool:
        try:
            return self._hasher.verify(digest, _canonical(password))
        except (VerificationError, InvalidHashError):
            return False


def _canonical(text: str) -> str:
    """One spelling per text: keyboards compose accents differently."""
    return normalize("NFKC", text)
