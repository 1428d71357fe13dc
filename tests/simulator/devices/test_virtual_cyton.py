"""The virtual Cyton's packets and everyday replies, against the format's description."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cyton_wire import PACKET, packet
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import MULTI_BYTE_TIMEOUT_S, VirtualCyton

BANNER = (
    b"OpenBCI V3 8-16 channel\r\nOn Board ADS1299 Device ID: 0x3E\r\n"
    b"LIS3DH Device ID: 0x33\r\nFirmware: v3.1.2\r\n$$$"
)
UV_PER_COUNT = 4.5e6 / 24 / (2**23 - 1)


class Fixed:
    """A source of the same two values for ever."""

    def __init__(self, left_uv: float, right_uv: float = 0.0) -> None:
        self.uv = np.array([[left_uv], [right_uv]])

    def render(self, n_samples: int) -> NDArray[np.float64]:
        return np.repeat(self.uv, n_samples, axis=1)


def board(left_uv: float = 0.0, right_uv: float = 0.0) -> VirtualCyton:
    return VirtualCyton(Fixed(left_uv, right_uv))


def values(raw: bytes) -> list[list[int]]:
    """Counts of all packets, read one by one."""
    rows = [raw[at : at + PACKET] for at in range(0, len(raw), PACKET)]
    return [[int.from_bytes(row[k : k + 3], "big", signed=True) for k in range(2, 26, 3)] for row in rows]


# --- replies ---


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (b"v", BANNER),
        (b"V", b"v3.1.5$$$"),
        (b"d", b"updating channel settings to default$$$"),
        (b"D", b"060110$$$"),
        (b"b", b""),
        (b"s", b""),
        (b"x1060110X", b"Success: Channel set for 1$$$"),
        (b"x8000000X", b"Success: Channel set for 8$$$"),
        (b"x10601100", b"Failure: Err: 9th char not X$$$"),
        (b"z110Z", b"Success: Lead off set for 1$$$"),
        (b"z1100", b"Failure: Err: 5th char not Z$$$"),
        (b"~~", b"Success: Sample rate is 250Hz$$$"),
        (b"~6", b"Success: Sample rate is 250Hz$$$"),
        (b"1", b""),
        (b"!", b""),
        (b"k", b""),
        (b"\xf0\n\x00", b""),
        (b"", b""),
    ],
)
def test_replies_of_the_documentation(command: bytes, reply: bytes) -> None:
    assert board().receive(command) == reply


def test_several_commands_at_once() -> None:
    assert board().receive(b"sx1050110XVk") == b"Success: Channel set for 1$$$v3.1.5$$$"


@given(st.integers(1, 8))
def test_a_command_may_come_in_pieces(at: int) -> None:
    some = board()
    whole = b"x2060110X"
    assert some.receive(whole[:at], 0.0) == b""
    assert some.receive(whole[at:], 0.9) == b"Success: Channel set for 2$$$"


def test_a_command_of_several_bytes_must_come_within_a_second() -> None:
    some = board()
    some.receive(b"x1", 10.0)
    assert some.receive(b"", 10.0 + MULTI_BYTE_TIMEOUT_S - 0.01) == b""
    late = some.receive(b"", 10.0 + MULTI_BYTE_TIMEOUT_S)
    assert late == b"Timeout processing multi byte message - please send all commands at once as of v2$$$"
    assert some.receive(b"V", 12.0) == b"v3.1.5$$$"


def test_a_refused_command_changes_nothing_and_its_rest_is_no_command() -> None:
    some = board(100.0)
    assert b"Failure" in some.receive(b"x1050110b")
    assert not some.streaming
    assert values(some.packets(1))[0][0] == round(100.0 / UV_PER_COUNT)


def test_it_streams_between_b_and_s_and_keeps_silent_meanwhile() -> None:
    some = board()
    some.receive(b"b")
    assert some.streaming
    assert some.receive(b"VDd?x1060110X~~") == b""
    some.receive(b"s")
    assert not some.streaming
    assert some.receive(b"V") == b"v3.1.5$$$"


def test_a_reset_answers_even_while_streaming_and_ends_it() -> None:
    some = board()
    some.receive(b"b")
    assert some.receive(b"v") == BANNER
    assert not some.streaming


def test_the_banner_fits_the_500_bytes_that_brainflow_reads() -> None:
    assert len(BANNER) <= 500


def test_the_register_dump_tells_the_channels_settings() -> None:
    some = board()
    some.receive(b"x2130000X3")
    lines = some.receive(b"?").decode().split("\r\n")
    assert lines[-1] == "$$$"
    # bits: power down, gain (110 is code 6, 24; 011 is code 3, 6), SRB2, which a channel switched off leaves,
    # and input
    assert [line for line in lines if "SET" in line][:3] == [
        "CH1SET, 05, 68, 0, 1, 1, 0, 1, 0, 0, 0",
        "CH2SET, 06, B0, 1, 0, 1, 1, 0, 0, 0, 0",
        "CH3SET, 07, E0, 1, 1, 1, 0, 0, 0, 0, 0",
    ]


# --- packets ---


def test_packets_are_those_of_the_format_byte_by_byte() -> None:
    counts = [round(10.0 / UV_PER_COUNT), round(-20.0 / UV_PER_COUNT)] + [0] * 6
    at_rest = bytes.fromhex("00a0ffb01f40")
    expected = [packet(n, counts, at_rest if n % 10 == 0 else bytes(6)) for n in range(25)]
    assert board(10.0, -20.0).packets(25) == b"".join(expected)


def test_the_counter_wraps_and_goes_on_over_calls_and_resets() -> None:
    some = board()
    raw = some.packets(250)
    some.receive(b"v")
    raw += some.packets(0) + some.packets(300)
    assert list(raw[1::PACKET]) == [n % 256 for n in range(550)]


@pytest.mark.parametrize(
    ("uv", "count"), [(187_500.0, 0x7FFFFF), (1e9, 0x7FFFFF), (-1e9, -0x800000), (float("nan"), 0x7FFFFF)]
)
def test_beyond_full_scale_it_sticks_at_the_rail(uv: float, count: int) -> None:
    assert values(board(uv).packets(1))[0][0] == count


@pytest.mark.parametrize(("code", "gain"), list(enumerate((1, 2, 4, 6, 8, 12, 24))))
def test_a_new_gain_changes_the_scale(code: int, gain: int) -> None:
    some = board(1000.0, 1000.0)
    some.receive(b"x10%d0110X" % code)
    first, second = values(some.packets(1))[0][:2]
    assert first == round(1000.0 / (4.5e6 / gain / (2**23 - 1)))
    assert second == round(1000.0 / UV_PER_COUNT)


@pytest.mark.parametrize("command", [b"1", b"x1160110X", b"x1061110X"])
def test_a_channel_that_is_off_or_shorted_reads_zero(command: bytes) -> None:
    some = board(500.0, 500.0)
    some.receive(command)
    assert values(some.packets(1))[0][0] == 0
    assert values(some.packets(1))[0][1] > 0
    some.receive(b"x1060110X")
    assert values(some.packets(1))[0][0] > 0


def test_defaults_and_reset_put_the_gain_back() -> None:
    for command in (b"d", b"v"):
        some = board(1000.0)
        some.receive(b"x1000110X" + command)
        assert values(some.packets(1))[0][0] == round(1000.0 / UV_PER_COUNT)


@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(0, 40), max_size=8))
def test_the_bytes_do_not_depend_on_the_sizes_of_the_calls(seed: int, sizes: list[int]) -> None:
    one, other = VirtualCyton(NoiseSource(seed)), VirtualCyton(NoiseSource(seed))
    assert b"".join(one.packets(n) for n in sizes) == other.packets(sum(sizes))


def test_noise_is_seeded_and_as_strong_as_asked_for() -> None:
    uv = NoiseSource(3, rms_uv=50.0).render(20_000)
    assert uv.shape == (2, 20_000)
    assert uv.std() == pytest.approx(50.0, rel=0.02)
    assert abs(np.corrcoef(uv[0], uv[1]).item(0, 1)) < 0.05
    np.testing.assert_array_equal(uv, NoiseSource(3, rms_uv=50.0).render(20_000))
