"""The virtual FreeEEG32: its packets, and BrainFlow's own driver at the other end."""

import importlib.util
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sanctuary.simulator.devices.freeeeg import VirtualFreeEeg
from sanctuary.simulator.devices.pty_port import PtyPort
from sanctuary.simulator.devices.source import NoiseSource

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


# in a process of its own: the driver's thread and library outlive the board
CLIENT = """
import sys, time
import numpy as np
from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams
BoardShim.disable_board_logger()
parameters = BrainFlowInputParams()
parameters.serial_port = sys.argv[1]
kind = BoardIds.FREEEEG32_BOARD.value
board = BoardShim(kind, parameters)
board.prepare_session()
board.start_stream()
deadline_s = time.monotonic() + 20.0
while board.get_board_data_count() < 250 and time.monotonic() < deadline_s:
    time.sleep(0.01)
data = board.get_board_data(250)
board.stop_stream()
board.release_session()
np.savez(
    sys.argv[2],
    uv=data[BoardShim.get_eeg_channels(kind)],
    counter=data[BoardShim.get_package_num_channel(kind)],
    fs_hz=BoardShim.get_sampling_rate(kind),
)
"""


# the wheel installs everywhere, and fails only when its library is loaded
@pytest.mark.skipif(
    importlib.util.find_spec("brainflow") is None or platform.machine().lower() not in ("x86_64", "amd64"),
    reason="brainflow holds x86-64 libraries only",
)
def test_brainflow_sees_the_same_microvolts(tmp_path: Path) -> None:
    found = tmp_path / "found.npz"
    board = VirtualFreeEeg(NoiseSource(5))
    with PtyPort(board, "realtime") as port:
        client = [sys.executable, "-P", "-c", CLIENT, port.path, str(found)]
        subprocess.run(client, check=True, timeout=60, capture_output=True)
    theirs = np.load(found)
    assert theirs["fs_hz"] == board.fs_hz
    assert theirs["uv"].shape == (32, 250)
    np.testing.assert_array_equal(np.diff(theirs["counter"]) % 256, 1)
    # it began to listen somewhere within what the board sent so far
    made = board._counter
    sent = np.rint(NoiseSource(5).render(made) / UV_PER_COUNT) * UV_PER_COUNT
    starts = [at for at in range(made - 249) if abs(sent[0, at] - theirs["uv"][0, 0]) < UV_PER_COUNT / 2]
    assert any(np.abs(sent[:, at : at + 250] - theirs["uv"][:2]).max() < UV_PER_COUNT / 2 for at in starts)
    assert not theirs["uv"][2:].any()
