"""The few commands that a session needs, and the replies to them (Cyton SDK; firmware 3.1).

Commands are ASCII without line ends; replies end in ``$$$``. While streaming the board answers nothing.
"""

from __future__ import annotations

RESET = b"v"
"""Soft reset: stops streaming, restores defaults, answers with the banner."""
START = b"b"
STOP = b"s"

END_OF_REPLY = b"$$$"
BANNER = b"OpenBCI"
NO_BOARD = b"Failure"
"""First word of the dongle's answer when no board answers it over the radio."""

RESET_TIMEOUT_S = 5.0
"""The firmware pauses about 0.7 s in a reset; BrainFlow saw banners after 5 s from a slow radio."""
MAX_REPLY_BYTES = 65_536
"""What may come before the banner's end: a board left streaming fills the buffers with packets."""


def reply_in(received: bytes) -> str | None:
    """Find the text of a finished reset reply among whatever came before it; None while it is unfinished."""
    for word in (BANNER, NO_BOARD):
        begin = received.find(word)
        end = received.find(END_OF_REPLY, begin) if begin >= 0 else -1
        if end >= 0:
            return received[begin:end].decode("ascii", errors="replace").strip()
    return None
