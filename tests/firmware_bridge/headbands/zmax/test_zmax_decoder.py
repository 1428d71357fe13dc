"""The ZMax decoder: whole lines, broken lines, lines of other kinds, and anything at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from device_events import pop_events
from faulty_links import cut
from packet_values import ZmaxPacket
from sanctuary.firmware_bridge.headbands.headband import MAX_EVENTS, Battery, Codec, DeviceText, SampleRun
from sanctuary.firmware_bridge.headbands.zmax import BATTERY_EVERY, MAX_LINE_BYTES, ZmaxCodec

UV = 3952 / 65536


def line(
    right: int, left: int = 32768, battery: int = 620, acc: tuple[int, int, int] = (2048, 2048, 3072)
) -> bytes:
    """A data line, from the format's description."""
    body = bytearray(40)
    body[0] = 8
    for at, word in zip((1, 3, 5, 7, 9, 23), (right, left, *acc, battery), strict=True):
        body[at : at + 2] = word.to_bytes(2, "big")
    return b"D." + "-".join(f"{byte:02X}" for byte in body).encode() + b"\r\n"


def numbered(n: int, first: int = 0) -> list[bytes]:
    return [line(32768 + number) for number in range(first, first + n)]


def placed(runs: list[SampleRun]) -> dict[int, float]:
    """Counts of EEG R by their number on the sample clock."""
    rows: dict[int, float] = {}
    number = 0
    for run in runs:
        number += run.lost
        for uv in run.uv[-1]:
            rows[number] = round(uv / UV, 6)
            number += 1
    return rows


def decode(data: bytes) -> tuple[list[SampleRun], ZmaxCodec]:
    codec = ZmaxCodec()
    return codec.push(data), codec


def tally(codec: Codec) -> tuple[int, int, int]:
    return codec.lost, codec.bad, codec.garbage


def test_rows_are_left_and_right_in_microvolts() -> None:
    runs, codec = decode(line(0x83E8, 0x7C18))
    np.testing.assert_allclose(runs[0].uv, [[-60.302734], [60.302734]], atol=1e-6)
    assert tally(codec) == (0, 0, 0)


@pytest.mark.parametrize(("inputs", "rows"), [((2, 1), [1, 0]), ((1,), [0]), ((2,), [1]), ((), [])])
def test_rows_are_the_inputs_asked_for(inputs: tuple[int, ...], rows: list[int]) -> None:
    expected = np.array([[-60.302734], [60.302734]])[rows]
    (run,) = ZmaxCodec(inputs).push(line(0x83E8, 0x7C18))
    np.testing.assert_allclose(run.uv, expected, atol=1e-6)


@pytest.mark.parametrize("number", [0, 3, -1])
def test_an_input_that_it_does_not_have_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=f"input {number}: the ZMax has 1"):
        ZmaxCodec((1, number))


def test_every_sample_has_its_motion() -> None:
    (run,), _ = decode(line(0) + line(0, acc=(0, 4095, 1024)))
    assert run.motion_g is not None
    np.testing.assert_allclose(run.motion_g, [[0, -2], [0, 4095 / 1024 - 2], [1, -1]])


@given(st.lists(st.binary(min_size=39, max_size=39), min_size=1, max_size=30))
def test_bulk_agrees_with_lines_one_by_one(tails: list[bytes]) -> None:
    packets = [ZmaxPacket(b"\x01" + tail) for tail in tails]
    (run,), _ = decode(b"".join(packet.to_bytes() for packet in packets))
    expected = np.array([[p.eeg_uv(number) for p in packets] for number in (1, 2)])
    np.testing.assert_allclose(run.uv, expected)
    assert run.motion_g is not None
    np.testing.assert_allclose(run.motion_g, np.transpose([p.accel_g for p in packets]))


# --- other lines ---


def test_debug_lines_are_nothing() -> None:
    debug = b"DEBUG" + line(1)[1:] + b"DEBUG: all well\r\n" + b"DEBUG" + b"." * 2000 + b"\r\n"
    runs, codec = decode(b"".join(numbered(3)) + debug + b"".join(numbered(3, 3)))
    assert placed(runs) == dict(enumerate(range(6)))
    assert codec.bad == 0


@pytest.mark.parametrize("said", ["_DONGLE_REMOVED", "_DONGLE_INSERTED"])
def test_the_dongle_is_heard(said: str) -> None:
    _, codec = decode(line(1) + said.encode() + b"\r\n" + line(2))
    assert [notice for notice in pop_events(codec) if isinstance(notice, DeviceText)] == [DeviceText(said)]
    assert pop_events(codec) == []
    assert tally(codec) == (0, 0, 0)


def test_an_unreadable_data_line_is_one_sample_lost_in_its_place() -> None:
    some = numbered(6)
    some[2] = some[2].replace(b"-", b"", 1)
    some[4] = b"D\r\n"
    runs, codec = decode(b"".join(some))
    assert placed(runs) == {0: 0, 1: 1, 3: 3, 5: 5}
    assert codec.lost == sum(run.lost for run in runs) == 2
    assert codec.bad == 2
    assert codec.garbage == len(some[2]) - 2 + 1


def test_any_other_line_is_bad_and_no_sample() -> None:
    runs, codec = decode(line(32768) + b"welcome\r\n\r\n\n" + line(32769))
    assert placed(runs) == {0: 0, 1: 1}
    assert tally(codec) == (0, 1, len("welcome"))


def test_what_is_unreadable_before_the_first_sample_is_no_loss() -> None:
    runs, codec = decode(line(0)[50:] + b"D.xx\r\n" + line(32768))
    assert placed(runs) == {0: 0}
    assert (codec.lost, codec.bad) == (0, 2)


def test_one_byte_of_a_line_end_is_enough() -> None:
    runs, codec = decode(line(32768).rstrip(b"\n") + line(32769).replace(b"\r", b"") + line(32770))
    assert placed(runs) == {0: 0, 1: 1, 2: 2}
    assert tally(codec) == (0, 0, 0)


@pytest.mark.parametrize("extra", [1, 400, 5000])
def test_a_line_too_long_is_dropped_and_the_next_one_read(extra: int) -> None:
    long = b"D" * (MAX_LINE_BYTES + extra) + b"\r\n"
    for data in (
        [line(32768) + long + line(32770)],
        cut(line(32768) + long + line(32770), range(0, 6000, 7)),
    ):
        codec = ZmaxCodec()
        runs = [run for piece in data for run in codec.push(piece)]
        assert placed(runs) == {0: 0, 2: 2}
        assert tally(codec) == (1, 1, MAX_LINE_BYTES + extra)


def test_a_line_that_never_ends_does_not_fill_the_memory() -> None:
    codec = ZmaxCodec()
    for _ in range(1000):
        assert codec.push(b"x" * 1000) == []
    assert len(codec._rest) == MAX_LINE_BYTES
    assert codec.garbage == 1_000_000 - MAX_LINE_BYTES


# --- battery ---


def batteries(codec: ZmaxCodec) -> list[float]:
    return [notice.percent for notice in pop_events(codec) if isinstance(notice, Battery)]


def test_the_battery_is_told_at_once_and_then_every_five_seconds() -> None:
    codec = ZmaxCodec()
    told = []
    for number in range(BATTERY_EVERY * 3):
        codec.push(line(0, battery=620))
        if batteries(codec):
            told.append(number)
    assert told == [0, BATTERY_EVERY, 2 * BATTERY_EVERY]


def test_in_bulk_it_is_told_as_often() -> None:
    _, codec = decode(line(0, battery=620) * (BATTERY_EVERY * 2 + 1))
    assert batteries(codec) == pytest.approx([(3.99609375 - 3.12) / 1.12 * 100] * 3)


def test_a_battery_word_of_zero_is_no_reading() -> None:
    _, codec = decode(line(0, battery=0))
    assert batteries(codec) == []


def test_notices_that_nobody_takes_do_not_fill_the_memory() -> None:
    _, codec = decode(b"_DONGLE_REMOVED\r\n" * 500 + b"_DONGLE_INSERTED\r\n")
    notices = pop_events(codec)
    assert len(notices) == MAX_EVENTS
    assert notices[-1] == DeviceText("_DONGLE_INSERTED")


# --- anything at all ---

garble = st.sampled_from(
    [
        b"D",
        b".",
        b"-",
        b"\r",
        b"\n",
        b"\r\n",
        b"DEBUG",
        b"_DONGLE_",
        b"\xff\x00",
        b"00-",
        line(40000),
        b"D" * 600,
    ]
)


@given(st.lists(garble | st.binary(max_size=40), max_size=40).map(b"".join), st.lists(st.integers(0, 9999)))
def test_any_cutting_of_anything_gives_the_same(data: bytes, places: list[int]) -> None:
    data = line(32768) + data + b"\r\n" + line(32769)
    runs, whole = decode(data)
    codec = ZmaxCodec()
    pieces = [run for piece in cut(data, places) for run in codec.push(piece)]
    assert placed(pieces) == placed(runs)
    assert tally(codec) == tally(whole)
    assert pop_events(codec) == pop_events(whole)


@given(st.binary(max_size=2000))
def test_after_garbage_the_second_line_is_read(noise: bytes) -> None:
    codec = ZmaxCodec()
    codec.push(noise)
    runs = codec.push(b"".join(numbered(3)))
    found = np.concatenate([run.uv[1] for run in runs])
    np.testing.assert_allclose(found[-2:], [UV, 2 * UV])
    assert codec.garbage <= len(noise) + len(line(0))


@given(st.sets(st.integers(0, 123 * 40 - 1), max_size=12))
def test_single_bytes_lost_cost_single_samples(gone: set[int]) -> None:
    data = b"".join(numbered(40))
    left = bytes(byte for at, byte in enumerate(data) if at not in gone)
    runs, _ = decode(left + line(65535))
    values: NDArray[np.float64] = np.rint(np.concatenate([run.uv[1] for run in runs]) / UV)
    assert set(values.tolist()) <= {*range(40), 32767}
    hit = {at // len(line(0)) for at in gone}
    assert {number for number in range(40) if not {number - 1, number} & hit} <= set(values.tolist())
