"""The few commands that a session needs, and the replies to them (Cyton SDK; firmware 3.1).

Commands are ASCII without line ends; replies end in ``$$$``. While it streams the board answers nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sanctuary.firmware_bridge.codecs.cyton.packet import GAINS, N_CHANNELS

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
START = Command(b"b")
STOP = Command(b"s")
DEFAULTS = Command(b"d", "updating channel settings to default", 1.0)
"""All channels on, gain 24, normal input. The reply is one radio turn away."""


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
    """Finds replies among whatever else comes down the line, such as packets of a board left streaming."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, received: bytes) -> list[str]:
        """Take the next bytes; returns the texts of replies that ended in them, without their ``$$$``."""
        self._kept += received
        *ended, rest = self._kept.split(_END)
        self._kept = rest[-MAX_REPLY_BYTES:]
        return [text for text in map(_text_at_the_end, ended) if text]


def _text_at_the_end(data: bytes) -> str:
    backwards = _TEXT.match(data[::-1])
    return backwards[0][::-1].decode("ascii").strip() if backwards else ""
