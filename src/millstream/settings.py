"""What the merchant sets: `millstream.toml`, overridden by `MILLSTREAM_*` (nested with two underscores)."""

import os
import re
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError as UnreadableVariableError

from millstream.domain.access import Role

PREFIX: Final = "MILLSTREAM_"
CONFIG_VARIABLE: Final = "MILLSTREAM_CONFIG"
CONFIG_DEFAULT: Final = "millstream.toml"
GUIDE: Final = "docs/operate/settings.md"
TIME_OF_DAY: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
TOKEN_LENGTH_MIN: Final = 16
LONG_S: Final = 2_592_000.0  # thirty days: nothing is watched for longer

# Variables that are none of the settings: ours for tests, and those Kubernetes sets for a service of our name.
_NO_SETTING: Final = re.compile(
    r"MILLSTREAM_(CONFIG|TEST_DATABASE_URL|TRYTON_DIR|(\w+_)?SERVICE_\w+|(\w+_)?PORT_\d\w+)"
)


class SettingsError(Exception):
    """A setting is missing or wrong; the message says which and what to write, but no value: that may be secret."""


class Section(BaseModel):
    """A table of the file; a name it does not know is a mistake, said at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WorkerSection(Section):
    """How much one worker process does side by side, and how long it may be silent."""

    concurrency: int = Field(default=64, ge=1, le=1000)
    poll_s: float = Field(default=1.0, gt=0)
    lease_s: float = Field(default=30.0, ge=3)
    drain_s: float = Field(default=30.0, ge=0)


class RetrySection(Section):
    """Exponential backoff with jitter; `attempts_max` failures make a dead letter."""

    attempts_max: int = Field(default=12, ge=1)
    first_delay_s: float = Field(default=1.0, gt=0)
    delay_max_s: float = Field(default=900.0, gt=0)


class PollSection(Section):
    """How often the systems are asked what changed."""

    store_every_s: float = Field(default=5.0, gt=0)
    erp_every_s: float = Field(default=3.0, gt=0)
    drift_every_s: float = Field(default=300.0, ge=0, le=86_400)


class PolicySection(Section):
    """The merchant's decisions; see docs/operate/settings.md."""

    price_tolerance_percent: Decimal = Field(default=Decimal(1), ge=0)
    check_prices: bool = True
    unknown_customer: Literal["review", "create"] = "review"
    confirmed_status: str | None = None
    notify_customer: bool = True
    language: Literal["en", "de"] = "en"
    languages: dict[str, Literal["en", "de"]] = {}


class AccessSection(Section):
    """Who may sign in for how long, how many guesses are free, and which private networks may be called."""

    public_url: str | None = Field(default=None, pattern=r"^https?://[^/?#@\s]+$")
    idle_s: float = Field(default=1800.0, ge=60)
    absolute_s: float = Field(default=43200.0, ge=60)
    setup_s: float = Field(default=1800.0, ge=60)
    window_s: float = Field(default=900.0, ge=1)
    failures_per_user: int = Field(default=10, ge=3)
    failures_per_address: int = Field(default=50, ge=3)
    key_days_max: int = Field(default=365, ge=1, le=3650)
    outbound_allow: list[str] = []

    @field_validator("outbound_allow")
    @classmethod
    def _are_networks(cls, given: list[str]) -> list[str]:
        for each in given:
            ip_network(each)  # its error says what is wrong with it
        return given


class OpenIdSection(Section):
    """The OpenID provider that vouches for people, and which of its claims give which role."""

    issuer: str | None = Field(default=None, pattern=r"^https?://[^?#\s]+$")
    client_id: str | None = None
    client_secret: SecretStr | None = None
    scope: str = "openid profile email"
    name_claim: str = "email"
    role_claim: str = "groups"
    roles: dict[str, Role] = {}

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.issuer is not None and not (self.client_id and self.roles):
            raise ValueError("openid.issuer needs openid.client_id and openid.roles beside it")
        return self


class FlowSection(Section):
    """How much of one flow may fail; what is left out is as for all flows."""

    percent: float | None = Field(default=None, gt=0, le=100)
    window_s: float | None = Field(default=None, ge=30, le=LONG_S)
    min: int | None = Field(default=None, ge=1)


class SloSection(Section):
    """What is expected of the hub; an alert says which of it is missed."""

    placed_to_erp_s: float = Field(default=60.0, gt=0, le=LONG_S)
    oldest_item_s: float = Field(default=900.0, gt=0, le=LONG_S)
    failing_orders_percent: float = Field(default=5.0, gt=0, le=100)
    failing_orders_window_s: float = Field(default=300.0, ge=30, le=LONG_S)
    failing_orders_min: int = Field(default=1, ge=1)
    failing_flow_percent: float = Field(default=20.0, gt=0, le=100)
    failing_flow_window_s: float = Field(default=900.0, ge=30, le=LONG_S)
    failing_flow_min: int = Field(default=10, ge=1)
    review_age_s: float = Field(default=14400.0, gt=0, le=LONG_S)
    promise_kept_percent: float = Field(default=90.0, gt=0, le=100)
    promise_window_days: int = Field(default=7, ge=1, le=90)
    promise_shipments_min: int = Field(default=20, ge=1)
    drift_percent: float = Field(default=1.0, gt=0, le=100)
    drift_orders_min: int = Field(default=1, ge=1)
    flows: dict[str, FlowSection] = {}


class AlertsSection(Section):
    """When it is looked, and who is told by which channel at what hours."""

    every_s: float = Field(default=15.0, ge=1, le=30)
    worker_silent_s: float = Field(default=30.0, ge=10, le=LONG_S)
    connection_down_s: float = Field(default=60.0, ge=0, le=LONG_S)
    canary_s: float = Field(default=86_400.0, ge=120, le=LONG_S)
    canary_orders_min: int = Field(default=3, ge=1, le=20)
    canary_percent: float = Field(default=80.0, gt=0, le=100)
    backlog_depth: int = Field(default=1000, ge=1)
    resolve_after_s: float = Field(default=60.0, ge=0, le=LONG_S)
    escalate_after_s: float = Field(default=1800.0, gt=0, le=LONG_S)
    escalate_to: tuple[str, ...] | None = None
    timezone: str = "UTC"
    quiet_from: str | None = Field(default=None, pattern=TIME_OF_DAY)
    quiet_until: str | None = Field(default=None, pattern=TIME_OF_DAY)
    digest_at: str | None = Field(default="07:30", pattern=TIME_OF_DAY)
    allow_private: bool = False
    channels: dict[str, SecretStr] = Field(default={}, repr=False)

    def urls(self) -> dict[str, str]:
        """The channels in plain text, for those who call them only."""
        return {name: url.get_secret_value() for name, url in self.channels.items()}

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, given: str) -> str:
        try:
            ZoneInfo(given)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("no such time zone; write its name as in Europe/Berlin") from None
        return given

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValueError("quiet hours need both quiet_from and quiet_until")
        unknown = sorted(set(self.escalate_to or ()) - self.channels.keys())
        if unknown:
            raise ValueError(f"escalate_to names {', '.join(unknown)}, and there is no such channel")
        return self


class TelemetrySection(Section):
    """Who may read /metrics, where traces go, and how log lines look."""

    metrics: Literal["off", "loopback", "token"] = "loopback"
    metrics_token: SecretStr | None = None
    work_port: int | None = Field(default=None, ge=1, le=65535)
    traces_url: str | None = Field(default=None, pattern=r"^https?://[^?#@\s]+$")
    log_format: Literal["text", "json"] = "text"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        given = self.metrics_token.get_secret_value() if self.metrics_token else ""
        named = given.startswith("secret:")  # its length is looked at once it is known
        if self.metrics == "token" and len(given) < TOKEN_LENGTH_MIN and not named:
            raise ValueError(f'metrics = "token" needs a metrics_token of {TOKEN_LENGTH_MIN} characters or more')
        if self.metrics == "off" and self.work_port is not None:
            raise ValueError('work_port is where workers show metrics, and metrics = "off" says that nobody may')
        return self


class SecretsSection(Section):
    """Where the key lies that opens the secrets kept in the database."""

    key_file: Path | None = None
    """None: `secrets.key` in `data_dir`."""


class Settings(BaseSettings):
    """Everything. `store`, `erp`, `crm` each name a connector (`kind`) and carry its settings."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    database_url: str | None = Field(default=None, repr=False)
    """An external PostgreSQL 15 or newer. None: the embedded one in `data_dir`."""
    data_dir: Path = Path(".millstream")
    host: str = "127.0.0.1"
    port: int = 8080
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    worker: WorkerSection = WorkerSection()
    retry: RetrySection = RetrySection()
    poll: PollSection = PollSection()
    policy: PolicySection = PolicySection()
    slo: SloSection = SloSection()
    alerts: AlertsSection = AlertsSection()
    telemetry: TelemetrySection = TelemetrySection()
    access: AccessSection = AccessSection()
    openid: OpenIdSection = OpenIdSection()
    secrets: SecretsSection = SecretsSection()
    store: dict[str, Any] = Field(default={}, repr=False)
    erp: dict[str, Any] = Field(default={}, repr=False)
    crm: dict[str, Any] = Field(default={}, repr=False)
    doors: dict[str, dict[str, Any]] = Field(default={}, repr=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments over environment over file."""
        del dotenv_settings, file_secret_settings
        path = Path(os.environ.get(CONFIG_VARIABLE, CONFIG_DEFAULT))
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings]
        if path.exists():
            sources.append(TomlConfigSettingsSource(settings_cls, toml_file=path))
        return tuple(sources)


def read_settings() -> Settings:
    """The settings of this process, from file and environment. Raises SettingsError."""
    path = os.environ.get(CONFIG_VARIABLE)
    if path is not None and not Path(path).is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names {path}, and there is no such file")
    _refuse_unknown_variables()
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(and_see(spell_out(error, Settings), GUIDE)) from None
    except TOMLDecodeError as error:
        raise SettingsError(f"{path or CONFIG_DEFAULT} is no TOML: {error}") from None
    except UnreadableVariableError as error:
        raise SettingsError(
            f"{error}. Set a section name by name, as MILLSTREAM_STORE__KIND, or as a JSON object. See {GUIDE}."
        ) from None


def _refuse_unknown_variables() -> None:
    """A variable nobody reads is a mistake: a mistyped address would start another database in silence."""
    for variable in sorted(name.upper() for name in os.environ):
        first, nested, rest = variable.removeprefix(PREFIX).partition("__")
        name = first.lower()
        if variable.startswith(PREFIX) and name not in Settings.model_fields and not _NO_SETTING.fullmatch(variable):
            spelled = f"{PREFIX}{{}}{nested}{rest}"
            likely = _did_you_mean(name, Settings.model_fields, spelled=spelled)
            raise SettingsError(and_see(f"{variable} is set, and there is no setting {name}{likely}", GUIDE))


def refuse_without_systems(settings: Settings) -> None:
    """For what works with the systems, before anything is opened. Raises SettingsError when none is named at all."""
    if not (settings.store or settings.erp or settings.crm):
        raise SettingsError(f"no store, ERP or CRM is named: {where_settings_were_looked_for()}. See {GUIDE}.")


def where_settings_were_looked_for() -> str:
    """Which file was read or is not there, and what to do about it; for whoever stands in another folder."""
    path = Path(os.environ.get(CONFIG_VARIABLE, CONFIG_DEFAULT)).absolute()
    if path.exists():
        return f"{path} was read; add what is missing there, or go to the folder of the {CONFIG_DEFAULT} you mean"
    return (
        f"no settings file is here, looked for was {path}. Go to the folder of your {CONFIG_DEFAULT}, "
        f"set {CONFIG_VARIABLE} to its path, or write one"
    )


def and_see(faults: str, guide: str) -> str:
    """The message of a mistake, and where to read on."""
    return f"{faults}{'' if faults.endswith('?') else '.'} See {guide}."


def spell_out(error: ValidationError, model: type[BaseModel], *section: str) -> str:
    """Every fault of an error as "setting (its name in the environment): what is wrong", without the values given."""
    faults = []
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        place = (*section, *(str(part) for part in fault["loc"]))
        words = {"missing": "is missing", "extra_forbidden": "is not a setting"}.get(fault["type"], fault["msg"])
        if fault["type"] == "extra_forbidden":
            words += _did_you_mean(place[-1], _names_beside(model, fault["loc"]))
        name, variable = ".".join(place), PREFIX + "__".join(place).upper()
        faults.append(f"{name} ({variable}): {words.removeprefix('Value error, ')}")
    return "; ".join(faults)


def _names_beside(model: type[BaseModel], place: tuple[int | str, ...]) -> Iterable[str]:
    for part in place[:-1]:
        field = model.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return ()
        model = field.annotation
    return model.model_fields


def _did_you_mean(name: str, known: Iterable[str], *, spelled: str | None = None) -> str:
    """`spelled`: how the whole name is written, with {} for the part that is wrong."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    if close:
        likely = close[0] if spelled is None else spelled.replace("{}", close[0].upper(), 1)
        return f"; did you mean {likely}?"
    return f"; known are {', '.join(names)}" if names else ""
