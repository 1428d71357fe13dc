"""Where packets begin, told from bytes alone.

A packet carries no checksum, and sample bytes may look like its start and stop. Its neighbours are the check:

* *framed*: it begins with A0 and ends with C0..CF, and another A0 follows at once;
* *confirmed*: the next counter follows too;
* *sustained*: the packet that follows is framed, and its counter by the next, where a few may be missing;
* *plausible*: its counter fits the bytes thrown away since the last packet;
* *doubtful*: it holds A0 and the next counter inside, so it may be a packet that lost bytes, made whole by
  the beginning of the next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.codecs.cyton.packet import PACKET_BYTES, START, STOP, STOP_MASK

ByteArray = NDArray[np.uint8]

CONFIRMED_BYTES = PACKET_BYTES + 2
"""A packet, and the start and counter that confirm it."""
SUSTAINED_BYTES = PACKET_BYTES + CONFIRMED_BYTES
WINDOW_BYTES = SUSTAINED_BYTES + PACKET_BYTES - 1
"""All that decides between the candidates of one search, which overlap one another."""
COUNTERS = 256
SLACK_PACKETS = 4
"""Packets that may have been lost whole beside those whose pieces were thrown away, in one search."""


def confirmed_run(raw: ByteArray) -> int:
    """Count the confirmed packets that stand in a row at the front of `raw`."""
    n = (len(raw) - 2) // PACKET_BYTES
    if n <= 0:
        return 0
    starts = raw[::PACKET_BYTES][: n + 1] == START
    counters = raw[1::PACKET_BYTES][: n + 1]
    good = starts[1:] & (np.diff(counters) == 1)
    good &= starts[:-1]
    good &= (raw[PACKET_BYTES - 1 :: PACKET_BYTES][:n] & STOP_MASK) == STOP
    return n if good.all() else int(good.argmin())


def best_start(window: ByteArray, last_counter: int | None, skipped: int) -> int | None:
    """Find the packet that begins within the first 33 bytes; there can be only one.

    A packet counts if any two hold of confirmed, sustained and plausible, and it is framed; a doubtful one
    must be sustained. Where several overlapping candidates count, plausible beats sustained, and both
    beat one.

    Parameters
    ----------
    window
        `WINDOW_BYTES` bytes.
    last_counter
        Counter of the last packet taken; None before the first: then nothing is plausible.
    skipped
        Bytes thrown away since.

    Returns
    -------
    Offset of the packet, or None: no packet begins in these 33 bytes.
    """
    start = window == START
    stop = (window & STOP_MASK) == STOP
    both = 2 * PACKET_BYTES  # the candidates, and what would follow each of them
    framed = start[:both] & stop[PACKET_BYTES - 1 :][:both] & start[PACKET_BYTES:][:both]
    counter = window[1 : both + 1]
    missing = window[PACKET_BYTES + 1 :][:both] - counter - np.uint8(1)
    confirmed = (missing == 0)[:PACKET_BYTES]
    sustained = (framed & (missing <= SLACK_PACKETS))[PACKET_BYTES:]
    plausible = _plausible(counter[:PACKET_BYTES], last_counter, skipped)
    agree = confirmed.astype(np.int8) + sustained + plausible >= 2
    agree &= sustained | ~_doubtful(window)
    strength = np.where(framed[:PACKET_BYTES] & agree, 2 * plausible + sustained, 0)
    best = int(strength.argmax())
    return best if strength[best] else None


def _doubtful(window: ByteArray) -> NDArray[np.bool_]:
    candidates = np.lib.stride_tricks.sliding_window_view(window[: 2 * PACKET_BYTES - 1], PACKET_BYTES)
    following = candidates[:, 1:2] + np.uint8(1)
    return np.asarray(((candidates[:, 2:-1] == START) & (candidates[:, 3:] == following)).any(axis=1))


def _plausible(counters: ByteArray, last_counter: int | None, skipped: int) -> NDArray[np.bool_]:
    if last_counter is None:
        return np.zeros(len(counters), dtype=np.bool_)
    lost = (counters.astype(np.int64) - last_counter - 1) % COUNTERS
    least = -(-(skipped + np.arange(len(counters))) // PACKET_BYTES)
    return np.asarray((lost >= least) & (lost <= least + SLACK_PACKETS))
