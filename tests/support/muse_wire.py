"""What Muse headbands send, by small code of its own: the classic ones and the Athena."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Sequence

SOURCES = (3, 4, 5, 6)
EEG_4, EEG_8 = 0x11, 0x12


def eeg(sequence: int, counts: Sequence[int]) -> bytes:
    """Twelve samples of one channel, 0 to 4095."""
    bits = "".join(format(count, "012b") for count in counts)
    return (sequence % 65_536).to_bytes(2, "big") + int(bits, 2).to_bytes(18, "big")


def sets(first: int, n: int) -> list[tuple[int, int, bytes]]:
    """Sets of all four channels whose counts tell the sample's number: number of the set, source, bytes."""
    return [
        (k, source, eeg(k, [(12 * k + i) % 4096 for i in range(12)]))
        for k in range(first, first + n)
        for source in SOURCES
    ]


def answer(reply: object) -> list[bytes]:
    """An answer in pieces, not padded."""
    text = json.dumps(reply).encode()
    return [bytes((len(text[at : at + 19]),)) + text[at : at + 19] for at in range(0, len(text), 19)]


def athena_eeg(samples: Sequence[Sequence[int]]) -> bytes:
    """An EEG block, sample by sample, 14 bits each, least significant first."""
    bits = "".join(format(count, "014b")[::-1] for sample in samples for count in sample)
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


class AthenaWriter:
    """Writes packets; numbers them and, by tag, their blocks.

    Parameters
    ----------
    index
        Of the first packet.
    tag
        Kind of the EEG blocks. All their counts tell the sample's number, modulo 16384.
    """

    def __init__(self, index: int = 0, tag: int = EEG_4) -> None:
        self.index = index
        self.samples = 0
        self._tag = tag
        self._numbers: Counter[int] = Counter()

    def packet(self, *blocks: tuple[int, bytes], clock: int = 10**9) -> bytes:
        """One packet of any blocks: tag and data of each."""
        body = b""
        for tag, data in blocks:
            body += bytes((tag, self._numbers[tag] % 256)) + b"\x5a\xc3\x01" + data
            self._numbers[tag] += 1
        head = struct.pack("<BH", 9 + len(body), self.index % 65_536) + clock.to_bytes(6, "little")
        self.index += 1
        return head + body

    def eeg(self, n_blocks: int, *others: tuple[int, bytes]) -> bytes:
        """One packet of the next EEG blocks, followed by others."""
        return self.packet(*(self._eeg_block() for _ in range(n_blocks)), *others)

    def _eeg_block(self) -> tuple[int, bytes]:
        n_channels, n = (4, 4) if self._tag == EEG_4 else (8, 2)
        counts = [(self.samples + k) % 16_384 for k in range(n)]
        self.samples += n
        return self._tag, athena_eeg([[count] * n_channels for count in counts])
