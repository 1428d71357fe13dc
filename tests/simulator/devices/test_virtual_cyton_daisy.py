"""Sixteen channels: a Daisy's packets, its banner, and how it comes and goes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyton_hosts import Levels, Ramps, counts_in, rows_of, stops_in, streamed
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton

BANNER = (
    b"OpenBCI V3 8-16 channel\r\nOn Board ADS1299 Device ID: 0x3E\r\n"
    b"On Daisy ADS1299 Device ID: 0x3E\r\nLIS3DH Device ID: 0x33\r\nFirmware: v3.1.2\r\n$$$"
)


def board() -> VirtualCyton:
    return VirtualCyton(Ramps(16), daisy=True)


def test_the_banner_names_the_daisy_and_fits_brainflows_500_bytes() -> None:
    assert board().receive(b"v") == BANNER
    assert len(BANNER) <= 500


def test_odd_packets_carry_the_board_and_even_ones_the_daisy_as_means_of_two_samples() -> None:
    raw = streamed(board(), 301)
    assert rows_of(raw)[:, 1].tolist() == [n % 256 for n in range(301)]
    for n, counts in enumerate(counts_in(raw).tolist()[1:], start=1):
        mean = 2 * n - 1  # of samples n - 1 and n of a ramp of 2 counts a sample
        first = 0 if n % 2 else 8
        assert counts == [1000 * (first + k) + mean for k in range(8)]


def test_the_first_packet_is_invalid() -> None:
    first = counts_in(streamed(board(), 1))[0].tolist()
    assert first == [500 * (8 + k) for k in range(8)]  # the mean with a sample that never was


def test_means_are_cut_towards_zero() -> None:
    assert means_of(3, 4) == 3
    assert means_of(-3, -4) == -3
    assert means_of(-2, -4) == -3
    assert means_of(-(2**23), -(2**23)) == -(2**23)
    assert means_of(2**23 - 1, 2**23 - 1) == 2**23 - 1


def means_of(a: int, b: int) -> int:
    class Pair(Levels):
        def render(self, n_samples: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
            assert n_samples == 2
            return np.array([[a, b]]) * (4.5e6 / 24 / (2**23 - 1))

    some = VirtualCyton(Pair(), daisy=True)
    return int(counts_in(streamed(some, 2))[1, 0])


@given(sizes=st.lists(st.integers(0, 9), max_size=8))
def test_the_bytes_do_not_depend_on_the_sizes_of_the_calls(sizes: list[int]) -> None:
    one, other = (VirtualCyton(NoiseSource(4, n_channels=16), daisy=True) for _ in range(2))
    assert b"".join(one.packets(n) for n in sizes) == other.packets(sum(sizes))


def test_channels_9_to_16_are_switched_and_set() -> None:
    some = board()
    assert some.receive(b"xQ160110X") == b"Success: Channel set for 9$$$"
    some.receive(b"wI")
    daisy = counts_in(streamed(some, 3))[2].tolist()
    assert daisy[:2] == [0, 0]
    assert min(daisy[2:]) > 0
    some.receive(b"xQ000110XW")
    daisy = counts_in(streamed(some, 3))[2].tolist()
    assert 0 < daisy[0] < daisy[1] / 20


def test_test_signals_reach_all_sixteen() -> None:
    some = board()
    some.receive(b"p")
    both = counts_in(streamed(some, 4))[2:]
    assert both.min() == both.max() == round(3750.0 / (4.5e6 / 24 / (2**23 - 1)))


def test_both_chips_are_in_the_register_dump() -> None:
    text = board().receive(b"?")
    assert text.count(b"ADS_ID, 00, 3E") == 2
    assert b"Daisy ADS Registers" in text
    assert b"CONFIG1, 01, B6" in text


def test_it_is_detached_and_attached() -> None:
    some = board()
    assert some.receive(b"C") == b"16$$$"
    assert some.receive(b"c") == b"daisy removed$$$"
    assert some.receive(b"c") == b""
    raw = streamed(some, 3)
    assert counts_in(raw)[:, 0].tolist() == [0, 2, 4]  # every packet, no mean
    some.receive(b"s")
    assert some.receive(b"C") == b"daisy attached16$$$"
    assert not counts_in(streamed(some, 3))[2].any()  # its chip was reset, and its inputs are shorted
    some.receive(b"sd")
    assert counts_in(streamed(some, 3))[2].all()


def test_a_reset_finds_it_again() -> None:
    some = board()
    some.receive(b"c")
    assert some.receive(b"v") == BANNER


@pytest.mark.parametrize("rows", [2, 8, 12])
def test_inputs_without_a_row_are_ground(rows: int) -> None:
    some = VirtualCyton(Levels(*[50.0] * rows), daisy=True)
    counts = counts_in(streamed(some, 3))
    assert counts[1].tolist() == [50 if k < rows else 0 for k in range(8)]
    assert counts[2].tolist() == [50 if k < rows else 0 for k in range(8, 16)]


def test_accelerometer_and_modes_go_on_as_without() -> None:
    some = board()
    some.receive(b"/2")
    assert stops_in(streamed(some, 4)) == [0xC1] * 4
