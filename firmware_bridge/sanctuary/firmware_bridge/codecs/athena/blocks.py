"""How many blocks of EEG are missing, by the numbers in their heads.

The number of a block goes round after 255, two seconds of EEG with eight channels. How often it went round
tells the number of packets that are missing, and how many blocks a packet has had until now.
"""

from __future__ import annotations

from sanctuary.firmware_bridge.codecs.athena.packet import BLOCK_HEADER_BYTES, EEG_BYTES, HEADER_BYTES

NUMBERS = 256
MOST_IN_PACKET = (255 - HEADER_BYTES) // (BLOCK_HEADER_BYTES + EEG_BYTES)
MEMORY_PACKETS = 512
"""Over how many packets their mean is taken; it is good for losses of half a minute."""


class BlockCount:
    """Follows the blocks of one tag."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._follows = True
        self._packets = 0
        self._per_packet = 0.0

    def pass_packet(self, n: int) -> None:
        """Learn that a packet has had `n` of the blocks, perhaps none."""
        self._packets = min(self._packets + 1, MEMORY_PACKETS)
        self._per_packet += (n - self._per_packet) / self._packets

    def take(self, first: int, n: int, missing: int) -> int:
        """Take blocks in a row and tell how many are missing before them.

        Parameters
        ----------
        first
            Number of the first, 0 to 255.
        n
            How many.
        missing
            Packets since the last such block that were not read, or not read to their end.
        """
        expected, self._next = self._next, (first + n) % NUMBERS
        if expected is None or missing == 0:
            self._follows = expected in (None, first)
            return 0
        most, likely = missing * MOST_IN_PACKET, missing * self._per_packet
        lost = (first - expected) % NUMBERS
        if lost > most or not self._follows:  # spoilt, or firmware that does not count
            return round(min(likely, most))
        rounds = min(round((likely - lost) / NUMBERS), (most - lost) // NUMBERS)
        return lost + NUMBERS * max(0, rounds)
