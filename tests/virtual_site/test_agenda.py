"""Virtual time: in order, never back, and everything planned meanwhile in its place."""

from hypothesis import given
from hypothesis import strategies as st

from sanctuary.virtual_site.network import Agenda


@given(st.lists(st.floats(0.0, 100.0), max_size=50))
def test_everything_happens_in_order_of_time_and_then_of_planning(times_s: list[float]) -> None:
    agenda, happened = Agenda(), []
    for number, t_s in enumerate(times_s):
        agenda.at(t_s, lambda t_s=t_s, number=number: happened.append((agenda.now_s, t_s, number)))
    agenda.run(100.0)
    assert [(t_s, number) for _, t_s, number in happened] == sorted(
        (t_s, number) for number, t_s in enumerate(times_s)
    )
    assert all(now_s == t_s for now_s, t_s, _ in happened)
    assert agenda.now_s == 100.0


def test_what_is_planned_meanwhile_happens_too_and_what_lies_beyond_waits() -> None:
    agenda, happened = Agenda(), []

    def again() -> None:
        happened.append(agenda.now_s)
        agenda.after(1.0, again)

    agenda.at(0.5, again)
    agenda.run(3.0)
    assert happened == [0.5, 1.5, 2.5]
    agenda.run(3.5)
    assert happened == [0.5, 1.5, 2.5, 3.5]


def test_the_past_is_not_to_be_had() -> None:
    agenda, happened = Agenda(), []
    agenda.run(10.0)
    agenda.at(3.0, lambda: happened.append(agenda.now_s))
    agenda.run(5.0)
    assert (happened, agenda.now_s) == ([], 10.0)
    agenda.run(11.0)
    assert (happened, agenda.now_s) == ([10.0], 11.0)
