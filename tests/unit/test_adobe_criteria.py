"""Searches that would fail silently are refused before they are sent."""

import pytest

from millstream.connectors.adobe_commerce.criteria import Filter, search_query
from millstream.domain.errors import Reject


def query(*groups, **changes):
    return search_query("orders", groups, **{"page_size": 10} | changes)


def test_filters_of_a_group_are_alternatives_and_groups_must_all_hold():
    group = (Filter("entity_id", "gt", "5"), Filter("updated_at", "gt", "2026-11-23 08:00:00"))
    found = query(group, sort=("entity_id",))
    assert found == [
        ("searchCriteria[filter_groups][0][filters][0][field]", "entity_id"),
        ("searchCriteria[filter_groups][0][filters][0][value]", "5"),
        ("searchCriteria[filter_groups][0][filters][0][condition_type]", "gt"),
        ("searchCriteria[filter_groups][0][filters][1][field]", "updated_at"),
        ("searchCriteria[filter_groups][0][filters][1][value]", "2026-11-23 08:00:00"),
        ("searchCriteria[filter_groups][0][filters][1][condition_type]", "gt"),
        ("searchCriteria[sortOrders][0][field]", "entity_id"),
        ("searchCriteria[sortOrders][0][direction]", "ASC"),
        ("searchCriteria[pageSize]", "10"),
        ("searchCriteria[currentPage]", "1"),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        Filter("no_such_column", "eq", "1"),
        Filter("updated_at", "gteq", "yesterday-ish"),
        Filter("updated_at", "gteq", "2026-11-23"),
        Filter("updated_at", "gteq", "2026-11-23T08:00:00Z"),
        Filter("entity_id", "gt", "5 or 1=1"),
        Filter("entity_id", "gt", ""),
        Filter("entity_id", "gt", "٥"),
        Filter("entity_id", "fancy", "5"),
        Filter("store_id", "in", "1,x"),
        Filter("store_id", "in", ",".join(["1"] * 101)),
        Filter("increment_id", "eq", "a,b"),
    ],
)
def test_an_unknown_field_condition_or_value_is_refused(bad):
    with pytest.raises(Reject) as refused:
        query((bad,))
    assert refused.value.code == "criteria.unsafe"


def test_trap_22_an_eleventh_index_is_never_sent():
    one = Filter("entity_id", "gt", "5")
    assert query(*[(one,)] * 10)
    assert query((one,) * 10)
    for groups in ([(one,)] * 11, [(one,) * 11]):
        with pytest.raises(Reject, match="more than 10"):
            query(*groups)


@pytest.mark.parametrize("changes", [{"page_size": 0}, {"page_size": 101}, {"page_size": -5}, {"sort": ("nope",)}])
def test_page_sizes_and_sort_columns_are_checked(changes):
    with pytest.raises(Reject):
        query(**changes)


def test_only_known_entities_are_searched():
    with pytest.raises(Reject):
        search_query("customers", [], page_size=1)
