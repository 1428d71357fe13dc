"""What a virtual Bluetooth LE headband is to whatever connects to it: a GATT server, without radio.

What can go wrong between a Bluetooth headband and its host: manipulators of the notifications sent.

A manipulator takes what the device sends and gives what arrives, both in order. Bluetooth LE delivers whole
notifications or none, but a headband, or the host's own stack, does all of the rest as well.

When a virtual headband's packets are due: by a crystal of its own, and no more than its memory holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from sanctuary.simulator.devices import unit_faults
from sanctuary.simulator.devices.unit_faults import check_share

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


NotificationManipulator = Callable[[Sequence[Notification]], list[Notification]]


def untouched(notifications: Sequence[Notification]) -> list[Notification]:
    """Change nothing."""
    return list(notifications)


def corrupt(share: float, seed: int) -> NotificationManipulator:
    """Change one byte of notifications chosen at random, each with probability `share`."""
    return unit_faults.corrupt(share, seed, _spoiled)


def lose_bytes(share: float, seed: int) -> NotificationManipulator:
    """Lose single bytes at random, so that notifications come too short."""
    check_share(share)
    rng = np.random.default_rng(seed)

    def lose(notifications: Sequence[Notification]) -> list[Notification]:
        return [replace(each, data=_thinned(each.data, share, rng)) for each in notifications]

    return lose


def in_turn(*manipulators: NotificationManipulator) -> NotificationManipulator:
    """Let notifications pass through several manipulators, the first one first."""

    def pass_through(notifications: Sequence[Notification]) -> list[Notification]:
        passed = list(notifications)
        for manipulator in manipulators:
            passed = manipulator(passed)
        return passed

    return pass_through


def _spoiled(notification: Notification, rng: np.random.Generator) -> Notification:
    return replace(notification, data=unit_faults.spoil_bytes(notification.data, rng))


def _thinned(data: bytes, share: float, rng: np.random.Generator) -> bytes:
    raw = np.frombuffer(data, dtype=np.uint8)
    return raw[rng.random(raw.size) >= share].tobytes()


LONGEST_S = 60.0
"""What is due after a longer pause than this is more than a headband keeps: the rest is gone."""


class Pacer:
    """Counts packets from the start of a stream.

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
        """Whether the stream runs."""
        return self._start_s is not None

    def start(self, now_s: float) -> None:
        """Begin."""
        self._start_s, self._made = now_s, 0

    def stop(self) -> None:
        """End."""
        self._start_s = None

    def due(self, now_s: float) -> tuple[int, int]:
        """Packets that have become due: those that nobody kept, and those to be sent."""
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
        """Packets so far."""
        return self._made
