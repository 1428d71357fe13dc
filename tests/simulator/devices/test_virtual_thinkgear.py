"""The virtual ThinkGear headset: its frames, its dongle, and our decoder at the other end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from device_events import pop_events
from sanctuary.firmware_bridge.headbands.headband import Contact, DeviceText
from sanctuary.firmware_bridge.headbands.thinkgear import ThinkGearCodec
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_thinkgear import VirtualThinkGear

UV_PER_COUNT = 1.8 / 4096 / 2000 * 1e6
RAW, STATUS = 8, 36


class Listed:
    """A source of the given values, in turn."""

    def __init__(self, *uv: float) -> None:
        self._uv = list(uv)

    def render(self, n_samples: int) -> NDArray[np.float64]:
        taken, self._uv = self._uv[:n_samples], self._uv[n_samples:]
        return np.array([taken, [0.0] * n_samples])


def test_it_streams_from_the_beginning() -> None:
    headset = VirtualThinkGear(NoiseSource(1))
    assert headset.streaming
    assert headset.fs_hz == 512


def test_its_frames_are_those_of_the_description() -> None:
    assert VirtualThinkGear(Listed(-300 * UV_PER_COUNT)).packets(1).hex() == "aaaa048002fed4ab"


def test_a_status_frame_comes_once_a_second() -> None:
    headset = VirtualThinkGear(NoiseSource(1))
    second = headset.packets(511)
    assert len(second) == 511 * RAW
    second += headset.packets(1)
    status = second[512 * RAW :]
    assert len(status) == STATUS
    assert status[:7].hex() == "aaaa2002008318"
    assert status[-5:-1].hex() == "0435053d"
    assert (sum(status[3:-1]) + status[-1]) & 0xFF == 0xFF
    assert len(headset.packets(1024)) == 1024 * RAW + 2 * STATUS


@given(st.lists(st.integers(0, 700), max_size=8))
def test_the_bytes_do_not_depend_on_the_calls(parts: list[int]) -> None:
    headset = VirtualThinkGear(NoiseSource(2))
    pieces = b"".join(headset.packets(n) for n in parts)
    assert pieces == VirtualThinkGear(NoiseSource(2)).packets(sum(parts))


def test_our_decoder_finds_the_sources_signal() -> None:
    n = 5000
    wire = VirtualThinkGear(NoiseSource(3)).packets(n)
    codec = ThinkGearCodec()
    runs = [run for at in range(0, len(wire), 777) for run in codec.push(wire[at : at + 777])]
    found = np.concatenate([run.uv for run in runs], axis=1)
    assert np.abs(found - NoiseSource(3).render(n)[:1]).max() <= UV_PER_COUNT / 2 + 1e-9
    assert (codec.lost, codec.bad, codec.garbage) == (0, 0, 0)
    assert pop_events(codec) == [Contact(0, good=True)] * (n // 512)


def test_an_electrode_in_the_air_is_stuck_and_said_in_that_second_only() -> None:
    headset = VirtualThinkGear(Listed(0.0, float("nan"), 1e6, -1e6, 0.0, 0.0, 0.0, 0.0), fs_hz=4)
    codec = ThinkGearCodec()
    runs = codec.push(headset.packets(8))
    counts = np.rint(np.concatenate([run.uv[0] for run in runs]) / UV_PER_COUNT)
    assert counts.tolist() == [0, 2047, 2047, -2048, 0, 0, 0, 0]
    assert pop_events(codec) == [Contact(0, good=False), Contact(0, good=True)]


@pytest.mark.parametrize(
    ("command", "said", "streaming"),
    [
        (b"\xc1", "dongle: headset disconnected c3a2", False),
        (b"\xc2", "dongle: headset connected c3a2", True),
        (b"\xc0\xc3\xa2", "dongle: headset connected c3a2", True),
        (b"\xc0\x00\x01", "dongle: headset not found 0001", False),
    ],
)
@pytest.mark.parametrize("byte_by_byte", [False, True])
def test_its_dongle_obeys(command: bytes, said: str, streaming: bool, byte_by_byte: bool) -> None:
    headset, codec = VirtualThinkGear(NoiseSource(1)), ThinkGearCodec()
    headset.receive(b"\xc1")
    pieces = [bytes([byte]) for byte in command] if byte_by_byte else [command]
    for piece in pieces:
        codec.push(headset.receive(piece))
    assert pop_events(codec) == [DeviceText(said)]
    assert headset.streaming == streaming


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_it_survives_any_bytes_and_keeps_few(chunks: list[bytes]) -> None:
    headset, codec = VirtualThinkGear(NoiseSource(1)), ThinkGearCodec()
    for chunk in chunks:
        codec.push(headset.receive(chunk))
        assert len(headset._pending) < 3
    assert (codec.bad, codec.garbage) == (0, 0)
