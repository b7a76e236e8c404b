"""Which levels hold and which rules are on: the settings, and what people changed since."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from millstream.domain.errors import Reject
from millstream.engine.alerts.levels import AlertPolicy, Slo
from millstream.engine.alerts.life import RUNBOOKS
from millstream.engine.alerts.rules import RULES
from millstream.ports.alert_rules import (
    AlertRules,
    Changes,
    Level,
    LevelStanding,
    LevelValue,
    RuleStanding,
    Source,
    Switch,
)
from millstream.ports.world import Clock


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """What the watch goes by in one look. `off`: rules that somebody switched off, and how."""

    slo: Slo
    policy: AlertPolicy
    off: Mapping[str, Switch] = {}


class Rules(Protocol):
    """Where the watch learns what is in force."""

    async def in_force(self) -> InForce:
        """Asked at every look, so that a change holds from the next one on, in whichever process."""
        ...


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Levels read: what they come to, or what is wrong, by the name of the level ("": with all of them together)."""

    read: tuple[Slo, AlertPolicy] | None
    faults: Mapping[str, str] = {}


ReadLevels = Callable[[Mapping[str, LevelValue]], Verdict]
"""Reads the settings with these levels in place of theirs, by the same bounds."""


class RuleBook:
    """See `Rules`. `levels`: all there are, as the settings have them."""

    def __init__(self, rules: AlertRules, *, levels: Sequence[Level], read: ReadLevels, clock: Clock) -> None:
        self._rules = rules
        self._levels = {level.name: level for level in levels}
        self._read = read
        self._clock = clock

    async def in_force(self) -> InForce:
        """See Rules. A change that no longer fits (a channel that is gone) is passed over, and the setting holds."""
        changes = await self._rules.changes()
        now = self._clock.now()
        slo, policy, _ = self._fitting(changes)
        off = {code: switch for code, switch in changes.switches.items() if switch.holds_off(now) and code in RULES}
        return InForce(slo=slo, policy=policy, off=off)

    async def standing(self) -> tuple[tuple[LevelStanding, ...], tuple[RuleStanding, ...]]:
        """Every level and every rule, for people."""
        changes = await self._rules.changes()
        _, _, faults = self._fitting(changes)
        now = self._clock.now()
        levels = []
        for name, level in self._levels.items():
            changed = changes.levels.get(name)
            holds = changed is not None and name not in faults
            source: Source = "changed" if holds else "settings" if level.is_set else "default"
            levels.append(
                LevelStanding(
                    level=level,
                    value=changed.value if changed is not None and holds else level.setting,
                    source=source,
                    changed=changed,
                    problem=faults.get(name),
                )
            )
        rules = tuple(
            RuleStanding(
                code=code,
                meaning=(rule.__doc__ or "").strip(),
                on=not (code in changes.switches and changes.switches[code].holds_off(now)),
                runbook=f"{RUNBOOKS}/{code}.md",
                switched=changes.switches.get(code),
            )
            for code, rule in RULES.items()
        )
        return tuple(levels), rules

    async def change(self, values: Mapping[str, LevelValue], *, actor: str, reason: str) -> None:
        """Other levels than the settings', all of them or none. Raises Reject, naming the level."""
        self._refuse_unknown(values)
        await self._rules.change_levels(values, judge=self._judge, actor=actor, reason=reason, now=self._clock.now())

    async def reset(self, names: Sequence[str], *, actor: str, reason: str) -> None:
        """The settings hold again. Raises Reject."""
        self._refuse_unknown(names)
        await self._rules.change_levels(
            {}, forget=names, judge=self._judge, actor=actor, reason=reason, now=self._clock.now()
        )

    async def switch(self, code: str, *, on: bool, until: datetime | None, actor: str, reason: str) -> None:
        """Switches a rule off, until a moment or until somebody switches it on again. Raises Reject."""
        if code not in RULES:
            raise Reject("alert.unknown", f"There is no rule {code}. There are: {', '.join(RULES)}.")
        now = self._clock.now()
        if until is not None and (on or until <= now):
            raise Reject("alert.level_refused", "`until` says how long a rule is off: a moment to come.", field="until")
        await self._rules.switch(code, Switch(is_on=on, until=until, reason=reason, actor=actor, changed_at=now))

    def _refuse_unknown(self, names: Mapping[str, LevelValue] | Sequence[str]) -> None:
        unknown = next((name for name in names if name not in self._levels), None)
        if unknown is not None:
            raise Reject("alert.unknown", f"There is no level {unknown[:60]!r}; `millstream alerts rules` lists them.")
        if not names:
            raise Reject("alert.level_refused", "Name at least one level.")

    def _judge(self, values: Mapping[str, LevelValue]) -> None:
        known = {name: value for name, value in values.items() if name in self._levels}
        for name, fault in self._read(known).faults.items():
            raise Reject("alert.level_refused", f"{name}: {fault}" if name else fault, field=name or None)

    def _fitting(self, changes: Changes) -> tuple[Slo, AlertPolicy, dict[str, str]]:
        """What the changes come to; those at fault are left out, and all of them if they do not go together."""
        values = {name: change.value for name, change in changes.levels.items() if name in self._levels}
        faults: dict[str, str] = {}
        while True:
            verdict = self._read(values)
            if verdict.read is not None:
                return *verdict.read, faults
            wrong = {name: fault for name, fault in verdict.faults.items() if name in values}
            together = verdict.faults.get("", "it does not go together with the settings")
            faults |= wrong or dict.fromkeys(values, together)
            values = {name: value for name, value in values.items() if wrong and name not in wrong}
