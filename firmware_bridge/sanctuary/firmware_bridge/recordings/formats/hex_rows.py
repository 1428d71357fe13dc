"""Rows of an OpenBCI SD card: hexadecimal numbers of fixed width, for many rows at once.

::

    II,CCCCCC,...,CCCCCC[,AAAA,AAAA,AAAA]

A counter of 8 bits, 8 channels (16 with a Daisy) of 24 bits in two's complement and, in some rows, three
words of motion.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.recordings.formats.text_rows import Lines
from sanctuary.firmware_bridge.recordings.gaps import IntArray
from sanctuary.signal.samples import BoolArray

ROW = re.compile(rb"[0-9A-Fa-f]{2}(?:,[0-9A-Fa-f]{6}){8}(?:(?:,[0-9A-Fa-f]{6}){8})?(?:,[0-9A-Fa-f]{4}){0,3}")
CHANNELS = (8, 16)
_WORDS = (0, 1, 2, 3)
_HEX = np.full(256, -1, dtype=np.int64)
_HEX[list(b"0123456789")] = np.arange(10)
_HEX[list(b"ABCDEF")] = np.arange(10, 16)
_HEX[list(b"abcdef")] = np.arange(10, 16)
_COMMA = ord(",")


class HexRows:
    """Lines that may be rows of one board.

    Parameters
    ----------
    lines
        What is read.
    channels
        8 or 16.

    Attributes
    ----------
    good
        Which lines are rows.
    """

    def __init__(self, lines: Lines, channels: int) -> None:
        self._lines, self._channels = lines, channels
        lengths = lines.stops - lines.starts
        self.good: BoolArray = np.zeros(len(lengths), dtype=np.bool_)
        for words in _WORDS:
            some = np.flatnonzero(lengths == _width(channels) + 5 * words)
            if some.size:
                text = self._texts(some, _width(channels) + 5 * words)
                self.good[some] = _well_formed(text, channels)

    def _texts(self, some: IntArray, width: int) -> NDArray[np.uint8]:
        return np.asarray(self._lines.raw[self._lines.starts[some][:, np.newaxis] + np.arange(width)])

    def counters(self, some: IntArray) -> IntArray:
        """Package counters of some lines, which are rows."""
        return _value(self._texts(some, 2))

    def counts(self, some: IntArray, channel: int) -> IntArray:
        """Signed counts of one channel in some lines, which are rows."""
        place = 3 + 7 * channel
        value = _value(self._texts(some, place + 6)[:, place:])
        return np.where(value >= 1 << 23, value - (1 << 24), value)


def _width(channels: int) -> int:
    return 2 + 7 * channels


def _well_formed(text: NDArray[np.uint8], channels: int) -> BoolArray:
    width = text.shape[1]
    commas = np.zeros(width, dtype=np.bool_)
    commas[2 : _width(channels) : 7] = True
    commas[_width(channels) :: 5] = True
    return np.asarray((text[:, commas] == _COMMA).all(axis=1) & (_HEX[text[:, ~commas]] >= 0).all(axis=1))


def _value(digits: NDArray[np.uint8]) -> IntArray:
    value = np.zeros(len(digits), dtype=np.int64)
    for column in digits.T:
        value = (value << 4) | _HEX[column]
    return value
