"""The register dump that a Cyton answers to ``?``: its amplifiers' registers and the accelerometer's.

Each line of an amplifier is name, address, value and eight bits; each line of the LIS3DH is address and
value.
"""

from __future__ import annotations

from collections.abc import Iterable

from sanctuary.simulator.devices.cyton_amplifier import Amplifier
from sanctuary.simulator.devices.cyton_board import N_CHANNELS
from sanctuary.simulator.devices.cyton_test_signal import REGISTER

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
    config2 = NO_TEST_SIGNAL if chip.calibration is None else REGISTER[chip.calibration]
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
