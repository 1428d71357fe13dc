"""FreeEEG32: frames whose length is learned, through loss, garbage and any way of cutting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_events import pop_events
from sanctuary.firmware_bridge.headbands.freeeeg import (
    FORGET_BYTES,
    LEARN_BYTES,
    MAX_FRAME_BYTES,
    UV_PER_COUNT,
    FreeEegCodec,
)
from sanctuary.firmware_bridge.headbands.headband import SampleRun
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_freeeeg import VirtualFreeEeg


def frame(counter: int, value: int, more: int = 6) -> bytes:
    """One frame, all of whose channels hold `value`, with `more` bytes behind them."""
    return bytes((0xA0, counter % 256)) + value.to_bytes(3, "big", signed=True) * 32 + bytes(more) + b"\xc0"


def values(runs: list[SampleRun]) -> list[float]:
    """Counts of the first row, None-free; lost samples as NaN."""
    told: list[float] = []
    for run in runs:
        told += [float("nan")] * run.lost + list(np.rint(run.uv[0] / UV_PER_COUNT))
    return told


def test_the_virtual_board_comes_through_within_one_count() -> None:
    board = VirtualFreeEeg(NoiseSource(3))
    runs = FreeEegCodec((1, 2, 32)).push(board.packets(2000))
    uv = np.hstack([run.uv for run in runs])
    truth = NoiseSource(3).render(2000)
    np.testing.assert_allclose(uv[:2], truth[:, : uv.shape[1]], rtol=0, atol=UV_PER_COUNT / 2 + 1e-9)
    assert uv.shape[1] >= 1995
    assert not uv[2].any()


@pytest.mark.parametrize("more", [0, 1, 6, 40, MAX_FRAME_BYTES - 99])
def test_whatever_stands_behind_the_channels_is_learned(more: int) -> None:
    data = b"".join(frame(n, n - 50, more) for n in range(100))
    told = values(FreeEegCodec((1,)).push(data))
    assert told == [float(n - 50) for n in range(len(told))]
    assert len(told) >= 94


@given(st.lists(st.integers(0, 400), max_size=30), st.integers(0, 3))
@settings(max_examples=50)
def test_any_way_of_cutting_gives_the_same(cuts: list[int], skip: int) -> None:
    data = b"".join(frame(n, n) for n in range(120) if n % 50 != skip)
    whole = values(FreeEegCodec((1,)).push(data))
    codec, told, at = FreeEegCodec((1,)), [], 0
    for cut in [*cuts, len(data)]:
        told += values(codec.push(data[at : at + cut]))
        at += cut
    np.testing.assert_array_equal(told, whole)


@given(st.sets(st.integers(5, 900), max_size=300))
@settings(max_examples=60)
def test_lost_frames_leave_their_places(dropped: set[int]) -> None:
    kept = [n for n in range(1000) if n not in dropped]
    codec = FreeEegCodec((1,))
    told = np.array(values(codec.push(b"".join(frame(n, n) for n in kept))))
    there = ~np.isnan(told)
    runs_of_loss = np.diff(kept)
    if runs_of_loss.max(initial=1) <= 60:
        np.testing.assert_array_equal(told[there], np.flatnonzero(there))
    assert codec.lost == int((~there).sum())


@given(st.binary(max_size=3000), st.integers(10, 40))
@settings(max_examples=60)
def test_two_frames_after_garbage_samples_flow_again(garbage: bytes, before: int) -> None:
    codec = FreeEegCodec((1,))
    codec.push(b"".join(frame(n, n) for n in range(before)))
    codec.push(garbage)
    after = b"".join(frame(n, 100_000 + n) for n in range(before, before + 60))
    told = values(codec.push(after))
    good = [value for value in told if value >= 100_000]
    assert 60 - len(good) <= 2 + FORGET_BYTES // 100
    if len(garbage) < FORGET_BYTES // 2:
        assert 60 - len(good) <= 4  # two that garbage may have swallowed, and one that waits for the next


@given(st.lists(st.binary(max_size=700), max_size=12))
def test_any_bytes_raise_nothing_and_little_is_kept(chunks: list[bytes]) -> None:
    codec = FreeEegCodec((1, 2))
    for chunk in chunks:
        codec.push(chunk)
        assert len(codec._buffer) <= LEARN_BYTES
    assert pop_events(codec) == []


def test_a_board_with_frames_of_another_length_is_learned_anew() -> None:
    codec = FreeEegCodec((1,))
    codec.push(b"".join(frame(n, n, 6) for n in range(20)))
    told = values(codec.push(b"".join(frame(n, 1000 + n, 10) for n in range(20, 80))))
    assert told[-1] == 1078.0
    assert len([value for value in told if value >= 1000]) > 40


def test_inputs_that_the_board_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="1 to 32"):
        FreeEegCodec((33,))
