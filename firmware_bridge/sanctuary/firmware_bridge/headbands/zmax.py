"""Hypnodyne ZMax behind its vendor's HDServer: two frontal channels, over TCP.

After `HELLO` the server sends 256 lines a second: a prefix, a dot, and 40 bytes in hex. Sources:
ZmaxSocket.py and ZmaxHeadband.py of dreamento/dreamento. The line and the places in the 40 bytes::

    D.08-83-E8-7C-18-08-00-08-00-0C-00-...        byte i stands at offset 3 i behind the dot

    type | EEG R | EEG L | acc X Y Z | nasal L R | ... | battery | ... | body temperature | ...
      0      1       3      5  7  9     11   13            23                  36

Words are unsigned, 16 bits, high byte first. No line carries a counter or a checksum. A data line that cannot
be read stands for one sample, and counts as lost in its place; before the first sample it counts for nothing.
No counter tells of lines that are missing altogether: that is left to whoever knows the time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import hexdigits

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.headbands.headband import (
    BYTE_STREAM,
    Battery,
    Codec,
    Conversation,
    DeviceText,
    Driver,
    HeadbandSession,
    LinkKind,
    SampleRun,
)

PACKET_BYTES = 40
FS_HZ = 256.0
TYPES = range(1, 12)
"""Types of packets that have samples."""
EEG_LEFT, EEG_RIGHT = 1, 2
"""Our numbers of the inputs: F7 and F8."""
EEG_AT = {EEG_LEFT: 3, EEG_RIGHT: 1}
ACCEL_AT = (5, 7, 9)
BATTERY_AT = 23
UV_PER_COUNT = 3952.0 / 65536
MIDDLE_COUNT = 32_768
"""What an EEG word reads at 0 uV."""
G_PER_COUNT = 4.0 / 4096
LEAST_G = -2.0
V_PER_BATTERY_COUNT = 6.6 / 1024
EMPTY_V, FULL_V = 3.12, 4.24
"""Battery voltages taken as 0 and 100 %."""

_LINE = re.compile(rb"D(?!EBUG)[^.]*\.([0-9A-Fa-f]{2}(?:[^0-9A-Za-z][0-9A-Fa-f]{2}){39})")
_SPACED = bytes(byte if chr(byte) in hexdigits else 0x20 for byte in range(256))


def body_of(line: bytes) -> bytes | None:
    """Read the 40 bytes of a data line, its line end taken off; None for a line that holds no sample."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    body = bytes.fromhex(match[1].translate(_SPACED).decode("ascii"))
    return body if body[0] in TYPES else None


def battery_percent(volts: float) -> float:
    """Charge at a battery voltage, 0 to 100 %."""
    return min(100.0, max(0.0, (volts - EMPTY_V) / (FULL_V - EMPTY_V) * 100.0))


MAX_LINE_BYTES = 512
"""Longest line looked at, four times a data line; the rest of a longer one is thrown away as it comes."""
BATTERY_EVERY = 1280
"""Samples between two notices of the battery, 5 s."""

_LINE_END = re.compile(rb"[\r\n]")


class ZmaxCodec(Codec):
    """Two channels at 256 Hz.

    Parameters
    ----------
    inputs
        Rows of the samples: 1 is EEG L (F7), 2 is EEG R (F8).

    Raises
    ------
    ValueError
        No such input.
    """

    def __init__(self, inputs: Sequence[int] = (1, 2)) -> None:
        super().__init__()
        for number in inputs:
            if number not in EEG_AT:
                raise ValueError(f"input {number}: the ZMax has 1 (EEG L) and 2 (EEG R)")
        self._eeg_at = [EEG_AT[number] for number in inputs]
        self._rest = b""
        self._too_long = False
        self._missing = 0
        self._samples = 0

    def push(
        self, chunk: bytes, _source: int = BYTE_STREAM, _now_s: float | None = None, /
    ) -> list[SampleRun]:
        runs: list[SampleRun] = []
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

    def _keep(self, rest: bytes) -> None:
        """Keep the beginning of an unfinished line."""
        if len(rest) > MAX_LINE_BYTES:
            self._too_long = True
            self.garbage += len(rest) - MAX_LINE_BYTES
        self._rest = rest[:MAX_LINE_BYTES]

    def _note(self, line: bytes, *, whole: bool) -> None:
        """Handle a line that is no sample's, or cannot be read."""
        if line.startswith(b"_DONGLE_") and whole:
            self.events.append(DeviceText(line.decode("ascii", "replace")))
            return
        self._bad += 1
        self.garbage += min(len(line), MAX_LINE_BYTES)
        if line.startswith(b"D") and self._samples:
            self._missing += 1

    def _end_run(self, bodies: list[bytes], runs: list[SampleRun]) -> None:
        """Make a run of the bodies gathered, and clear them."""
        if not bodies:
            return
        raw = np.frombuffer(b"".join(bodies), dtype=np.uint8).reshape(-1, PACKET_BYTES)
        bodies.clear()
        uv = np.array([(_words(raw, at) - MIDDLE_COUNT) * UV_PER_COUNT for at in self._eeg_at])
        motion_g = np.array([_words(raw, at) * G_PER_COUNT + LEAST_G for at in ACCEL_AT])
        runs.append(SampleRun(self._missing, uv.reshape(len(self._eeg_at), len(raw)), motion_g))
        self.lost += self._missing
        self._missing = 0
        self._note_battery(_words(raw, BATTERY_AT))

    def _note_battery(self, counts: NDArray[np.int64]) -> None:
        first_due = -self._samples % BATTERY_EVERY
        self._samples += len(counts)
        for count in counts[first_due::BATTERY_EVERY].tolist():
            if count:  # an empty battery sends nothing: 0 is no reading
                self.events.append(Battery(battery_percent(count * V_PER_BATTERY_COUNT)))


def _words(raw: NDArray[np.uint8], at: int) -> NDArray[np.int64]:
    """Words at a place in every row."""
    return np.asarray(raw[:, at].astype(np.int64) << 8 | raw[:, at + 1])


HELLO = b"HELLO\n"
"""Said once after connecting; the server then sends data."""


class ZmaxSession(HeadbandSession):
    """It streams after a greeting."""

    def prepare(self, line: Conversation) -> None:
        line.send(HELLO)

    def codec(self) -> Codec:
        return ZmaxCodec(self.inputs)

    def silence_hint(self, last_text: str) -> str:
        if last_text:
            return f"the server says: {last_text}"
        return "check that the dongle is in and the headband on"


ZMAX = Driver(
    "zmax",
    "Hypnodyne ZMax",
    LinkKind.TCP,
    FS_HZ,
    ("F7", "F8"),
    {"F7": EEG_LEFT, "F8": EEG_RIGHT},
    lambda _options: MIDDLE_COUNT * UV_PER_COUNT,
    ZmaxSession,
    counter_span=1,
    address="127.0.0.1:8000",
    note="through the vendor's HDServer",
)
