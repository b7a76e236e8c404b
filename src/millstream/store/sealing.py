"""The key that seals secrets: a file beside the database, never in it."""

import os
import secrets
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from stat import S_IRWXO
from typing import Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from millstream.domain.errors import Reject

FILE_NAME: Final = "secrets.key"
FILE_BYTES_MAX: Final = 64 * 1024
OWNER_ONLY: Final = 0o600


class _Sealed(msgspec.Struct, frozen=True):
    """What is inside the seal. The name is there so that a row cannot stand for another."""

    name: str
    value: str


class KeyFile:
    """One Fernet key in each line, the newest first: that one seals, all of them open. Read anew each time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Whether there is one."""
        return self.path.exists()

    def make(self) -> None:
        """A file with a first key, for its owner only; whoever comes second keeps what is there."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._draft([Fernet.generate_key()])
        try:
            os.link(draft, self.path)
        except FileExistsError:
            return
        finally:
            draft.unlink()

    def put_first(self) -> None:
        """A new key before the others."""
        self._replace([Fernet.generate_key(), *self._keys()])

    def keep_first(self) -> int:
        """The other keys are put away for good; how many there were."""
        first, *others = self._keys()
        self._replace([first])
        return len(others)

    def key_id(self) -> str:
        """Which key seals now; says nothing of the key."""
        return _id_of(self._keys()[0])

    def key_ids(self) -> frozenset[str]:
        """Which keys open; none without a file."""
        return frozenset(map(_id_of, self._keys())) if self.exists() else frozenset()

    def seal(self, name: str, value: str) -> str:
        """The value as it may lie in a database."""
        return self._fernet().encrypt(msgspec.json.encode(_Sealed(name, value))).decode()

    def open(self, name: str, sealed: str) -> str:
        """The value. Raises Reject if no key of the file opens it, or if it belongs to another name."""
        try:
            found = msgspec.json.decode(self._fernet().decrypt(sealed), type=_Sealed)
        except (InvalidToken, msgspec.MsgspecError):
            raise Reject(
                "secret.unreadable", f"No key in {self.path} opens the secret {name!r}. Bring back its key, or set it."
            ) from None
        if found.name != name:
            raise Reject("secret.unreadable", f"The row of the secret {name!r} holds another one; set it again.")
        return found.value

    def _fernet(self) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in self._keys()])

    def _keys(self) -> list[bytes]:
        try:
            if self.path.stat().st_mode & S_IRWXO:
                raise Reject(
                    "secret.key_exposed",
                    f"Everybody on this machine may read {self.path}: chmod 600 it, then rotate it.",
                )
            keys = self.path.read_bytes()[:FILE_BYTES_MAX].split()
            for key in keys:
                Fernet(key)
        except FileNotFoundError:
            raise Reject(
                "secret.key_missing",
                f"There is no {self.path}, which opens the secrets. Copy it from a machine that has it, or name it in "
                "secrets.key_file.",
            ) from None
        except OSError as error:
            raise Reject("secret.key_missing", f"{self.path} cannot be read: {error.strerror}.") from None
        except ValueError:
            keys = []
        if not keys:
            raise Reject("secret.key_missing", f"{self.path} holds no key: one Fernet key in each line is expected.")
        return keys

    def _replace(self, keys: Sequence[bytes]) -> None:
        self._draft(keys).replace(self.path)

    def _draft(self, keys: Sequence[bytes]) -> Path:
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:
            file.write(b"\n".join(keys) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return draft


def _id_of(key: bytes) -> str:
    return sha256(key).hexdigest()[:12]
