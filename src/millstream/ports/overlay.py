"""What an integrator lays over a connector's own mapping: custom fields, one expression each."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from millstream.domain.acknowledgement import Acknowledgement
from millstream.domain.order import SalesOrder

Direction = Literal["inbound", "outbound"]
Kind = Literal["text", "number", "decimal", "boolean", "date"]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A record whose fields may be set. `fields` is what a field's name must match, `owned` what is the connector's.

    `what` says in one line which record it is and when it is written; `example` is a field that could be set; `teach`
    tells somebody who wanted another one why not, and what to do instead.
    """

    name: str
    what: str
    fields: str
    example: str
    teach: str
    owned: frozenset[str] = frozenset()

    def takes(self, field: str) -> bool:
        """Whether an overlay may set this field."""
        return re.fullmatch(self.fields, field) is not None and field not in self.owned


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One record on its way. `given` is what expressions see beside `mapped`, what the connector made of it.

    `label` tells two records of one target apart, for people: "line 12".
    """

    target: str
    label: str
    given: Mapping[str, Any]
    mapped: Mapping[str, Any]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A real order to try a mapping on: as the store sent it, as the hub has it, what the ERP said of it.

    A surface that reads the store's order itself is given no `order`; each takes what there is.
    """

    raw: Mapping[str, Any] | None
    order: SalesOrder | None
    acknowledgement: Acknowledgement | None
    customer_id: str | None


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of one connection: what may be laid over it, and how its records look for a sample.

    `pieces` is pure and calls nothing: what only the other system knows (ids it would look up) stands there in words.
    `samples` is the type of event whose orders pass here.
    """

    connection: str
    direction: Direction
    samples: str
    targets: tuple[Target, ...]
    pieces: Callable[[Sample], Sequence[Piece]]

    def target(self, name: str) -> Target | None:
        """The target of this name."""
        return next((target for target in self.targets if target.name == name), None)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One field and the JSONata expression that gives its value. `kind` None: text, number or boolean, as it comes.

    Who changed it last, and when, is noted by whoever keeps it.
    """

    target: str
    field: str
    expression: str
    kind: Kind | None = None
    changed_by: str | None = None
    changed_at: str | None = None

    @property
    def path(self) -> str:
        """How it is named everywhere: `order.Gift_Note__c`."""
        return f"{self.target}.{self.field}"


class Overlay(Protocol):
    """What is laid over one surface, as a connector uses it."""

    @property
    def version(self) -> str:
        """Names what is in force: "crm outbound 3"; empty while nothing is."""
        ...

    def values(self, pieces: Callable[[], Sequence[Piece]]) -> Sequence[Mapping[str, Any]]:
        """The fields to set on each piece, in their order. Empty, and `pieces` not called, while nothing is in force.

        Raises Reject("mapping.overlay_failed") naming field and expression.
        """
        ...


class Overlays(Protocol):
    """Where connectors get theirs from."""

    def lay_over(self, surface: Surface) -> Overlay:
        """Makes the surface known and returns what is laid over it, now and later."""
        ...
