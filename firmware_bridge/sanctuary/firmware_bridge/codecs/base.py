"""What all codecs have in common: bytes in, runs of samples and notices out; no port, no clock.

A codec serves one connection; a new connection gets a new one. It is fed whatever arrives, in whatever
pieces, and never raises, whatever the bytes are: what it cannot read it counts and leaves behind. What it
keeps is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sanctuary.signal.samples import FloatArray

BYTE_STREAM = 0
"""Source of links that have only one stream of bytes, such as serial ports and TCP."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Samples in a row.

    Attributes
    ----------
    lost
        Samples missing just before the run, as the device's own counter tells.
    uv
        Shape ``(n_channels, n)``, n >= 1, microvolts; NaN where one channel alone is missing.
    motion_g
        Shape ``(3, n)``: acceleration in g, NaN between the sensor's readings; None without a sensor.
    """

    lost: int
    uv: FloatArray
    motion_g: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Battery:
    """Charge of the headband's battery, 0 to 100 %."""

    percent: float


@dataclass(frozen=True, slots=True)
class Contact:
    """What the device says of one electrode.

    Attributes
    ----------
    channel
        Row of `Run.uv`.
    good
        Whether it touches the skin.
    kohm
        Impedance, where the device measures it.
    """

    channel: int
    good: bool
    kohm: float | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """Text from the device: a reply, a banner, a complaint."""

    text: str


Notice = Battery | Contact | Said

MAX_NOTICES = 64
"""Notices kept for who asks for them; the oldest go first."""


class Codec(Protocol):
    """Decoder of one connection's bytes."""

    @property
    def lost(self) -> int:
        """Samples found missing so far."""

    @property
    def bad(self) -> int:
        """Frames refused so far: wrong checksum, length or shape, or too late to be put in order."""

    @property
    def garbage(self) -> int:
        """Bytes thrown away so far."""

    @property
    def held(self) -> float:
        """Samples that came with the latest bytes and wait for what confirms them; 0 where none ever do."""

    def feed(self, chunk: bytes, source: int = BYTE_STREAM, now_s: float | None = None, /) -> list[Run]:
        """Take what arrived; returns runs of samples, in order.

        Parameters
        ----------
        chunk
            Bytes of a stream, cut anywhere; or one whole notification.
        source
            Which stream: `BYTE_STREAM`, or the codec's number of a GATT characteristic.
        now_s
            When it arrived, monotonic seconds; None where bytes do not arrive in real time.
        """

    def notices(self) -> list[Notice]:
        """Take the notices since the last call."""


def arrived_s(codec: Codec, at_s: float, fs_hz: float) -> float:
    """When the last sample that a codec gave out had arrived, if its latest bytes came at `at_s`."""
    return at_s - codec.held / fs_hz
