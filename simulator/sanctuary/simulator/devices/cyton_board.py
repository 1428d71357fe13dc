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
    """0 is the electrode."""
    bias: bool = True
    srb2: bool = True
    srb1: bool = False

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


def counts_of(uv: NDArray[np.float64], settings: ChannelSettings) -> NDArray[np.int32]:
    """Convert as the amplifier does: rounded, and stuck at a rail beyond full scale.

    Parameters
    ----------
    uv
        Shape ``(n,)``, microvolts; NaN is an electrode that hangs in the air.

    Returns
    -------
    Shape ``(n,)``, counts.
    """
    scaled = np.nan_to_num(np.rint(uv / settings.uv_per_count), nan=LARGEST)
    return np.asarray(np.clip(scaled, SMALLEST, LARGEST), dtype=np.int32)
