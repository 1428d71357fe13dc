"""Rows of an Athena: packets in the order of their index, losses by the numbers of the blocks."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_events import pop_events
from muse_wire import EEG_4, EEG_8, AthenaWriter, answer, sets
from sanctuary.firmware_bridge.headbands.headband import MAX_EVENTS, Battery, DeviceText, SampleRun
from sanctuary.firmware_bridge.headbands.muse.athena import GIVE_UP, STALE, UV_PER_COUNT, ZERO, AthenaCodec

DATA, MORE_DATA = 0x13, 0x14
MOTION = (0x47, np.array([[8192, -8192, 16_384, 1, 2, 3]] * 3, dtype="<i2").tobytes())
OPTICS = (0x36, bytes(40))
MIX = (7, 7, 4, 0, 1, 0)
"""EEG blocks of packets in a row, about as recorded: some have none."""


def stream(n: int, index: int = 0, tag: int = EEG_4) -> tuple[list[bytes], list[int]]:
    """Packets as from a headband with all sensors on, and the samples in each."""
    writer = AthenaWriter(index, tag)
    packets, samples = [], []
    for k in range(n):
        blocks = MIX[k % len(MIX)]
        before = writer.samples
        packets.append(writer.eeg(blocks, *([] if blocks > 4 else [OPTICS] if blocks else [MOTION, OPTICS])))
        samples.append(writer.samples - before)
    return packets, samples


def numbers(runs: list[SampleRun], row: int = 0) -> np.ndarray:
    """Counts by place, which tell sample numbers modulo 16384; NaN where lost."""
    told: list[np.ndarray] = []
    for run in runs:
        told += [np.full(run.lost, np.nan), np.rint(run.uv[row] / UV_PER_COUNT) + ZERO]
    return np.concatenate(told) if told else np.empty(0)


def right(told: np.ndarray, first: int = 0) -> bool:
    there = np.flatnonzero(~np.isnan(told))
    return bool((told[there] == (there + first) % 16_384).all())


def feed(codec: AthenaCodec, packets: list[bytes]) -> list[SampleRun]:
    return [run for packet in packets for run in codec.push(packet, DATA)]


@pytest.mark.parametrize("tag", [EEG_4, EEG_8])
@pytest.mark.parametrize("index", [0, 65_480])
def test_every_sample_at_its_place_also_where_the_index_goes_round(tag: int, index: int) -> None:
    packets, samples = stream(120, index, tag)
    codec = AthenaCodec()
    runs = feed(codec, packets)
    for row in range(4):
        assert right(numbers(runs, row))
    assert sum(run.uv.shape[1] for run in runs) == sum(samples)
    assert (codec.lost, codec.bad, codec.garbage) == (0, 0, 0)


def test_several_packets_in_a_notification_and_both_characteristics() -> None:
    packets, samples = stream(40)
    codec, runs = AthenaCodec(), []
    for at in range(0, 40, 2):
        runs += codec.push(packets[at] + packets[at + 1], DATA if at % 4 else MORE_DATA)
    assert right(numbers(runs))
    assert sum(run.uv.shape[1] for run in runs) == sum(samples)


@given(
    st.sets(st.integers(6, 190), max_size=80),
    st.integers(0, 2**32),
    st.sampled_from([0, 65_436]),
    st.sampled_from([EEG_4, EEG_8]),
)
@settings(max_examples=60)
def test_lost_repeated_and_swapped_packets(lost: set[int], seed: int, index: int, tag: int) -> None:
    chance = Random(seed)
    packets, samples = stream(200, index, tag)
    kept = [(n + chance.uniform(0.0, 2.99), n) for n in range(6, 194) if n not in lost]
    repeated = [(at + 3.0, n) for at, n in kept if chance.random() < 0.1]
    order = [*range(6), *(n for _, n in sorted(kept + repeated)), *range(194, 200)]
    codec = AthenaCodec()
    told = numbers(feed(codec, [packets[n] for n in order]))
    assert right(told)
    assert told.size == sum(samples)
    assert codec.lost == np.isnan(told).sum() == sum(samples[n] for n in lost)
    assert codec.bad == len(repeated)


@pytest.mark.parametrize("gone", [1, 30, 100, 400, 1000])
def test_losses_beyond_the_turn_of_the_block_numbers(gone: int) -> None:
    packets, samples = stream(1400, tag=EEG_8)
    codec = AthenaCodec()
    told = numbers(feed(codec, packets[:200] + packets[200 + gone :]))
    assert right(told)
    assert codec.lost == sum(samples[200 : 200 + gone])


def test_the_clock_does_not_matter() -> None:
    writer, chance = AthenaWriter(), Random(1)
    packets = []
    for _ in range(100):
        packets.append(writer.eeg(5))
        packets[-1] = packets[-1][:3] + chance.randbytes(6) + packets[-1][9:]
    codec = AthenaCodec()
    assert right(numbers(feed(codec, packets[:50] + packets[53:])))
    assert codec.lost == 60


def test_blocks_behind_one_that_cannot_be_read_are_lost_in_their_place() -> None:
    packets, _ = stream(60)
    spoilt = bytearray(packets[30])
    spoilt[9 + 2 * 33] = 0xEE  # the third block's tag
    codec = AthenaCodec()
    told = numbers(feed(codec, [*packets[:30], bytes(spoilt), *packets[31:]]))
    assert right(told)
    assert np.isnan(told).sum() == codec.lost == 5 * 4
    assert codec.bad == 1


def test_a_spoilt_block_number_does_no_harm() -> None:
    packets, samples = stream(60)
    spoilt = bytearray(packets[30])
    spoilt[10] ^= 0x80
    codec = AthenaCodec()
    told = numbers(feed(codec, [*packets[:30], bytes(spoilt), *packets[31:]]))
    assert right(told)
    assert (told.size, codec.lost) == (sum(samples), 0)


@pytest.mark.parametrize("wrong", [0, 20, 40, 500, 5000, 30_000, 65_535])
def test_one_spoilt_index_does_no_harm(wrong: int) -> None:
    packets, samples = stream(60)
    spoilt = packets[30][:1] + wrong.to_bytes(2, "little") + packets[30][3:]
    codec = AthenaCodec()
    told = numbers(feed(codec, [*packets[:31], spoilt, *packets[31:]]))
    assert right(told)
    assert told.size == sum(samples)
    assert (codec.bad, codec.lost) == (1, 0)


@pytest.mark.parametrize(("before", "after"), [(5000, 0), (40_000, 0), (20_000, 50_000)])
def test_a_headband_that_begins_to_count_anew_is_followed(before: int, after: int) -> None:
    codec = AthenaCodec()
    feed(codec, stream(59, before)[0])
    packets, samples = stream(60, after)
    told = numbers(feed(codec, packets))
    assert right(told)
    assert told.size == sum(samples)
    assert (codec.lost, codec.bad) == (0, 0)


def test_a_loss_longer_than_the_time_that_passed_is_no_loss() -> None:
    packets, samples = stream(2000)
    for pause_s, lost in [(40.0, sum(samples[60:1500])), (0.1, 0)]:
        codec, now_s = AthenaCodec(), 100.0
        for k, packet in enumerate(packets[:60] + packets[1500:]):
            now_s += pause_s if k == 60 else 1 / 36
            codec.push(packet, DATA, now_s)
        assert codec.lost == lost


def test_eight_channels_and_those_that_are_not_sent() -> None:
    for tag, n_sent in [(EEG_8, 8), (EEG_4, 4)]:
        runs = feed(AthenaCodec((8, 1, 5)), stream(12, tag=tag)[0])
        assert right(numbers(runs, 1))
        rest = np.hstack([run.uv for run in runs])[[0, 2]]
        assert np.isnan(rest).all() == (n_sent == 4)
    assert np.hstack([run.uv for run in runs]).shape == (3, 152)


@pytest.mark.parametrize("inputs", [(0,), (9,)])
def test_an_input_that_it_does_not_have_is_refused(inputs: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="1 to 8"):
        AthenaCodec(inputs)


def test_acceleration_lies_within_the_samples_that_came_with_it() -> None:
    writer = AthenaWriter()
    codec = AthenaCodec()
    assert codec.push(writer.packet(MOTION, OPTICS), DATA) == []
    (run,) = codec.push(writer.eeg(3), DATA)
    assert run.motion_g is not None
    assert np.flatnonzero(~np.isnan(run.motion_g[0])).tolist() == [2, 6, 10]
    np.testing.assert_array_equal(run.motion_g[:, 6], [0.5, -0.5, 1.0])
    (run,) = codec.push(writer.eeg(3), DATA)
    assert np.isnan(run.motion_g).all()


def test_battery_and_answers_are_told() -> None:
    writer, codec = AthenaWriter(), AthenaCodec()
    for tag, count, rest in [(0x98, 40_000, 18), (0x88, 51_300, 200), (0x98, 65_535, 18)]:
        codec.push(writer.packet((tag, count.to_bytes(2, "little") + bytes(rest))), DATA)
    for piece in answer({"bp": 50, "rc": 0}):
        codec.push(piece, 0x01)
    assert pop_events(codec) == [
        Battery(78.125),
        Battery(100.0),
        DeviceText('{"bp":50,"rc":0}'),
        Battery(50.0),
    ]
    assert pop_events(codec) == []
    assert codec.bad == 0


def test_what_cannot_be_read_is_counted() -> None:
    codec, writer = AthenaCodec(), AthenaWriter()
    assert codec.push(b"\x20" + bytes(20), DATA) == []
    assert (codec.bad, codec.garbage) == (1, 21)
    codec.push(writer.packet((0x66, bytes(30))), DATA)
    assert codec.bad == 2
    assert feed(codec, [data for _, source, data in sets(0, 5)]) == []
    assert codec.push(writer.eeg(1), 0x03) == []


@given(st.lists(st.tuples(st.sampled_from([1, 3, DATA, MORE_DATA]), st.binary(max_size=250)), max_size=60))
def test_any_notifications_raise_nothing_and_little_is_kept(told: list[tuple[int, bytes]]) -> None:
    codec = AthenaCodec((1, 5))
    for source, data in told:
        length = bytes((len(data),)) if source == DATA else data[:1]
        for run in codec.push(length + data[1:], source):
            assert run.uv.shape[0] == 2
            assert run.lost >= 0
        assert len(codec._pending) < GIVE_UP + STALE
        assert len(codec._numbering._doubted) < STALE
    assert len(pop_events(codec)) <= MAX_EVENTS
    packets, samples = stream(60)
    flowing = feed(codec, packets)
    assert sum(run.uv.shape[1] for run in flowing) >= sum(samples[STALE + GIVE_UP :])


@given(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 249), st.integers(1, 255)), max_size=20))
def test_spoilt_bytes_raise_nothing_and_the_end_is_right(spoilt: list[tuple[int, int, int]]) -> None:
    packets, _ = stream(120)
    told = [bytearray(packet) for packet in packets]
    for which, at, change in spoilt:
        told[which][at % len(told[which])] ^= change
    runs = feed(AthenaCodec(), [bytes(packet) for packet in told])
    last = runs[-1].uv.shape[1]
    assert last == 4
    assert right(numbers(runs[-1:]), 4 * (19 * 20) - 4)
