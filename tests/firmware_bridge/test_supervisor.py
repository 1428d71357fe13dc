"""The reconnect policy: its table, its waits, and what people hear of it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.config.errors import Cause
from sanctuary.firmware_bridge.stream.reconnect import (
    BACKOFFS,
    JITTER,
    Backoff,
    ConnectionAction,
    ConnectionEvent,
    ConnectionState,
    ReconnectPolicy,
    ReconnectSupervisor,
    same_backoff,
)

POLICY = ReconnectPolicy(same_backoff(1.0, 8.0), silence_s=3.0, begin_s=4.0, steady_s=30.0)
C, D, LOST, BACK = (
    ConnectionAction.CONNECT,
    ConnectionAction.DISCONNECT,
    ConnectionAction.REPORT_LOST,
    ConnectionAction.REPORT_RECOVERED,
)


def connected(now_s: float = 0.0) -> ReconnectSupervisor:
    supervisor = ReconnectSupervisor(POLICY)
    assert supervisor.handle(ConnectionEvent.START, now_s) == [C]
    assert supervisor.handle(ConnectionEvent.OPENED, now_s) == []
    assert supervisor.handle(ConnectionEvent.SAMPLES, now_s) == []
    return supervisor


def test_a_headband_that_works_is_not_talked_about() -> None:
    supervisor = connected()
    for second in range(100):
        assert supervisor.handle(ConnectionEvent.SAMPLES, float(second)) == []
    assert supervisor.state is ConnectionState.CONNECTED


def test_a_headband_that_is_missing_at_the_start_is_lost() -> None:
    supervisor = ReconnectSupervisor(POLICY)
    supervisor.handle(ConnectionEvent.START, 0.0)
    assert supervisor.handle(ConnectionEvent.FAILED, 0.0) == [LOST, D]
    assert supervisor.due_s == 1.0


def test_lost_and_back_are_said_once_however_many_attempts_lie_between() -> None:
    supervisor = connected()
    assert supervisor.handle(ConnectionEvent.FAILED, 10.0) == [LOST, D]
    for _ in range(5):
        due_s = supervisor.due_s
        assert due_s is not None
        assert supervisor.handle(ConnectionEvent.TIME_PASSED, due_s) == [C]
        assert supervisor.handle(ConnectionEvent.FAILED, due_s) == [D]
    assert supervisor.handle(ConnectionEvent.TIME_PASSED, 100.0) == [C]
    assert supervisor.handle(ConnectionEvent.OPENED, 100.0) == []
    assert supervisor.handle(ConnectionEvent.SAMPLES, 101.0) == [BACK]
    assert supervisor.handle(ConnectionEvent.SAMPLES, 102.0) == []


def test_opened_is_not_yet_back() -> None:
    supervisor = connected()
    supervisor.handle(ConnectionEvent.FAILED, 0.0)
    supervisor.handle(ConnectionEvent.TIME_PASSED, 1.0)
    supervisor.handle(ConnectionEvent.OPENED, 1.0)
    assert supervisor.handle(ConnectionEvent.FAILED, 2.0) == [D]


def test_waits_double_up_to_the_longest() -> None:
    supervisor = connected()
    waits, now_s = [], 0.0
    for _ in range(6):
        supervisor.handle(ConnectionEvent.FAILED, now_s)
        assert supervisor.due_s is not None
        waits.append(supervisor.due_s - now_s)
        now_s = supervisor.due_s
        supervisor.handle(ConnectionEvent.TIME_PASSED, now_s)
    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@pytest.mark.parametrize("cause", Cause)
def test_unless_told_otherwise_the_backoff_depends_on_the_cause(cause: Cause) -> None:
    supervisor = ReconnectSupervisor()
    supervisor.handle(ConnectionEvent.START, 0.0)
    waits = []
    for _ in range(9):
        supervisor.handle(ConnectionEvent.FAILED, 0.0, cause)
        assert supervisor.cause is cause
        assert supervisor.due_s is not None
        waits.append(supervisor.due_s)
        supervisor.handle(ConnectionEvent.TIME_PASSED, supervisor.due_s)
    assert (waits[0], waits[-1]) == (BACKOFFS[cause].first_s, BACKOFFS[cause].longest_s)
    assert waits == sorted(waits)


def test_what_dropped_out_is_tried_again_before_what_is_off() -> None:
    assert BACKOFFS[Cause.DROPPED].first_s < BACKOFFS[Cause.NOT_FOUND].first_s
    assert BACKOFFS[Cause.NOT_FOUND].first_s < BACKOFFS[Cause.RADIO_OFF].first_s


def test_another_cause_begins_its_own_waits() -> None:
    supervisor = ReconnectSupervisor()
    supervisor.handle(ConnectionEvent.START, 0.0)
    for cause in (Cause.DROPPED, Cause.DROPPED, Cause.RADIO_OFF, Cause.DROPPED):
        supervisor.handle(ConnectionEvent.FAILED, 0.0, cause)
        assert supervisor.due_s is not None
        waited_s = supervisor.due_s
        supervisor.handle(ConnectionEvent.TIME_PASSED, waited_s)
    assert waited_s == BACKOFFS[Cause.DROPPED].first_s


def test_jitter_spreads_the_waits_about_their_length() -> None:
    dues = []
    for value in (0.0, 0.5, 1.0):
        supervisor = ReconnectSupervisor(POLICY, lambda value=value: value)
        supervisor.handle(ConnectionEvent.START, 0.0)
        supervisor.handle(ConnectionEvent.FAILED, 0.0)
        dues.append(supervisor.due_s)
    assert dues == [1.0 - JITTER / 2, 1.0, 1.0 + JITTER / 2]


def test_unless_told_otherwise_two_seconds_of_silence_are_a_loss() -> None:
    supervisor = ReconnectSupervisor()
    supervisor.handle(ConnectionEvent.START, 0.0)
    supervisor.handle(ConnectionEvent.OPENED, 0.0)
    supervisor.handle(ConnectionEvent.SAMPLES, 1.0)
    assert supervisor.handle(ConnectionEvent.TIME_PASSED, 2.9) == []
    assert supervisor.handle(ConnectionEvent.TIME_PASSED, 3.0) == [LOST, D]
    assert supervisor.cause is Cause.SILENT


def test_a_headband_may_take_a_little_longer_to_begin() -> None:
    supervisor = ReconnectSupervisor()
    supervisor.handle(ConnectionEvent.START, 0.0)
    supervisor.handle(ConnectionEvent.OPENED, 0.0)
    assert supervisor.handle(ConnectionEvent.TIME_PASSED, 4.9) == []
    assert supervisor.handle(ConnectionEvent.TIME_PASSED, 5.0) == [LOST, D]


def test_no_attempt_before_it_is_due() -> None:
    supervisor = connected()
    supervisor.handle(ConnectionEvent.FAILED, 10.0)
    assert supervisor.handle(ConnectionEvent.TIME_PASSED, 10.99) == []
    assert supervisor.handle(ConnectionEvent.TIME_PASSED, 11.0) == [C]


@pytest.mark.parametrize(("lasted_s", "wait_s"), [(29.0, 2.0), (30.0, 1.0)])
def test_only_a_steady_connection_makes_waits_short_again(lasted_s: float, wait_s: float) -> None:
    supervisor = connected()
    supervisor.handle(ConnectionEvent.FAILED, 0.0)
    supervisor.handle(ConnectionEvent.TIME_PASSED, 1.0)
    supervisor.handle(ConnectionEvent.OPENED, 1.0)
    supervisor.handle(ConnectionEvent.SAMPLES, 1.0 + lasted_s)
    supervisor.handle(ConnectionEvent.FAILED, 50.0)
    assert supervisor.due_s == 50.0 + wait_s


def test_silence_is_a_loss_though_nothing_broke() -> None:
    supervisor = connected(now_s=5.0)
    assert supervisor.handle(ConnectionEvent.TIME_PASSED, 7.9) == []
    assert supervisor.handle(ConnectionEvent.TIME_PASSED, 8.0) == [LOST, D]


def test_a_board_that_opens_but_never_speaks_is_given_up_too() -> None:
    supervisor = ReconnectSupervisor(POLICY)
    supervisor.handle(ConnectionEvent.START, 0.0)
    supervisor.handle(ConnectionEvent.OPENED, 1.0)
    assert supervisor.handle(ConnectionEvent.TIME_PASSED, 5.0) == [LOST, D]


@pytest.mark.parametrize(
    ("events", "actions"),
    [
        ([], []),
        ([ConnectionEvent.START], [D]),
        ([ConnectionEvent.START, ConnectionEvent.OPENED], [D]),
        ([ConnectionEvent.START, ConnectionEvent.FAILED], []),
    ],
)
def test_a_stop_ends_every_state_for_good(
    events: list[ConnectionEvent], actions: list[ConnectionAction]
) -> None:
    supervisor = ReconnectSupervisor(POLICY)
    for event in events:
        supervisor.handle(event, 0.0)
    assert supervisor.handle(ConnectionEvent.STOP, 0.0) == actions
    for event in ConnectionEvent:
        assert supervisor.handle(event, 1000.0) == []
    assert supervisor.state is ConnectionState.STOPPED


@given(st.lists(st.tuples(st.sampled_from(ConnectionEvent), st.floats(0.0, 20.0)), max_size=60))
def test_whatever_happens(events: list[tuple[ConnectionEvent, float]]) -> None:
    supervisor, now_s, done = ReconnectSupervisor(POLICY), 0.0, []
    for event, later_s in events:
        now_s += later_s
        done += supervisor.handle(event, now_s)
        assert (supervisor.due_s is not None) == (supervisor.state is ConnectionState.WAITING)
    said = [action for action in done if action in (LOST, BACK)]
    assert said[:1] in ([], [LOST])
    assert all(one is not other for one, other in pairwise(said))
    links = [action for action in done if action in (C, D)]
    assert links[:1] in ([], [C])
    assert all(one is not other for one, other in pairwise(links))


@pytest.mark.parametrize(("first_s", "longest_s"), [(0.0, 1.0), (9.0, 8.0)])
def test_a_backoff_without_sense_is_refused(first_s: float, longest_s: float) -> None:
    with pytest.raises(ValueError, match="must be over 0 s"):
        Backoff(first_s, longest_s)


def test_every_cause_needs_its_patience() -> None:
    with pytest.raises(ValueError, match="no backoff for dropped"):
        ReconnectPolicy({cause: Backoff(1.0, 1.0) for cause in Cause if cause is not Cause.DROPPED})


@pytest.mark.parametrize(
    "wrong",
    [
        {"silence_s": 0.0},
        {"begin_s": 0.0},
        {"steady_s": -1.0},
    ],
)
def test_a_policy_without_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be over 0 s"):
        ReconnectPolicy(**wrong)
