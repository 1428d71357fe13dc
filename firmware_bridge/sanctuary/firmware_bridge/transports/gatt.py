"""Names of a headband's GATT server: where its data and its commands live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BASE_UUID = "0000{:04x}-0000-1000-8000-00805f9b34fb"
"""Bluetooth's own UUIDs, written in full."""


@dataclass(frozen=True, slots=True)
class Gatt:
    """Where a headband's data and commands live.

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
