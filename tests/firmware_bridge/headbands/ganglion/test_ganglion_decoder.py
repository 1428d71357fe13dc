"""The Ganglion's codec: what is lost is in its place, differences heal at the next plain sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_events import pop_events
from ganglion_wire import firmware_2, firmware_3, plain
from sanctuary.firmware_bridge.headbands.ganglion import UV_PER_COUNT, GanglionCodec
from sanctuary.firmware_bridge.headbands.headband import MAX_EVENTS, Contact, DeviceText, SampleRun


def sample(n: int) -> list[int]:
    """Sample number n: an even count that tells it on each channel."""
    return [512 * n, -512 * n, 2 * n, 1024]


def stream_3(n_packets: int, accel: int | None = None) -> list[bytes]:
    """Packets of two samples, numbered through."""
    return [firmware_3(k % 100, sample(2 * k), sample(2 * k + 1), accel) for k in range(n_packets)]


def stream_2(n_packets: int) -> list[bytes]:
    """A plain sample and a hundred packets of differences, again and again."""
    packets, n, last = [], 0, sample(0)
    for k in range(n_packets):
        if k % 101 == 0:
            packets.append(plain(sample(n)))
            last, n = sample(n), n + 1
        else:
            packets.append(firmware_2(k % 101, last, sample(n), sample(n + 1)))
            last, n = sample(n + 1), n + 2
    return packets


def numbers(runs: list[SampleRun]) -> np.ndarray:
    """Sample numbers by place; NaN where lost."""
    told: list[np.ndarray] = []
    for run in runs:
        told += [np.full(run.lost, np.nan), run.uv[0] / UV_PER_COUNT / 512]
    return np.concatenate(told) if told else np.empty(0)


def feed(codec: GanglionCodec, packets: list[bytes]) -> list[SampleRun]:
    return [run for packet in packets for run in codec.push(packet)]


@pytest.mark.parametrize(("firmware", "packets"), [(2, stream_2(500)), (3, stream_3(500))])
def test_every_sample_has_its_number(firmware: int, packets: list[bytes]) -> None:
    told = numbers(feed(GanglionCodec(firmware=firmware), packets))
    np.testing.assert_allclose(told, np.arange(told.size), atol=1e-6)


@pytest.mark.parametrize("firmware", [2, 3])
@given(dropped=st.sets(st.integers(1, 399), max_size=120))
@settings(max_examples=60)
def test_lost_packets_leave_their_places(firmware: int, dropped: set[int]) -> None:
    packets = stream_2(400) if firmware == 2 else stream_3(400)
    kept = [k for k in range(400) if k not in dropped]
    if np.diff(kept).max(initial=1) > 90:
        return
    codec = GanglionCodec(firmware=firmware)
    told = numbers(feed(codec, [packets[k] for k in kept]))
    there = np.flatnonzero(~np.isnan(told))
    np.testing.assert_allclose(told[there], there, atol=1e-6)
    if firmware == 3:
        assert codec.lost == told.size - there.size


def test_after_a_loss_differences_are_worthless_until_the_next_plain_sample() -> None:
    packets = stream_2(250)
    del packets[50]
    told = numbers(feed(GanglionCodec(firmware=2), packets))
    missing = np.flatnonzero(np.isnan(told))
    assert (missing[0], missing[-1]) == (99, 200)
    assert missing.size == 102


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=24)), max_size=60), st.sampled_from([2, 3]))
def test_any_bytes_raise_nothing_and_little_is_kept(told: list[tuple[int, bytes]], firmware: int) -> None:
    codec = GanglionCodec(firmware=firmware)
    for first, data in told:
        for run in codec.push(bytes((first,)) + data):
            assert run.uv.shape[0] == 4
            assert run.lost <= 201
        codec.push(data)
    assert len(pop_events(codec)) <= MAX_EVENTS
    assert len(codec._text) <= 1024


def test_repeated_and_late_packets_are_left_out() -> None:
    packets = stream_3(20)
    codec = GanglionCodec(firmware=3)
    order = [0, 1, 1, 2, 4, 3, 5, 6]
    told = numbers(feed(codec, [packets[k] for k in order]))
    there = np.flatnonzero(~np.isnan(told))
    np.testing.assert_allclose(told[there], there, atol=1e-6)
    assert codec.bad == 2
    assert codec.lost == 2


def test_channels_come_in_the_order_asked_for() -> None:
    (run,) = GanglionCodec((4, 1), firmware=3).push(stream_3(1)[0])
    np.testing.assert_allclose(run.uv[0], 1024 * UV_PER_COUNT)
    np.testing.assert_allclose(run.uv[1], [0.0, 512 * UV_PER_COUNT])


def test_acceleration_is_whole_where_its_last_axis_came() -> None:
    codec = GanglionCodec(firmware=3)
    motions = [run.motion_g for run in feed(codec, stream_3(14, accel=-32))]
    motion = np.hstack([each for each in motions if each is not None])
    (at,) = [n for n in np.flatnonzero(~np.isnan(motion[2])) if n < 20]
    assert at == 7  # the second sample of packet 3
    np.testing.assert_allclose(motion[:, at], [-0.512] * 3)


@pytest.mark.parametrize("firmware", [2, 3])
def test_impedances_and_texts_are_told(firmware: int) -> None:
    codec = GanglionCodec((2, 1), firmware=firmware)
    assert codec.push(b"\xc9" + b"12000Z\n".ljust(19, b"\0")) == []
    assert codec.push(b"\xca" + b"900000Z\n".ljust(19, b"\0")) == []
    assert codec.push(b"\xcc" + b"1Z".ljust(19, b"\0")) == []
    codec.push(b"\xce" + b"OpenBCI Ganglion v3")
    codec.push(b"\xcf" + b".0.2".ljust(19, b"\0"))
    assert pop_events(codec) == [
        Contact(1, good=True, kohm=12.0),
        Contact(0, good=False, kohm=900.0),
        DeviceText("OpenBCI Ganglion v3.0.2"),
    ]
    assert pop_events(codec) == []
    codec.push(b"\xc9" + b"no number".ljust(19, b"\0"))
    assert (codec.bad, codec.garbage) == (1, 20)


def test_what_no_ganglion_sends_is_counted() -> None:
    codec = GanglionCodec(firmware=3)
    assert codec.push(b"\x05" * 19) == []
    assert codec.push(b"\xc8" + bytes(19)) == []
    assert codec.bad == 2


@pytest.mark.parametrize(("inputs", "firmware"), [((5,), 3), ((0,), 3), ((1,), 4)])
def test_a_board_that_does_not_exist_is_refused(inputs: tuple[int, ...], firmware: int) -> None:
    with pytest.raises(ValueError, match=r"input|firmware"):
        GanglionCodec(inputs, firmware=firmware)
