"""How `/api/mappings` reads and writes JSON."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

from millstream.engine.overlays.rules import EXPRESSION_CHARACTERS_MAX, RULES_MAX, TESTS_MAX, Fault
from millstream.engine.overlays.trial import Checked
from millstream.engine.overlays.workshop import SAMPLES_MAX
from millstream.ports.mappings import Check, Content, Draft, SampleEvent, Version
from millstream.ports.overlay import Direction, Kind, Rule
from millstream.web.api.shapes import PLAIN, TEXT_MAX

NAME_MAX: Final = 120
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_MAX, pattern=PLAIN)]
Reason = Annotated[str, msgspec.Meta(min_length=3, max_length=TEXT_MAX, pattern=PLAIN)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class TargetShown(msgspec.Struct, frozen=True, kw_only=True):
    """A record whose fields may be set. `owned` are fields the connector itself writes."""

    name: str
    what: str
    example: str
    teach: str
    owned: tuple[str, ...]


class MappingSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One overlay in a list. `version` 0: none was ever published."""

    connection: str
    direction: Direction
    targets: tuple[str, ...]
    version: int
    rules: int
    published_by: str | None
    published_at: datetime | None
    draft_by: str | None
    draft_at: datetime | None


class Mappings(msgspec.Struct, frozen=True, kw_only=True):
    """All there are."""

    items: tuple[MappingSummary, ...]


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """One overlay: what may be set, what is in force, what somebody works on. Tests need `view_payload`."""

    connection: str
    direction: Direction
    samples: str
    targets: tuple[TargetShown, ...]
    version: Version | None
    draft: Draft | None


class RuleWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One field, its expression, and of which kind its value has to be."""

    target: Line
    field: Line
    expression: Annotated[str, msgspec.Meta(max_length=EXPRESSION_CHARACTERS_MAX)]
    kind: Kind | None = None

    def rule(self) -> Rule:
        """As the hub keeps it."""
        return Rule(target=self.target, field=self.field, expression=self.expression, kind=self.kind)


class TestWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One test: what is given, what is mapped, which fields come out."""

    name: Line
    target: Line
    given: dict[str, Any] = {}
    mapped: dict[str, Any] = {}
    expected: dict[str, Any] = {}

    def check(self) -> Check:
        """As the hub keeps it."""
        return Check(name=self.name, target=self.target, given=self.given, mapped=self.mapped, expected=self.expected)


class ContentWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rules and tests."""

    rules: Annotated[tuple[RuleWish, ...], msgspec.Meta(max_length=RULES_MAX)] = ()
    tests: Annotated[tuple[TestWish, ...], msgspec.Meta(max_length=TESTS_MAX)] = ()

    def content(self) -> Content:
        """As the hub keeps it."""
        return Content(
            rules=tuple(rule.rule() for rule in self.rules), tests=tuple(test.check() for test in self.tests)
        )


class DraftWish(ContentWish, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft to keep. `revision` is the one it was made from; 0: there was none."""

    revision: Number


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """The draft as it is kept, and what still keeps it from being published."""

    draft: Draft
    faults: tuple[Fault, ...]


class Validated(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps it from being published; nothing: it may be."""

    faults: tuple[Fault, ...]


class TrialWish(ContentWish, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to try; `use`: the content sent along, the draft, or what is in force. `event_id` null: the newest order."""

    use: Literal["content", "draft", "published"] = "draft"
    event_id: UUID | None = None
    last: Annotated[int, msgspec.Meta(ge=1, le=SAMPLES_MAX)] = 50


class Tests(msgspec.Struct, frozen=True, kw_only=True):
    """What the tests say."""

    ok: bool
    items: tuple[Checked, ...]


class Samples(msgspec.Struct, frozen=True, kw_only=True):
    """Orders to try on, the newest first."""

    items: tuple[SampleEvent, ...]


class VersionPlace(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of versions ended."""

    version: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what was published, the newest first. `next` is where the next one begins; null: the last."""

    items: tuple[Version, ...]
    next: str | None


class PublishWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why, and on top of which version (0: none yet). Without `content` the draft is published."""

    reason: Reason
    on_top_of: Number
    content: ContentWish | None = None


class RollbackWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version's content shall be in force again; 0: nothing is laid over any more."""

    reason: Reason
    on_top_of: Number
    version: Number
