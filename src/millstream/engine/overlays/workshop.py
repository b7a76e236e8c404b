"""Where people work on overlays: drafts, trials, publishing, rollback. The API and the command line use it alike."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from millstream.domain.acknowledgement import acknowledgement_from_json
from millstream.domain.errors import Failure, Reject
from millstream.domain.events import ORDER_PLACED
from millstream.domain.order import SalesOrder, order_from_json
from millstream.engine.overlays.evaluator import Evaluator
from millstream.engine.overlays.keeper import OverlayKeeper
from millstream.engine.overlays.rules import Fault, faults_of
from millstream.engine.overlays.trial import Checked, Diff, Order, Preview, checked, compared, previewed
from millstream.ports.mappings import (
    Content,
    Draft,
    MappingBook,
    Place,
    Publication,
    SampleEvent,
    Version,
)
from millstream.ports.overlay import Rule, Sample, Surface
from millstream.ports.world import Clock

SAMPLES_MAX: Final = 200
T = TypeVar("T")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One overlay: what may be laid over, what is in force, what somebody works on."""

    surface: Surface
    version: Version | None
    draft: Draft | None

    @property
    def newest(self) -> int:
        """The version in force, 0: none was ever published."""
        return 0 if self.version is None else self.version.version

    @property
    def content(self) -> Content:
        """The draft, else what is in force."""
        return self.draft or self.version or Content()


class Workshop:
    """`surfaces` are what the connectors of this hub made known; `interpret` reads an order as its store sent it."""

    def __init__(
        self,
        book: MappingBook,
        surfaces: Mapping[Place, Surface],
        *,
        keeper: OverlayKeeper,
        interpret: Callable[[dict[str, Any]], SalesOrder],
        clock: Clock,
    ) -> None:
        self._book = book
        self._surfaces = surfaces
        self._keeper = keeper
        self._interpret = interpret
        self._clock = clock
        self._evaluator = Evaluator()  # of its own: what people try never makes an order wait
        self._one_at_a_time = asyncio.Lock()

    def close(self) -> None:
        """Ends the process that evaluates trials."""
        self._evaluator.close()

    # --- looking

    def surface(self, place: Place) -> Surface:
        """Raises Reject("mapping.unknown")."""
        if place not in self._surfaces:
            known = ", ".join(f"{connection} {direction}" for connection, direction in self._surfaces)
            raise Reject("mapping.unknown", f"Nothing can be laid over {' '.join(place)}. There are: {known}.")
        return self._surfaces[place]

    async def standings(self) -> Sequence[Standing]:
        """All there are."""
        return [await self.standing(place) for place in self._surfaces]

    async def standing(self, place: Place) -> Standing:
        """One of them. Raises Reject("mapping.unknown")."""
        surface = self.surface(place)
        versions = await self._book.versions(place, limit=1)
        return Standing(surface=surface, version=versions[0] if versions else None, draft=await self._book.draft(place))

    async def versions(self, place: Place, *, limit: int, before: int | None = None) -> Sequence[Version]:
        """The newest first, behind a version. Raises Reject("mapping.unknown")."""
        self.surface(place)
        return await self._book.versions(place, limit=limit, before=before)

    async def version(self, place: Place, number: int) -> Version:
        """Raises Reject("mapping.unknown")."""
        self.surface(place)
        found = await self._book.version(place, number)
        if found is None:
            raise Reject("mapping.unknown", f"There is no version {number} of {' '.join(place)}.")
        return found

    # --- changing

    async def faults(self, place: Place, content: Content) -> list[Fault]:
        """What keeps this from being published; its tests aside."""
        surface = self.surface(place)
        return await self._aside(lambda: faults_of(content.rules, content.tests, surface, self._evaluator))

    async def save(self, place: Place, content: Content, *, revision: int, actor: str) -> Draft:
        """Keeps a draft, faults and all. Raises Conflict if somebody else saved meanwhile."""
        standing = await self.standing(place)
        based_on = standing.draft.based_on if standing.draft else standing.newest
        signed = msgspec.structs.replace(content, rules=self._signed(content.rules, standing.content.rules, actor))
        return await self._book.save(place, signed, revision=revision, based_on=based_on, actor=actor)

    async def discard(self, place: Place, *, actor: str) -> bool:
        """Drops the draft."""
        self.surface(place)
        return await self._book.discard(place, actor=actor)

    async def publish(
        self, place: Place, content: Content | None, *, actor: str, reason: str, on_top_of: int
    ) -> Version:
        """Puts it in force; without content, the draft.

        Raises Conflict if another version is in force by now, Reject("mapping.invalid") for faults and failing tests.
        """
        standing = await self.standing(place)
        if content is None:
            if standing.draft is None:
                raise Reject("mapping.no_draft", f"There is no draft of {' '.join(place)} to publish.")
            content = standing.draft
        signed = Content(rules=self._signed(content.rules, standing.content.rules, actor), tests=content.tests)
        await self._refuse_unless_sound(place, signed)
        return await self._book.publish(place, signed, Publication(actor=actor, reason=reason, on_top_of=on_top_of))

    async def roll_back(self, place: Place, to: int, *, actor: str, reason: str, on_top_of: int) -> Version:
        """Puts the content of an earlier version in force again, as a new version. 0: nothing is laid over any more."""
        content = Content() if to == 0 else await self.version(place, to)
        await self._refuse_unless_sound(place, content)
        published = Content(rules=content.rules, tests=content.tests)
        return await self._book.publish(
            place, published, Publication(actor=actor, reason=reason, on_top_of=on_top_of, restores=to)
        )

    async def _refuse_unless_sound(self, place: Place, content: Content) -> None:
        faults = await self.faults(place, content)
        if not faults:
            results = await self.run_tests(place, content)
            faults = [
                Fault(place=f"tests[{n}]", message=f"The test {one.name!r} fails: {'; '.join(one.faults)}")
                for n, one in enumerate(results)
                if not one.ok
            ]
        if faults:
            told = " ".join(f"{fault.place}: {fault.message}" for fault in faults[:5])
            raise Reject("mapping.invalid", told, field=faults[0].place)

    def _signed(self, rules: Sequence[Rule], before: Sequence[Rule], actor: str) -> tuple[Rule, ...]:
        """Every rule with who changed it last."""
        known = {rule.path: rule for rule in before}
        now = self._clock.now().isoformat(timespec="seconds")

        def signed(rule: Rule) -> Rule:
            old = known.get(rule.path)
            if old is not None and (old.expression, old.kind) == (rule.expression, rule.kind):
                return old
            return msgspec.structs.replace(rule, changed_by=actor, changed_at=now)

        return tuple(map(signed, rules))

    # --- trying

    async def run_tests(self, place: Place, content: Content) -> list[Checked]:
        """What the tests say. One of an unknown target is told by `faults`."""
        surface = self.surface(place)
        return await self._aside(lambda: checked(surface, content.rules, content.tests, self._evaluator))

    async def samples(self, place: Place, *, failing: bool, limit: int) -> Sequence[SampleEvent]:
        """The newest orders to try on, or those that a mapping holds."""
        return await self._book.samples(self.surface(place).samples, failing=failing, limit=limit)

    async def preview(self, place: Place, rules: Sequence[Rule], event_id: UUID | None) -> Preview:
        """The rules on one order, the newest if none is named. Raises Reject("mapping.no_sample")."""
        surface = self.surface(place)
        if event_id is None:
            newest = await self._book.samples(surface.samples, failing=False, limit=1)
            event_id = newest[0].id if newest else None
        orders = await self._orders(surface, [event_id] if event_id else [])
        if not orders:
            raise Reject("mapping.no_sample", "There is no such order to try a mapping on.")
        return await self._aside(lambda: previewed(surface, rules, orders[0], self._evaluator))

    async def diff(self, place: Place, rules: Sequence[Rule], *, last: int) -> Diff:
        """What these rules would change on the last orders, against what is in force."""
        standing = await self.standing(place)
        before = standing.version.rules if standing.version else ()
        found = await self._book.samples(standing.surface.samples, failing=False, limit=min(last, SAMPLES_MAX))
        orders = await self._orders(standing.surface, [one.id for one in found])
        return await self._aside(lambda: compared(standing.surface, before, rules, orders, self._evaluator))

    async def _orders(self, surface: Surface, ids: Sequence[UUID]) -> list[Order]:
        await self._keeper.look()  # orders are read by the mapping that is in force now
        return [self._order(surface, event) for event in await self._book.sample_data(ids)]

    def _order(self, surface: Surface, event: SampleEvent) -> Order:
        try:
            pieces = tuple(surface.pieces(self._sample(surface, event)))
        except Failure as failure:
            return Order(event_id=event.id, number=event.number, occurred_at=event.occurred_at, fault=failure.message)
        except (KeyError, TypeError, ValueError) as error:
            text = f"This order cannot be read: {type(error).__name__}"
            return Order(event_id=event.id, number=event.number, occurred_at=event.occurred_at, fault=text)
        return Order(event_id=event.id, number=event.number, occurred_at=event.occurred_at, pieces=pieces)

    def _sample(self, surface: Surface, event: SampleEvent) -> Sample:
        data = event.data or {}
        if event.type != ORDER_PLACED:
            return Sample(
                raw=None,
                order=order_from_json(data["order"]),
                acknowledgement=acknowledgement_from_json(data["acknowledgement"]),
                customer_id=data.get("customer_id"),
            )
        raw = dict(data["order"])
        order = self._interpret(raw) if surface.direction == "outbound" else None
        return Sample(raw=raw, order=order, acknowledgement=None, customer_id=None)

    async def _aside(self, work: Callable[[], T]) -> T:
        """In a thread, one at a time: a trial that runs away delays other trials alone."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(work)
