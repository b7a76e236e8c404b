"""What is on the workbench: the rules being worked on, the order they are tried on, and what came of it."""

from collections.abc import Mapping
from typing import Any, Final

from millstream.domain.access import Right
from millstream.web.console.visit import Visit, link_to

SAMPLES: Final = 50
COMPARED: Final = 50

Json = dict[str, Any]


class Bench:
    """One person's work on one mapping. Everything goes by the API; nothing is kept here that matters."""

    def __init__(self, visit: Visit, mapping: Json) -> None:
        self.visit = visit
        self.connection: str = mapping["connection"]
        self.direction: str = mapping["direction"]
        self.targets: list[Json] = mapping["targets"]
        self.rules: list[Json] = []
        self.tests: list[Json] = []
        self.faults: list[Json] = []
        self.revision = 0
        self.on_top_of = 0
        self.is_changed = False
        self.failing = visit.query("failing") == "1"
        self.samples: list[Json] = []
        self.event_id: str | None = visit.query("order") or None
        self.is_chosen = self.event_id is not None
        self.seen: Json | None = None
        self.piece = 0
        self.take(mapping)

    # --- who may what

    @property
    def may_change(self) -> bool:
        """Whether this person drafts and publishes."""
        return self.visit.may(Right.MANAGE_CONNECTIONS)

    @property
    def may_try(self) -> bool:
        """Whether this person sees what customers sent."""
        return self.visit.may(Right.VIEW_PAYLOAD)

    @property
    def name(self) -> str:
        """As the command line names it."""
        return f"{self.connection}.{self.direction}"

    @property
    def _path(self) -> str:
        return f"/api/mappings/{self.connection}/{self.direction}"

    # --- what is worked on

    def take(self, mapping: Json) -> None:
        """Goes on from the draft, else from what is in force."""
        draft, version = mapping["draft"], mapping["version"]
        content = draft or version or {"rules": [], "tests": []}
        self.rules = [dict(rule) for rule in content["rules"]]
        self.tests = [dict(test) for test in content["tests"]]
        self.revision = draft["revision"] if draft else 0
        self.on_top_of = version["version"] if version else 0
        self.is_changed = False
        self.faults = []

    def add_rule(self, target: str, field: str) -> None:
        """A rule without an expression yet."""
        self.rules.append({"target": target, "field": field, "expression": "", "kind": None, "changed_by": None})
        self.is_changed = True

    @property
    def content(self) -> Json:
        """Rules and tests as the API takes them."""
        names = ("target", "field", "expression", "kind")
        return {
            "rules": [{name: rule[name] for name in names} for rule in self.rules],
            "tests": [
                {name: test[name] for name in ("name", "target", "given", "mapped", "expected")} for test in self.tests
            ],
        }

    # --- the API

    async def mapping(self, *, watching: bool = False) -> Json:
        """As it stands now."""
        found: Json = await self.visit.api.get(self._path, watching=watching)
        return found

    async def versions(self, after: str | None = None) -> Json:
        """A page of what was published."""
        found: Json = await self.visit.api.get(f"{self._path}/versions", after=after)
        return found

    async def look_for_samples(self) -> None:
        """The newest orders, or those that a mapping holds. What was chosen stays chosen."""
        answer = await self.visit.api.get(f"{self._path}/samples", failing=self.failing, limit=SAMPLES)
        self.samples = answer["items"]
        ids = [one["id"] for one in self.samples]
        if not self.is_chosen and self.event_id not in ids:
            self.event_id = ids[0] if ids else None

    async def preview(self) -> None:
        """Tries the rules on the chosen order."""
        self.seen = None
        if self.event_id is not None:
            wish = {**self.content, "tests": [], "use": "content", "event_id": self.event_id}
            self.seen = await self.visit.api.post(f"{self._path}/preview", wish)
            self.piece = min(self.piece, max(len(self.seen["pieces"]) - 1, 0)) if self.seen else 0

    async def run_tests(self) -> Json:
        """What the tests say of these rules."""
        found: Json = await self.visit.api.post(f"{self._path}/test", {**self.content, "use": "content"})
        return found

    async def compare(self) -> Json:
        """What these rules would change on the last orders."""
        wish = {**self.content, "tests": [], "use": "content", "last": COMPARED}
        found: Json = await self.visit.api.post(f"{self._path}/diff", wish)
        return found

    async def save(self) -> Json:
        """Keeps the draft."""
        saved: Json = await self.visit.api.put(f"{self._path}/draft", {**self.content, "revision": self.revision})
        self.revision = saved["draft"]["revision"]
        self.rules = [dict(rule) for rule in saved["draft"]["rules"]]
        self.faults = saved["faults"]
        self.is_changed = False
        return saved

    async def drop(self) -> None:
        """Drops the draft and goes on from what is in force."""
        self.take(await self.visit.api.delete(f"{self._path}/draft"))

    async def publish(self, reason: str) -> Json:
        """Puts these rules in force."""
        wish = {"reason": reason, "on_top_of": self.on_top_of, "content": self.content}
        found: Json = await self.visit.api.post(f"{self._path}/publish", wish)
        return found

    async def roll_back(self, version: int, reason: str) -> Json:
        """Puts an earlier version's rules in force."""
        wish = {"reason": reason, "on_top_of": self.on_top_of, "version": version}
        found: Json = await self.visit.api.post(f"{self._path}/rollback", wish)
        return found

    @property
    def address(self) -> str:
        """The page as it stands, for a colleague."""
        order = self.event_id if self.is_chosen else None
        return link_to(f"/mappings/{self.connection}/{self.direction}", order=order, failing=int(self.failing) or None)

    # --- what came of it

    @property
    def pieces(self) -> list[Json]:
        """The records of the chosen order."""
        return self.seen["pieces"] if self.seen else []

    def outcomes(self, rule: Mapping[str, Any]) -> list[tuple[str, Json]]:
        """What a rule gives on each record of its target: the record's label, and the field."""
        return [
            (piece["label"], field)
            for piece in self.pieces
            if piece["target"] == rule["target"]
            for field in piece["fields"]
            if field["field"] == rule["field"]
        ]
