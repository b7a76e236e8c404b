"""Settings that name a secret instead of holding it, as `secret:erp-password`: filled in, and again when it changes."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic import SecretStr

from millstream.domain.errors import Reject
from millstream.engine.secrets import SecretKeeper
from millstream.engine.world import SystemWorld
from millstream.ports.desk import Desk, Filter
from millstream.ports.secrets import SecretValue
from millstream.ports.tap import Tap
from millstream.ports.world import World
from millstream.settings import TOKEN_LENGTH_MIN, Settings, SettingsError
from millstream.store.database import Database
from millstream.store.sealing import FILE_NAME, KeyFile
from millstream.store.secrets import PostgresSecrets
from millstream.wire.kit import WireKit

PREFIX: Final = "secret:"
REFERENCE: Final = re.compile(r"secret:([a-z0-9][a-z0-9._-]{0,63})", re.ASCII)
CURED: Final = ("auth.refused", "auth.signature", "auth.key")  # what a delivery is held for, and new credentials mend
DOOR_SECRETS: Final = "secrets"
RENEWED: Final = "hub:secrets"  # who the audit trail says lets those go on

OpenPort = Callable[[str, dict[str, Any], WireKit], Any]
OnRenewal = Callable[[Settings], Callable[[], object]]
"""Looks at settings filled in anew and returns what makes use of them; raises SettingsError for what it cannot take."""


def open_secrets(settings: Settings, database: Database, world: World) -> PostgresSecrets:
    """The secrets of a database, with the key the settings name."""
    path = settings.secrets.key_file or settings.data_dir / FILE_NAME
    return PostgresSecrets(database, keys=KeyFile(path), world=world)


async def read_credentials(settings: Settings, database: Database) -> Mapping[str, SecretValue]:
    """The secrets the settings refer to. Raises Reject for one that cannot be opened."""
    names = references(settings)
    return await open_secrets(settings, database, SystemWorld()).read(names) if names else {}


def references(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The secrets that settings refer to, each with the settings that do."""
    found: dict[str, list[str]] = defaultdict(list)
    for place, text in _texts(settings):
        name = _named(text)
        if name is not None:
            found[name].append(place)
        elif text.startswith(PREFIX):
            raise SettingsError(f"{place} names no secret: write {PREFIX}NAME, of small letters, digits and . _ -")
    return {name: tuple(places) for name, places in sorted(found.items())}


def filled_in(settings: Settings, values: Mapping[str, SecretValue]) -> Settings:
    """The settings with every reference replaced by its value. Raises SettingsError for one that was never set."""
    missing = [
        f"{places[0]} names secret:{name}" for name, places in references(settings).items() if name not in values
    ]
    if missing:
        raise SettingsError(
            f"{'; '.join(missing)}, and there is no such secret. Set it: `millstream secrets set NAME`. "
            "See docs/operate/secrets.md."
        )
    openid, telemetry, alerts = settings.openid, settings.telemetry, settings.alerts
    token = _value(telemetry.metrics_token, values)
    if token is not None and len(token.get_secret_value()) < TOKEN_LENGTH_MIN:
        raise SettingsError(f"telemetry.metrics_token is a secret of fewer than {TOKEN_LENGTH_MIN} characters")
    return settings.model_copy(
        update={
            **{name: _filled(getattr(settings, name), values) for name in ("store", "erp", "crm")},
            "doors": {name: _filled(door, values) for name, door in settings.doors.items()},
            "alerts": alerts.model_copy(
                update={"channels": {name: _value(url, values) for name, url in alerts.channels.items()}}
            ),
            "openid": openid.model_copy(update={"client_secret": _value(openid.client_secret, values)}),
            "telemetry": telemetry.model_copy(update={"metrics_token": token}),
        }
    )


def _texts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every text that may be a reference, with the name of its setting."""
    sections = {"store": settings.store, "erp": settings.erp, "crm": settings.crm}
    sections |= {f"doors.{name}": door for name, door in settings.doors.items()}
    for section, members in sections.items():
        for name, member in members.items():
            yield from ((f"{section}.{name}", text) for text in _listed(member) if isinstance(text, str))
    single = {
        "openid.client_secret": settings.openid.client_secret,
        "telemetry.metrics_token": settings.telemetry.metrics_token,
        **{f"alerts.channels.{name}": url for name, url in settings.alerts.channels.items()},
    }
    for name, secret in single.items():
        if secret is not None:
            yield name, secret.get_secret_value()


def _filled(section: Mapping[str, Any], values: Mapping[str, SecretValue]) -> dict[str, Any]:
    """A section with its references replaced. Lists, and what a door accepts, take the value before, too."""
    filled = {}
    for name, member in section.items():
        texts = _listed(member)
        honoured = [one for text in texts for one in _honoured(text, values)]
        if honoured == texts:
            filled[name] = member
        else:
            filled[name] = honoured if isinstance(member, list | tuple) or name == DOOR_SECRETS else honoured[0]
    return filled


def _listed(member: Any) -> list[Any]:
    """A member as a list; from the environment a list arrives as JSON text."""
    if isinstance(member, list | tuple):
        return list(member)
    if isinstance(member, str) and member.startswith("["):
        try:
            return list(json.loads(member))
        except ValueError:
            pass
    return [member]


def _honoured(member: Any, values: Mapping[str, SecretValue]) -> list[Any]:
    """What a member stands for: itself, or a secret's value and the one before while that is honoured."""
    name = _named(member)
    if name is None:
        return [member]
    return [one for one in (values[name].value, values[name].before) if one is not None]


def _named(member: Any) -> str | None:
    found = REFERENCE.fullmatch(member) if isinstance(member, str) else None
    return found[1] if found else None


def _value(secret: SecretStr | None, values: Mapping[str, SecretValue]) -> SecretStr | None:
    name = _named(secret.get_secret_value()) if secret is not None else None
    return secret if name is None else SecretStr(values[name].value)


class Credentials:
    """The credentials of one process. `settings` are filled in, and stay so while secrets change.

    A new value is used from the next call on: the connector is opened again beside, and the connection goes on with
    its credentials; calls under way end with those they began with.
    """

    def __init__(
        self,
        settings: Settings,
        values: Mapping[str, SecretValue],
        *,
        database: Database,
        kit: WireKit,
        open_port: OpenPort,
        desk: Desk,
    ) -> None:
        self.settings = filled_in(settings, values)
        self.used = references(settings)
        self.secrets = open_secrets(settings, database, kit.world)
        self.keeper = SecretKeeper(self.secrets, self.used, renew=self.renew, clock=kit.world.clock, tap=kit.tap)
        self._given = settings
        self._kit = kit
        self._tap: Tap = kit.tap
        self._open_port = open_port
        self._desk = desk
        self._listeners: list[OnRenewal] = []

    def metrics_token(self) -> str | None:
        """What whoever reads /metrics shows; None: nobody can."""
        token = self.settings.telemetry.metrics_token
        return token.get_secret_value() if token is not None else None

    def openid_secret(self) -> str | None:
        """What the hub shows to the OpenID provider, if anything."""
        secret = self.settings.openid.client_secret
        return secret.get_secret_value() if secret is not None else None

    def on_renewal(self, listener: OnRenewal) -> None:
        """Asks it at every change, and once now."""
        listener(self.settings)()
        self._listeners.append(listener)

    async def renew(self, values: Mapping[str, SecretValue]) -> None:
        """See `engine.secrets.Renew`. What was held because credentials were refused is tried again."""
        try:
            settings = filled_in(self._given, values)
            fresh = self._opened(settings)
            uses = [listener(settings) for listener in self._listeners]
        except SettingsError as error:
            raise Reject("secret.not_usable", str(error)) from None
        for system in fresh.connections:
            self._kit.take_credentials(system, fresh)
        for use in uses:
            use()
        self.settings = settings
        self._tap.note("secret.taken", systems=sorted(fresh.connections))
        if fresh.connections:
            await self._let_go_on()

    def _opened(self, settings: Settings) -> WireKit:
        """A kit with the connections whose section reads otherwise than before."""
        kit = self._kit
        fresh = WireKit(transport=kit.transport, world=kit.world, tap=kit.tap)
        for kind, section in (("commerce", "store"), ("erp", "erp"), ("crm", "crm")):
            now, before = getattr(settings, section), getattr(self.settings, section)
            name = str(now.get("name") or now.get("kind"))
            if now != before and name in kit.connections:
                self._open_port(kind, now, fresh)
        return fresh

    async def _let_go_on(self) -> None:
        for code in CURED:
            wanted = Filter(states=("held",), code=code)
            if await self._desk.count(wanted):
                await self._desk.retry(wanted, actor=RENEWED)
