"""From bytes to rows of counts, through noise: resynchronises byte by byte and counts what was lost.

On trouble the search moves on by ONE byte; skipping a whole packet's length would lose good packets and can
accept wrong rows. A packet counts only once its neighbours agree (see `framing`), so the last two packets
received, 8 ms of signal, always wait.

What no decoder can see: a hole of exactly 33 bytes, or a multiple, from inside one packet to the same place
in a later one. The two halves then make up one whole packet of neighbouring samples.

The Cyton's decoder as a `Codec`: counts become microvolts and g, texts become notices.

The few commands that a session needs, and the replies to them (Cyton SDK; firmware 3.1).

Commands are ASCII without line ends; replies end in ``$$$``. While it streams the board answers nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.headbands.cyton.wire import (
    ACCEL_G_PER_COUNT,
    AUX_AT,
    AUX_BYTES,
    COUNTERS,
    DEFAULT_GAIN,
    FS_HZ,
    GAINS,
    KIND_MASK,
    N_CHANNELS,
    PACKET_BYTES,
    START,
    SUSTAINED_BYTES,
    WINDOW_BYTES,
    AuxKind,
    ByteArray,
    best_start,
    confirmed_run,
    uv_per_count,
)
from sanctuary.firmware_bridge.headbands.headband import BYTE_STREAM, Notice, Run, Said
from sanctuary.signal.samples import FloatArray

FAILURE = "Failure"
"""First word of every refusal, the board's or the dongle's that finds no board over the radio."""
MAX_REPLY_BYTES = 1024
"""Longest reply kept: banners have some 110 bytes, register dumps some 800."""

_END = b"$$$"
_TEXT = re.compile(rb"[\x20-\x7e\r\n]*")


@dataclass(frozen=True, slots=True)
class Command:
    """What to send, and what comes back.

    Attributes
    ----------
    answer
        Words that the reply contains if all went well; None where the board does not answer.
    timeout_s
        How long the reply may take.
    """

    data: bytes
    answer: str | None = None
    timeout_s: float = 0.0


RESET = Command(b"v", "OpenBCI", 6.0)
"""Soft reset: stops streaming, restores defaults, answers with the banner. The firmware pauses 0.7 s; over a
poor radio link banners have taken 5 s and more."""
START_STREAM = Command(b"b")
STOP = Command(b"s")
DEFAULTS = Command(b"d", "updating channel settings to default", 1.0)
"""All channels on, gain 24, normal input. The reply is one radio turn away."""


DAISY_WORD = "On Daisy"
"""Stands in the banner where a Daisy is plugged on."""
WITHOUT_DAISY = Command(b"c", "daisy removed", 2.0)
WITH_DAISY = Command(b"C", "", 2.0)
"""Answered with ``16``, ``daisy attached16`` or ``no daisy to attach!8``."""
CHANNEL_CODES = b"12345678QWERTYUI"


def channel_settings(channel: int, gain: int) -> Command:
    """Switch a channel on at `gain`: normal input, in the bias, on SRB2, not on SRB1, as is the default.

    Raises
    ------
    ValueError
        No such channel or gain.
    """
    if not 1 <= channel <= len(CHANNEL_CODES):
        raise ValueError(f"channel {channel}: the Cyton has 1 to {N_CHANNELS}, with a Daisy 16")
    if gain not in GAINS:
        raise ValueError(f"gain {gain}: the Cyton knows {', '.join(map(str, GAINS))}")
    code = CHANNEL_CODES[channel - 1 : channel]
    return Command(b"x%b0%d0110X" % (code, GAINS.index(gain)), f"Channel set for {channel}", 1.0)


class ReplyFinder:
    """Finds replies among whatever else comes down the line, such as packets of a board left streaming."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, received: bytes) -> list[str]:
        """Take the next bytes; returns the texts of replies that ended in them, without their ``$$$``."""
        self._kept += received
        *ended, rest = self._kept.split(_END)
        self._kept = rest[-MAX_REPLY_BYTES:]
        return [text for text in map(_text_at_the_end, ended) if text]


def _text_at_the_end(data: bytes) -> str:
    backwards = _TEXT.match(data[::-1])
    return backwards[0][::-1].decode("ascii").strip() if backwards else ""


CountArray = NDArray[np.int32]
MotionArray = NDArray[np.int16]

MAX_REPLIES = 16
"""Replies kept for who may ask for them; a board says nothing while it streams, so there are hardly any."""

OVERRUN_BYTES = 60_000
"""A backlog of this size, 7 s, has filled the system's buffers: what is missing came after it, not before."""
OVERRUN_TAIL_BYTES = 8192
"""Part of such a backlog, at its end, that may have come when there was room again. It is told by a jump of
the counter; after a loss of exactly 256 packets, or a multiple, there is none, and it is placed too early."""


@dataclass(frozen=True, slots=True, eq=False)
class CytonRun:
    """Packets in a row.

    Attributes
    ----------
    lost
        Packets missing just before the run.
    counts
        Shape ``(n_channels, n_packets)``, the channels asked for.
    motion
        Shape ``(3, n_packets)``: counts of the accelerometer, all zero in packets without a new reading.
    first
        Counter of the first packet.
    """

    lost: int
    counts: CountArray
    motion: MotionArray
    first: int


@dataclass(frozen=True, slots=True)
class _Silence:
    """A pause too long for the counter alone: bytes from `at_byte` on came `missing` packets late.

    So did bytes from `maybe_from_byte` on, if the counter jumps there.
    """

    maybe_from_byte: int
    at_byte: int
    missing: float


class CytonDecoder:
    """Carries the bytes of unfinished packets, the last counter and the time of the last bytes.

    Parameters
    ----------
    channels
        Board inputs to decode, 1 to 8.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        for channel in channels:
            if not 1 <= channel <= N_CHANNELS:
                raise ValueError(f"channel {channel}: the Cyton has 1 to {N_CHANNELS}")
        self._columns = [2 + 3 * (channel - 1) for channel in channels]
        self._buffer = b""
        self._consumed = 0
        self._skipped = 0
        self._last: int | None = None
        self._last_s: float | None = None
        self._silence: _Silence | None = None
        self._finder = ReplyFinder()
        self.garbage = 0
        """Bytes thrown away so far."""
        self.lost = 0
        """Packets lost so far."""
        self.replies: list[str] = []
        """Texts that came between packets, the latest `MAX_REPLIES`."""

    @property
    def held(self) -> int:
        """Packets that have arrived and wait for those that confirm them."""
        return len(self._buffer) // PACKET_BYTES

    def feed(self, chunk: bytes, now_s: float | None = None) -> list[CytonRun]:
        """Take the next bytes. The outcome does not depend on how they are cut into chunks.

        Parameters
        ----------
        now_s
            When they arrived, monotonic seconds, and nothing else was waiting; tells losses of more than 255
            packets apart (to some 0.5 s). None where bytes do not arrive in real time.

        Returns
        -------
        Runs of packets, in order.
        """
        if now_s is not None and chunk:
            self._note_arrival(len(chunk), now_s)
        self._buffer += chunk
        raw = np.frombuffer(self._buffer, dtype=np.uint8)
        runs: list[CytonRun] = []
        at = 0
        while len(raw) - at >= 1:
            step = self._step(raw, at, runs)
            if step == 0:
                break
            at += step
        self._buffer = self._buffer[at:]
        self._consumed += at
        return runs

    def _step(self, raw: ByteArray, at: int, runs: list[CytonRun]) -> int:
        """Take or throw away what stands at `at`; returns the number of bytes, 0 to wait for more."""
        rest = raw[at:]
        if rest[0] != START:
            starts = np.flatnonzero(rest == START)
            return self._skip(rest[: starts[0] if starts.size else len(rest)])
        if len(rest) < SUSTAINED_BYTES:
            return 0
        if self._last is None or (not self._skipped and rest[1] == (self._last + 1) % COUNTERS):
            sustained = confirmed_run(rest) - 1
            if sustained > 0:
                return self._take(raw, at, sustained, runs)
        if len(rest) < WINDOW_BYTES:
            return 0
        offset = best_start(rest[:WINDOW_BYTES], self._last, self._skipped)
        if offset is None:
            return self._skip(rest[:PACKET_BYTES])
        if offset:
            self._skip(rest[:offset])
        return offset + self._take(raw, at + offset, 1, runs)

    def _skip(self, raw: ByteArray) -> int:
        self.garbage += len(raw)
        self._skipped += len(raw)
        self.replies = (self.replies + self._finder.feed(raw.tobytes()))[-MAX_REPLIES:]
        return len(raw)

    def _take(self, raw: ByteArray, at: int, n: int, runs: list[CytonRun]) -> int:
        """Decode `n` packets; where a long silence lies among them they make two runs."""
        old, missing = n, 0.0
        if self._silence is not None:
            jumps = self._last is not None and raw[at + 1] != (self._last + 1) % COUNTERS
            here = jumps and self._consumed + at >= self._silence.maybe_from_byte
            old = 0 if here else max(0, -(-(self._silence.at_byte - self._consumed - at) // PACKET_BYTES))
        if old < n and self._silence is not None:
            missing, self._silence = self._silence.missing, None
        if old:
            runs.append(self._run(raw, at, min(old, n), 0.0))
        if old < n:
            runs.append(self._run(raw, at + old * PACKET_BYTES, n - old, missing))
        return n * PACKET_BYTES

    def _run(self, raw: ByteArray, at: int, n: int, missing: float) -> CytonRun:
        lost = 0 if self._last is None else _lost(self._last, int(raw[at + 1]), missing)
        self._last = int(raw[at + (n - 1) * PACKET_BYTES + 1])
        self._skipped = 0
        self.lost += lost
        counts = np.empty((len(self._columns), n), dtype=np.int32)
        for row, column in zip(counts, self._columns, strict=True):
            # an int24 and the byte after it, read as one int32, hold the count in the upper 24 bits
            wide: NDArray[np.int32] = np.ndarray((n,), ">i4", raw.data, at + column, (PACKET_BYTES,))
            np.right_shift(wide, 8, out=row)
        return CytonRun(lost, counts, _motion(raw, at, n), int(raw[at + 1]))

    def _note_arrival(self, n_bytes: int, now_s: float) -> None:
        if self._last_s is not None:
            missing = (now_s - self._last_s) * FS_HZ - n_bytes / PACKET_BYTES
            if missing > COUNTERS / 2:
                earlier = self._silence.missing if self._silence is not None else 0.0
                begin = self._consumed + len(self._buffer)
                end = begin + n_bytes
                tail = max(begin, end - OVERRUN_TAIL_BYTES)
                place = (tail, end) if n_bytes >= OVERRUN_BYTES else (begin, begin)
                self._silence = _Silence(*place, earlier + missing)
        self._last_s = now_s


def _motion(raw: ByteArray, at: int, n: int) -> MotionArray:
    """Accelerometer counts ``(3, n)``; zeros, as the board sends between readings, where aux is not that."""
    motion = np.empty((3, n), dtype=np.int16)
    for row, column in zip(motion, range(AUX_AT, AUX_AT + AUX_BYTES, 2), strict=True):
        words: NDArray[np.int16] = np.ndarray((n,), ">i2", raw.data, at + column, (PACKET_BYTES,))
        row[:] = words
    kind = raw[at + PACKET_BYTES - 1 : at + n * PACKET_BYTES : PACKET_BYTES] & KIND_MASK
    motion[:, kind != AuxKind.ACCEL] = 0
    return motion


def _lost(last: int, counter: int, missing: float) -> int:
    """Packets lost between two counters, which tell it but for whole turns; the clock tells the turns."""
    gap = (counter - last - 1) % COUNTERS
    return gap + COUNTERS * max(0, round((missing - gap) / COUNTERS))


class CytonCodec:
    """Eight channels at 250 Hz.

    Parameters
    ----------
    inputs
        Board inputs, 1 to 8, in the order of the rows wanted.
    gain
        Gain of these inputs.
    """

    def __init__(self, inputs: Sequence[int], gain: int = DEFAULT_GAIN) -> None:
        self._scale_uv = uv_per_count(gain)
        self._decoder = CytonDecoder(tuple(inputs))
        self.bad = 0
        """A Cyton's packets have no checksum: what cannot be read is garbage."""

    @property
    def lost(self) -> int:
        """Samples found missing so far."""
        return self._decoder.lost

    @property
    def garbage(self) -> int:
        """Bytes thrown away so far."""
        return self._decoder.garbage

    @property
    def held(self) -> float:
        """Samples that wait to be confirmed."""
        return self._decoder.held

    def feed(self, chunk: bytes, _source: int = BYTE_STREAM, now_s: float | None = None) -> list[Run]:
        """Take the next bytes; see `CytonDecoder.feed`."""
        return [
            Run(run.lost, np.multiply(run.counts, self._scale_uv, dtype=np.float64), motion_g(run.motion))
            for run in self._decoder.feed(chunk, now_s)
        ]

    def notices(self) -> list[Notice]:
        """Take the texts that came between packets."""
        said, self._decoder.replies = self._decoder.replies, []
        return [Said(text) for text in said]


def motion_g(counts: MotionArray) -> FloatArray:
    """Acceleration in g, NaN where the sensor had no new reading."""
    return np.where(counts.any(axis=0), counts * ACCEL_G_PER_COUNT, np.nan)
