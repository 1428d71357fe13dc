"""What a Cyton's channels measure inside the amplifier: its test signals, its supply, its temperature.

Amplitudes and frequencies follow from the ADS1299's data sheet: the test signals are (VREFP - VREFN) / 2400
of either sign, or twice that, at the chip's clock divided by 2^21 (slow) or 2^20 (fast).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.cyton_board import REFERENCE_V

CLOCK_HZ = 2_048_000.0
SLOW_HZ = CLOCK_HZ / 2**21
"""0.977 Hz."""
FAST_HZ = CLOCK_HZ / 2**20
"""1.953 Hz."""
ONCE_UV = REFERENCE_V / 2400.0 * 1e6
"""1875 uV."""

SHORTED, SUPPLY, TEMPERATURE, CALIBRATION = 1, 3, 4, 5
"""Input codes of the command ``x``."""
SUPPLY_UV = 2.5e6
"""Half the analog supply: beyond the rail at any gain but 1, as the data sheet warns."""
DIGITAL_SUPPLY_UV = 0.825e6
"""A quarter of the digital supply, which channels 3 and 4 measure instead."""
TEMPERATURE_UV = 147_750.0
"""A chip at 30 degrees: 145 300 uV at 25, and 490 uV a degree."""

LEAD_OFF_HZ = 31.25
LEAD_OFF_A = 6e-9
ELECTRODE_OHM = 10_000.0
"""Skin and electrode of somebody well prepared."""
SERIES_OHM = 2200.0
LEAD_OFF_UV = LEAD_OFF_A * (ELECTRODE_OHM + SERIES_OHM) * 1e6
"""Amplitude at an electrode through which the lead-off current flows, 73 uV."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A test signal: square waves, or a constant.

    Attributes
    ----------
    amplitude_uv
        Height of either half.
    hz
        Full turns a second; 0 for the constant.
    """

    amplitude_uv: float
    hz: float

    def render(self, first: int, n: int, fs_hz: float) -> NDArray[np.float64]:
        """Give samples `first` to `first` + `n` - 1, shape ``(n,)``, uV; they begin with the high half."""
        at: NDArray[np.float64] = np.arange(first, first + n, dtype=np.float64)
        halves = np.floor(2.0 * self.hz / fs_hz * at)
        return np.asarray(self.amplitude_uv * (1.0 - 2.0 * (halves % 2.0)))


CALIBRATIONS = {
    b"-": Calibration(ONCE_UV, SLOW_HZ),
    b"=": Calibration(ONCE_UV, FAST_HZ),
    b"p": Calibration(2.0 * ONCE_UV, 0.0),
    b"[": Calibration(2.0 * ONCE_UV, SLOW_HZ),
    b"]": Calibration(2.0 * ONCE_UV, FAST_HZ),
}
"""Signal of each command; ``0`` shorts the inputs instead."""

REGISTER = {
    Calibration(ONCE_UV, SLOW_HZ): 0xD0,
    Calibration(ONCE_UV, FAST_HZ): 0xD1,
    Calibration(2.0 * ONCE_UV, 0.0): 0xD7,
    Calibration(2.0 * ONCE_UV, SLOW_HZ): 0xD4,
    Calibration(2.0 * ONCE_UV, FAST_HZ): 0xD5,
}
"""Content of CONFIG2 for each signal."""


def lead_off(first: int, n: int, fs_hz: float) -> NDArray[np.float64]:
    """Voltage that the lead-off current makes at one electrode, shape ``(n,)``, uV."""
    phase = 2.0 * np.pi * LEAD_OFF_HZ / fs_hz * np.arange(first, first + n)
    return np.asarray(LEAD_OFF_UV * np.sin(phase))


def inner_uv(input_code: int, number: int) -> float:
    """Constant that an input other than electrode and test signal measures, uV; what is shorted is 0.

    Parameters
    ----------
    input_code
        As in the command ``x``.
    number
        Channel on its amplifier, 0 to 7.
    """
    if input_code == SUPPLY:
        return DIGITAL_SUPPLY_UV if number in (2, 3) else SUPPLY_UV
    return TEMPERATURE_UV if input_code == TEMPERATURE else 0.0
