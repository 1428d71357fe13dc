"""From the text of a ZMax's server to microvolts.

A data line that cannot be read stands for one sample, and counts as lost in its place; before the first
sample it counts for nothing. No counter tells of lines that are missing altogether: that is left to whoever
knows the time.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.codecs.base import BYTE_STREAM, MAX_NOTICES, Battery, Notice, Run, Said
from sanctuary.firmware_bridge.codecs.zmax.packet import (
    ACCEL_AT,
    BATTERY_AT,
    EEG_AT,
    G_PER_COUNT,
    LEAST_G,
    MIDDLE_COUNT,
    PACKET_BYTES,
    UV_PER_COUNT,
    V_PER_BATTERY_COUNT,
    battery_percent,
    body_of,
)

MAX_LINE_BYTES = 512
"""Longest line looked at, four times a data line; the rest of a longer one is thrown away as it comes."""
BATTERY_EVERY = 1280
"""Samples between two notices of the battery, 5 s."""

_LINE_END = re.compile(rb"[\r\n]")


class ZmaxCodec:
    """Carries the bytes of an unfinished line; see `Codec`.

    Parameters
    ----------
    inputs
        Rows of the samples: 1 is EEG L (F7), 2 is EEG R (F8).

    Raises
    ------
    ValueError
        No such input.
    """

    held = 0.0
    """What arrives needs no confirmation."""

    def __init__(self, inputs: Sequence[int] = (1, 2)) -> None:
        for number in inputs:
            if number not in EEG_AT:
                raise ValueError(f"input {number}: the ZMax has 1 (EEG L) and 2 (EEG R)")
        self._eeg_at = [EEG_AT[number] for number in inputs]
        self._rest = b""
        self._too_long = False
        self._missing = 0
        self._samples = 0
        self._notices: deque[Notice] = deque(maxlen=MAX_NOTICES)
        self.lost = 0
        self.bad = 0
        self.garbage = 0

    def feed(self, chunk: bytes, source: int = BYTE_STREAM, now_s: float | None = None) -> list[Run]:  # noqa: ARG002
        """Take what arrived; returns runs of samples, in order. The way it is cut makes no difference."""
        runs: list[Run] = []
        bodies: list[bytes] = []
        *lines, rest = _LINE_END.split(self._rest + chunk)
        for line in lines:
            whole, self._too_long = not self._too_long and len(line) <= MAX_LINE_BYTES, False
            self.garbage += max(0, len(line) - MAX_LINE_BYTES)
            body = body_of(line) if whole else None
            if body is not None:
                bodies.append(body)
            elif line and not line.startswith(b"DEBUG"):
                self._end_run(bodies, runs)
                self._note(line, whole=whole)
        self._keep(rest)
        self._end_run(bodies, runs)
        return runs

    def notices(self) -> list[Notice]:
        """Take the notices since the last call."""
        taken = list(self._notices)
        self._notices.clear()
        return taken

    def _keep(self, rest: bytes) -> None:
        """Keep the beginning of an unfinished line."""
        if len(rest) > MAX_LINE_BYTES:
            self._too_long = True
            self.garbage += len(rest) - MAX_LINE_BYTES
        self._rest = rest[:MAX_LINE_BYTES]

    def _note(self, line: bytes, *, whole: bool) -> None:
        """Take a line that is no sample's, or cannot be read."""
        if line.startswith(b"_DONGLE_") and whole:
            self._notices.append(Said(line.decode("ascii", "replace")))
            return
        self.bad += 1
        self.garbage += min(len(line), MAX_LINE_BYTES)
        if line.startswith(b"D") and self._samples:
            self._missing += 1

    def _end_run(self, bodies: list[bytes], runs: list[Run]) -> None:
        """Make a run of the bodies gathered, which are taken."""
        if not bodies:
            return
        raw = np.frombuffer(b"".join(bodies), dtype=np.uint8).reshape(-1, PACKET_BYTES)
        bodies.clear()
        uv = np.array([(_words(raw, at) - MIDDLE_COUNT) * UV_PER_COUNT for at in self._eeg_at])
        motion_g = np.array([_words(raw, at) * G_PER_COUNT + LEAST_G for at in ACCEL_AT])
        runs.append(Run(self._missing, uv.reshape(len(self._eeg_at), len(raw)), motion_g))
        self.lost += self._missing
        self._missing = 0
        self._note_battery(_words(raw, BATTERY_AT))

    def _note_battery(self, counts: NDArray[np.int64]) -> None:
        first_due = -self._samples % BATTERY_EVERY
        self._samples += len(counts)
        for count in counts[first_due::BATTERY_EVERY].tolist():
            if count:  # an empty battery sends nothing: 0 is no reading
                self._notices.append(Battery(battery_percent(count * V_PER_BATTERY_COUNT)))


def _words(raw: NDArray[np.uint8], at: int) -> NDArray[np.int64]:
    """Words at a place in every row."""
    return np.asarray(raw[:, at].astype(np.int64) << 8 | raw[:, at + 1])
