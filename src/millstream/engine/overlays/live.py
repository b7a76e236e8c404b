"""The overlays in force in this process, as connectors use them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from millstream.domain.errors import Reject, Retry
from millstream.engine.overlays.evaluator import Evaluator, Result
from millstream.engine.overlays.rules import WrongValue, told, value_of, why_not
from millstream.engine.trace import overlays_of_this_attempt
from millstream.ports.mappings import Place, Version
from millstream.ports.overlay import Piece, Rule, Surface
from millstream.ports.tap import Tap

EXPRESSION_SHOWN: Final = 120
NOT_READY_RETRY_S: Final = 5.0


class InForce(msgspec.Struct, frozen=True):
    """One overlay: what it is called, its rules by target."""

    name: str
    rules: Mapping[str, tuple[Rule, ...]]


class LiveOverlays:
    """See `ports.overlay.Overlays`. `surfaces` are all that connectors made known.

    `ready` is False while a process does not know yet what is in force: then nothing may go out.
    """

    def __init__(self, *, tap: Tap, evaluator: Evaluator | None = None) -> None:
        self.surfaces: dict[Place, Surface] = {}
        self.known: dict[Place, int] = {}
        self.ready = True
        self._in_force: dict[Place, InForce] = {}
        self._evaluator = evaluator or Evaluator()
        self._tap = tap

    def lay_over(self, surface: Surface) -> "LaidOver":
        """See Overlays."""
        self.surfaces[surface.connection, surface.direction] = surface
        return LaidOver(self, surface)

    def take(self, place: Place, version: Version) -> None:
        """From now on this version is in force; one without rules: nothing is."""
        self.known[place] = version.version
        by_target: dict[str, tuple[Rule, ...]] = {}
        for rule in version.rules:
            by_target[rule.target] = (*by_target.get(rule.target, ()), rule)
        if by_target:
            name = overlay_name(place, version.version)
            self._in_force[place] = InForce(name, by_target)
        else:
            self._in_force.pop(place, None)
        self._tap.note("mapping.in_force", mapping=overlay_name(place, version.version), rules=len(version.rules))

    def start(self) -> None:
        """Gets ready to evaluate, if there is anything to evaluate at all, so that no order waits for it. Blocks."""
        if self._in_force:
            self._evaluator.start()

    def close(self) -> None:
        """Ends the process that evaluates."""
        self._evaluator.close()

    def in_force(self, place: Place) -> InForce | None:
        """What is in force there."""
        return self._in_force.get(place)

    def evaluated(self, surface: Surface, overlay: InForce, pieces: Sequence[Piece]) -> list[dict[str, Any]]:
        """The fields of each piece, by one round trip for all. Raises Reject("mapping.overlay_failed")."""
        used = overlays_of_this_attempt.get()
        if used is not None:
            used.add(overlay.name)
        runs = [(rule, n) for n, piece in enumerate(pieces) for rule in overlay.rules.get(piece.target, ())]
        documents = [document_of(piece) for piece in pieces]
        results = self._evaluator.evaluate(documents, [(rule.expression, n) for rule, n in runs])
        values: list[dict[str, Any]] = [{} for _ in pieces]
        for (rule, n), result in zip(runs, results, strict=True):
            fault, value = outcome_of(rule, pieces[n], surface, result)
            if fault is not None:
                raise _failed(rule, overlay, fault)
            if value is not None:
                values[n][rule.field] = value
        return values


class LaidOver:
    """See `ports.overlay.Overlay`."""

    def __init__(self, overlays: LiveOverlays, surface: Surface) -> None:
        self._overlays = overlays
        self._surface = surface
        self._place: Place = (surface.connection, surface.direction)

    @property
    def version(self) -> str:
        """See Overlay."""
        overlay = self._overlays.in_force(self._place)
        return "" if overlay is None else overlay.name

    def values(self, pieces: Callable[[], Sequence[Piece]]) -> Sequence[Mapping[str, Any]]:
        """See Overlay. Raises Retry while it is not known what is in force."""
        if not self._overlays.ready:
            text = "It is not known yet which mappings are in force: the database did not answer"
            raise Retry("mapping.not_loaded", text, after_s=NOT_READY_RETRY_S, counts=False)
        overlay = self._overlays.in_force(self._place)
        return () if overlay is None else self._overlays.evaluated(self._surface, overlay, pieces())


def overlay_name(place: Place, version: int) -> str:
    """How a version is named in histories: "crm outbound 3"."""
    return f"{place[0]} {place[1]} {version}"


def document_of(piece: Piece) -> dict[str, Any]:
    """What an expression sees."""
    return {**piece.given, "mapped": piece.mapped}


def outcome_of(
    rule: Rule, piece: Piece, surface: Surface, result: Result, *, concealed: bool = True
) -> tuple[str | None, Any]:
    """What is wrong in words, or the value; neither: the field is untouched. `concealed`: no value in the words."""
    target = surface.target(rule.target)
    if target is None or not target.takes(rule.field):  # the settings changed since it was published
        return why_not(rule.field, target) if target else "there is no such target", None
    if result.error is not None:
        return told(result.error, result.message) if concealed else result.message, None
    if result.value is None:
        return None, None
    if rule.field in piece.mapped:
        return f"the connector itself writes {rule.field} on this record", None
    try:
        return None, value_of(rule, result.value)
    except WrongValue as wrong:
        return str(wrong), None


def _failed(rule: Rule, overlay: InForce, fault: str) -> Reject:
    shown = " ".join(rule.expression.split())[:EXPRESSION_SHOWN]
    return Reject(
        "mapping.overlay_failed",
        f"The mapping {overlay.name} gives no value for {rule.path}: {fault}. The expression is: {shown}. "
        "Nothing was sent. Correct and publish the mapping, then retry.",
        field=rule.path,
    )
