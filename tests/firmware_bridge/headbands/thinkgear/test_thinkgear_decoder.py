"""The ThinkGear decoder: clean streams, damage, and anything at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_events import pop_events
from faulty_links import cut, without
from sanctuary.firmware_bridge.headbands.headband import MAX_EVENTS, Codec, Contact, DeviceText, SampleRun
from sanctuary.firmware_bridge.headbands.thinkgear import MAX_FRAME_BYTES, ThinkGearCodec

RAW = 8


def frame(payload: bytes) -> bytes:
    """A frame, from the format's description."""
    return b"\xaa\xaa" + bytes([len(payload)]) + payload + bytes([~sum(payload) & 0xFF])


def raw(count: int) -> bytes:
    return frame(b"\x80\x02" + count.to_bytes(2, "big", signed=True))


STATUS = frame(b"\x02\x00\x83\x18" + bytes(range(24)) + b"\x04\x35\x05\x3d")


def stream(n: int, first: int = 0) -> bytes:
    """Samples that tell their own number, with a status frame before every 50th."""
    return b"".join((STATUS if k % 50 == 0 else b"") + raw(k) for k in range(first, first + n))


def placed(runs: list[SampleRun]) -> dict[int, int]:
    """Counts by their number on the sample clock, at 1 uV a count."""
    rows: dict[int, int] = {}
    number = 0
    for run in runs:
        number += run.lost
        for uv in run.uv[0]:
            rows[number] = int(uv)
            number += 1
    return rows


def decode(data: bytes) -> tuple[list[SampleRun], ThinkGearCodec]:
    codec = ThinkGearCodec(uv_per_count=1.0)
    return codec.push(data), codec


def tally(codec: Codec) -> tuple[int, int, int]:
    return codec.lost, codec.bad, codec.garbage


def test_the_raw_vector() -> None:
    runs, codec = decode(bytes.fromhex("aaaa048002fed4ab"))
    assert placed(runs) == {0: -300}
    assert runs[0].motion_g is None
    assert tally(codec) == (0, 0, 0)


def test_the_status_vectors() -> None:
    _, codec = decode(bytes.fromhex("aaaa0202c835" + "aaaa0602000435053d82"))
    assert pop_events(codec) == [Contact(0, good=False), Contact(0, good=True)]
    assert pop_events(codec) == []
    assert tally(codec) == (0, 0, 0)


def test_the_usual_scale() -> None:
    (run,) = ThinkGearCodec().push(raw(1000))
    np.testing.assert_allclose(run.uv, [[219.7265625]])


@pytest.mark.parametrize("count", [-(2**15), -1, 0, 1, 2**15 - 1, -21846])
def test_every_count_is_read(count: int) -> None:
    runs, _ = decode(raw(count) * 3)
    assert placed(runs) == {0: count, 1: count, 2: count}


def test_samples_are_in_order_among_other_frames() -> None:
    runs, codec = decode(stream(5000))
    assert placed(runs) == {k: k for k in range(5000)}
    assert tally(codec) == (0, 0, 0)
    assert pop_events(codec) == [Contact(0, good=True)] * MAX_EVENTS


def test_a_frame_may_hold_several_rows_and_samples() -> None:
    runs, codec = decode(raw(1) + frame(b"\x80\x02\x00\x02\x02\x33\x80\x02\x00\x03") + raw(4))
    assert placed(runs) == {0: 1, 1: 2, 2: 3, 3: 4}
    assert pop_events(codec) == [Contact(0, good=False)]


@pytest.mark.parametrize(("poor", "good"), [(0, True), (26, True), (50, True), (51, False), (200, False)])
def test_contact_is_good_while_the_signal_is_not_poor(poor: int, good: bool) -> None:
    _, codec = decode(frame(bytes([2, poor])))
    assert pop_events(codec) == [Contact(0, good)]


def test_codes_of_other_levels_are_passed_over() -> None:
    runs, codec = decode(frame(b"\x55\x02\xc8\x55\x55\x80\x03\1\2\3") + raw(7))
    assert placed(runs) == {0: 7}
    assert pop_events(codec) == []
    assert codec.bad == 0


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (b"\xd0\x02\xc3\xa2", "dongle: headset connected c3a2"),
        (b"\xd1\x02\x00\x00", "dongle: headset not found 0000"),
        (b"\xd2\x02\xc3\xa2", "dongle: headset disconnected c3a2"),
        (b"\xd3\x00", "dongle: request denied"),
        (b"\xd4\x01\x00", "dongle: waiting for a headset 00"),
    ],
)
def test_what_the_dongle_says(row: bytes, text: str) -> None:
    _, codec = decode(frame(row))
    assert pop_events(codec) == [DeviceText(text)]


@pytest.mark.parametrize("number", [0, 2])
def test_an_input_that_it_does_not_have_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=f"input {number}: a ThinkGear headset has 1 only"):
        ThinkGearCodec((number,))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        ThinkGearCodec(uv_per_count=scale)


# --- damage ---


@pytest.mark.parametrize("at", [3, 4, 5, 6, 7])
def test_a_damaged_raw_frame_is_one_sample_lost_in_its_place(at: int) -> None:
    data = bytearray(stream(100, first=1))
    start = data.index(raw(20))
    data[start + at] ^= 0x10
    runs, codec = decode(bytes(data))
    assert placed(runs) == {k: k + 1 for k in range(100) if k != 19}
    assert [run.lost for run in runs] == [0, 1]
    assert tally(codec) == (1, 1, RAW)


@pytest.mark.parametrize("at", [3, 4, 5, 6, 7])
def test_so_is_one_that_lost_a_byte(at: int) -> None:
    data = stream(100, first=1)
    runs, codec = decode(without(data, [data.index(raw(20)) + at]))
    assert placed(runs) == {k: k + 1 for k in range(100) if k != 19}
    assert tally(codec) == (1, 1, RAW - 1)


def test_damage_before_the_first_sample_is_no_loss() -> None:
    runs, codec = decode(raw(1)[3:] + raw(9)[:-1] + b"\x00" + raw(5))
    assert placed(runs) == {0: 5}
    assert tally(codec) == (0, 1, 5 + RAW)


def test_a_damaged_status_frame_costs_no_sample() -> None:
    data = raw(0) + STATUS[:-1] + b"\x00" + raw(1)
    runs, codec = decode(data)
    assert placed(runs) == {0: 0, 1: 1}
    assert tally(codec) == (0, 1, len(STATUS))


def test_170_is_one_more_sync_byte() -> None:
    runs, codec = decode(raw(0) + b"\xaa\xaa\xaa" + raw(1))
    assert placed(runs) == {0: 0, 1: 1}
    assert tally(codec) == (0, 0, 3)


@pytest.mark.parametrize("length", [171, 200, 255])
def test_a_length_beyond_170_is_an_error(length: int) -> None:
    runs, codec = decode(raw(0) + b"\xaa\xaa" + bytes([length]) + raw(1))
    assert placed(runs) == {0: 0, 1: 1}
    assert tally(codec) == (0, 1, 3)


def test_the_longest_frame_is_read() -> None:
    runs, codec = decode(frame(b"\x02\x00" * 82 + b"\x81\x03\1\2\3") + raw(1))
    assert placed(runs) == {0: 1}
    assert codec.bad == 0


def test_frames_behind_a_false_start_are_not_lost() -> None:
    runs, _ = decode(b"\xaa\xaa\xa9" + stream(100))  # a length of 169 swallows 21 frames if it is believed
    assert placed(runs) == {k: k for k in range(100)}


# --- anything at all ---

piece = st.sampled_from(
    [b"\xaa", b"\xaa\xaa", b"\xaa\xaa\xa9", b"\xaa\xaa\xff", b"\xaa\xaa\x04\x80\x02", b"\x55", raw(3), STATUS]
)
noise = st.lists(piece | st.binary(max_size=30), max_size=30).map(b"".join)


@given(noise, st.lists(st.integers(0, 9999), max_size=40))
def test_any_cutting_of_anything_gives_the_same(data: bytes, places: list[int]) -> None:
    data = raw(1) + data + stream(30)
    runs, whole = decode(data)
    codec = ThinkGearCodec(uv_per_count=1.0)
    pieces = [run for part in cut(data, places) for run in codec.push(part)]
    assert placed(pieces) == placed(runs)
    assert tally(codec) == tally(whole)
    assert pop_events(codec) == pop_events(whole)
    assert codec.lost == sum(run.lost for run in runs)


@given(noise)
def test_after_noise_the_next_frames_are_read(data: bytes) -> None:
    runs, codec = decode(data + stream(100, first=1000))
    found = [int(uv) for run in runs for uv in run.uv[0]]
    assert found[-98:] == list(range(1002, 1100))
    assert codec.garbage <= len(data) + 2 * RAW + len(STATUS)


@given(st.lists(noise, max_size=10))
def test_what_is_kept_is_less_than_a_frame(chunks: list[bytes]) -> None:
    _, codec = decode(b"")
    for chunk in chunks:
        codec.push(chunk)
        assert len(codec._buffer) < MAX_FRAME_BYTES


def test_notices_that_nobody_takes_do_not_fill_the_memory() -> None:
    _, codec = decode(STATUS * 500 + frame(b"\xd3\x00"))
    notices = pop_events(codec)
    assert len(notices) == MAX_EVENTS
    assert notices[-1] == DeviceText("dongle: request denied")
