"""A headband as the rest of the program sees it, and the three parts of which each kind of headband consists.

A `Headband` delivers microvolts on a sample clock. A kind of headband is a `Driver`: facts, and a
`HeadbandSession` that sets the device up and makes the `Codec` of what it sends. A codec knows bytes, sample
runs and device events, and neither port nor clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.links.link import Cancelled, Chunk, Gatt, Link, not_cancelled
from sanctuary.signal.samples import FloatArray, SampleBlock

BYTE_STREAM = 0
"""Source of links that have only one stream of bytes, such as serial ports and TCP."""
MAX_EVENTS = 64
"""Device events that a codec keeps until they are taken; the oldest go first."""
CANCEL_CHECK_S = 0.25
"""Longest wait of a conversation between two looks at whether it was cancelled."""
DRAIN_PAUSE_S = 0.01
"""Nothing for this long means that no backlog is left; headbands in step send every few milliseconds more."""
DRAIN_LIMIT_S = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class SampleRun:
    """Samples in a row.

    Attributes
    ----------
    lost
        Samples missing just before the run, by the device's own counter.
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
    """State of one electrode, by the device.

    Attributes
    ----------
    channel
        Row of `SampleRun.uv`.
    good
        Whether it touches the skin.
    kohm
        Impedance, where the device measures it.
    """

    channel: int
    good: bool
    kohm: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceText:
    """Text from the device: a reply, a banner, an error."""

    text: str


DeviceEvent = Battery | Contact | DeviceText


class Codec(ABC):
    """Decoder of one connection's bytes; a new connection gets a new one.

    It accepts whatever arrives, in whatever pieces, and never raises: what it cannot read it counts and
    skips. What it keeps is bounded.

    Attributes
    ----------
    lost
        Samples found missing so far.
    garbage
        Bytes thrown away so far.
    events
        Device events that nobody has taken off yet, oldest first.
    """

    def __init__(self) -> None:
        self.lost = 0
        self.garbage = 0
        self._bad = 0
        self.events: deque[DeviceEvent] = deque(maxlen=MAX_EVENTS)

    @property
    def bad(self) -> int:
        """Frames refused so far: wrong checksum, length or shape, or too late to be put in order."""
        return self._bad

    @property
    def held(self) -> float:
        """Samples that came with the latest bytes and wait for what confirms them; 0 where none ever do."""
        return 0.0

    @abstractmethod
    def push(self, chunk: bytes, source: int = BYTE_STREAM, now_s: float | None = None, /) -> list[SampleRun]:
        """Decode what arrived; the runs that come of it, in order.

        Parameters
        ----------
        chunk
            Bytes of a stream, cut anywhere: the way it is cut makes no difference; or one whole notification.
        source
            Which stream: `BYTE_STREAM`, or the codec's number of a GATT characteristic.
        now_s
            When it arrived, monotonic seconds; None where bytes do not arrive in real time.
        """


class LinkKind(StrEnum):
    """How a headband is reached."""

    SERIAL = "serial"
    BLE = "Bluetooth LE"
    TCP = "TCP"


@dataclass(frozen=True, slots=True)
class HeadbandOptions:
    """What a person may choose about a headband, where its driver knows such a choice.

    Attributes
    ----------
    gain
        Of the inputs used.
    firmware
        Version of the headband's firmware; None to ask it.
    preset
        Its own name for what it sends; None for the driver's choice.
    baud
        Bits a second of its port; None for the usual.
    """

    gain: int = 24
    firmware: int | None = None
    preset: str | None = None
    baud: int | None = None


class Conversation:
    """Commands and replies over an open link, until somebody cancels.

    Parameters
    ----------
    link, clock, cancelled
        The link; monotonic seconds; see `Cancelled`.
    """

    def __init__(self, link: Link, clock: Callable[[], float], cancelled: Cancelled = not_cancelled) -> None:
        self.link = link
        self._clock = clock
        self._cancelled = cancelled

    def send(self, data: bytes) -> None:
        self.link.write(data)

    def wait_for(self, timeout_s: float, find: Callable[[Chunk], T | None]) -> T | None:
        """Hand what arrives to `find` until it returns something; None if it returned nothing in time.

        Raises
        ------
        DeviceError
            It was cancelled, or the device went away.
        """
        deadline_s = self._clock() + timeout_s
        while (left_s := deadline_s - self._clock()) > 0.0:
            for chunk in self.link.read(min(left_s, CANCEL_CHECK_S)):
                found = find(chunk)
                if found is not None:
                    return found
            if self._cancelled():
                raise DeviceError(f"{self.link.address}: opening was broken off", Cause.REFUSED)
        return None

    def drain(self, limit_s: float = DRAIN_LIMIT_S) -> None:
        """Discard what the system still holds of earlier."""
        deadline_s = self._clock() + limit_s
        while self._clock() < deadline_s and self.link.read(DRAIN_PAUSE_S):
            pass

    def pause(self, duration_s: float) -> None:
        """Wait, and discard what arrives meanwhile."""
        self.wait_for(duration_s, lambda _: None)


class HeadbandSession(ABC):
    """The conversation with one headband over one connection: setting up, starting, stopping.

    Parameters
    ----------
    inputs
        Inputs wanted, 1 for the first, in the order of the channels.
    options
        What a person chose.
    """

    firmware: int | None = None
    """Version of the headband's firmware, where the codec depends on it; known after `prepare`."""
    keep_alive_s: float | None = None
    """How often `keep_alive` is due while it streams; None for never."""

    def __init__(self, inputs: tuple[int, ...], options: HeadbandOptions) -> None:
        self.inputs, self.options = inputs, options

    def prepare(self, line: Conversation) -> None:
        """Bring it to a known state, whatever it was doing, and set it up.

        Raises
        ------
        DeviceError
            It does not answer, or not as such a headband does.
        """
        line.drain()

    @abstractmethod
    def codec(self) -> Codec:
        """Make the decoder of what it will send; after `prepare`."""

    def start(self, line: Conversation) -> None:  # noqa: B027  some headbands stream unasked
        """Make it stream."""

    def stop(self, line: Conversation) -> None:  # noqa: B027
        """Make it stop."""

    def keep_alive(self, line: Conversation) -> None:  # noqa: B027
        """Tell it that somebody still listens."""

    def silence_hint(self, last_text: str) -> str:
        """Why it may be silent, given the last text that it sent, if any."""
        return f"it says: {last_text}" if last_text else "check that the headband is switched on and near"


@dataclass(frozen=True, slots=True)
class Driver:
    """A kind of headband.

    Attributes
    ----------
    name
        In settings and on the command line, such as ``muse``.
    title
        In full.
    link, gatt, baud
        How it is reached; the GATT names where by Bluetooth, the rate where by a port.
    fs_hz
        Nominal sampling rate.
    inputs
        Names of its inputs, in the order of their numbers from 1.
    channels
        Usual channels for the chain, frontal pair first: electrode site -> input.
    rail_uv
        Magnitude at which an input rails, given the options.
    session
        Makes a session.
    prefixes
        What advertised names begin with.
    usb
        Vendor and product ids of its dongle.
    counter_span
        See `SampleClock`.
    note
        What to know, in a few words.
    """

    name: str
    title: str
    link: LinkKind
    fs_hz: float
    inputs: tuple[str, ...]
    channels: Mapping[str, int]
    rail_uv: Callable[[HeadbandOptions], float]
    session: Callable[[tuple[int, ...], HeadbandOptions], HeadbandSession]
    gatt: Gatt | None = None
    baud: int = 115_200
    prefixes: tuple[str, ...] = ()
    usb: tuple[tuple[int, int], ...] = ()
    counter_span: int | None = None
    note: str = ""
    address: str = field(default="", kw_only=True)
    """Example of an address, for help and messages."""


@dataclass(frozen=True, slots=True)
class HeadbandInfo:
    """What a headband is.

    Attributes
    ----------
    rail_uv
        Magnitude at which each channel rails, uV.
    counter_span
        Samples after which its counter begins again; see `SampleClock`.
    """

    name: str
    fs_hz: float
    channels: tuple[str, ...]
    rail_uv: tuple[float, ...]
    counter_span: int | None = None


class Headband(ABC):
    """One connection to one headband; after a `DeviceError` close it and make another."""

    info: HeadbandInfo
    """What it is; known before it is connected."""

    @abstractmethod
    def connect(self, cancelled: Cancelled = not_cancelled) -> None:
        """Connect and set it up; takes over a headband that a crash has left streaming.

        Raises
        ------
        DeviceError
            It cannot be had, and why; or `cancelled` turned true.
        """

    @abstractmethod
    def start(self) -> None:
        """Begin to stream; the first sample is number 0."""

    @abstractmethod
    def read(self, timeout_s: float) -> list[SampleBlock]:
        """Take what has arrived, waiting at most `timeout_s` for something; lost samples are NaN.

        Raises
        ------
        DeviceError
            It went away; what came before that has been handed out.
        """

    @property
    @abstractmethod
    def battery_percent(self) -> float | None:
        """Charge of its battery, as far as it has said."""

    @property
    @abstractmethod
    def contact(self) -> Mapping[str, bool]:
        """Channel -> whether its electrode touches the skin, as far as it has said."""

    @abstractmethod
    def close(self) -> None:
        """Stop streaming and disconnect; never raises."""
