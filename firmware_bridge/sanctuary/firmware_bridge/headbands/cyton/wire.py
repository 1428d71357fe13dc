"""What an OpenBCI Cyton sends and understands.

Sources: OpenBCI documentation, Cyton data format; Cyton SDK, firmware 3.1. A data packet has 33 bytes,
big-endian::

    A0 | counter | 8 x int24, two's complement | 6 aux bytes | C0..CF
     0      1       2 ........................25  26 ......31     32

The stop byte's low half says what the aux bytes mean. Commands are ASCII without line ends;
replies end in ``$$$``. While it streams the board answers nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

START = 0xA0
STOP = 0xC0
STOP_MASK = 0xF0
PACKET_BYTES = 33
COUNTERS = 256
N_CHANNELS = 8
FS_HZ = 250.0
FULL_SCALE_V = 4.5
"""Reference voltage of the ADS1299; full scale at gain 1."""
DEFAULT_GAIN = 24
GAINS = (1, 2, 4, 6, 8, 12, 24)
COUNTS_FULL = 2**23 - 1
"""A rail reads this, or one below its negative; a channel that is switched off reads 0."""
AUX_BYTES = 6
AUX_AT = 26
"""Where the aux bytes begin in a packet."""
KIND_MASK = 0x0F
"""The part of the stop byte that says what the aux bytes are."""
ACCEL_KIND = 0
"""...the accelerometer's X, Y, Z, int16. Other kinds have raw words, or the board's clock; 7 to 15 are
reserved."""
ACCEL_G_PER_COUNT = 0.002 / 16
"""LIS3DH at plus and minus 4 g, 12 bits left-aligned."""


def uv_per_count(gain: int = DEFAULT_GAIN) -> float:
    """Microvolts per count at a gain: 0.0223517 at 24.

    Raises
    ------
    ValueError
        Not a gain of the ADS1299.
    """
    if gain not in GAINS:
        raise ValueError(f"gain {gain}: the Cyton knows {', '.join(map(str, GAINS))}")
    return FULL_SCALE_V / gain / COUNTS_FULL * 1e6


def rail_uv(gain: int = DEFAULT_GAIN) -> float:
    """Magnitude at which a channel rails: 187 500 uV at gain 24."""
    return COUNTS_FULL * uv_per_count(gain)


FAILURE = "Failure"
"""First word of every refusal, the board's or the dongle's that finds no board over the radio."""
MAX_REPLY_BYTES = 1024
"""Longest reply kept: banners have some 110 bytes, register dumps some 800."""

_END = b"$$$"
_TEXT = re.compile(rb"[\x20-\x7e\r\n]*")


@dataclass(frozen=True, slots=True)
class Command:
    """What to send, and what comes back.

    Attributes
    ----------
    answer
        Words that the reply contains if all went well; None where the board does not answer.
    timeout_s
        How long the reply may take.
    """

    data: bytes
    answer: str | None = None
    timeout_s: float = 0.0


RESET = Command(b"v", "OpenBCI", 6.0)
"""Soft reset: stops streaming, restores defaults, answers with the banner. The firmware pauses 0.7 s; over a
poor radio link banners have taken 5 s and more."""
START_STREAM = Command(b"b")
STOP_STREAM = Command(b"s")
DAISY_WORD = "On Daisy"
"""Stands in the banner where a Daisy is plugged on."""
WITHOUT_DAISY = Command(b"c", "daisy removed", 2.0)
WITH_DAISY = Command(b"C", "", 2.0)
"""Answered with ``16``, ``daisy attached16`` or ``no daisy to attach!8``."""
CHANNEL_CODES = b"12345678QWERTYUI"


def channel_settings(channel: int, gain: int) -> Command:
    """Switch a channel on at `gain`: normal input, in the bias, on SRB2, not on SRB1, as is the default.

    Raises
    ------
    ValueError
        No such channel or gain.
    """
    if not 1 <= channel <= len(CHANNEL_CODES):
        raise ValueError(f"channel {channel}: the Cyton has 1 to {N_CHANNELS}, with a Daisy 16")
    if gain not in GAINS:
        raise ValueError(f"gain {gain}: the Cyton knows {', '.join(map(str, GAINS))}")
    code = CHANNEL_CODES[channel - 1 : channel]
    return Command(b"x%b0%d0110X" % (code, GAINS.index(gain)), f"Channel set for {channel}", 1.0)


class ReplyFinder:
    """Finds replies among other bytes, such as packets of a board left streaming."""

    def __init__(self) -> None:
        self._kept = b""

    def push(self, received: bytes) -> list[str]:
        """Give the texts of the replies that end in the next bytes, without their ``$$$``."""
        self._kept += received
        *ended, rest = self._kept.split(_END)
        self._kept = rest[-MAX_REPLY_BYTES:]
        return [text for text in map(_text_at_the_end, ended) if text]


def _text_at_the_end(data: bytes) -> str:
    backwards = _TEXT.match(data[::-1])
    return backwards[0][::-1].decode("ascii").strip() if backwards else ""
