"""The virtual FreeEEG32: its packets, and BrainFlow's own driver at the other end."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_freeeeg import VirtualFreeEeg

UV_PER_COUNT = 2.5 / (2**23 - 1) / 8 * 1e6
PACKET = 105


class Fixed:
    """A source of the same two values for ever."""

    def __init__(self, left_uv: float, right_uv: float) -> None:
        self.uv = np.array([[left_uv], [right_uv]])

    def render(self, n_samples: int) -> NDArray[np.float64]:
        return np.repeat(self.uv, n_samples, axis=1)


def counts(raw: bytes) -> NDArray[np.int64]:
    """Counts of all packets, read one by one; shape ``(n, 32)``."""
    packets = [raw[at : at + PACKET] for at in range(0, len(raw), PACKET)]
    return np.array(
        [[int.from_bytes(p[k : k + 3], "big", signed=True) for k in range(2, 98, 3)] for p in packets]
    )


def test_it_streams_from_the_beginning_and_listens_to_nobody() -> None:
    board = VirtualFreeEeg(NoiseSource(1))
    assert board.receive(b"vbs\xc0") == b""
    assert board.streaming
    assert board.fs_hz == 512


def test_its_packets_are_those_of_the_description() -> None:
    one = VirtualFreeEeg(Fixed(UV_PER_COUNT, -2 * UV_PER_COUNT)).packets(1)
    assert one == b"\xa0\x00" + b"\x00\x00\x01\xff\xff\xfe" + bytes(90) + b"\0\0\0\0\x40\0" + b"\xc0"
    assert len(one) == PACKET


def test_packets_are_counted_with_eight_bits() -> None:
    board = VirtualFreeEeg(NoiseSource(1))
    raw = board.packets(200) + board.packets(400)
    assert list(raw[1::PACKET]) == [number % 256 for number in range(600)]


def test_the_first_two_inputs_are_the_sources_and_the_others_silent() -> None:
    board = VirtualFreeEeg(NoiseSource(2))
    found = counts(board.packets(300) + board.packets(200))
    uv = found.T * UV_PER_COUNT
    assert np.abs(uv[:2] - NoiseSource(2).render(500)).max() <= UV_PER_COUNT / 2 + 1e-9
    assert not found[:, 2:].any()


@pytest.mark.parametrize("n_channels", [32, 40])
def test_a_source_of_many_channels_fills_the_inputs(n_channels: int) -> None:
    found = counts(VirtualFreeEeg(NoiseSource(3, n_channels=n_channels)).packets(50)).T * UV_PER_COUNT
    assert np.abs(found - NoiseSource(3, n_channels=n_channels).render(50)[:32]).max() <= UV_PER_COUNT


@pytest.mark.parametrize(
    ("uv", "count"),
    [(1e9, 2**23 - 1), (-1e9, -(2**23)), (float("nan"), 2**23 - 1), (float("-inf"), -(2**23))],
)
def test_beyond_full_scale_it_is_stuck_at_a_rail(uv: float, count: int) -> None:
    assert counts(VirtualFreeEeg(Fixed(0.0, uv)).packets(1))[0, :3].tolist() == [0, count, 0]
