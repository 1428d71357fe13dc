"""What a Muse sends, by small code of its own."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence

SOURCES = (3, 4, 5, 6)


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
    """An answer in pieces."""
    text = json.dumps(reply).encode()
    return [bytes((len(text[at : at + 19]),)) + text[at : at + 19] for at in range(0, len(text), 19)]


def athena_packet(
    index: int, time_ms: int, blocks: Sequence[tuple[int, bytes]], unknown: bytes = b"\0\1\0"
) -> bytes:
    """One packet of an Athena."""
    (tag, body), *rest = blocks
    data = bytes((tag, 0)) + unknown + body
    for number, (tag, block) in enumerate(rest, start=1):
        data += bytes((tag, number)) + unknown + block
    return struct.pack("<BH", 9 + len(data), index % 65_536) + time_ms.to_bytes(6, "little") + data


def athena_eeg(samples: Sequence[Sequence[int]]) -> bytes:
    """An EEG block, sample by sample, 14 bits each, least significant first."""
    bits = "".join(format(count, "014b")[::-1] for sample in samples for count in sample)
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
