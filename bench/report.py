"""Makes `docs/benchmarks.md` of the figures in `bench/results/`.

python bench/report.py            writes the page
python bench/report.py --check    fails if the page is not what the figures give
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from account import Account, plain, table
from accounts import ACCOUNTS
from machine import OTHERS_MAX_PERCENT, STOLEN_MAX_PERCENT
from promises import BENCH, PROMISES, Promise

RESULTS = BENCH / "results"
PAGE = BENCH.parent / "docs/benchmarks.md"
NOT_MEASURED = "Not measured yet."

OPENING = """\
<!-- Written by `make bench` from bench/results/*.json. What you change here is lost; tests/tidy compares both. -->
# Benchmarks

What Millstream promises about speed, and what was measured. [How it is measured](operate/benchmarks.md) says what is
counted, what is not, and what these figures do not say. `make bench` measures it anew on your machine.

**Read ratios.** Figures of one run are set against figures of the same run, as ratios. Times hold for the machine and
the moment they were measured on; they are set against a promise, never against another run. Where several rounds were
run by turns, three figures stand for them: lowest – median – highest. A promise is kept *by the median* when one of the
rounds missed it.
"""

QUIET = f"""\
Others' CPU is what other processes used of all CPUs during the run; stolen is what other virtual machines took. A
machine is quiet if they had at most {OTHERS_MAX_PERCENT:g} % and {STOLEN_MAX_PERCENT:g} %. The load averages are those
of one minute; the one after the run holds the run itself.
"""


def load(folder: Path) -> dict[str, dict]:
    """Every result of the folder, by name."""
    names = {one.name for one in PROMISES}
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json")) if path.stem in names}


def save(result: dict, folder: Path) -> None:
    """Writes a result, its keys in a stable order."""
    text = json.dumps(result, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / f"{result['benchmark']}.json").write_text(_short_lists_on_one_line(text) + "\n")


def _short_lists_on_one_line(text: str) -> str:
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s*\n\s*", " ", found[0][1:-1]).strip().join("[]"), text)


def accounts(results: Mapping[str, dict]) -> dict[str, Account]:
    """What each result says."""
    return {name: ACCOUNTS.get(name, plain)(result["figures"]) for name, result in results.items()}


def page(results: Mapping[str, dict], promises: Sequence[Promise] = PROMISES) -> str:
    """The whole page."""
    parts = [OPENING, in_short(results, promises), *sections(results, promises), circumstances(results, promises)]
    return "\n".join(parts)


def in_short(results: Mapping[str, dict], promises: Sequence[Promise]) -> str:
    """Every promise in one line."""
    said, rows = accounts(results), []
    for promise in promises:
        link = f"[{promise.title}](#{_anchor(promise.title)})"
        if promise.name not in said:
            rows.append((link, "", "", NOT_MEASURED, "unknown"))
        elif not said[promise.name].findings:
            rows.append((link, "", "none", "see there", ""))
        rows += [
            (link, one.what, one.promise(), one.measured(), one.kept())
            for one in (said[promise.name].findings if promise.name in said else ())
        ]
    return f"## In short\n{table(('promise', 'figure', 'limit', 'measured', 'kept'), rows)}\n"


def sections(results: Mapping[str, dict], promises: Sequence[Promise] = PROMISES) -> list[str]:
    """One section per promise."""
    said = accounts(results)
    return [_section(one, results.get(one.name), said.get(one.name)) for one in promises]


def _section(promise: Promise, result: dict | None, account: Account | None) -> str:
    head = f"## {promise.title}\n**Promised:** {promise.asked}\n"
    if result is None or account is None:
        return f"{head}\n{NOT_MEASURED} The command: `{promise.command(quick=False)}`\n"
    quiet = "a quiet machine" if result["load"]["quiet"] else "a machine that had other work, too"
    where = f"commit `{result['commit']}`{_with_changes(result['dirty'])}, {result['date']}, on {quiet}"
    return f"{head}\n**Measured by** `{result['command']}` ({where})\n\n{account.body}\n"


def _with_changes(dirty: bool | str) -> str:
    return {True: " with changes not committed", False: ""}.get(dirty, "")


def circumstances(results: Mapping[str, dict], promises: Sequence[Promise]) -> str:
    """Where and when, for every result."""
    rows = [_circumstance(one.name, results[one.name]) for one in promises if one.name in results]
    head = (
        "figures",
        "run",
        "others' CPU",
        "load average, before / after",
        "stolen",
        "quiet",
    )
    machines = sorted({_machine(result["machine"]) for result in results.values()})
    facts = "\n".join(f"- {one}" for one in machines) or NOT_MEASURED
    return f"## Where it was measured\n{facts}\n\n{table(head, rows)}\n\n{QUIET}"


def _circumstance(name: str, result: dict) -> Sequence[str]:
    load_ = result["load"]
    return (
        f"[{name}.json](../bench/results/{name}.json)",
        f"{result['date']}, {result['took_s']:.0f} s",
        f"{load_['others_percent']:.0f} %",
        f"{load_['load_average_before'][0]:.2f} / {load_['load_average_after'][0]:.2f}",
        f"{load_['stolen_percent']:.1f} %",
        "yes" if load_["quiet"] else "**no**",
    )


def _machine(facts: dict) -> str:
    return (
        f"{facts['cpus']} CPUs ({facts['cpu']}), {facts['memory_gb']} GiB, Linux {facts['kernel']}, "
        f"Python {facts['python']}, PostgreSQL {facts['postgresql']} (embedded)"
    )


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\s-]", "", heading.lower()).strip().replace(" ", "-")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is another one")
    given = parser.parse_args()
    wanted = page(load(RESULTS))
    if not given.check:
        PAGE.write_text(wanted)
    elif not PAGE.exists() or PAGE.read_text() != wanted:
        sys.exit("docs/benchmarks.md is not what bench/results/ gives. Run: python bench/report.py")


if __name__ == "__main__":
    main()
