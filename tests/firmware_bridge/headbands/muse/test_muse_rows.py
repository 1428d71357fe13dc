"""Rows of a Muse: by sequence number, whatever is lost, late, repeated or spoilt on the way."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_events import pop_events
from muse_wire import SOURCES, answer, eeg, sets
from sanctuary.firmware_bridge.headbands.headband import MAX_EVENTS, Battery, DeviceText, SampleRun
from sanctuary.firmware_bridge.headbands.muse.codec import GIVE_UP, STALE, MuseCodec
from sanctuary.firmware_bridge.headbands.muse.wire import UV_PER_COUNT

MOTION = bytes.fromhex("526d0db20d9d3c7312050d493c3511b711e33c8f")
TELEMETRY = bytes.fromhex("014ab5b807400f7f001b") + bytes(10)
ALL_SOURCES = (1, 3, 4, 5, 6, 7, 0x0A, 0x0B, 0x13)


def numbers(runs: list[SampleRun], row: int = 0) -> np.ndarray:
    """Counts by place, which tell sample numbers modulo 4096; NaN where lost."""
    told: list[np.ndarray] = []
    for run in runs:
        told += [np.full(run.lost, np.nan), run.uv[row] / UV_PER_COUNT + 2048]
    return np.concatenate(told) if told else np.empty(0)


def feed(codec: MuseCodec, packets: list[tuple[int, int, bytes]]) -> list[SampleRun]:
    return [run for _, source, data in packets for run in codec.push(data, source)]


def right(told: np.ndarray, first: int = 0) -> bool:
    """Whether every sample that is there stands at its place."""
    there = np.flatnonzero(~np.isnan(told))
    return bool((told[there] == (there + first) % 4096).all())


@pytest.mark.parametrize("first", [0, 65_500, 131_060])
def test_every_sample_at_its_place_also_where_the_number_goes_round(first: int) -> None:
    codec = MuseCodec()
    runs = feed(codec, sets(first, 120))
    for row in range(4):
        assert right(numbers(runs, row), 12 * first)
    assert len(runs) == 120
    assert (codec.lost, codec.bad, codec.garbage) == (0, 0, 0)


@given(st.sets(st.integers(4, 799), max_size=250), st.integers(0, 2**32), st.booleans())
@settings(max_examples=60)
def test_lost_repeated_and_swapped_notifications(lost: set[int], seed: int, wrap: bool) -> None:
    chance, first = Random(seed), 65_436 if wrap else 0
    packets = sets(first, 200)
    kept = [(n + chance.uniform(0.0, 2.99), packet) for n, packet in enumerate(packets) if n not in lost]
    repeated = [(n + 3.0, packet) for n, packet in kept if chance.random() < 0.1]
    arriving = [packet for _, packet in sorted(kept + repeated)]
    codec = MuseCodec()
    runs = feed(codec, [*packets[:4], *arriving, *sets(first + 200, GIVE_UP + 1)])
    for row, source in enumerate(SOURCES):
        told = numbers(runs, row)
        assert right(told, 12 * first)
        gone = {number - first for n, (number, at, _) in enumerate(packets) if n in lost and at == source}
        assert {int(at) // 12 for at in np.flatnonzero(np.isnan(told))} == gone
    assert codec.bad == len(repeated) + 4
    whole_sets = [{(4 * k + row) in lost for row in range(4)} for k in range(200)]
    assert codec.lost == 12 * whole_sets.count({True})


def test_one_lost_notification_is_missing_in_its_channel_and_set_alone() -> None:
    packets = sets(0, 30)
    del packets[4 * 10 + 2]
    runs = feed(MuseCodec(), packets)
    missing = np.isnan(np.hstack([run.uv for run in runs]))
    assert missing.sum() == 12
    assert missing[2, 120:132].all()


def test_late_notifications_are_counted_and_left_out() -> None:
    packets = sets(0, 30)
    codec = MuseCodec()
    runs = feed(codec, [*packets[:80], *packets[40:60], packets[79], *packets[80:]])
    assert right(numbers(runs))
    assert len(runs) == 30
    assert codec.bad == 21


@pytest.mark.parametrize("wrong", [0, 12, 30, 500, 1000, 30_000, 50_000, 65_530])
def test_one_spoilt_number_does_no_harm(wrong: int) -> None:
    packets = sets(0, 60)
    spoilt = (0, 3, wrong.to_bytes(2, "big") + b"\x55" * 18)
    codec = MuseCodec()
    runs = feed(codec, [*packets[:80], spoilt, *packets[80:]])
    assert right(numbers(runs))
    assert len(runs) == 60
    assert (codec.bad, codec.lost) == (1, 0)


@pytest.mark.parametrize("ahead", [1, 2, 3, 4])
def test_a_number_spoilt_a_little_costs_two_sets_at_most(ahead: int) -> None:
    packets = sets(0, 60)
    spoilt = (0, 3, (20 + ahead).to_bytes(2, "big") + b"\x55" * 18)
    runs = feed(MuseCodec(), [*packets[:81], spoilt, *packets[81:]])
    told = np.hstack([run.uv for run in runs])[1:] / UV_PER_COUNT + 2048
    assert told.shape[1] == 720
    for row in told:
        assert right(row)
    assert np.isnan(told).any(axis=0).sum() <= 24


def test_a_long_loss_is_believed_when_two_say_so() -> None:
    codec = MuseCodec()
    assert right(numbers(feed(codec, [*sets(0, 10), *sets(410, 20)])))
    assert codec.lost == 4800


def test_a_loss_longer_than_the_time_that_passed_is_no_loss() -> None:
    for pause_s, lost in [(94.0, 24_000), (0.1, 0)]:
        codec, now_s = MuseCodec(), 100.0
        runs = []
        for number, source, data in [*sets(0, 10), *sets(2010, 40)]:
            now_s += pause_s if (number, source) == (2010, 3) else 12 / 256 / 4
            runs += codec.push(data, source, now_s)
        assert codec.lost == lost
        assert sum(run.uv.shape[1] for run in runs) == 600


@pytest.mark.parametrize(("before", "after"), [(5000, 0), (40_000, 0), (20_000, 50_000)])
def test_a_headband_that_begins_to_count_anew_is_followed(before: int, after: int) -> None:
    codec = MuseCodec()
    feed(codec, sets(before, 50))
    runs = feed(codec, sets(after, 100))
    assert right(numbers(runs), 12 * after)
    assert sum(run.uv.shape[1] for run in runs) == 1200
    assert (codec.lost, codec.bad) == (0, 0)


def test_samples_flow_where_a_channel_never_comes() -> None:
    codec = MuseCodec((1, 5))
    runs = feed(codec, sets(0, 30))
    assert len(runs) == 30 - 1 - GIVE_UP
    assert right(numbers(runs, 0), 12)
    assert np.isnan(np.hstack([run.uv for run in runs])[1]).all()


def test_the_set_in_which_listening_began_is_left_out() -> None:
    codec = MuseCodec()
    runs = feed(codec, sets(7, 20)[3:])
    assert right(numbers(runs), 12 * 8)
    assert (len(runs), codec.lost) == (19, 0)


def test_the_auxiliary_input_and_any_order() -> None:
    codec = MuseCodec((5, 2))
    for number, source, data in sets(0, 5):
        if source == 4:
            assert codec.push(data, 4) == []
            (run,) = codec.push(eeg(number, [2048] * 12), 7)
            np.testing.assert_array_equal(run.uv[0], 0.0)
            assert right(run.uv[1] / UV_PER_COUNT + 2048, 12 * number)
        else:
            assert codec.push(data, source) == []
    assert codec.bad == 0


@pytest.mark.parametrize("inputs", [(0,), (6,)])
def test_an_input_that_it_does_not_have_is_refused(inputs: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="1 to 5"):
        MuseCodec(inputs)


def test_acceleration_lies_within_the_samples_that_came_with_it() -> None:
    codec = MuseCodec()
    codec.push(MOTION, 0x0A)
    first, second = feed(codec, sets(0, 2))
    assert np.flatnonzero(~np.isnan(first.motion_g[0])).tolist() == [2, 6, 10]
    np.testing.assert_allclose(first.motion_g[:, 2], [0.213989, 0.212708, 0.944519], atol=1e-6)
    np.testing.assert_allclose(first.motion_g[:, 10], [0.276794, 0.279480, 0.946229], atol=1e-6)
    assert np.isnan(second.motion_g).all()


def test_battery_and_answers_are_told() -> None:
    codec = MuseCodec()
    codec.push(TELEMETRY, 0x0B)
    for piece in answer({"hn": "Muse-1", "bp": 71.5, "rc": 0}):
        codec.push(piece, 0x01)
    codec.push(b"\0\0" + (51_300).to_bytes(2, "big") + bytes(16), 0x0B)
    codec.push(b"\0\0\xff\xff" + bytes(16), 0x0B)  # 128 %
    assert pop_events(codec) == [
        Battery(90.859375),
        DeviceText('{"hn":"Muse-1","bp":71.5,"rc":0}'),
        Battery(71.5),
        Battery(100.0),
    ]
    assert pop_events(codec) == []


def test_notifications_of_another_length_are_counted() -> None:
    codec = MuseCodec()
    for source in (0x03, 0x0A, 0x0B):
        assert codec.push(b"\1\2\3", source) == []
    assert (codec.bad, codec.garbage) == (3, 9)


@given(st.lists(st.tuples(st.sampled_from(ALL_SOURCES), st.binary(max_size=24), st.booleans()), max_size=120))
def test_any_notifications_raise_nothing_and_little_is_kept(told: list[tuple[int, bytes, bool]]) -> None:
    codec = MuseCodec((1, 2, 3, 4, 5))
    for source, data, cut in told:
        for run in codec.push(data.ljust(20, b"\0")[:20] if cut else data, source):
            assert run.uv.shape == (5, 12)
            assert run.lost >= 0
        assert len(codec._pending) <= 2 * GIVE_UP + STALE
        assert len(codec._numbering._doubted) < STALE
    assert len(pop_events(codec)) <= MAX_EVENTS
    flowing = feed(codec, sets(100, 60))
    assert sum(run.uv.shape[1] for run in flowing) >= 12 * (60 - STALE // 4 - GIVE_UP - 1)
