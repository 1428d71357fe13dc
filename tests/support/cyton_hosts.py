"""What a host makes of a virtual Cyton's bytes: counts, aux words and sources that tell inputs apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.virtual_cyton import VirtualCyton

PACKET = 33
COUNT_UV = 4.5e6 / 24 / (2**23 - 1)


class Levels:
    """A source of one constant level at each input, in counts at gain 24."""

    def __init__(self, *counts: float) -> None:
        self._uv = np.array(counts, dtype=np.float64)[:, np.newaxis] * COUNT_UV

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, uV."""
        return np.repeat(self._uv, n_samples, axis=1)


class Ramps:
    """A source whose inputs rise by `step` counts a sample, each 1000 counts above the one before."""

    def __init__(self, n_channels: int, step: int = 2) -> None:
        self._base = 1000.0 * np.arange(n_channels)[:, np.newaxis]
        self._step = step
        self._at = 0

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, uV."""
        at = np.arange(self._at, self._at + n_samples)
        self._at += n_samples
        return np.asarray((self._base + self._step * at) * COUNT_UV)


def rows_of(raw: bytes) -> NDArray[np.uint8]:
    """Packets as rows of bytes, shape ``(n, 33)``; their starts and stops are checked."""
    rows = np.frombuffer(raw, dtype=np.uint8).reshape(-1, PACKET)
    assert (rows[:, 0] == 0xA0).all()
    assert (rows[:, 32] >> 4 == 0xC).all()
    return rows


def counts_in(raw: bytes) -> NDArray[np.int64]:
    """Counts of all packets, shape ``(n, 8)``."""
    triples = rows_of(raw)[:, 2:26].reshape(-1, 8, 3).astype(np.int64)
    value = triples[:, :, 0] << 16 | triples[:, :, 1] << 8 | triples[:, :, 2]
    return np.asarray(value - (value >> 23 << 24))


def words_in(raw: bytes) -> list[list[int]]:
    """The three aux words of all packets, unsigned."""
    aux = rows_of(raw)[:, 26:32].reshape(-1, 3, 2).astype(np.int64)
    words: list[list[int]] = (aux[:, :, 0] << 8 | aux[:, :, 1]).tolist()
    return words


def board_ms_in(raw: bytes) -> list[int]:
    """The board's clock in all packets, ms."""
    return [int.from_bytes(row[28:32].tobytes(), "big") for row in rows_of(raw)]


def stops_in(raw: bytes) -> list[int]:
    """Stop bytes."""
    stops: list[int] = rows_of(raw)[:, 32].tolist()
    return stops


def streamed(board: VirtualCyton, n: int) -> bytes:
    """Packets from a start on."""
    board.receive(b"b")
    return board.packets(n)
