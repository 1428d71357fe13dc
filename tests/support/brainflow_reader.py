"""BrainFlow's own drivers as clients of virtual boards on serial ports, in a process of their own.

The driver's thread and library outlive the board, so each reading has a fresh interpreter.
"""

from __future__ import annotations

import importlib.util
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

# the wheel installs everywhere, and fails only when its library is loaded
needs_brainflow = pytest.mark.skipif(
    importlib.util.find_spec("brainflow") is None or platform.machine().lower() not in ("x86_64", "amd64"),
    reason="brainflow holds x86-64 libraries only",
)

CLIENT = """
import sys, time
import numpy as np
from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams
BoardShim.disable_board_logger()
parameters = BrainFlowInputParams()
parameters.serial_port = sys.argv[2]
board_id, n = BoardIds[sys.argv[1]].value, int(sys.argv[3])
board = BoardShim(board_id, parameters)
board.prepare_session()
replies = [board.config_board(command) for command in sys.argv[5:]]
board.start_stream()
deadline_s = time.monotonic() + 20.0
while board.get_board_data_count() < n and time.monotonic() < deadline_s:
    time.sleep(0.01)
data = board.get_board_data(n)
board.stop_stream()
board.release_session()
try:
    acceleration = data[BoardShim.get_accel_channels(board_id)]
except Exception:  # a board without
    acceleration = np.empty((0, n))
np.savez(
    sys.argv[4],
    accel_g=acceleration,
    fs_hz=BoardShim.get_sampling_rate(board_id),
    uv=data[BoardShim.get_eeg_channels(board_id)],
    counter=data[BoardShim.get_package_num_channel(board_id)],
    replies=np.array(replies, dtype=str),
)
"""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What BrainFlow saw: rows of ``n`` samples, package numbers, replies to commands, the rate it takes."""

    uv: NDArray[np.float64]
    counter: NDArray[np.float64]
    accel_g: NDArray[np.float64]
    replies: tuple[str, ...]
    fs_hz: float


def seen_by_brainflow(board: str, port: str, n: int, folder: Path, *commands: str) -> Seen:
    """Let BrainFlow read `n` rows of a board, after some commands."""
    found = folder / "found.npz"
    client = [sys.executable, "-P", "-c", CLIENT, board, port, str(n), str(found), *commands]
    subprocess.run(client, check=True, timeout=60, capture_output=True)
    with np.load(found) as arrays:
        replies = tuple(str(reply) for reply in arrays["replies"])
        return Seen(arrays["uv"], arrays["counter"], arrays["accel_g"], replies, float(arrays["fs_hz"]))
