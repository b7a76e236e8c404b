"""The rules of the house that no linter knows."""

import ast
import fnmatch
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from millstream.domain.states import DeliveryState

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
LINES_MAX = 400
LONGER: dict[str, str] = {}  # path below src -> why it is one thing nonetheless
README_LINES_MAX = 150

FORBIDDEN_WORDS = {
    "manager", "processor", "helper", "helpers", "util", "utils", "handler", "handlers", "info", "misc", "common",
    "slave", "sync",
}  # fmt: skip
NAMED_BY_OTHERS: dict[str, str] = {}  # a forbidden name -> whose interface demands it

MARKS = re.compile(
    "|".join(("TO" + "DO", "FIX" + "ME", r"\bXX" + r"X\b", r"\bHA" + r"CK\b", "NotImplemented" + "Error"))
)
PLACES = re.compile(
    "|".join(
        (r"/wo" + "rk/", r"/ro" + "ot/", r"/ho" + r"me/[a-z]+/", "files.python" + "hosted", "pypi.org/" + "simple",
         "registry.npm" + "js", "--index" + "-url", "--find" + "-links")
    )
)  # fmt: skip
SUPPRESSION = re.compile(r"#\s*(noqa|type:\s*ignore)(?P<rest>.*)")
REASON = re.compile(r"(: ?[A-Z0-9, ]+|\[[a-z-]+(, ?[a-z-]+)*\])\s*(-|#|–|;)\s*\w+")


def ignored_names() -> list[str]:
    return [line.strip().strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.strip()]


def our_files() -> list[Path]:
    """Every text file that belongs to the project, found without git so that a plain copy can be tested too."""
    skipped = [*ignored_names(), ".git"]

    def ours(path: Path) -> bool:
        parts = path.relative_to(ROOT).parts
        folders = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        return not any(fnmatch.fnmatch(name, pattern) for name in (*parts, *folders) for pattern in skipped)

    files = [path for path in ROOT.rglob("*") if ours(path) and path.is_file()]
    return [path for path in files if b"\x00" not in path.read_bytes()[:1024]]


def lines_with(pattern: re.Pattern, files) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{n}: {line.strip()[:100]}"
        for path in files
        for n, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_source_file_is_long_without_a_reason():
    lengths = {str(path.relative_to(ROOT / "src")): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > LINES_MAX and name not in LONGER} == {}
    assert [name for name in LONGER if lengths.get(name, 0) <= LINES_MAX] == [], "take the exception out"


def names_of(path: Path):
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def words_of(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_names_say_what_a_thing_is(path):
    vague = {name for name in names_of(path) if words_of(name) & FORBIDDEN_WORDS}
    assert vague - NAMED_BY_OTHERS.keys() == set()


def test_nothing_is_marked_unfinished():
    assert lines_with(MARKS, our_files()) == []


def test_no_file_names_a_place_on_one_machine_or_an_index():
    assert lines_with(PLACES, our_files()) == []


def test_every_suppressed_warning_says_which_and_why():
    bare = [
        f"{path.relative_to(ROOT)}:{n}"
        for path in our_files()
        if path.suffix == ".py"
        for n, line in enumerate(path.read_text().splitlines(), 1)
        if (found := SUPPRESSION.search(line)) and "SUPPRESSION" not in line and not REASON.match(found["rest"])
    ]
    assert bare == []


def test_every_ruff_ignore_has_its_reason_beside_it():
    text = (ROOT / "pyproject.toml").read_text()
    section = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.pydocstyle]")]
    ignores = section[section.index("ignore = [") :].splitlines()
    lines = [line for line in ignores if re.search(r'"[A-Z]+[0-9]*"', line)]
    assert [line for line in lines if "#" not in line] == []
    assert len(lines) > 20


def test_readme_can_be_read_in_one_sitting():
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES_MAX


def test_test_files_have_names_of_their_own():
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("state", DeliveryState)
def test_every_delivery_state_is_explained(state):
    documents = [path for name in ("architecture", "guarantees") if (path := ROOT / f"docs/{name}.md").exists()]
    if not documents:
        pytest.skip("docs/architecture.md and docs/guarantees.md are not written yet")
    assert any(re.search(rf"\b{state.value}\b", path.read_text()) for path in documents)


class TestLocks:
    @staticmethod
    def pins(name: str) -> dict[str, str]:
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        pinned = [line.partition("#")[0].strip() for line in lines]
        assert [line for line in pinned if line and not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][^\s;@]*", line)] == []
        return {
            re.sub(r"[-_.]+", "-", package).lower(): version
            for line in pinned
            if line
            for package, _, version in [line.partition("==")]
        }

    def test_the_tools_are_installed_on_top_of_what_the_product_runs_on(self):
        assert self.pins("base.txt").items() <= self.pins("dev.txt").items()

    def test_everything_asked_for_is_pinned(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        wanted = {"base.txt": project["dependencies"], "dev.txt": project["optional-dependencies"]["dev"]}
        for lock, requirements in wanted.items():
            names = {re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", wish)[0]).lower() for wish in requirements}
            assert names - self.pins(lock).keys() == set(), f"run make lock: {lock}"


class TestMakefile:
    TEXT = (ROOT / "Makefile").read_text()

    @pytest.mark.parametrize("target", ["setup", "demo", "test", "check", "fix", "bench", "docs", "lock", "clean"])
    def test_has_every_target_and_says_what_it_does(self, target):
        assert re.search(rf"^{target}:", self.TEXT, re.MULTILINE)
        assert f"make {target}" in self.TEXT.partition("SHELL")[0]

    def test_ci_runs_what_people_run(self):
        script = ROOT / ".ci/run"
        assert script.stat().st_mode & 0o111
        assert script.read_text().rstrip().endswith("make test")


@pytest.mark.xdist_group("kept-together")
def test_groups_of_tests_are_kept_in_one_process(request):
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("no processes are given groups")
    assert request.node.nodeid.endswith("@kept-together")
