"""From the text of a ZMax's server to microvolts.

A data line that cannot be read stands for one sample, and counts as lost in its place; before the first
sample it counts for nothing. No counter tells of lines that are missing altogether: that is left to whoever
knows the time.

One data line of Hypnodyne's HDServer: a prefix, a dot, and 40 bytes in hex, 256 lines a second.

Sources: ZmaxSocket.py and ZmaxHeadband.py of dreamento/dreamento. The line and the places in the 40 bytes::

    D.08-83-E8-7C-18-08-00-08-00-0C-00-...        byte i stands at offset 3 i behind the dot

    type | EEG R | EEG L | acc X Y Z | nasal L R | ... | battery | ... | body temperature | ...
      0      1       3      5  7  9     11   13            23                  36

Words are unsigned, 16 bits, high byte first. No line carries a counter or a checksum.

What a host may say to HDServer: a greeting, and light or vibration for the sleeper.

Source: ZmaxHeadband.py of dreamento/dreamento. A stimulation is a line of text::

    LIVEMODE_SENDBYTES <retries> <sequence> <retry ms> 04-R-G-B-R-G-B-PWM1-PWM2-TON-TOFF-REPS-VIB-ALT

with bytes in hex, ended CRLF. The first colour and brightness are taken for the time on, the second ones for
the time off; the source names them by numbers only, and no headband was there to try them.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from string import hexdigits

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.headbands.headband import BYTE_STREAM, MAX_NOTICES, Battery, Notice, Run, Said

PACKET_BYTES = 40
LINE_CHARS = 3 * PACKET_BYTES - 1
"""Characters behind the dot."""
FS_HZ = 256.0
TYPES = range(1, 12)
"""Types of packets that have samples."""
EEG_LEFT, EEG_RIGHT = 1, 2
"""Our numbers of the inputs: F7 and F8."""
EEG_AT = {EEG_LEFT: 3, EEG_RIGHT: 1}
ACCEL_AT = (5, 7, 9)
BATTERY_AT = 23
TEMPERATURE_AT = 36
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


@dataclass(frozen=True, slots=True)
class ZmaxPacket:
    """A data line as a value.

    Attributes
    ----------
    body
        Its 40 bytes.

    Raises
    ------
    ValueError
        Another number of bytes, or a type that has no samples.
    """

    body: bytes

    def __post_init__(self) -> None:
        """Refuse what no line holds."""
        if len(self.body) != PACKET_BYTES or self.body[0] not in TYPES:
            raise ValueError(f"{self.body[:40].hex()}: must be {PACKET_BYTES} bytes, the first one 1 to 11")

    @classmethod
    def from_bytes(cls, line: bytes) -> ZmaxPacket:
        """Read a line, with its line end or without.

        Raises
        ------
        ProtocolError
            Not a data line; shows it.
        """
        body = body_of(line.rstrip(b"\r\n"))
        if body is None:
            raise ProtocolError(f"not a ZMax data line: {line[:130]!r} ({len(line)} bytes)")
        return cls(body)

    def to_bytes(self) -> bytes:
        """Write the line with its line end; `from_bytes` reads it."""
        return b"D." + self.body.hex("-").upper().encode() + b"\r\n"

    def word(self, at: int) -> int:
        """Word at a place in the body."""
        return int.from_bytes(self.body[at : at + 2], "big")

    def eeg_uv(self, number: int) -> float:
        """Signal of an input, `EEG_LEFT` or `EEG_RIGHT`, microvolts."""
        return (self.word(EEG_AT[number]) - MIDDLE_COUNT) * UV_PER_COUNT

    @property
    def accel_g(self) -> tuple[float, float, float]:
        """Acceleration X, Y, Z in g."""
        x, y, z = (self.word(at) * G_PER_COUNT + LEAST_G for at in ACCEL_AT)
        return (x, y, z)

    @property
    def battery_v(self) -> float:
        """Voltage of the battery."""
        return self.word(BATTERY_AT) * V_PER_BATTERY_COUNT

    @property
    def temperature_c(self) -> float:
        """Temperature of the body, degrees Celsius."""
        return 15.0 + (self.word(TEMPERATURE_AT) / 1024 * 3.3 - 1.0446) / 0.0565537333


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


HELLO = b"HELLO\n"
"""Said once after connecting; the server then sends data."""
STIMULATE = 0x04
MAX_COLOUR = 2
FULL_PWM = 254
"""100 %; 1 % is 2."""
TENTHS = 10
MAX_TENTHS = 255
MAX_REPEATS = 127
RETRIES, RETRY_MS = 15, 111
"""How often, and how soon, the server repeats a command that the headband did not confirm."""
MAX_RETRY_MS = 10_000

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Stimulation:
    """Flashes of light, with or without vibration.

    Attributes
    ----------
    rgb, second_rgb
        Colours, red, green and blue each 0 to 2.
    percent, second_percent
        Brightness, 0 to 100 %.
    on_s, off_s
        Durations in steps of 0.1 s: 0.1 to 25.5 s on, 0 to 25.5 s off.
    repeats
        1 to 127.
    vibrate
        Whether it vibrates too.
    alternate
        Whether the eyes take turns.

    Raises
    ------
    ValueError
        Out of these ranges.
    """

    rgb: Colour = (0, 0, 2)
    second_rgb: Colour = (0, 0, 2)
    percent: int = 100
    second_percent: int = 0
    on_s: float = 0.1
    off_s: float = 0.3
    repeats: int = 5
    vibrate: bool = False
    alternate: bool = False

    def __post_init__(self) -> None:
        """Refuse what the headband cannot be told."""
        for name, colour in (("rgb", self.rgb), ("second_rgb", self.second_rgb)):
            if len(colour) != 3:
                raise ValueError(f"{name} {colour}: must be red, green and blue")
            for value in colour:
                _check(name, value, 0, MAX_COLOUR)
        _check("percent", self.percent, 0, 100)
        _check("second_percent", self.second_percent, 0, 100)
        _check("on_s", self.on_s, 1 / TENTHS, MAX_TENTHS / TENTHS)
        _check("off_s", self.off_s, 0, MAX_TENTHS / TENTHS)
        _check("repeats", self.repeats, 1, MAX_REPEATS)

    def to_bytes(self) -> bytes:
        """Write the 14 bytes for the headband."""
        brightness = (self.percent * FULL_PWM // 100, self.second_percent * FULL_PWM // 100)
        times = (round(self.on_s * TENTHS), round(self.off_s * TENTHS))
        flags = (self.vibrate, self.alternate)
        return bytes((STIMULATE, *self.rgb, *self.second_rgb, *brightness, *times, self.repeats, *flags))

    def command(self, sequence: int, retries: int = RETRIES, retry_ms: int = RETRY_MS) -> bytes:
        """Write the line for the server.

        Parameters
        ----------
        sequence
            0 to 255, another one each time: a repeated one is taken for a retry.
        retries
            0 to 255.
        retry_ms
            1 to 10 000. The limits of these three are ours; the source has none.

        Raises
        ------
        ValueError
            Out of these ranges.
        """
        _check("sequence", sequence, 0, 255)
        _check("retries", retries, 0, 255)
        _check("retry_ms", retry_ms, 1, MAX_RETRY_MS)
        body = self.to_bytes().hex("-").upper()
        return f"LIVEMODE_SENDBYTES {retries} {sequence} {retry_ms} {body}\r\n".encode()


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} {value:g}: must be {least:g} to {most:g}")
