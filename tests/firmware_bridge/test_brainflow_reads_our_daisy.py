"""A second, independent client: BrainFlow's Daisy driver finds the microvolts given to the virtual board."""

import importlib.util
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sanctuary.simulator.devices.cyton import VirtualCyton
from sanctuary.simulator.devices.pty_port import PtyPort
from sanctuary.simulator.devices.source import NoiseSource
from virtual_boards import COUNT_UV

# the wheel installs everywhere, and fails only when its library is loaded
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("brainflow") is None or platform.machine().lower() not in ("x86_64", "amd64"),
    reason="brainflow holds x86-64 libraries only",
)

N = 1000

# in a process of its own: the driver's thread and library outlive the board
CLIENT = """
import sys, time
import numpy as np
from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams
BoardShim.disable_board_logger()
parameters = BrainFlowInputParams()
parameters.serial_port = sys.argv[1]
daisy = BoardIds.CYTON_DAISY_BOARD.value
board = BoardShim(daisy, parameters)
board.prepare_session()
reply = board.config_board("xI060110X")
board.start_stream()
deadline_s = time.monotonic() + 20.0
while board.get_board_data_count() < 1000 and time.monotonic() < deadline_s:
    time.sleep(0.01)
data = board.get_board_data(1000)
board.stop_stream()
board.release_session()
np.savez(
    sys.argv[2],
    uv=data[BoardShim.get_eeg_channels(daisy)],
    counter=data[BoardShim.get_package_num_channel(daisy)],
    reply=reply,
)
"""


def test_brainflow_sees_sixteen_channels(tmp_path: Path) -> None:
    found = tmp_path / "found.npz"
    with PtyPort(VirtualCyton(NoiseSource(6, n_channels=16), daisy=True)) as port:
        client = [sys.executable, "-P", "-c", CLIENT, port.path, str(found)]
        subprocess.run(client, check=True, timeout=60, capture_output=True)
    theirs = np.load(found)
    assert str(theirs["reply"]) == "Success: Channel set for 16$$$"
    np.testing.assert_array_equal(theirs["counter"], np.arange(0, 2 * N, 2) % 256)
    counts = np.rint(NoiseSource(6, n_channels=16).render(2 * N) / COUNT_UV)
    means_uv = np.trunc((counts[:, :-1] + counts[:, 1:]) / 2) * COUNT_UV
    # row n: the board's half is the mean of samples 2n and 2n + 1, the Daisy's that of 2n - 1 and 2n
    np.testing.assert_allclose(theirs["uv"][:8], means_uv[:8, ::2], rtol=0, atol=1e-6)
    np.testing.assert_allclose(theirs["uv"][8:, 1:], means_uv[8:, 1::2], rtol=0, atol=1e-6)
