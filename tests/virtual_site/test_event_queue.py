"""Virtual time: in order, never back, and everything planned meanwhile in its place."""

from hypothesis import given
from hypothesis import strategies as st

from sanctuary.virtual_site.event_queue import EventQueue


@given(st.lists(st.floats(0.0, 100.0), max_size=50))
def test_everything_happens_in_order_of_time_and_then_of_planning(times_s: list[float]) -> None:
    queue, happened = EventQueue(), []
    for number, t_s in enumerate(times_s):
        queue.at(t_s, lambda t_s=t_s, number=number: happened.append((queue.now_s, t_s, number)))
    queue.run(100.0)
    assert [(t_s, number) for _, t_s, number in happened] == sorted(
        (t_s, number) for number, t_s in enumerate(times_s)
    )
    assert all(now_s == t_s for now_s, t_s, _ in happened)
    assert queue.now_s == 100.0


def test_what_is_planned_meanwhile_happens_too_and_what_lies_beyond_waits() -> None:
    queue, happened = EventQueue(), []

    def again() -> None:
        happened.append(queue.now_s)
        queue.after(1.0, again)

    queue.at(0.5, again)
    queue.run(3.0)
    assert happened == [0.5, 1.5, 2.5]
    queue.run(3.5)
    assert happened == [0.5, 1.5, 2.5, 3.5]


def test_the_past_is_not_to_be_had() -> None:
    queue, happened = EventQueue(), []
    queue.run(10.0)
    queue.at(3.0, lambda: happened.append(queue.now_s))
    queue.run(5.0)
    assert (happened, queue.now_s) == ([], 10.0)
    queue.run(11.0)
    assert (happened, queue.now_s) == ([10.0], 11.0)


def test_something_done_again_and_again_and_ended_by_who_looks_on() -> None:
    seen: list[float] = []
    queue = EventQueue(lambda now_s: now_s >= 6.0)
    queue.every(2.0, lambda: seen.append(queue.now_s))
    queue.run(100.0)
    assert (seen, queue.now_s, queue.events) == ([2.0, 4.0, 6.0], 6.0, 3)
