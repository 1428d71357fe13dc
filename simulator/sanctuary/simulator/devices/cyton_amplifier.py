"""One ADS1299 of a Cyton: settings and counts of its eight channels, its internal signals, its registers.

As in the firmware (OpenBCI_32bit_Library.cpp of OpenBCI/OpenBCI_Cyton_Library, commit 648b7fa), the settings
asked for and the settings in the chip are kept apart: a channel that is switched off and on again returns to
what was asked for last, and a command that writes all settings switches on channels that were only switched
off. Bias drive and reference switches are kept and reported, but do not change the signal.

Internal signals follow from the ADS1299's data sheet: test signals are (VREFP - VREFN) / 2400 of either sign,
or twice that, at the chip's clock divided by 2^21 (slow) or 2^20 (fast). In the register dump (command ``?``)
a line of an amplifier is name, address, value and eight bits; a line of the LIS3DH is address and value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

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


CLOCK_HZ = 2_048_000.0
SLOW_HZ = CLOCK_HZ / 2**21
"""0.977 Hz."""
FAST_HZ = CLOCK_HZ / 2**20
"""1.953 Hz."""
ONCE_UV = REFERENCE_V / 2400.0 * 1e6
"""1875 uV."""

SHORTED, SUPPLY, TEMPERATURE, TEST_SIGNAL = 1, 3, 4, 5
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
"""Impedance of well prepared skin and its electrode."""
SERIES_OHM = 2200.0
LEAD_OFF_UV = LEAD_OFF_A * (ELECTRODE_OHM + SERIES_OHM) * 1e6
"""Amplitude at an electrode through which the lead-off current flows, 73 uV."""


@dataclass(frozen=True, slots=True)
class InternalTestSignal:
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


TEST_SIGNALS = {
    b"-": InternalTestSignal(ONCE_UV, SLOW_HZ),
    b"=": InternalTestSignal(ONCE_UV, FAST_HZ),
    b"p": InternalTestSignal(2.0 * ONCE_UV, 0.0),
    b"[": InternalTestSignal(2.0 * ONCE_UV, SLOW_HZ),
    b"]": InternalTestSignal(2.0 * ONCE_UV, FAST_HZ),
}
"""Signal of each command; ``0`` shorts the inputs instead."""

REGISTER = {
    InternalTestSignal(ONCE_UV, SLOW_HZ): 0xD0,
    InternalTestSignal(ONCE_UV, FAST_HZ): 0xD1,
    InternalTestSignal(2.0 * ONCE_UV, 0.0): 0xD7,
    InternalTestSignal(2.0 * ONCE_UV, SLOW_HZ): 0xD4,
    InternalTestSignal(2.0 * ONCE_UV, FAST_HZ): 0xD5,
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
    test_signal
        The test signal made, for channels connected to it; None for none.
    """

    def __init__(self) -> None:
        self.asked: list[ChannelSettings] = []
        self.live: list[ChannelSettings] = []
        self.lead_off: list[tuple[bool, bool]] = []
        self.test_signal: InternalTestSignal | None = None
        self.reset()

    def reset(self) -> None:
        """Reset as at power-on: all defaults."""
        self.test_signal = None
        self.set_defaults()

    def attach(self) -> None:
        """Attach by the command ``C``: the chip is reset, and is not configured until the next command."""
        self.test_signal = None
        self.live = [AFTER_HARDWARE_RESET] * N_CHANNELS

    def set_defaults(self) -> None:
        """Set all channels to default; a test signal goes on, unconnected."""
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
        if code == TEST_SIGNAL:
            return None if self.test_signal is None else self.test_signal.render(first, n, fs_hz)
        if code != ELECTRODE:
            return np.full(n, inner_uv(code, number))
        uv = electrodes[number] if number < len(electrodes) else None
        currents = sum(self.lead_off[number])
        if currents:
            uv = (np.zeros(n) if uv is None else uv) + currents * lead_off(first, n, fs_hz)
        return uv


LINE_END = "\r\n"
NO_TEST_SIGNAL = 0xC0
CLOCK_OUT, CLOCK_KEPT = 0xB0, 0x90
"""CONFIG1 but for the rate: a Daisy takes its clock from the board."""
ACCELEROMETER = ((0x07, 0x0F), (0x1F, 0x33), (0x38, 0x3D))
"""Ranges of addresses that are printed, each followed by an empty line but for the last."""
ACCELEROMETER_VALUES = {0x0F: 0x33, 0x20: 0x08, 0x23: 0x18}
"""Identity; asleep; 4 g, high resolution."""


def dump(amplifiers: Iterable[Amplifier], rate_code: int) -> str:
    """Print all registers: the board's, the Daisy's if there is one, the accelerometer's."""
    chips = list(amplifiers)
    lines: list[str] = [""]
    for name, chip in zip(("Board", "Daisy"), chips, strict=False):
        clock = CLOCK_OUT if len(chips) > 1 and chip is chips[0] else CLOCK_KEPT
        lines += [f"{name} ADS Registers", *_chip_lines(chip, clock | rate_code), ""]
    return LINE_END.join([*lines, "LIS3DH Registers", *_accelerometer_lines(), ""])


def _chip_lines(chip: Amplifier, config1: int) -> Iterable[str]:
    for address, (name, value) in enumerate(_registers(chip, config1).items()):
        yield f"{name}, {address:02X}, {value:02X}, " + ", ".join(f"{value:08b}")


def _registers(chip: Amplifier, config1: int) -> dict[str, int]:
    """List the registers of an ADS1299 in the order of their addresses."""
    bias = _bits(settings.bias for settings in chip.live)
    config2 = NO_TEST_SIGNAL if chip.test_signal is None else REGISTER[chip.test_signal]
    channels = {f"CH{number + 1}SET": chip.live[number].register() for number in range(N_CHANNELS)}
    return {
        "ADS_ID": 0x3E,
        "CONFIG1": config1,
        "CONFIG2": config2,
        "CONFIG3": 0xEC,
        "LOFF": 0x02,
        **channels,
        "BIAS_SENSP": bias,
        "BIAS_SENSN": bias,
        "LOFF_SENSP": _bits(p for p, _ in chip.lead_off),
        "LOFF_SENSN": _bits(n for _, n in chip.lead_off),
        "LOFF_FLIP": 0,
        "LOFF_STATP": 0,
        "LOFF_STATN": 0,
        "GPIO": 0x0F,
        "MISC1": 0x20 if chip.live[0].srb1 else 0,
        "MISC2": 0,
        "CONFIG4": 0,
    }


def _accelerometer_lines() -> Iterable[str]:
    for first, last in ACCELEROMETER:
        if first != ACCELEROMETER[0][0]:
            yield ""
        for address in range(first, last + 1):
            yield f"0x{address:02X} {ACCELEROMETER_VALUES.get(address, 0):02X}"


def _bits(flags: Iterable[bool]) -> int:
    """Channel 1 is the lowest bit."""
    return sum(flag << number for number, flag in enumerate(flags))
