"""What the merchant sets: `millstream.toml`, overridden by `MILLSTREAM_*` (nested with two underscores)."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

CONFIG_VARIABLE = "MILLSTREAM_CONFIG"
CONFIG_DEFAULT = "millstream.toml"


class Section(BaseModel):
    """A table of the file; a name it does not know is a mistake, said at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class PolicySection(Section):
    """The merchant's decisions; see docs/operate/settings.md."""

    price_tolerance_percent: Decimal = Field(default=Decimal(1), ge=0)
    check_prices: bool = True
    unknown_customer: Literal["review", "create"] = "review"
    confirmed_status: str | None = None
    notify_customer: bool = True


class Settings(BaseSettings):
    """Everything. `store`, `erp`, `crm` each name a connector (`kind`) and carry its settings."""

    model_config = SettingsConfigDict(env_prefix="MILLSTREAM_", env_nested_delimiter="__", extra="forbid", frozen=True)

    database_url: str | None = None
    """An external PostgreSQL 15 or newer. None: the embedded one in `data_dir`."""
    data_dir: Path = Path(".millstream")
    host: str = "127.0.0.1"
    port: int = 8080
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    worker: WorkerSection = WorkerSection()
    retry: RetrySection = RetrySection()
    poll: PollSection = PollSection()
    policy: PolicySection = PolicySection()
    store: dict[str, Any] = {}
    erp: dict[str, Any] = {}
    crm: dict[str, Any] = {}
    doors: dict[str, dict[str, Any]] = {}

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
