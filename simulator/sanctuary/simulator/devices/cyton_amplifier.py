"""One ADS1299 of a Cyton: eight channels, what they are set to, and what they measure.

As in the firmware (OpenBCI_32bit_Library.cpp of OpenBCI/OpenBCI_Cyton_Library, commit 648b7fa), what was
asked for and what the chip does are two things: a channel that is switched off and on again comes back as it
was asked for last, and whatever writes the settings anew switches on all that were only switched off.

Bias drive and reference switches are kept and reported, but do not change the signal.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.cyton_board import N_CHANNELS, ChannelSettings, counts_of
from sanctuary.simulator.devices.cyton_test_signal import CALIBRATION, Calibration, inner_uv, lead_off

ELECTRODE = 0
DEFAULT = ChannelSettings()
AFTER_HARDWARE_RESET = ChannelSettings(input_code=1, bias=False, srb2=False)
"""Register value 0x61 of the data sheet: on, gain 24, shorted."""

UvArray = NDArray[np.float64]
CountArray = NDArray[np.int32]


class Amplifier:
    """One chip.

    Attributes
    ----------
    asked, live
        Settings as the firmware remembers them, and as they stand in the chip.
    lead_off
        Whether current flows through the P and the N electrode of each channel.
    calibration
        The test signal made, for channels connected to it; None for none.
    """

    def __init__(self) -> None:
        self.asked: list[ChannelSettings] = []
        self.live: list[ChannelSettings] = []
        self.lead_off: list[tuple[bool, bool]] = []
        self.calibration: Calibration | None = None
        self.reset()

    def reset(self) -> None:
        """Come up as after power-on: all defaults."""
        self.calibration = None
        self.set_defaults()

    def attach(self) -> None:
        """Come back by the command ``C``: the chip is reset, and until the next command nobody sets it up."""
        self.calibration = None
        self.live = [AFTER_HARDWARE_RESET] * N_CHANNELS

    def set_defaults(self) -> None:
        """Set all channels to default; a test signal goes on, unheard."""
        self.asked = [DEFAULT] * N_CHANNELS
        self.live = list(self.asked)
        self.lead_off = [(False, False)] * N_CHANNELS

    def connect(self, input_code: int) -> None:
        """Connect all channels to one input."""
        self.asked = [replace(settings, input_code=input_code) for settings in self.asked]
        self.live = list(self.asked)

    def set(self, number: int, settings: ChannelSettings) -> None:
        """Set channel `number`, 0 to 7; SRB1 is one switch for all."""
        self.asked[number] = settings
        self.live[number] = settings
        self.asked = [replace(each, srb1=settings.srb1) for each in self.asked]
        self.live = [replace(each, srb1=settings.srb1) for each in self.live]

    def switch_off(self, number: int) -> None:
        """Switch a channel off; it leaves SRB2 and the bias."""
        self.live[number] = replace(self.live[number], off=True, srb2=False, bias=False)
        self.lead_off[number] = (False, False)

    def switch_on(self, number: int) -> None:
        """Switch a channel on."""
        self.live[number] = replace(self.asked[number], off=False)

    def counts(self, electrodes: UvArray, first: int, fs_hz: float) -> CountArray:
        """Measure.

        Parameters
        ----------
        electrodes
            Shape ``(k, n)``, uV at the first k inputs, k <= 8; NaN is an electrode that hangs in the air. The
            other inputs are grounded.
        first
            Number of the first sample since the start, for signals that the amplifier makes itself.

        Returns
        -------
        Shape ``(n, 8)``; a channel that is off reads 0.
        """
        n = electrodes.shape[1]
        counts = np.zeros((n, N_CHANNELS), dtype=np.int32)
        for number, settings in enumerate(self.live):
            uv = None if settings.off else self._measured(number, electrodes, first, fs_hz)
            if uv is not None:
                counts[:, number] = counts_of(uv, settings)
        return counts

    def _measured(self, number: int, electrodes: UvArray, first: int, fs_hz: float) -> UvArray | None:
        """Signal of one channel, shape ``(n,)``, uV; None for nothing at all."""
        code, n = self.live[number].input_code, electrodes.shape[1]
        if code == CALIBRATION:
            return None if self.calibration is None else self.calibration.render(first, n, fs_hz)
        if code != ELECTRODE:
            return np.full(n, inner_uv(code, number))
        uv = electrodes[number] if number < len(electrodes) else None
        currents = sum(self.lead_off[number])
        if currents:
            uv = (np.zeros(n) if uv is None else uv) + currents * lead_off(first, n, fs_hz)
        return uv
