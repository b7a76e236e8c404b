"""How a result is told: figures against their promises, lowest, median and highest of several rounds, tables."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PLAIN_ROWS_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One figure, measured in several rounds, against its promise. `at_least` or `at_most` is the promise."""

    what: str
    values: Sequence[float]
    unit: str = ""
    digits: int = 2
    at_least: float | None = None
    at_most: float | None = None

    def promise(self) -> str:
        """The promise in words."""
        word, bound = ("at least", self.at_least) if self.at_most is None else ("at most", self.at_most)
        return f"{word} {bound:g}{self.unit}"

    def measured(self) -> str:
        """What was measured."""
        return spread(self.values, unit=self.unit, digits=self.digits)

    def kept(self) -> str:
        """Whether the promise was kept: in every round, or only by the median, or not."""
        if all(self._keeps(value) for value in self.values):
            return "yes"
        return "by the median" if self._keeps(statistics.median(self.values)) else "**no**"

    def _keeps(self, value: float) -> bool:
        if self.at_most is not None:
            return value <= self.at_most
        assert self.at_least is not None, "a finding has a promise"
        return value >= self.at_least


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the page tells of one result: figures against promises, then tables and notes in Markdown."""

    findings: Sequence[Finding]
    body: str


def spread(values: Sequence[float], *, unit: str = "", digits: int = 2) -> str:
    """Lowest, median and highest, or the value alone if there is one."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}{unit}"
    three = (min(values), statistics.median(values), max(values))
    return " – ".join(f"{value:.{digits}f}" for value in three) + unit


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def plain(figures: dict) -> Account:
    """A result nobody has written an account for: every figure, by its name."""
    rows = [(f"`{name}`", text) for name, text in _leaves("", figures)]
    more = f"\n\n{len(rows) - PLAIN_ROWS_MAX} more stand in the file." if len(rows) > PLAIN_ROWS_MAX else ""
    return Account(findings=(), body=table(("figure", "value"), rows[:PLAIN_ROWS_MAX]) + more)


def _leaves(name: str, value: object) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}".lstrip("."), inner)
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for n, inner in enumerate(value, 1):
            yield from _leaves(f"{name}.{n}", inner)
    elif isinstance(value, list):
        yield name, ", ".join(str(one) for one in value)
    else:
        yield name, str(value)
