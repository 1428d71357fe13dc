"""Placement: one sample clock over connections, outages, stalls and counters that go round."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanctuary.firmware_bridge.stream.sample_clock import BEHIND_S, HOLD_S, SampleClock, merge_blocks
from sanctuary.signal.samples import SampleBlock

FS_HZ = 250.0
NAMES = ("AF7", "AF8")
PACKET_S = 0.04


def samples(start: int, end_s: float, n: int = 10) -> SampleBlock:
    """Samples that tell their own number within the connection."""
    uv = np.tile(np.arange(start, start + n, dtype=float), (2, 1))
    return SampleBlock(start, FS_HZ, NAMES, uv, end_s=end_s)


def is_missing(block: SampleBlock) -> bool:
    return bool(block.lost.all())


def stream(placement: SampleClock, zero_s: float, n_blocks: int, first: int = 0) -> list[SampleBlock]:
    """Blocks in time, the first sample of the connection taken at `zero_s`."""
    placed = []
    for number in range(first, first + n_blocks):
        placed += placement.place(samples(10 * number, zero_s + PACKET_S * (number + 1)))
    return placed


def contiguous(blocks: list[SampleBlock]) -> bool:
    return all(one.end == other.start for one, other in pairwise(blocks))


def test_blocks_of_one_connection_keep_their_numbers_and_tell_when_they_ended() -> None:
    placement = SampleClock(FS_HZ, NAMES)
    placement.connected()
    blocks = stream(placement, 5.0, 100)
    assert [block.start for block in blocks] == list(range(0, 1000, 10))
    assert blocks[-1].end_s == pytest.approx(9.0)


def test_without_a_short_counter_lateness_is_only_lateness() -> None:
    placement = SampleClock(FS_HZ, NAMES)
    placement.connected()
    stream(placement, 0.0, 100)
    (late,) = placement.place(samples(1000, 20.0))
    assert (late.start, late.end_s) == (1000, pytest.approx(4.04))


def test_an_outage_becomes_missing_samples_of_its_length() -> None:
    placement = SampleClock(FS_HZ, NAMES)
    placement.connected()
    stream(placement, 0.0, 100)
    assert placement.connected() == []
    blocks = stream(placement, 10.0, 50)
    missing = [block for block in blocks if is_missing(block)]
    assert sum(block.n_samples for block in missing) == 1500
    back = next(block for block in blocks if not is_missing(block))
    assert (back.start, back.end_s) == (2500, pytest.approx(10.04, abs=1e-3))
    assert contiguous(blocks)


def test_the_place_after_an_outage_is_that_of_the_earliest_arrival_not_of_the_first() -> None:
    placement = SampleClock(FS_HZ, NAMES)
    placement.connected()
    stream(placement, 0.0, 100)
    placement.connected()
    first = placement.place(samples(0, 10.4))  # 360 ms late, as when a radio wakes up
    assert first == []
    blocks = stream(placement, 10.0, 40, first=1)
    back = next(block for block in blocks if not is_missing(block))
    assert back.start == 2500


def test_missing_samples_come_while_the_outage_lasts() -> None:
    placement = SampleClock(FS_HZ, NAMES)
    placement.connected()
    stream(placement, 0.0, 25)
    assert placement.fill_outage(1.0 + BEHIND_S) == []
    (missing,) = placement.fill_outage(2.0 + BEHIND_S)
    assert (missing.start, missing.end, is_missing(missing)) == (250, 500, True)
    placement.connected()
    blocks = stream(placement, 3.0, 40)
    assert blocks[0].start == 500
    assert next(block for block in blocks if not is_missing(block)).start == 750


def test_samples_whose_place_was_given_up_are_left_out_and_the_rest_is_right() -> None:
    placement = SampleClock(FS_HZ, NAMES)
    placement.connected()
    stream(placement, 0.0, 25)
    placement.fill_outage(4.0 + BEHIND_S)
    placement.connected()
    blocks = stream(placement, 3.5, 40)
    assert contiguous(blocks)
    assert blocks[0].start == 1000
    assert blocks[0].uv[0, 0] == 125.0
    assert blocks[0].end_s == pytest.approx(4.02, abs=1e-3)


def test_before_the_first_sample_nothing_is_missing() -> None:
    placement = SampleClock(FS_HZ, NAMES)
    assert placement.fill_outage(100.0) == []
    placement.connected()
    assert [block.start for block in placement.place(samples(0, 200.0))] == [0]


def test_a_long_outage_comes_in_pieces() -> None:
    placement = SampleClock(FS_HZ, NAMES)
    placement.connected()
    stream(placement, 0.0, 1)
    pieces = placement.fill_outage(3600.04 + BEHIND_S)
    assert sum(piece.n_samples for piece in pieces) == 900_000
    assert max(piece.n_samples for piece in pieces) == 2500


# --- counters that go round ---


@pytest.mark.parametrize("turns", [1, 2, 5])
def test_a_pause_in_which_the_counter_went_round_is_told_from_one_in_which_it_did_not(turns: int) -> None:
    placement = SampleClock(FS_HZ, NAMES, counter_span=200)
    placement.connected()
    stream(placement, 0.0, 100)
    lost_s = 200 * turns / FS_HZ
    blocks = stream(placement, lost_s, 50, first=100)
    assert sum(block.n_samples for block in blocks if is_missing(block)) == 200 * turns
    assert next(block for block in blocks if not is_missing(block)).start == 1000 + 200 * turns


def test_a_radio_that_stalls_and_delivers_again_has_lost_nothing() -> None:
    placement = SampleClock(FS_HZ, NAMES, counter_span=200)
    placement.connected()
    stream(placement, 0.0, 100)
    blocks = []
    for number in range(100, 200):  # three seconds late at once, then everything in a burst
        blocks += placement.place(samples(10 * number, max(7.0 + 0.001 * number, PACKET_S * (number + 1))))
    assert not any(is_missing(block) for block in blocks)
    assert contiguous(blocks)
    assert blocks[-1].end == 2000


def test_a_pause_without_any_counter_counts_every_sample() -> None:
    placement = SampleClock(FS_HZ, NAMES, counter_span=1)
    placement.connected()
    stream(placement, 0.0, 100)
    blocks = stream(placement, 0.777, 50, first=100)
    missing = sum(block.n_samples for block in blocks if is_missing(block))
    assert missing == pytest.approx(0.777 * FS_HZ, abs=1)


def test_what_is_held_is_given_out_when_the_connection_ends() -> None:
    placement = SampleClock(FS_HZ, NAMES, counter_span=200)
    placement.connected()
    stream(placement, 0.0, 100)
    assert stream(placement, 1.6, 1, first=100) == []
    blocks = placement.connected()
    assert [is_missing(block) for block in blocks] == [True, False]
    assert blocks[-1].start == 1400


def test_a_block_must_say_when_it_arrived() -> None:
    with pytest.raises(ValueError, match="without its time"):
        SampleClock(FS_HZ, NAMES).place(SampleBlock(0, FS_HZ, NAMES, np.ones((2, 3))))


@given(
    st.lists(st.tuples(st.integers(30, 60), st.floats(0.0, 30.0), st.integers(0, 8)), max_size=10),
    st.sampled_from([None, 1, 200]),
)
def test_numbers_never_jump_and_keep_wall_time(lives: list[tuple[int, float, int]], span: int | None) -> None:
    placement, now_s = SampleClock(FS_HZ, NAMES, span), 100.0
    blocks: list[SampleBlock] = []
    for n_blocks, outage_s, n_looks in lives:
        blocks += placement.connected()
        blocks += stream(placement, now_s, n_blocks)
        now_s += PACKET_S * n_blocks
        assert blocks[-1].end == pytest.approx((now_s - 100.0) * FS_HZ, abs=1)
        for look in range(n_looks):
            blocks += placement.fill_outage(now_s + outage_s * look / n_looks)
        now_s += outage_s
    assert contiguous(blocks)
    assert sum(block.n_samples for block in blocks if not is_missing(block)) == sum(10 * n for n, *_ in lives)
    assert HOLD_S > PACKET_S


def test_blocks_in_a_row_are_joined_and_a_gap_is_not_closed() -> None:
    one, two, apart = samples(0, 1.0), samples(10, 2.0), samples(30, 3.0)
    joined, alone = merge_blocks([one, two, apart])
    assert (joined.start, joined.end, joined.end_s) == (0, 20, 2.0)
    np.testing.assert_array_equal(joined.uv[0], np.arange(20.0))
    assert alone is apart
