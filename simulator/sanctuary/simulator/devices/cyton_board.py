"""Settings of a Cyton's eight channels, as the ADS1299 keeps them (OpenBCI documentation, Cyton SDK)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_CHANNELS = 8
GAINS = (1, 2, 4, 6, 8, 12, 24)
REFERENCE_V = 4.5
LARGEST, SMALLEST = 0x7FFFFF, -0x800000


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """One channel; the codes are those of the command ``x``."""

    off: bool = False
    gain_code: int = 6
    input_code: int = 0
    """0 is the electrode; the others (shorted, test signals, temperature) read 0 here."""
    bias: bool = True
    srb2: bool = True
    srb1: bool = False

    @property
    def connected(self) -> bool:
        """Whether it measures its electrode."""
        return not self.off and self.input_code == 0

    @property
    def uv_per_count(self) -> float:
        """Scale at this gain."""
        return REFERENCE_V / GAINS[self.gain_code] / LARGEST * 1e6

    def codes(self) -> str:
        """Six digits: power, gain, input, bias, SRB2, SRB1."""
        flags = (self.off, self.gain_code, self.input_code, self.bias, self.srb2, self.srb1)
        return "".join(str(int(flag)) for flag in flags)

    def register(self) -> int:
        """Content of the register CHnSET: power, gain, SRB2, input."""
        return self.off << 7 | self.gain_code << 4 | self.srb2 << 3 | self.input_code


def counts_of(uv: NDArray[np.float64], channels: list[ChannelSettings]) -> NDArray[np.int32]:
    """Convert as the amplifier does: rounded, and stuck at a rail beyond full scale; what is off reads 0.

    Parameters
    ----------
    uv
        Shape ``(k, n)``, microvolts at the first k inputs; NaN is an electrode that hangs in the air.

    Returns
    -------
    Shape ``(n, k)``, counts.
    """
    counts = np.zeros((uv.shape[1], len(uv)), dtype=np.int32)
    for number, (signal, settings) in enumerate(zip(uv, channels, strict=False)):
        if settings.connected:
            scaled = np.rint(signal / settings.uv_per_count)
            counts[:, number] = np.clip(np.nan_to_num(scaled, nan=LARGEST), SMALLEST, LARGEST)
    return counts
