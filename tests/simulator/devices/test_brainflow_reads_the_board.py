"""BrainFlow's own Cyton driver reads the virtual board, and finds the same microvolts in it."""

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sanctuary.simulator.devices.cyton import VirtualCyton
from sanctuary.simulator.devices.pty_port import PtyPort
from sanctuary.simulator.devices.source import NoiseSource
from virtual_boards import noise_uv

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="brainflow's Linux wheels hold x86-64 libraries only"
)

# in a process of its own: the driver's thread and library outlive the board
DRIVER = """
import sys, time
import numpy as np
from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams
BoardShim.disable_board_logger()
parameters = BrainFlowInputParams()
parameters.serial_port = sys.argv[1]
board = BoardShim(BoardIds.CYTON_BOARD.value, parameters)
board.prepare_session()
reply = board.config_board("x3060110X")
board.start_stream(450000)
deadline_s = time.monotonic() + 20.0
while board.get_board_data_count() < 5000 and time.monotonic() < deadline_s:
    time.sleep(0.01)
data = board.get_board_data(5000)
board.stop_stream()
board.release_session()
columns = BoardShim.get_eeg_channels(BoardIds.CYTON_BOARD.value)
counter = BoardShim.get_package_num_channel(BoardIds.CYTON_BOARD.value)
acceleration = BoardShim.get_accel_channels(BoardIds.CYTON_BOARD.value)
np.savez(sys.argv[2], uv=data[columns], counter=data[counter], accel_g=data[acceleration], reply=reply)
"""


def test_the_same_microvolts_counters_and_acceleration(tmp_path: Path) -> None:
    found = tmp_path / "found.npz"
    with PtyPort(VirtualCyton(NoiseSource(11))) as port:
        driver = [sys.executable, "-P", "-c", DRIVER, port.path, str(found)]
        subprocess.run(driver, check=True, timeout=60, capture_output=True)
    data = np.load(found)
    np.testing.assert_allclose(data["uv"][:2], noise_uv(11, 5000), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(data["uv"][2:], np.zeros((6, 5000)))
    np.testing.assert_array_equal(data["counter"], np.arange(5000) % 256)
    np.testing.assert_allclose(data["accel_g"], np.tile([[0.02], [-0.01], [1.0]], 5000), rtol=0, atol=1e-9)
    assert str(data["reply"]) == "Success: Channel set for 3$$$"
