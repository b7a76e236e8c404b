"""The table of a delivery's life."""

from millstream.domain.states import LEGAL_MOVES, OPEN_STATES, DeliveryState, may_move

TERMINAL = {DeliveryState.DONE, DeliveryState.DISCARDED}


def test_the_table_knows_every_state():
    assert set(LEGAL_MOVES) == set(DeliveryState)


def test_nothing_leaves_what_is_done_and_what_was_closed_goes_back_to_review_only():
    assert {state for state, targets in LEGAL_MOVES.items() if not targets} == {DeliveryState.DONE}
    assert LEGAL_MOVES[DeliveryState.DISCARDED] == {DeliveryState.HELD}


def test_open_is_whatever_is_not_terminal():
    assert set(OPEN_STATES) == set(DeliveryState) - TERMINAL
    assert len(OPEN_STATES) == len(set(OPEN_STATES))


def test_every_open_state_leads_to_both_ends():
    def reachable(state, seen=frozenset()):
        return seen.union(*(reachable(to, seen | {to}) for to in LEGAL_MOVES[state] - seen))

    for state in OPEN_STATES:
        assert reachable(state) >= TERMINAL


def test_only_what_runs_can_be_done():
    assert [state for state in DeliveryState if may_move(state, DeliveryState.DONE)] == [DeliveryState.RUNNING]


def test_nobody_discards_what_runs():
    assert not may_move(DeliveryState.RUNNING, DeliveryState.DISCARDED)


def test_what_rests_with_a_human_is_never_picked_up_by_a_worker_directly():
    for state in (DeliveryState.HELD, DeliveryState.DEAD):
        assert not may_move(state, DeliveryState.RUNNING)
        assert may_move(state, DeliveryState.RETRYING)


def test_may_move_reads_the_table():
    for source in DeliveryState:
        for target in DeliveryState:
            assert may_move(source, target) is (target in LEGAL_MOVES[source])
