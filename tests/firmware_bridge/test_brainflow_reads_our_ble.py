"""A second, independent client over Bluetooth: BrainFlow's own drivers see the microvolts that we sent."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ble_bench import needs_dbus
from brainflow_reader import needs_brainflow
from sanctuary.simulator.bluez.server import VirtualRadio
from sanctuary.simulator.devices.gatt import GattDevice
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_athena import STEP_UV as ATHENA_STEP_UV
from sanctuary.simulator.devices.virtual_athena import VirtualAthena
from sanctuary.simulator.devices.virtual_ganglion import STEP_UV as GANGLION_STEP_UV
from sanctuary.simulator.devices.virtual_ganglion import VirtualGanglion
from sanctuary.simulator.devices.virtual_muse import STEP_UV as MUSE_STEP_UV
from sanctuary.simulator.devices.virtual_muse import VirtualMuse

pytestmark = [needs_dbus, needs_brainflow, pytest.mark.alone]

N = 300
RMS_UV = 40.0
CHANNEL = {"MUSE_2_BOARD": 1, "MUSE_S_ATHENA_BOARD": 1, "GANGLION_NATIVE_BOARD": 0}
"""Which of a board's channels the first of our sources comes out of."""
TRIES = 12
"""On a busy machine BrainFlow often gives up as it connects, hears nothing then, or loses the packet on which
its differences rest."""

# in a process of its own: the driver reads the bus address as it is loaded, and its exit code is 1 whatever
# happened, because the library leaves the bus as the process ends
CLIENT = """
import sys, time
import numpy as np
from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams
BoardShim.disable_board_logger()
board_id = getattr(BoardIds, sys.argv[1]).value
parameters = BrainFlowInputParams()
parameters.mac_address, parameters.timeout, parameters.other_info = sys.argv[2], 10, sys.argv[4]
board = BoardShim(board_id, parameters)
board.prepare_session()
board.start_stream()
deadline_s = time.monotonic() + 8.0
while board.get_board_data_count() < 300 and time.monotonic() < deadline_s:
    time.sleep(0.01)
data = board.get_board_data(300)
np.save(sys.argv[3], data[BoardShim.get_eeg_channels(board_id)])
board.stop_stream()
board.release_session()
"""


def seen_by_brainflow(
    board: str, device: GattDevice, folder: Path, truth: NDArray[np.float64], step_uv: float, info: str = ""
) -> tuple[NDArray[np.float64], int]:
    """What BrainFlow saw, of the first try that agrees with the truth, else of the last; and from where on.

    `truth` has shape ``(n_channels, n)``; channels that it does not have are not compared.
    """
    found = folder / "found.npy"
    seen, at = np.empty((5, 0)), 0
    with VirtualRadio([device]) as radio:
        for _ in range(TRIES):
            subprocess.run(
                [sys.executable, "-P", "-c", CLIENT, board, device.address, str(found), info],
                env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": radio.address},
                check=False,
                timeout=90,
                capture_output=True,
            )
            if not found.exists() or np.load(found).shape[1] != N:
                continue
            seen = np.asarray(np.load(found))
            at = place(seen[CHANNEL[board]], truth[0])
            if np.abs(seen[CHANNEL[board]] - truth[0, at : at + N]).max() < step_uv / 2:
                break
    return seen, at


def place(seen: NDArray[np.float64], truth: NDArray[np.float64]) -> int:
    """Sample of `truth` with which `seen` begins."""
    errors = [np.abs(truth[at : at + 60] - seen[:60]).max() for at in range(truth.size - seen.size)]
    return int(np.argmin(errors))


def rounded(uv: NDArray[np.float64], step_uv: float) -> NDArray[np.float64]:
    return np.asarray(np.rint(uv / step_uv) * step_uv)


def test_muse_2(tmp_path: Path) -> None:
    left, right = truth = rounded(NoiseSource(7, RMS_UV).render(3000), MUSE_STEP_UV)
    device = VirtualMuse(NoiseSource(7, RMS_UV))
    seen, at = seen_by_brainflow("MUSE_2_BOARD", device, tmp_path, truth, MUSE_STEP_UV)
    assert seen.shape[1] == N
    np.testing.assert_allclose(seen[1], left[at : at + N], rtol=0, atol=1e-6)
    np.testing.assert_allclose(seen[2], right[at : at + N], rtol=0, atol=1e-6)
    ears = rounded(NoiseSource(7, RMS_UV).render(3000) / 2, MUSE_STEP_UV)[:, at : at + N]
    np.testing.assert_allclose(seen[[0, 3]], ears, rtol=0, atol=1e-6)


def test_athena(tmp_path: Path) -> None:
    left, right = truth = rounded(NoiseSource(8, RMS_UV).render(6000), ATHENA_STEP_UV)
    device = VirtualAthena(NoiseSource(8, RMS_UV))
    seen, at = seen_by_brainflow("MUSE_S_ATHENA_BOARD", device, tmp_path, truth, ATHENA_STEP_UV)
    np.testing.assert_allclose(seen[1], left[at : at + N], rtol=0, atol=1e-6)
    np.testing.assert_allclose(seen[2], right[at : at + N], rtol=0, atol=1e-6)


def differences_kept(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """What firmware 2 leaves of counts: differences without their lowest bit, anew every 201 samples."""
    kept = counts.copy()
    for k in range(1, counts.shape[1]):
        if k % 201:
            kept[:, k] = kept[:, k - 1] - ((counts[:, k - 1] - counts[:, k]) & ~1)
    return kept


def upper_bits_kept(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """What firmware 3 leaves of whole counts: the upper 18 bits, in steps of 64 counts."""
    return counts & ~63


@pytest.mark.parametrize(("firmware", "kept"), [(2, differences_kept), (3, upper_bits_kept)])
def test_ganglion(tmp_path: Path, firmware: int, kept: Callable[..., NDArray[np.int64]]) -> None:
    device = VirtualGanglion(NoiseSource(9, RMS_UV, n_channels=4), firmware=firmware)
    noise = NoiseSource(9, RMS_UV, n_channels=4).render(3000)
    truth = kept(np.rint(noise / GANGLION_STEP_UV).astype(np.int64))
    uv = truth * GANGLION_STEP_UV
    seen, at = seen_by_brainflow("GANGLION_NATIVE_BOARD", device, tmp_path, uv, GANGLION_STEP_UV, "fw:auto")
    # its scale has 32 bits: compared as counts they are equal, as microvolts to seven digits
    np.testing.assert_array_equal(np.rint(seen / GANGLION_STEP_UV), truth[:, at : at + N])
    np.testing.assert_allclose(seen, truth[:, at : at + N] * GANGLION_STEP_UV, rtol=2e-7, atol=1e-6)
