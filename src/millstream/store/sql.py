"""Named SQL: `-- name --`, a line of purpose, the statement."""

import re
from importlib.resources import files
from typing import Final

_NAMED: Final = re.compile(r"^-- (\w+) --\n((?:--.*\n)+)", re.MULTILINE)


def load(name: str) -> dict[str, str]:
    """Every statement of `queries/<name>.sql` by its name. Raises KeyError-free: a typo fails at import."""
    text = files("millstream.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
    matches = list(_NAMED.finditer(text))
    ends = [match.start() for match in matches[1:]] + [len(text)]
    return {match[1]: text[match.end() : end].strip() for match, end in zip(matches, ends, strict=True)}
