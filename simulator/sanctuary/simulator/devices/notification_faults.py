"""What can go wrong between a Bluetooth headband and its host: manipulators of the notifications sent.

A manipulator takes what the device sends and gives what arrives, both in order. Bluetooth LE delivers whole
notifications or none, but a headband, or the host's own stack, does all of the rest as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from sanctuary.simulator.devices import unit_faults
from sanctuary.simulator.devices.gatt import Notification
from sanctuary.simulator.devices.unit_faults import check_share

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
