"""What a Muse sends and understands: notifications of the classic kind, commands and answers of all kinds.

Notifications have 20 bytes, big-endian::

    EEG            seq uint16 | 12 x uint12, most significant bits first
    accelerometer  seq uint16 | 3 x (x, y, z) int16
    telemetry      seq uint16 | battery /512 % | fuel gauge 2.2 mV | ADC mV | temperature C | zeros

The first number of each is in step over the EEG characteristics and begins again after 65535. Facts: muse-js
(`muse-parse`), muse-lsl and BrainFlow, which agree.

Commands have a few letters; answers are JSON that is cut up anywhere::

    command   [letters + 1] letters newline
    answer    [n] n bytes of text, padded to 20; pieces join up to JSON objects

One command at a time: answers to commands that overlap may come interleaved. The answers known are flat, so a
piece that begins one while another has no end yet comes after a lost piece.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sanctuary.config.errors import ProtocolError
from sanctuary.signal.samples import FloatArray

NOTIFICATION_BYTES = 20
SAMPLES = 12
"""Samples of one channel in one notification."""
SEQUENCES = 65_536
FS_HZ = 256.0
ZERO, UV_PER_COUNT = 2048, 125 / 256
"""Middle of the 12 bits, and the step: -1000 to +999.5 uV."""
G_PER_COUNT = 1 / 16_384
READINGS = 3
"""Readings of the accelerometer in one notification, at 52 Hz."""


def unpack_eeg(payloads: Sequence[bytes]) -> FloatArray:
    """Microvolts of some channels' payloads of 18 bytes, shape ``(n, 12)``."""
    raw = np.frombuffer(b"".join(payloads), dtype=np.uint8).reshape(len(payloads), -1, 3).astype(np.int32)
    counts = np.empty((len(payloads), SAMPLES))
    counts[:, 0::2] = raw[:, :, 0] << 4 | raw[:, :, 1] >> 4
    counts[:, 1::2] = (raw[:, :, 1] & 0x0F) << 8 | raw[:, :, 2]
    return (counts - ZERO) * UV_PER_COUNT


def unpack_motion(data: bytes) -> FloatArray:
    """Acceleration in g of one notification, shape ``(3 axes, 3 readings)``.

    Raises
    ------
    ProtocolError
        Wrong length.
    """
    _check(data)
    return np.frombuffer(data, dtype=">i2", offset=2).reshape(READINGS, 3).T * G_PER_COUNT


@dataclass(frozen=True, slots=True)
class Telemetry:
    """State of the headband's supply.

    Attributes
    ----------
    battery_percent
        0 to 100 where the headband is sound.
    """

    sequence: int
    battery_percent: float
    fuel_gauge_mv: float
    adc_mv: int
    temperature_c: int

    @classmethod
    def from_bytes(cls, data: bytes) -> Telemetry:
        """Read one notification.

        Raises
        ------
        ProtocolError
            Wrong length.
        """
        _check(data)
        sequence, battery, gauge, adc, temperature = struct.unpack_from(">HHHHH", data)
        return cls(sequence, battery / 512, gauge * 2.2, adc, temperature)


def _check(data: bytes) -> None:
    if len(data) != NOTIFICATION_BYTES:
        raise ProtocolError(f"{len(data)} bytes where a Muse sends {NOTIFICATION_BYTES}: {data[:40].hex()}")


MAX_COMMAND = 32
MAX_TEXT_BYTES = 4096
"""Longest unfinished answer kept; the longest seen has some 400 bytes."""
MAX_BRACKETS = 64
"""More in one answer are rubbish, and might be nested deeper than JSON can be read or written."""

_BEGIN = re.compile(rb'\{"[A-Za-z]')


def encode(text: str) -> bytes:
    """Write a command.

    Raises
    ------
    ValueError
        Not a command: empty, too long, or not ASCII.
    """
    if not text or len(text) > MAX_COMMAND or not text.isascii():
        raise ValueError(f"{text!r}: a command has 1 to {MAX_COMMAND} ASCII letters")
    data = text.encode("ascii") + b"\n"
    return bytes((len(data),)) + data


class ReplyReader:
    """Joins the pieces of answers."""

    def __init__(self) -> None:
        self._text = b""
        self.dropped = 0
        """Bytes thrown away because no answer came of them."""

    def push(self, notification: bytes) -> list[dict[str, Any]]:
        """Give the answers that end in the next piece."""
        length = notification[0] if notification else 0
        piece = notification[1 : 1 + length]
        if _BEGIN.match(piece):
            self._drop(len(self._text))
        self._text += piece
        replies = []
        while (reply := self._next()) is not None:
            if reply:
                replies.append(reply)
        if len(self._text) > MAX_TEXT_BYTES:
            self._drop(len(self._text))
        return replies

    def _next(self) -> dict[str, Any] | None:
        """Cut the first answer off: an empty one where there is rubbish instead; None where it has no end."""
        begin = self._text.find(b"{")
        self._drop(begin if begin >= 0 else len(self._text))
        end = _closing(self._text)
        if end is None:
            return None
        text, self._text = self._text[:end], self._text[end:]
        reply = _read(text)
        if reply is None:
            self.dropped += len(text)
        return reply or {}

    def _drop(self, n: int) -> None:
        self.dropped += n
        self._text = self._text[n:]


def _read(text: bytes) -> dict[str, Any] | None:
    if text.count(b"{") + text.count(b"[") > MAX_BRACKETS:
        return None
    try:
        reply = json.loads(text)
    except ValueError:
        return None
    return reply if isinstance(reply, dict) else None


def _closing(text: bytes) -> int | None:
    """Find where the object that begins here ends; braces within quotes do not count."""
    depth, quoted, escaped = 0, False, False
    for at, byte in enumerate(text):
        if quoted:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                quoted = False
        elif byte == 0x22:
            quoted = True
        elif byte == 0x7B:
            depth += 1
        elif byte == 0x7D:
            depth -= 1
            if depth == 0:
                return at + 1
    return None
