"""The interface of a virtual Bluetooth LE headband, a GATT server without radio; the pace of its packets."""

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
        """Handle that a host has connected."""

    def disconnect(self, now_s: float) -> None:
        """Handle that the connection has ended, for whatever reason."""

    def write(self, uuid: str, data: bytes, now_s: float) -> list[Notification]:
        """Handle a command; returns the notifications sent at once."""

    def read(self, uuid: str) -> bytes:
        """Value of a characteristic that can be read."""

    def advance(self, now_s: float) -> list[Notification]:
        """Return the notifications due up to `now_s`, in order; none while it does not stream."""


LONGEST_S = 60.0
"""Longest pause (seconds) whose packets a headband keeps; older ones are lost."""


class Pacer:
    """Counts the packets of a stream by a crystal of its own, and no more than the device keeps.

    Parameters
    ----------
    per_s
        Packets a second.
    """

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._start_s: float | None = None
        self._made = 0

    @property
    def running(self) -> bool:
        return self._start_s is not None

    def start(self, now_s: float) -> None:
        self._start_s, self._made = now_s, 0

    def stop(self) -> None:
        self._start_s = None

    def due(self, now_s: float) -> tuple[int, int]:
        """Count packets that became due: those beyond the device's memory, and those to be sent."""
        if self._start_s is None:
            return 0, 0
        new = int((now_s - self._start_s) * self._per_s + 1e-9) - self._made
        if new <= 0:
            return 0, 0
        self._made += new
        kept = min(new, int(LONGEST_S * self._per_s))
        return new - kept, kept

    def time_of(self, packet: int) -> float:
        """When a packet, counted from 0, is due; seconds since the start."""
        return (packet + 1) / self._per_s

    @property
    def made(self) -> int:
        return self._made
