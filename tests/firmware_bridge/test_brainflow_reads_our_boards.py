"""A second, independent client: BrainFlow's serial drivers find the microvolts given to virtual boards."""

from pathlib import Path

import numpy as np
import pytest

from brainflow_reader import needs_brainflow, seen_by_brainflow
from sanctuary.firmware_bridge.headbands.cyton.driver import CytonHeadband
from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from sanctuary.simulator.devices.virtual_freeeeg import UV_PER_COUNT, VirtualFreeEeg
from virtual_boards import CHANNELS, COUNT_UV, PATIENCE_S, noise_uv, plugged_in

pytestmark = [needs_brainflow, pytest.mark.alone]

N = 250


def test_cyton_as_we_see_it(tmp_path: Path) -> None:
    with plugged_in(seed=5, pacing="realtime") as port:
        theirs = seen_by_brainflow("CYTON_BOARD", port.path, N, tmp_path)
    with plugged_in(seed=5) as port:
        headband = CytonHeadband(port.path, CHANNELS)
        headband.connect()
        headband.start()
        ours = headband.read_samples(N, PATIENCE_S).uv
        headband.close()
    np.testing.assert_array_equal(theirs.counter, np.arange(N))
    np.testing.assert_allclose(theirs.uv[:2], ours, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours, noise_uv(5, N), rtol=0, atol=1e-6)


def test_daisy_in_sixteen_channels(tmp_path: Path) -> None:
    n = 1000
    with PtyPort(VirtualCyton(NoiseSource(6, n_channels=16), daisy=True)) as port:
        theirs = seen_by_brainflow("CYTON_DAISY_BOARD", port.path, n, tmp_path, "xI060110X")
    assert theirs.replies == ("Success: Channel set for 16$$$",)
    np.testing.assert_array_equal(theirs.counter, np.arange(0, 2 * n, 2) % 256)
    counts = np.rint(NoiseSource(6, n_channels=16).render(2 * n) / COUNT_UV)
    means_uv = np.trunc((counts[:, :-1] + counts[:, 1:]) / 2) * COUNT_UV
    # row n: the board's half is the mean of samples 2n and 2n + 1, the Daisy's that of 2n - 1 and 2n
    np.testing.assert_allclose(theirs.uv[:8], means_uv[:8, ::2], rtol=0, atol=1e-6)
    np.testing.assert_allclose(theirs.uv[8:, 1:], means_uv[8:, 1::2], rtol=0, atol=1e-6)


def test_freeeeg32_in_thirty_two_channels(tmp_path: Path) -> None:
    with PtyPort(VirtualFreeEeg(NoiseSource(7, n_channels=32)), "realtime") as port:
        theirs = seen_by_brainflow("FREEEEG32_BOARD", port.path, N, tmp_path)
    sent = np.rint(NoiseSource(7, n_channels=32).render(20 * N) / UV_PER_COUNT)
    assert theirs.fs_hz == VirtualFreeEeg(NoiseSource(7)).fs_hz
    np.testing.assert_array_equal(np.diff(theirs.counter) % 256, 1)
    seen = np.rint(theirs.uv / UV_PER_COUNT)
    begins = np.flatnonzero(sent[0] == seen[0, 0])  # it streams from the beginning, and is joined on the way
    assert any(np.array_equal(sent[:, at : at + N], seen) for at in begins)
    # its scale has 32 bits: equal as counts, as microvolts to seven digits
    np.testing.assert_allclose(theirs.uv, seen * UV_PER_COUNT, rtol=2e-7, atol=1e-6)
