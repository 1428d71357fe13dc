"""The decoder on a line that works, and the counting of whole packets lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyton_wire import PACKET, counts_of, packet, packets, placed, random_counts
from device_events import pop_events
from faulty_links import cut
from packet_values import CytonPacket
from sanctuary.firmware_bridge.headbands.cyton.codec import CytonCodec
from sanctuary.firmware_bridge.headbands.headband import BYTE_STREAM, MAX_EVENTS, DeviceText, SampleRun

ALL = tuple(range(1, 9))
HELD_BACK = 2
"""Packets that wait for their successors."""


def decode(data: bytes, channels: tuple[int, ...] = ALL) -> tuple[list[SampleRun], CytonCodec]:
    decoder = CytonCodec(channels)
    return decoder.push(data), decoder


def test_rows_are_those_of_the_packets_one_by_one() -> None:
    raw = packets(random_counts(600, seed=1), first=200)
    runs, decoder = decode(b"".join(raw))
    expected = {at: CytonPacket.from_bytes(one).counts for at, one in enumerate(raw[:-HELD_BACK])}
    assert placed(runs) == expected
    assert (decoder.lost, decoder.garbage) == (0, 0)


def test_only_the_channels_asked_for_in_their_order() -> None:
    counts = random_counts(20, seed=2)
    runs, _ = decode(b"".join(packets(counts)), channels=(8, 1))
    np.testing.assert_array_equal(counts_of(runs[0]), counts[:-HELD_BACK, [7, 0]].T)


@pytest.mark.parametrize("channel", [0, 9, -1])
def test_a_channel_that_the_board_does_not_have_is_refused(channel: int) -> None:
    with pytest.raises(ValueError, match=f"channel {channel}: the Cyton has 1 to 8"):
        CytonCodec((1, channel))


@pytest.mark.parametrize("stop", range(0xC0, 0xD0))
def test_every_kind_of_packet_has_samples(stop: int) -> None:
    raw = b"".join(packet(n, [n] * 8, bytes(6), stop) for n in range(10))
    runs, _ = decode(raw, channels=(1,))
    assert placed(runs) == {n: (n,) for n in range(8)}


@pytest.mark.parametrize("stop", [0x00, 0xB0, 0xD0, 0xFF])
def test_packets_with_another_stop_byte_are_none(stop: int) -> None:
    runs, decoder = decode(b"".join(packet(n, [n] * 8, bytes(6), stop) for n in range(20)))
    assert runs == []
    assert decoder.garbage > 15 * PACKET


@given(seed=st.integers(0, 2**32 - 1), lost=st.sets(st.integers(3, 250)))
def test_whole_packets_lost_are_counted_at_their_place(seed: int, lost: set[int]) -> None:
    counts = random_counts(256, seed)
    raw = packets(counts, first=seed % 256)
    runs, decoder = decode(b"".join(one for at, one in enumerate(raw) if at not in lost))
    rows = placed(runs)
    for at, row in rows.items():
        assert row == tuple(counts[at].tolist())
    if all(at in rows or at in lost for at in range(254)):
        assert decoder.garbage == 0
    else:  # next to many lost in a row, a packet has no neighbour to vouch for it
        assert any(set(range(at, at + 4)) <= lost for at in lost)
    assert decoder.lost == sum(run.lost for run in runs)


@pytest.mark.parametrize("lost", [1, 2, 100, 254, 255])
def test_a_single_gap_is_told_by_the_counter(lost: int) -> None:
    raw = packets(random_counts(300 + lost, seed=3))
    runs, decoder = decode(b"".join(raw[:10] + raw[10 + lost :]))
    assert [run.lost for run in runs if run.lost] == [lost]
    assert decoder.lost == lost


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 5000), max_size=30))
def test_any_cutting_gives_the_same(seed: int, places: list[int]) -> None:
    rng = np.random.default_rng(seed)
    raw = b"".join(one for one in packets(random_counts(60, seed)) if rng.random() > 0.05)
    data = bytes(byte for byte in raw if rng.random() > 0.003) + b"Text$$$" + rng.bytes(60) + raw[:400]
    runs, whole = decode(data)
    decoder = CytonCodec(ALL)
    pieces = [run for piece in cut(data, places) for run in decoder.push(piece)]
    assert placed(pieces) == placed(runs)
    assert (decoder.lost, decoder.garbage) == (whole.lost, whole.garbage)
    assert pop_events(decoder) == pop_events(whole)


def test_byte_by_byte() -> None:
    data = b"".join(packets(random_counts(40, seed=4)))
    decoder = CytonCodec(ALL)
    runs = [run for at in range(len(data)) for run in decoder.push(data[at : at + 1])]
    assert placed(runs) == placed(decode(data)[0])


def test_nothing_comes_of_nothing() -> None:
    assert decode(b"")[0] == []


# --- losses longer than the counter: 256 packets are 1.024 s ---


def seconds(n_packets: float) -> float:
    return n_packets / 250.0


def heard(raw: list[bytes], arrivals: list[tuple[int, int, float]]) -> tuple[list[int], CytonCodec]:
    """Feed packets ``raw[a:b]`` at the given times; returns the losses."""
    decoder = CytonCodec((1,))
    losses = [
        run.lost for a, b, now_s in arrivals for run in decoder.push(b"".join(raw[a:b]), BYTE_STREAM, now_s)
    ]
    return [lost for lost in losses if lost], decoder


@pytest.mark.parametrize("lost", [10, 200, 256, 300, 512, 700, 5000])
@pytest.mark.parametrize("burst", [1, 10])
def test_the_clock_tells_whole_turns_of_the_counter(lost: int, burst: int) -> None:
    raw = [packet(n % 256, [n] * 8) for n in range(lost + 200)]
    back = 100 + lost
    losses, decoder = heard(
        raw,
        [(0, 100, 0.0)]
        + [(at, at + burst, seconds(at + burst - 100)) for at in range(back, back + 100, burst)],
    )
    assert losses == [lost]
    assert decoder.lost == lost


@pytest.mark.parametrize("stall_s", [0.5, 1.024, 1.5, 7.0])
def test_a_reader_that_was_late_lost_nothing(stall_s: float) -> None:
    raw = [packet(n % 256, [n] * 8) for n in range(3000)]
    late = 100 + round(stall_s * 250)
    losses, _ = heard(raw, [(0, 100, 0.0), (100, late, stall_s), (late, late + 10, stall_s + 0.04)])
    assert losses == []


@pytest.mark.parametrize("jitter_s", [0.0, 0.2, 0.4])
def test_arrival_times_may_be_off_by_nearly_half_a_second(jitter_s: float) -> None:
    raw = [packet(n % 256, [n] * 8) for n in range(1000)]
    losses, _ = heard(raw, [(0, 100, 0.0), (700, 800, seconds(700) + jitter_s), (800, 1000, seconds(900))])
    assert losses == [600]


# not whole turns with a tail: where the counter does not jump, the tail cannot be told apart
@pytest.mark.parametrize(("lost", "tail"), [(300, 0), (512, 0), (4000, 0), (300, 30), (4000, 30)])
def test_a_reader_so_late_that_buffers_ran_over_lost_what_came_after_them(lost: int, tail: int) -> None:
    raw = [packet(n % 256, [n] * 8) for n in range(2200 + lost + 300)]
    decoder = CytonCodec((1,))
    back = 2100 + lost
    runs = decoder.push(b"".join(raw[:100]), BYTE_STREAM, 0.0)
    # 2000 packets had waited, and a few of those that came when there was room again
    runs += decoder.push(
        b"".join(raw[100:2100] + raw[back : back + tail]), BYTE_STREAM, seconds(2000 + lost + tail)
    )
    runs += decoder.push(b"".join(raw[back + tail : back + 200]), BYTE_STREAM, seconds(2000 + lost + 200))
    assert placed(runs) == {n: (n,) for n in [*range(2100), *range(back, back + 198)]}
    assert decoder.lost == lost


def test_a_long_silence_before_the_first_packet_is_no_loss() -> None:
    raw = packets(random_counts(50, seed=5))
    decoder = CytonCodec((1,))
    decoder.push(b"noise", BYTE_STREAM, 0.0)
    assert [run.lost for run in decoder.push(b"".join(raw), BYTE_STREAM, 100.0)] == [0]


def test_two_silences_before_enough_packets_came_add_up() -> None:
    raw = [packet(n % 256, [n] * 8) for n in range(2000)]
    losses, _ = heard(raw, [(0, 100, 0.0), (700, 701, 2.4), (1301, 1302, 4.8), (1302, 1400, 5.2)])
    assert sum(losses) == pytest.approx(1201, abs=1)


def test_without_times_only_the_remainder_is_known() -> None:
    raw = [packet(n % 256, [n] * 8) for n in range(1000)]
    _, decoder = decode(b"".join(raw[:100] + raw[700:]))
    assert decoder.lost == 600 % 256


# --- text between packets ---


def test_a_reply_between_packets_is_told_apart() -> None:
    counts = random_counts(40, seed=6)
    raw = packets(counts)
    runs, decoder = decode(b"".join(raw[:20]) + b"Success: Channel set for 3$$$" + b"".join(raw[20:]))
    assert pop_events(decoder) == [DeviceText("Success: Channel set for 3")]
    assert placed(runs) == {at: tuple(row) for at, row in enumerate(counts[:-HELD_BACK].tolist()) if at != 19}


def test_a_reply_with_nothing_behind_it_does_not_wait() -> None:
    _, decoder = decode(b"".join(packets(random_counts(5, seed=7))) + b"x" * 70 + b"OpenBCI V3$$$")
    assert any("OpenBCI V3" in event.text for event in pop_events(decoder) if isinstance(event, DeviceText))


def test_a_board_that_only_talks_does_not_fill_the_memory() -> None:
    decoder = CytonCodec((1,))
    for number in range(100):
        assert decoder.push(f"Success: {number}$$$".encode() * 20) == []
    events = pop_events(decoder)
    assert len(events) == MAX_EVENTS
    assert events[-1] == DeviceText("Success: 99")
