"""What a virtual Bluetooth LE headband is to whatever connects to it: a GATT server, without radio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

BASE_UUID = "0000{:04x}-0000-1000-8000-00805f9b34fb"
"""Bluetooth's own UUIDs, written in full."""


def short_uuid(number: int) -> str:
    """Write a 16-bit UUID in full."""
    return BASE_UUID.format(number)


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One characteristic: its UUID in full, lower case, and what may be done with it, in BlueZ's words.

    Attributes
    ----------
    flags
        Of ``read``, ``write``, ``write-without-response``, ``notify``.
    """

    uuid: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """One service and its characteristics."""

    uuid: str
    characteristics: tuple[Characteristic, ...]


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification that a device sends."""

    uuid: str
    data: bytes


class GattDevice(Protocol):
    """A virtual headband; pure: time is an argument, monotonic seconds.

    Attributes
    ----------
    name
        As advertised, such as ``Muse-1A2B``.
    address
        ``00:55:DA:...``.
    advertised
        UUIDs of services in the advertisement.
    services
        What it offers once connected.
    """

    name: str
    address: str
    advertised: tuple[str, ...]
    services: tuple[Service, ...]

    def connect(self, now_s: float) -> None:
        """Somebody has connected."""

    def disconnect(self, now_s: float) -> None:
        """Hear that the connection has ended, in whatever way."""

    def write(self, uuid: str, data: bytes, now_s: float) -> list[Notification]:
        """Take a command; returns what is answered at once."""

    def read(self, uuid: str) -> bytes:
        """Value of a characteristic that can be read."""

    def advance(self, now_s: float) -> list[Notification]:
        """Give what it sends up to `now_s`, in order; nothing while it does not stream."""
