"""A link to a device: what has arrived, and when: one interface for ports, sockets, radios and captures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

BASE_UUID = "0000{:04x}-0000-1000-8000-00805f9b34fb"
"""Bluetooth's own UUIDs, written in full."""

Cancelled = Callable[[], bool]
"""Asked again and again by whatever takes long: whether somebody wants to break it off."""


def not_cancelled() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Gatt:
    """Where a headband's GATT server keeps its data and takes commands.

    Attributes
    ----------
    service
        UUID by which a scan recognises the headband.
    notify
        UUID of each characteristic to subscribe to -> the codec's number for it.
    control
        UUID that takes commands.
    """

    service: str
    notify: Mapping[str, int]
    control: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes that arrived together.

    Attributes
    ----------
    at_s
        When, monotonic seconds.
    source
        Which stream of the device: 0 on links that have only one, the driver's number of a GATT
        characteristic otherwise.
    """

    at_s: float
    source: int
    data: bytes


class Link(ABC):
    """An open link; after a `DeviceError` close it and open another.

    Attributes
    ----------
    address
        What it is connected to, as a person would write it.
    """

    address: str

    @abstractmethod
    def read(self, timeout_s: float) -> list[Chunk]:
        """Take all that has arrived, waiting at most `timeout_s` for something; empty if nothing came.

        Raises
        ------
        DeviceError
            The device went away; what came before that has been handed out.
        """

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send all of `data`.

        Raises
        ------
        DeviceError
            The device went away or takes nothing.
        """

    def value_of(self, _uuid: str) -> bytes:
        """Read a GATT characteristic; empty where there is none."""
        return b""

    def on_stream_start(self, firmware: int | None) -> None:  # noqa: B027  only captures note it
        """Note that from here on what arrives is decoded, for a headband of this firmware."""

    @abstractmethod
    def close(self) -> None:
        """Disconnect; never raises."""
