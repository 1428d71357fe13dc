"""A second, independent client: BrainFlow's own Cyton driver reads the virtual board."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

from sanctuary.simulator.devices.cyton import VirtualCyton
from sanctuary.simulator.devices.pty_port import PtyPort
from sanctuary.simulator.devices.source import NoiseSource

CLIENT = """
import json, sys, time
from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams
BoardShim.disable_board_logger()
params = BrainFlowInputParams(); params.serial_port = sys.argv[1]
board = BoardShim(BoardIds.CYTON_BOARD, params)
board.prepare_session(); board.start_stream()
while board.get_board_data_count() < 250: time.sleep(0.05)
data = board.get_board_data(); board.stop_stream(); board.release_session()
print(json.dumps({"uv": data[1:3].tolist(), "counter": data[0].tolist()}))
"""


@pytest.mark.skipif(
    importlib.util.find_spec("brainflow") is None, reason="brainflow holds x86-64 libraries only"
)
def test_brainflow_sees_the_same_microvolts():
    with PtyPort(VirtualCyton(NoiseSource(5)), "realtime") as port:
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, port.path], capture_output=True, text=True, timeout=60, check=True
        )
    seen = json.loads(done.stdout.splitlines()[-1])
    counters = np.array(seen["counter"], dtype=int)
    assert (np.diff(counters) % 256 == 1).all()
    uv = np.array(seen["uv"])
    assert uv.shape[1] >= 250
    want = NoiseSource(5).render(uv.shape[1] + int(counters[0]))[:, int(counters[0]) :]
    np.testing.assert_allclose(uv, want, atol=0.51 * 4.5e6 / 24 / 0x7FFFFF)
