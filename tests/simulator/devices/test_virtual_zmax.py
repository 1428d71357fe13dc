"""The virtual ZMax: what it says and obeys, and our decoder at the other end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from device_events import pop_events
from sanctuary.firmware_bridge.headbands.headband import Battery
from sanctuary.firmware_bridge.headbands.zmax import HELLO, ZmaxCodec
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_zmax import MAX_COMMAND_BYTES, VirtualZmax
from zmax_stimulation import Stimulation

UV_PER_COUNT = 3952 / 65536
STIMULATION = b"LIVEMODE_SENDBYTES 15 6 111 04-00-00-02-00-00-02-FE-00-01-03-05-01-00\r\n"
LINE = 123


class Fixed:
    """A source of the same two values for ever."""

    def __init__(self, left_uv: float, right_uv: float) -> None:
        self.uv = np.array([[left_uv], [right_uv]])

    def render(self, n_samples: int) -> NDArray[np.float64]:
        return np.repeat(self.uv, n_samples, axis=1)


def test_its_lines_are_those_of_the_description() -> None:
    # the vector made from dreamento's formulas: EEG R 60.3 uV, EEG L -60.3 uV, 0 0 1 g, 3.996 V, 25 C
    expected = (
        b"D.08-83-E8-7C-18-08-00-08-00-0C-00-00-00-00-00-00-00-00-00-00-00-00-00-02-6C-00-00-00-00-00-00-00"
        b"-00-00-00-00-01-F4-00-00\r\n"
    )
    assert VirtualZmax(Fixed(-60.302734, 60.302734), battery_v=3.996).packets(2) == expected * 2


def test_it_streams_once_it_was_greeted_and_never_answers() -> None:
    headband = VirtualZmax(NoiseSource(1))
    assert not headband.streaming
    assert headband.receive(HELLO[:3]) == b""
    assert not headband.streaming
    assert headband.receive(HELLO[3:]) == b""
    assert headband.streaming
    assert headband.fs_hz == 256


def test_it_remembers_the_stimulation_it_was_told_to_give() -> None:
    headband = VirtualZmax(NoiseSource(1))
    assert headband.last_stimulation is None
    assert headband.receive(STIMULATION[:20]) + headband.receive(STIMULATION[20:]) == b""
    assert headband.last_stimulation == bytes.fromhex("04000002000002fe000103050100")
    other = Stimulation(rgb=(2, 1, 0), on_s=2.5, repeats=9)
    headband.receive(HELLO + other.command(7) + b"nonsense\n")
    assert headband.last_stimulation == other.to_bytes()


@pytest.mark.parametrize(
    "wrong",
    [STIMULATION[:-6] + b"\r\n", STIMULATION.replace(b"FE", b"FX"), STIMULATION[1:], b"\n\n", b"hello\n"],
)
def test_what_it_does_not_know_it_leaves_alone(wrong: bytes) -> None:
    headband = VirtualZmax(NoiseSource(1))
    assert headband.receive(wrong) == b""
    assert headband.last_stimulation is None
    assert not headband.streaming


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_it_survives_any_bytes_and_keeps_few(chunks: list[bytes]) -> None:
    headband = VirtualZmax(NoiseSource(1))
    for chunk in chunks:
        assert headband.receive(chunk) == b""
        assert len(headband._pending) <= MAX_COMMAND_BYTES
    headband.receive(b"\n" + STIMULATION)
    assert headband.last_stimulation is not None


def test_our_decoder_finds_the_sources_signal() -> None:
    n = 2000
    headband, codec = VirtualZmax(NoiseSource(4), battery_v=4.24), ZmaxCodec()
    wire = b"".join(headband.packets(part) for part in (1, 699, 1300))
    assert len(wire) == n * LINE
    runs = [run for at in range(0, len(wire), 1000) for run in codec.push(wire[at : at + 1000])]
    found = np.concatenate([run.uv for run in runs], axis=1)
    assert np.abs(found - NoiseSource(4).render(n)).max() <= UV_PER_COUNT / 2 + 1e-9
    assert (codec.lost, codec.bad, codec.garbage) == (0, 0, 0)
    motion_g = np.concatenate([run.motion_g for run in runs if run.motion_g is not None], axis=1)
    np.testing.assert_allclose(motion_g, np.tile([[0.0], [0.0], [1.0]], n))
    percents = [notice.percent for notice in pop_events(codec) if isinstance(notice, Battery)]
    assert percents == pytest.approx([100.0, 100.0], abs=0.3)


@pytest.mark.parametrize(
    ("uv", "found_uv"), [(1e6, 1975.94), (-1e6, -1976.0), (float("nan"), 1975.94), (float("inf"), 1975.94)]
)
def test_beyond_full_scale_it_is_stuck_at_a_rail(uv: float, found_uv: float) -> None:
    (run,) = ZmaxCodec((1,)).push(VirtualZmax(Fixed(uv, 0.0)).packets(1))
    np.testing.assert_allclose(run.uv, [[found_uv]], atol=0.01)
