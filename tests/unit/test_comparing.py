"""Two documents side by side: what differs is told, what merely moved is not."""

from hypothesis import given
from hypothesis import strategies as st

from millstream.web.console.comparing import in_order_of, lines_of, stretches

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, JSON)
def test_putting_members_into_order_changes_no_document(document, model):
    assert in_order_of(document, model) == document


@given(JSON)
def test_the_order_of_members_makes_no_difference(document):
    def turned(value):
        if isinstance(value, dict):
            return {name: turned(value[name]) for name in reversed(value)}
        return [turned(one) for one in value] if isinstance(value, list) else value

    assert lines_of(in_order_of(turned(document), document)) == lines_of(document)


@given(JSON, JSON)
def test_the_stretches_are_both_documents_and_nothing_else(left, right):
    before, after = lines_of(left), lines_of(right)
    found = stretches(before, after)
    assert [line for one in found for line in one.left] == before
    assert [line for one in found for line in one.right] == after
    assert all(one.left == one.right for one in found if one.same)


def test_one_changed_line_is_one_changed_stretch():
    found = stretches(lines_of({"a": 1, "sku": "GHOST-1"}), lines_of({"a": 1, "sku": "VALVE-050"}))
    assert [(one.left, one.right) for one in found if not one.same] == [
        (('  "sku": "GHOST-1"',), ('  "sku": "VALVE-050"',))
    ]
