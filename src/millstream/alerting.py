"""Alerts put together from the settings: the rule book, by the same bounds that the settings have."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args, get_origin

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from millstream.engine.alerts.channels import AppriseChannels
from millstream.engine.alerts.levels import MEANINGS, AlertPolicy, Slo
from millstream.engine.alerts.rulebook import RuleBook, Verdict
from millstream.engine.routes import Route
from millstream.ports.alert_rules import Kind, Level, LevelValue
from millstream.ports.notifier import Notifier
from millstream.ports.world import Clock
from millstream.settings import AlertsSection, Settings, SettingsError, SloSection
from millstream.store.alert_rules import PostgresAlertRules
from millstream.store.database import Database
from millstream.wire.outbound import OutboundGuard

_KINDS: Final[Mapping[str, Kind]] = {
    "alerts.escalate_to": "channels",
    "alerts.timezone": "zone",
    "alerts.quiet_from": "time",
    "alerts.quiet_until": "time",
    "alerts.digest_at": "time",
}
_TAKES: Final[Mapping[Kind, tuple[type, ...]]] = {
    "number": (int, float),
    "whole": (int,),
    "time": (str,),
    "zone": (str,),
    "channels": (tuple, list),
}


class Alerting(msgspec.Struct, frozen=True, kw_only=True):
    """What people need to look after the alerts of one process."""

    rules: RuleBook
    notifier: Notifier


def open_channels(settings: Settings) -> AppriseChannels:
    """The channels of one process, none of them known yet: their URLs may be secrets."""
    guard = None if settings.alerts.allow_private else OutboundGuard(settings.access.outbound_allow)
    return AppriseChannels(guard=guard)


def refuse_unknown_flows(settings: Settings, routes: Mapping[str, Sequence[Route]]) -> None:
    """A flow that is mistyped would be judged by the level of all in silence. Raises SettingsError."""
    known = {f"{event_type} to {route.subscriber}" for event_type, those in routes.items() for route in those}
    for name in settings.slo.flows:
        if name not in known:
            raise SettingsError(
                f'slo.flows names "{name[:80]}", and there is no such flow. There are: {", ".join(sorted(known))}.'
            )


def open_rule_book(settings: Settings, *, database: Database, clock: Clock) -> RuleBook:
    """The rule book of one process."""
    levels = [level_of(settings, name) for name in MEANINGS]
    kinds = {level.name: level for level in levels}

    def read(values: Mapping[str, LevelValue]) -> Verdict:
        faults = {name: fault for name, value in values.items() if (fault := _misfit(kinds[name], value))}
        if faults:
            return Verdict(read=None, faults=faults)
        return _read(settings, values)

    return RuleBook(PostgresAlertRules(database), levels=levels, read=read, clock=clock)


def in_settings(settings: Settings) -> tuple[Slo, AlertPolicy]:
    """The levels as the settings have them."""
    policy = settings.alerts.model_dump(exclude={"channels", "allow_private"})
    slo = settings.slo.model_dump(exclude={"flows"})
    flows = {name: level.model_dump(exclude_none=True) for name, level in settings.slo.flows.items()}
    return (
        Slo(**slo, flows=flows),
        AlertPolicy(**{**policy, "escalate_to": policy["escalate_to"] or ()}),
    )


def level_of(settings: Settings, name: str) -> Level:
    """One level, its bounds read from the section it stands in."""
    section_name, _, field_name = name.partition(".")
    section: BaseModel = getattr(settings, section_name)
    field = type(section).model_fields[field_name]
    bounds = dict(_bounds(field))
    given = field.annotation
    optional = get_origin(given) is not None and type(None) in get_args(given)
    return Level(
        name=name,
        meaning=MEANINGS[name],
        kind=_KINDS.get(name) or ("whole" if given is int else "number"),
        default=field.default,
        setting=getattr(section, field_name),
        is_set=section_name in settings.model_fields_set and field_name in section.model_fields_set,
        may_be_null=optional,
        **bounds,
    )


def _bounds(field: FieldInfo) -> Iterator[tuple[str, float]]:
    for one in field.metadata:
        for bound, name in (("ge", "at_least"), ("gt", "more_than"), ("le", "at_most")):
            if getattr(one, bound, None) is not None:
                yield name, float(getattr(one, bound))


def _misfit(level: Level, value: LevelValue) -> str | None:
    """Why a value is not even of the kind: pydantic would make a number of "7" and a text of nothing."""
    if value is None:
        return None if level.may_be_null else "it needs a value"
    if isinstance(value, bool) or not isinstance(value, _TAKES[level.kind]):
        return f"it takes a {level.kind}" if level.kind != "channels" else "it takes a list of channels"
    return None


def _read(settings: Settings, values: Mapping[str, LevelValue]) -> Verdict:
    if not values:
        return Verdict(read=in_settings(settings))
    sections: dict[str, BaseModel] = {}
    faults: dict[str, str] = {}
    for name, model in (("slo", SloSection), ("alerts", AlertsSection)):
        section: BaseModel = getattr(settings, name)
        changed = {level.partition(".")[2]: value for level, value in values.items() if level.partition(".")[0] == name}
        given: dict[str, Any] = {**section.model_dump(), **changed}
        try:
            sections[name] = model.model_validate(given)
        except ValidationError as error:
            for fault in error.errors(include_input=False, include_url=False, include_context=False):
                place = ".".join(map(str, fault["loc"][:1]))
                faults[f"{name}.{place}" if place else ""] = fault["msg"].removeprefix("Value error, ")
    if faults:
        return Verdict(read=None, faults=faults)
    return Verdict(read=in_settings(settings.model_copy(update=sections)))
