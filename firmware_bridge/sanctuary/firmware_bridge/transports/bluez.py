"""What BlueZ knows without a scan: headbands that a program which crashed has left connected.

Such a headband does not advertise itself, so no scan finds it; BlueZ keeps the connection for whoever asks
for it (BlueZ D-Bus API, org.bluez.Device1).
"""

from __future__ import annotations

import sys
from typing import Any

from bleak.backends.device import BLEDevice

from sanctuary.config.errors import Cause, DeviceError

_DEVICE = "org.bluez.Device1"


async def left_connected(address: str) -> BLEDevice | None:
    """Find a headband that is connected already, by address or whole name; None if there is none.

    Raises
    ------
    DeviceError
        The system bus cannot be reached, or no BlueZ is on it.
    """
    if sys.platform != "linux":
        return None
    for path, interfaces in (await _objects(address)).items():
        device = {name: variant.value for name, variant in interfaces.get(_DEVICE, {}).items()}
        names = (device.get("Address", ""), device.get("Name", ""), device.get("Alias", ""))
        if device.get("Connected") and address.casefold() in (name.casefold() for name in names):
            return BLEDevice(device["Address"], device.get("Name"), {"path": path, "props": device})
    return None


async def _objects(address: str) -> dict[str, dict[str, dict[str, Any]]]:
    from dbus_fast import AuthError, BusType, DBusError, InvalidAddressError, Message, MessageType
    from dbus_fast.aio import MessageBus

    bus: MessageBus | None = None
    try:
        bus = MessageBus(bus_type=BusType.SYSTEM)
        await bus.connect()
        reply = await bus.call(
            Message(
                destination="org.bluez",
                path="/",
                interface="org.freedesktop.DBus.ObjectManager",
                member="GetManagedObjects",
            )
        )
    except (OSError, EOFError, DBusError, AuthError, InvalidAddressError) as error:
        raise DeviceError(
            f"{address}: the system's D-Bus, which leads to Bluetooth, cannot be reached ({error})",
            Cause.RADIO_OFF,
        ) from error
    finally:
        if bus is not None:
            bus.disconnect()
    if reply is None or reply.message_type is MessageType.ERROR:
        raise DeviceError(
            f"{address}: no BlueZ runs on this machine; install bluez and start bluetooth.service",
            Cause.RADIO_OFF,
        )
    objects: dict[str, dict[str, dict[str, Any]]] = reply.body[0]
    return objects
