"""What a driver is: facts about a kind of headband, and a session that talks to one of them.

What all codecs have in common: bytes in, runs of samples and notices out; no port, no clock.

A codec serves one connection; a new connection gets a new one. It is fed whatever arrives, in whatever
pieces, and never raises, whatever the bytes are: what it cannot read it counts and leaves behind. What it
keeps is bounded.

Headbands: microvolts on a sample clock, whatever is behind them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.links.link import Cancelled, Chunk, Gatt, Link, never
from sanctuary.signal.samples import FloatArray, SampleBlock

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


PATIENCE_S = 0.25
"""Longest wait without a look at whether somebody wants to break off."""

DRAIN_PAUSE_S = 0.01
"""Nothing for this long means that no backlog is left; headbands in step send every few milliseconds more."""
DRAIN_LIMIT_S = 1.0

T = TypeVar("T")


class LinkKind(StrEnum):
    """How a headband is reached."""

    SERIAL = "serial"
    BLE = "Bluetooth LE"
    TCP = "TCP"


@dataclass(frozen=True, slots=True)
class Options:
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


class Line:
    """An open link as a conversation uses it: to ask and to wait, and to be broken off.

    Parameters
    ----------
    link, clock, cancelled
        The link; monotonic seconds; whether somebody wants to break off.
    """

    def __init__(self, link: Link, clock: Callable[[], float], cancelled: Cancelled = never) -> None:
        self.link = link
        self._clock = clock
        self._cancelled = cancelled

    def send(self, data: bytes) -> None:
        """Send a command."""
        self.link.write(data)

    def listen(self, timeout_s: float, heard: Callable[[Chunk], T | None]) -> T | None:
        """Hand what arrives to `heard` until it gives something; None if it gave nothing in time.

        Raises
        ------
        DeviceError
            Somebody broke it off, or the device went away.
        """
        deadline_s = self._clock() + timeout_s
        while (left_s := deadline_s - self._clock()) > 0.0:
            for chunk in self.link.read(min(left_s, PATIENCE_S)):
                found = heard(chunk)
                if found is not None:
                    return found
            if self._cancelled():
                raise DeviceError(f"{self.link.address}: opening was broken off", Cause.REFUSED)
        return None

    def drain(self, limit_s: float = DRAIN_LIMIT_S) -> None:
        """Read away whatever the system still holds of earlier."""
        deadline_s = self._clock() + limit_s
        while self._clock() < deadline_s and self.link.read(DRAIN_PAUSE_S):
            pass

    def pause(self, duration_s: float) -> None:
        """Let time pass; whatever arrives meanwhile is of no interest."""
        self.listen(duration_s, lambda _: None)


class Session(ABC):
    """The conversation with one headband over one connection.

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

    def __init__(self, inputs: tuple[int, ...], options: Options) -> None:
        self.inputs, self.options = inputs, options

    def prepare(self, line: Line) -> None:  # noqa: B027  some headbands want nothing
        """Bring it to a known state, whatever it was doing, and set it up.

        Raises
        ------
        DeviceError
            It does not answer, or not as such a headband does.
        """

    @abstractmethod
    def codec(self) -> Codec:
        """Make the decoder of what it will send; after `prepare`."""

    def start(self, line: Line) -> None:  # noqa: B027
        """Make it stream."""

    def stop(self, line: Line) -> None:  # noqa: B027
        """Make it stop."""

    def keep_alive(self, line: Line) -> None:  # noqa: B027
        """Tell it that somebody still listens."""

    def complaint(self, said: str) -> str:
        """Why it may be silent, given the last thing it said, if anything."""
        return f"it says: {said}" if said else "check that the headband is switched on and near"


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
        Makes a conversation.
    prefixes
        What advertised names begin with.
    usb
        Vendor and product ids of its dongle.
    counter_span
        See `Placement`; given the options.
    note
        What to know, in a few words.
    """

    name: str
    title: str
    link: LinkKind
    fs_hz: float
    inputs: tuple[str, ...]
    channels: Mapping[str, int]
    rail_uv: Callable[[Options], float]
    session: Callable[[tuple[int, ...], Options], Session]
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
        Samples after which its counter begins again; see `Placement`.
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
    def connect(self, cancelled: Cancelled = never) -> None:
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
