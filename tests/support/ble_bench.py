"""A tiny Bluetooth headband for tests, and the private radio through which bleak finds it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import pytest
from bleak.backends.bluezdbus.manager import get_global_bluez_manager

from sanctuary.firmware_bridge.links.link import Gatt
from sanctuary.simulator.bluez.server import VirtualRadio
from sanctuary.simulator.devices.gatt import Characteristic, GattDevice, Notification, Service, short_uuid

needs_dbus = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="dbus-daemon is not installed")

SERVICE, DATA, CONTROL, REVISION = map(short_uuid, (0xFFA0, 0xFFA1, 0xFFA2, 0x2A28))
GATT = Gatt(SERVICE, {DATA: 7}, CONTROL)
PER_S = 50

T = TypeVar("T")


class Beacon:
    """Sends its count fifty times a second after ``b``, until ``s``; echoes every command."""

    def __init__(self, number: int = 1) -> None:
        self.name = f"Beacon-{number}"
        self.address = f"00:00:5E:00:53:{number + 16:02X}"
        self.advertised = (SERVICE,)
        self.services = (
            Service(
                SERVICE,
                (
                    Characteristic(DATA, ("notify",)),
                    Characteristic(CONTROL, ("write", "write-without-response")),
                    Characteristic(REVISION, ("read",)),
                ),
            ),
        )
        self.connections = self.count = 0
        self.commands: list[bytes] = []
        self._since_s: float | None = None

    def connect(self, _now_s: float) -> None:
        self.connections += 1

    def disconnect(self, _now_s: float) -> None:
        self._since_s = None

    def write(self, _uuid: str, data: bytes, now_s: float) -> list[Notification]:
        self.commands.append(data)
        if data in (b"b", b"s"):
            self._since_s = now_s if data == b"b" else None
        return [Notification(DATA, b"echo " + data)]

    def read(self, _uuid: str) -> bytes:
        return b"3.0.2"

    def advance(self, now_s: float) -> list[Notification]:
        if self._since_s is None:
            return []
        due = int((now_s - self._since_s) * PER_S)
        self._since_s += due / PER_S
        first, self.count = self.count, self.count + due
        return [Notification(DATA, number.to_bytes(4, "big")) for number in range(first, self.count)]


@contextmanager
def in_reach(*devices: GattDevice, speed: float = 1.0) -> Iterator[VirtualRadio]:
    """A radio with these headbands, as this process's system bus."""
    before = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
    with VirtualRadio(devices, speed=speed) as radio:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = radio.address
        try:
            yield radio
        finally:
            if before is None:
                del os.environ["DBUS_SYSTEM_BUS_ADDRESS"]
            else:
                os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = before


def on_bleak(visit: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that uses bleak on a loop of its own, and close what bleak leaves open of it."""

    async def whole() -> T:
        try:
            return await visit
        finally:
            bus = (await get_global_bluez_manager())._bus
            if bus is not None:
                bus.disconnect()
                with suppress(EOFError):
                    await bus.wait_for_disconnect()

    return asyncio.run(whole())
