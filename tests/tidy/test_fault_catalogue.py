"""What API, command line and console say of a failure is what the runbook says."""

import re

from test_mend_guide import CODE, CODES, MEND, PRODUCT, codes_in

from millstream.domain.faults import CODES as EXPLAINED
from millstream.domain.faults import explain

ROW = re.compile(r"^\| (?P<codes>`[^|]+) \| (?P<state>[^|]+) \| (?P<means>[^|]+) \| (?P<cure>[^|]+) \|$", re.MULTILINE)
ON_DELIVERIES = ("held", "retrying", "in the history")


def plain(text):
    return re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text).replace("`", "").strip()


def rows():
    """Code -> what the runbook says it means and what cures it, for codes that deliveries rest with."""
    return {
        code: (plain(row["means"]), plain(row["cure"]))
        for row in ROW.finditer(MEND)
        if row["state"].startswith(ON_DELIVERIES)
        for code in re.findall(r"`([a-z_.]+)`", row["codes"])
    }


def test_the_runbook_is_read():
    assert {"sku.unknown", "hub.fault", "lease.expired", "auth.token_unavailable"} <= set(rows())


def test_the_catalogue_and_the_runbook_say_the_same():
    differing = {}
    for code, (means, cure) in rows().items():
        known = explain(code)
        said = known and (known.means.removesuffix(".").lower(), known.fix.removesuffix(".").lower())
        if said != (means.removesuffix(".").lower(), cure.removesuffix(".").lower()):
            differing[code] = said
    assert differing == {}


def test_whatever_a_delivery_may_rest_with_is_explained():
    """Codes that are mere answers stand in the runbook without a state, and need no explanation in the inbox."""
    answers = {
        code
        for row in ROW.finditer(MEND)
        if not row["state"].startswith(ON_DELIVERIES)
        for code in re.findall(r"`([a-z_.]+)`", row["codes"])
    }
    assert set(CODES) - answers - EXPLAINED == set()


def test_every_code_of_the_catalogue_is_one_that_the_sources_know():
    known = {code for path in PRODUCT.rglob("*.py") for code in codes_in(path) if CODE.fullmatch(code)}
    text = "\n".join(
        path.read_text() for path in PRODUCT.rglob("*") if path.suffix in {".py", ".sql"} and "faults" not in path.parts
    )
    assert {code for code in EXPLAINED - known if code not in text} == set()


def test_every_explanation_is_a_sentence_for_somebody():
    told = [explain(code) for code in sorted(EXPLAINED)]
    assert [one.code for one in told if one is None or not (one.means.endswith(".") and one.fix.endswith("."))] == []
    assert explain("no.such_code") is None
    assert explain(None) is None
