"""Commands of a Cyton on the wire: where one ends and the next begins, and what their letters mean.

Most are one byte; some take arguments, and two of these end with a letter of their own, which may come too
early (OpenBCI documentation, Cyton SDK; firmware 3.1).
"""

from __future__ import annotations

from sanctuary.simulator.devices.cyton_board import ChannelSettings

LENGTHS = {b"x": 9, b"z": 5, b"/": 2, b"~": 2, b"`": 2}
LATCHES = {b"x": b"X", b"z": b"Z"}
MULTI_BYTE_TIMEOUT_S = 1.0
"""A command of several bytes must be complete within this time."""

SWITCH_OFF = b"12345678qwertyui"
SWITCH_ON = b"!@#$%^&*QWERTYUI"
CHANNELS = b"12345678QWERTYUI"
"""Letters of channels 1 to 16, as arguments."""
LOG_TO_CARD = b"ASFGHJKLa"
MODES = ("default", "debug", "analog", "digital", "marker", "BLE")
RATES_HZ = (16_000, 8000, 4000, 2000, 1000, 500, 250)

BANNER_LINES = ("OpenBCI V3 8-16 channel", "On Board ADS1299 Device ID: 0x3E")
DAISY_LINE = "On Daisy ADS1299 Device ID: 0x3E"
LAST_BANNER_LINES = ("LIS3DH Device ID: 0x33", "Firmware: v3.1.2")
VERSION = "v3.1.5"
TOO_SLOW = "Timeout processing multi byte message - please send all commands at once as of v2"
NO_CARD = (
    "initialization failed. Things to check:\r\n* is a card is inserted?\r\n"
    "Could not find FAT16/FAT32 partition. Make sure you've formatted the card\r\n"
)
"""What the firmware says with an empty slot, its grammar included."""


def next_command(pending: bytes) -> bytes:
    """Take the first command off `pending`; empty while it is unfinished.

    One that its closing letter ends too early is taken up to that letter.
    """
    kind = pending[:1]
    length = LENGTHS.get(kind, 1)
    latch = LATCHES.get(kind)
    early = -1 if latch is None else pending.find(latch, 1, length - 1)
    if early > 0:
        return pending[: early + 1]
    return pending[:length] if len(pending) >= length else b""


def channel_of(letter: bytes) -> int:
    """Tell the number of a channel, 0 to 15; the firmware takes an unknown letter for channel 1."""
    return max(0, CHANNELS.find(letter))


def settings_of(arguments: bytes) -> ChannelSettings:
    """Read the six digits of the command ``x``; the firmware takes what is no digit for 0, or for gain 24."""
    digits = [byte - 48 if 48 <= byte <= 57 else 0 for byte in arguments]
    power, _, source, bias, srb2, srb1 = digits
    gain = arguments[1] - 48
    return ChannelSettings(
        off=power == 1,
        gain_code=gain if 0 <= gain <= 6 else 6,
        input_code=source & 7,
        bias=bias == 1,
        srb2=srb2 == 1 or source & 8 != 0,
        srb1=srb1 == 1,
    )


def banner(*, daisy: bool) -> str:
    """Print what the board says after a reset."""
    lines = (*BANNER_LINES, *((DAISY_LINE,) if daisy else ()), *LAST_BANNER_LINES)
    return "\r\n".join((*lines, ""))
