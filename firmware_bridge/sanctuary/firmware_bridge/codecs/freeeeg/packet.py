"""One frame of a FreeEEG32 (BrainFlow's driver for it; no other description was found).

::

    A0 | counter | 32 x int24, two's complement, big-endian | more bytes, unknown in number | C0
     0      1       2 ...................................97   98 ...

A frame ends where C0 is followed by the A0 of the next one, once it is long enough to hold all channels.
"""

from __future__ import annotations

START = 0xA0
STOP = 0xC0
N_CHANNELS = 32
CHANNELS_AT = 2
FS_HZ = 512.0
COUNTERS = 256
UV_PER_COUNT = 2.5 / (2**23 - 1) / 8 * 1e6
"""2.5 V reference, gain 8: 0.03725 uV."""
MIN_FRAME_BYTES = CHANNELS_AT + 3 * N_CHANNELS + 1
MAX_FRAME_BYTES = 256
"""Room for 157 bytes beside the channels; the board is known to add a few words of motion."""
