"""Rows of a Muse: by sequence number, whatever is lost, late, repeated or spoilt on the way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muse_wire import SOURCES, answer, sets
from sanctuary.firmware_bridge.codecs.base import MAX_NOTICES, Battery, Run, Said
from sanctuary.firmware_bridge.codecs.muse.decoder import FAR, STALE, MuseCodec
from sanctuary.firmware_bridge.codecs.muse.packet import UV_PER_COUNT


def numbers(runs: list[Run], row: int = 0) -> np.ndarray:
    """Counts by place, which tell sample numbers modulo 4096; NaN where lost."""
    told: list[np.ndarray] = []
    for run in runs:
        told += [np.full(run.lost, np.nan), run.uv[row] / UV_PER_COUNT + 2048]
    return np.concatenate(told) if told else np.empty(0)


def feed(codec: MuseCodec, packets: list[tuple[int, int, bytes]]) -> list[Run]:
    return [run for _, source, data in packets for run in codec.feed(data, source)]


def right(told: np.ndarray, first: int = 0) -> bool:
    """Whether every sample that is there stands at its place."""
    there = np.flatnonzero(~np.isnan(told))
    return bool((told[there] == (there + first) % 4096).all())


def test_all_there() -> None:
    runs = feed(MuseCodec(), sets(0, 50))
    for row in range(4):
        assert right(numbers(runs, row))
    assert sum(run.uv.shape[1] for run in runs) == 600


@pytest.mark.parametrize("first", [0, 65_500, 131_060])
def test_the_number_goes_round(first: int) -> None:
    runs = feed(MuseCodec(), sets(first, 120))
    assert right(numbers(runs), 12 * first)
    assert len(runs) == 120


@given(st.sets(st.integers(4, 799), max_size=250), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_what_is_lost_leaves_its_place_in_its_channel_alone(lost: set[int], chance: object) -> None:
    packets = sets(0, 200)
    kept = [packet for n, packet in enumerate(packets) if n not in lost]
    for at in range(0, len(kept) - 3, 7):  # neighbours change places
        if chance.random() < 0.3:
            kept[at], kept[at + 2] = kept[at + 2], kept[at]
    codec = MuseCodec()
    runs = feed(codec, [*kept, *sets(200, 5)])
    for row, source in enumerate(SOURCES):
        told = numbers(runs, row)
        assert right(told)
        gone = {number for n, (number, from_, _) in enumerate(packets) if n in lost and from_ == source}
        missing = {int(at) // 12 for at in np.flatnonzero(np.isnan(told))}
        assert missing <= gone
        assert {number for number in gone if number > 3} <= missing | set(range(5))
    assert codec.bad == 0


def test_repeated_and_late_notifications_are_counted_and_left_out() -> None:
    packets = sets(0, 30)
    codec = MuseCodec()
    runs = feed(codec, [*packets[:80], *packets[40:60], packets[79], *packets[80:]])
    assert right(numbers(runs))
    assert len(runs) == 30
    assert codec.bad == 21


@pytest.mark.parametrize("wrong", [FAR + 20, 1000, 30_000, 50_000])
def test_one_spoilt_number_does_no_harm(wrong: int) -> None:
    packets = sets(0, 60)
    spoilt = (0, 3, wrong.to_bytes(2, "big") + packets[80][2][2:])
    codec = MuseCodec()
    runs = feed(codec, [*packets[:80], spoilt, *packets[80:]])
    assert right(numbers(runs))
    assert len(runs) == 60


def test_a_long_loss_is_believed_when_two_say_so() -> None:
    codec = MuseCodec()
    runs = feed(codec, [*sets(0, 10), *sets(2010, 20)])
    told = numbers(runs)
    assert right(told)
    assert codec.lost == 24_000


def test_a_headband_that_begins_to_count_anew_is_followed() -> None:
    codec = MuseCodec()
    feed(codec, sets(5000, 50))
    runs = feed(codec, sets(0, 100))
    assert sum(run.uv.shape[1] for run in runs) >= 12 * (100 - STALE // 4 - 4)


def test_the_auxiliary_input_and_any_order() -> None:
    codec = MuseCodec((5, 2))
    packets = sets(0, 5)
    for number, source, data in packets:
        if source == 4:
            assert codec.feed(data, 4) == []
            (run,) = codec.feed(number.to_bytes(2, "big") + b"\x80\x08\x00" * 6, 7)
            np.testing.assert_array_equal(run.uv[0], 0.0)
            assert right(run.uv[1] / UV_PER_COUNT + 2048, 12 * number)
        else:
            codec.feed(data, source)
    assert codec.bad == 0


def test_acceleration_lies_within_the_samples_that_came_with_it() -> None:
    codec = MuseCodec()
    codec.feed(bytes.fromhex("526d0db20d9d3c7312050d493c3511b711e33c8f"), 0x0A)
    (run,) = feed(codec, sets(0, 1))
    assert np.count_nonzero(~np.isnan(run.motion_g[0])) == 3
    np.testing.assert_allclose(run.motion_g[:, 1], [0.213989, 0.212708, 0.944519], atol=1e-6)


def test_battery_and_answers_are_told() -> None:
    codec = MuseCodec()
    codec.feed(bytes.fromhex("014ab5b807400f7f001b") + bytes(10), 0x0B)
    for piece in answer({"hn": "Muse-1", "bp": 71.5, "rc": 0}):
        codec.feed(piece, 0x01)
    assert codec.notices() == [
        Battery(90.859375),
        Said('{"hn":"Muse-1","bp":71.5,"rc":0}'),
        Battery(71.5),
    ]
    codec.feed(b"\1\2\3", 0x0B)
    codec.feed(b"\1\2\3", 3)
    assert (codec.bad, codec.garbage) == (2, 6)


@given(st.lists(st.tuples(st.integers(0, 20), st.binary(max_size=24)), max_size=80))
def test_any_notifications_raise_nothing_and_little_is_kept(told: list[tuple[int, bytes]]) -> None:
    codec = MuseCodec()
    for source, data in told:
        for run in codec.feed(data.ljust(20, b"\0") if source in SOURCES else data, source):
            assert run.uv.shape == (4, 12)
            assert run.lost >= 0
        assert len(codec._pending) <= FAR + 4
    assert len(codec.notices()) <= MAX_NOTICES
    runs = feed(codec, sets(100, 60))
    assert runs, "samples flow again"
