"""What an operator says about one inbound door."""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from millstream.domain.events import ORDER_DELIVERED, ORDER_PROMISE_CHANGED
from millstream.settings import SettingsError, and_see, spell_out

BYTES_MAX: Final = 2 * 1024 * 1024  # the largest batch Adobe I/O sends
SECRETS_MAX: Final = 4  # the current one and, during a rotation, the next; each with the value it replaced
SECRET_LENGTH_MIN: Final = 16
PARTNER_TYPES: Final = frozenset({ORDER_DELIVERED, ORDER_PROMISE_CHANGED})


class DoorSettings(BaseModel):
    """One door. `kind` decides which of the other settings it needs; a wrong combination is refused at start."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["io_events", "mageos", "events"]
    store: str | None = Field(None, description="io_events, mageos: the name of the store connection it speaks for")
    client_id: str | None = Field(None, description="io_events: our client id, which every event must be meant for")
    secrets: tuple[SecretStr, ...] = Field((), max_length=SECRETS_MAX, description="mageos, events: valid secrets")
    scheme: Literal["standard_webhooks", "hmac"] = Field("standard_webhooks", description="events: how it signs")
    types: tuple[str, ...] = Field((), description="events: types it may send; io_events: sub-events with an order")
    bytes_max: int = Field(BYTES_MAX, ge=1024, le=BYTES_MAX)
    in_flight_max: int = Field(64, ge=1, le=1024, description="requests at once; more are asked to come back")

    @field_validator("secrets", "types", mode="before")
    @classmethod
    def _from_environment(cls, value: object) -> object:
        """An environment variable holds a JSON list, or one value as it is."""
        if not isinstance(value, str):
            return value
        if not value.startswith("["):
            return (value,)
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise ValueError("neither a JSON list of texts nor one text") from None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "io_events":
            self._need(bool(self.store), "store", "the name of the store connection the events come from")
            self._need(bool(self.client_id), "client_id", "the client id of your Adobe Developer Console project")
            self._need(not self.secrets, "secrets", "nothing: Adobe signs with its own keys, leave it out")
            return self
        self._need(bool(self.secrets), "secrets", "at least one secret that the sender signs with")
        if self.kind == "mageos":
            self._need(bool(self.store), "store", "the name of the store connection the events come from")
            self._need(not self.types, "types", "nothing: orders are recognised by their fields, leave it out")
        else:
            self._need(set(self.types) <= PARTNER_TYPES, "types", f"some of {', '.join(sorted(PARTNER_TYPES))}")
        self._check_secrets()
        return self

    def _need(self, fits: bool, name: str, what: str) -> None:
        if not fits:
            raise ValueError(f"a door of kind {self.kind} needs in `{name}`: {what}")

    def _check_secrets(self) -> None:
        for secret in self.secrets:
            plain = secret.get_secret_value()
            self._need(len(plain) >= SECRET_LENGTH_MIN, "secrets", f"secrets of {SECRET_LENGTH_MIN} characters or more")
            if self.kind == "events" and self.scheme == "standard_webhooks":
                try:
                    Webhook(plain)
                except (ValueError, EmptyWebhookSecretError):
                    raise ValueError("`secrets`: a Standard Webhooks secret is base64, e.g. whsec_…") from None

    @property
    def partner_types(self) -> tuple[str, ...]:
        """What a door of kind events may send: by default that a parcel arrived."""
        return self.types or (ORDER_DELIVERED,)

    @property
    def plain_secrets(self) -> tuple[str, ...]:
        """The secrets in plain text, for signing code only."""
        return tuple(secret.get_secret_value() for secret in self.secrets)


def read_doors(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, DoorSettings]:
    """The doors the settings name. Raises SettingsError."""
    doors = {}
    for name, section in sections.items():
        try:
            doors[name] = DoorSettings.model_validate(section)
        except ValidationError as error:
            faults = spell_out(error, DoorSettings, "doors", name)
            raise SettingsError(and_see(faults, "docs/operate/doors.md")) from None
    return doors
