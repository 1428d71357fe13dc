"""BrainFlow's own Cyton driver reads the virtual board, and finds the same microvolts in it."""

from pathlib import Path

import numpy as np
import pytest

from brainflow_reader import needs_brainflow, seen_by_brainflow
from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from virtual_boards import noise_uv

pytestmark = [needs_brainflow, pytest.mark.alone]

N = 5000


def test_the_same_microvolts_counters_and_acceleration(tmp_path: Path) -> None:
    with PtyPort(VirtualCyton(NoiseSource(11))) as port:
        seen = seen_by_brainflow("CYTON_BOARD", port.path, N, tmp_path, "x3060110X")
    np.testing.assert_allclose(seen.uv[:2], noise_uv(11, N), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(seen.uv[2:], np.zeros((6, N)))
    np.testing.assert_array_equal(seen.counter, np.arange(N) % 256)
    np.testing.assert_allclose(seen.accel_g, np.tile([[0.02], [-0.01], [1.0]], N), rtol=0, atol=1e-9)
    assert seen.replies == ("Success: Channel set for 3$$$",)
