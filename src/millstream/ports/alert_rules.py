"""Where alert rules come from: the settings, and what people changed since."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

LevelValue = int | float | str | tuple[str, ...] | None
Source = Literal["default", "settings", "changed"]
Kind = Literal["number", "whole", "time", "zone", "channels"]


class LevelChange(msgspec.Struct, frozen=True, kw_only=True):
    """A level that is not what the settings say: by whom, why, since when."""

    value: LevelValue
    reason: str
    actor: str
    changed_at: datetime


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody switched a rule off (until a moment, if `until` is set), or on again."""

    is_on: bool
    until: datetime | None
    reason: str
    actor: str
    changed_at: datetime

    def holds_off(self, now: datetime) -> bool:
        """Whether the rule is off now."""
        return not self.is_on and (self.until is None or now < self.until)


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Everything people changed: levels by the name of their setting, switches by the code of their rule."""

    levels: Mapping[str, LevelChange] = {}
    switches: Mapping[str, Switch] = {}


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """A level as the settings have it, with its bounds (`more_than` is not allowed itself). null: no bound."""

    name: str
    meaning: str
    kind: Kind
    default: LevelValue
    setting: LevelValue
    is_set: bool  # in the file or the environment
    may_be_null: bool
    at_least: float | None = None
    more_than: float | None = None
    at_most: float | None = None


class LevelStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A level now: the value in force and where it comes from. `problem`: why a change on record is passed over."""

    level: Level
    value: LevelValue
    source: Source
    changed: LevelChange | None
    problem: str | None


class RuleStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A rule now. `switched`: who switched it last, null if nobody ever did."""

    code: str
    meaning: str
    on: bool
    runbook: str
    switched: Switch | None


Judge = Callable[[Mapping[str, LevelValue]], None]
"""Raises Reject if these changes together cannot be in force."""


class AlertRules(Protocol):
    """Keeps what people changed. Every method is one transaction; each change stands in the audit trail."""

    async def changes(self) -> Changes:
        """All of them."""
        ...

    async def change_levels(
        self,
        values: Mapping[str, LevelValue],
        *,
        forget: Sequence[str] = (),
        judge: Judge,
        actor: str,
        reason: str,
        now: datetime,
    ) -> None:
        """Keeps these, forgets those, if `judge` lets what comes of it stand. One change at a time."""
        ...

    async def switch(self, code: str, switch: Switch) -> None:
        """Keeps how a rule was switched last."""
        ...
