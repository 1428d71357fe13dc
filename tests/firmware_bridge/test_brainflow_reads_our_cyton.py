"""A second, independent client: BrainFlow's own Cyton driver in real time finds what our driver finds."""

import importlib.util
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sanctuary.firmware_bridge.drivers.cyton import CytonHeadband
from virtual_boards import CHANNELS, PATIENCE_S, noise_uv, plugged_in

# the wheel installs everywhere, and fails only when its library is loaded
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("brainflow") is None or platform.machine().lower() not in ("x86_64", "amd64"),
    reason="brainflow holds x86-64 libraries only",
)

N = 250

# in a process of its own: the driver's thread and library outlive the board
CLIENT = """
import sys, time
import numpy as np
from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams
BoardShim.disable_board_logger()
parameters = BrainFlowInputParams()
parameters.serial_port = sys.argv[1]
cyton = BoardIds.CYTON_BOARD.value
board = BoardShim(cyton, parameters)
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
    uv=data[BoardShim.get_eeg_channels(cyton)],
    counter=data[BoardShim.get_package_num_channel(cyton)],
)
"""


def test_brainflow_sees_the_same_microvolts(tmp_path: Path) -> None:
    found = tmp_path / "found.npz"
    with plugged_in(seed=5, pacing="realtime") as port:
        client = [sys.executable, "-P", "-c", CLIENT, port.path, str(found)]
        subprocess.run(client, check=True, timeout=60, capture_output=True)
    theirs = np.load(found)
    with plugged_in(seed=5) as port:
        headband = CytonHeadband(port.path, CHANNELS)
        headband.connect()
        headband.start()
        ours = headband.read_samples(N, PATIENCE_S).uv
        headband.close()
    np.testing.assert_array_equal(theirs["counter"], np.arange(N))
    np.testing.assert_allclose(theirs["uv"][:2], ours, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours, noise_uv(5, N), rtol=0, atol=1e-6)
