"""Counters learnt from their numbers, and the sample clock rebuilt from counters and stamps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from recording_files import kept
from sanctuary.firmware_bridge.recordings.formats.counters import CounterUnwrapper, learn_cycle
from sanctuary.firmware_bridge.recordings.formats.row_clock import RowClock, RowTimeline

FS_HZ = 250.0
GANGLION = np.concatenate(([0], np.repeat(np.arange(101, 201), 2)))


def cyclic(turn: np.ndarray, n: int) -> np.ndarray:
    return turn[np.arange(n) % len(turn)]


@pytest.mark.parametrize(
    ("turn", "length"),
    [
        (np.arange(256), 256), (np.arange(0, 256, 2), 128), (np.arange(1, 256, 2), 128),
        (np.arange(101), 101), (np.arange(201), 201), (GANGLION, 201), (np.repeat(np.arange(256), 12), 3072),
    ],
)  # fmt: skip
def test_a_turn_is_learnt_from_the_numbers(turn: np.ndarray, length: int) -> None:
    rng = np.random.default_rng(0)
    numbers = cyclic(turn, 20_000)
    cycle = learn_cycle(numbers[rng.random(20_000) > 0.02])
    assert cycle is not None
    assert cycle.length == length


def test_sixteen_bits_need_not_turn() -> None:
    cycle = learn_cycle(np.repeat(np.arange(300, 2000), 12))
    assert cycle is not None
    assert cycle.length == 65536 * 12


@pytest.mark.parametrize(
    "numbers",
    [np.zeros(5000, np.int64), np.random.default_rng(0).integers(0, 256, 5000), np.arange(1), np.arange(0)],
)
def test_what_does_not_count_is_no_counter(numbers: np.ndarray) -> None:
    assert learn_cycle(numbers) is None


@settings(max_examples=50)
@given(
    lost=st.lists(st.tuples(st.integers(1, 19_000), st.integers(1, 200)), max_size=20),
    cuts=st.lists(st.integers(1, 19_999), max_size=5),
)
def test_losses_below_a_turn_are_counted_whatever_the_parts(
    lost: list[tuple[int, int]], cuts: list[int]
) -> None:
    rows = kept(20_000, lost)
    long = np.flatnonzero(np.diff(rows) >= 256)  # a whole turn shows the same number again
    numbers = cyclic(np.arange(256), 20_000)[rows]
    cycle = learn_cycle(numbers)
    assert cycle is not None
    unwrapper = CounterUnwrapper(cycle)
    found = np.concatenate([unwrapper.missing(part) for part in np.split(numbers, sorted(cuts))])
    if not long.size:
        np.testing.assert_array_equal(found[1:], np.diff(rows) - 1)


def placed(rows: np.ndarray, stamps_s: np.ndarray, turn: int | None = 256, part: int = 1000) -> RowTimeline:
    """Timeline of rows whose counter turns every `turn` samples."""
    clock = RowClock(FS_HZ, turn)
    lost = np.diff(rows, prepend=rows[0] - 1) - 1
    missing = np.zeros(len(rows), np.int64) if turn is None else lost % turn
    for at in range(0, len(rows), part):
        clock.push(missing[at : at + part], stamps_s[at : at + part])
    return clock.finish()


@settings(max_examples=30, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    holes=st.lists(st.tuples(st.integers(500, 29_000), st.integers(1, 3000)), max_size=6),
    late_s=st.floats(0.0, 0.15), off=st.floats(-0.004, 0.004),
    seed=st.integers(0, 99), part=st.integers(300, 5000),
)  # fmt: skip
@example(
    holes=[(15393, 347), (1089, 315), (501, 2236), (3007, 2300), (14861, 723), (4565, 1883)],
    late_s=0.0, off=-0.004, seed=11, part=579,
)  # fmt: skip
def test_holes_of_any_length_are_placed_by_counter_and_stamps(
    holes: list[tuple[int, int]], late_s: float, off: float, seed: int, part: int
) -> None:
    rows = kept(30_000, holes)
    late = np.random.default_rng(seed).random(len(rows)) * late_s
    stamps_s = np.maximum.accumulate(1.7e9 + rows / (FS_HZ * (1.0 + off)) + late)
    timeline = placed(rows, stamps_s, part=part)
    found = timeline.places(0, len(rows))
    np.testing.assert_array_equal(found, rows)
    assert timeline.lost == 30_000 - len(rows) or rows[-1] < 29_999


@pytest.mark.parametrize("hole", [12, 36, 250, 4000])
@pytest.mark.parametrize("seed", range(3))
def test_without_a_counter_packets_are_found_by_the_least_delay(hole: int, seed: int) -> None:
    rows = kept(30_000, [(9000, hole), (20_004, hole)])
    late = np.repeat(np.random.default_rng(seed).exponential(0.005, len(rows) // 12 + 1), 12)[: len(rows)]
    timeline = placed(rows, 1.7e9 + rows / FS_HZ + late, turn=None)
    found = timeline.places(0, len(rows))
    assert int(np.abs(found - rows).max()) <= 1


def test_a_stamp_out_of_all_order_moves_nothing() -> None:
    rows = np.arange(30_000)
    stamps_s = 1.7e9 + rows / FS_HZ
    for at, wrong in ((0, 5.0), (4000, 9e9), (8000, 0.0), (8001, 0.0), (29_999, 1e12)):
        stamps_s[at] = wrong
    for turn in (256, None):
        timeline = placed(rows, stamps_s, turn=turn)
        np.testing.assert_array_equal(timeline.places(0, len(rows)), rows)
        assert timeline.fs_hz == FS_HZ
        assert timeline.first_s == pytest.approx(1.7e9, abs=0.01)


def test_the_rate_is_the_nominal_one_unless_the_stamps_say_more_than_their_jitter() -> None:
    rng = np.random.default_rng(5)
    rows = np.arange(150_000)
    jitter = rng.exponential(0.01, len(rows))
    assert placed(rows, rows / FS_HZ + jitter).fs_hz == FS_HZ
    off = placed(rows, rows / 250.6 + jitter)
    assert off.fs_hz == pytest.approx(250.6, rel=2e-5)
    exact = (off.places(0, len(rows)) / off.fs_hz + off.first_s) - rows / 250.6
    assert float(np.abs(exact).max()) < 1.5 / FS_HZ


def test_a_clock_that_is_set_back_is_counted_and_costs_nothing() -> None:
    rows = np.arange(30_000)
    stamps_s = rows / FS_HZ
    stamps_s[12_000:] -= 3600.0
    timeline = placed(rows, stamps_s)
    np.testing.assert_array_equal(timeline.places(0, len(rows)), rows)
    assert timeline.steps == 1
