"""Characters PostgreSQL refuses are replaced, all others are left alone."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from millstream.store.text import REPLACEMENT, json_text, storable

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates and NUL included


@given(ANY_TEXT)
def test_stored_text_has_no_character_postgresql_refuses_and_keeps_its_length(text):
    kept = storable(text)
    assert len(kept) == len(text)
    assert all(new in (old, REPLACEMENT) for new, old in zip(kept, text, strict=True))
    assert "\x00" not in kept
    assert kept.encode().decode() == kept


@given(
    st.recursive(
        ANY_TEXT | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_holds_no_nul_escape_and_reads_back(value):
    text = json_text(value)
    found = msgspec.json.decode(text)

    def texts(node):
        match node:
            case str():
                yield node
            case list():
                for inner in node:
                    yield from texts(inner)
            case dict():
                for key, inner in node.items():
                    yield key
                    yield from texts(inner)

    assert all("\x00" not in one for one in texts(found))


def test_a_backslash_followed_by_u0000_is_no_nul():
    assert msgspec.json.decode(json_text({"a": "\\u0000", "b": "\x00"})) == {"a": "\\u0000", "b": REPLACEMENT}
