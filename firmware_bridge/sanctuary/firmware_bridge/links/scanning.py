"""What headbands are in reach: serial ports by their chip, Bluetooth headbands by what they advertise.

What BlueZ knows without a scan: headbands that a program which crashed has left connected.

Such a headband does not advertise itself, so no scan finds it; BlueZ keeps the connection for whoever asks
for it (BlueZ D-Bus API, org.bluez.Device1).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from bleak.backends.device import BLEDevice
from serial.tools import list_ports

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.headbands.headband import Line, LinkKind, Options
from sanctuary.firmware_bridge.headbands.registry import DRIVERS
from sanctuary.firmware_bridge.links.link import never

SURVEY_S = 5.0
"""Headbands advertise themselves several times a second; busy radios miss some of it."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One port or headband.

    Attributes
    ----------
    address
        For the settings: a port's lasting name if it has one, a headband's Bluetooth address.
    name
        As it calls itself.
    drivers
        Names of the drivers that fit, the likeliest first; none for what we do not know.
    rssi_dbm
        Strength of its radio signal here.
    """

    link: LinkKind
    address: str
    name: str
    drivers: tuple[str, ...]
    rssi_dbm: int | None = None


def serial_ports(*, ask: bool = False) -> list[Sighting]:
    """Find serial ports and the drivers that fit the chip in them.

    Parameters
    ----------
    ask
        Whether to open the ports that may be a Cyton's and ask the board behind it, which resets it.
    """
    found = []
    for port in list_ports.comports():
        usb = (port.vid, port.pid)
        drivers = tuple(name for name, driver in DRIVERS.items() if usb in driver.usb)
        if ask and "cyton" in drivers:
            kind = asked(port.device)
            drivers = (kind,) if kind else ()
        said = port.description if port.description not in (None, "n/a") else ""
        found.append(Sighting(LinkKind.SERIAL, port.device, said, drivers))
    return found


def asked(port: str) -> str:
    """Ask what board is behind a port: ``cyton``, ``cyton-daisy``, or nothing if none answers."""
    import time

    from sanctuary.firmware_bridge.headbands.cyton import codec as commands
    from sanctuary.firmware_bridge.headbands.cyton.driver import CytonSession
    from sanctuary.firmware_bridge.links.serial_link import SerialLink

    try:
        link = SerialLink(port)
    except DeviceError:
        return ""
    try:
        banner = CytonSession((1,), Options()).ask(Line(link, time.monotonic, never), commands.RESET)
    except DeviceError:
        return ""
    finally:
        link.close()
    return "cyton-daisy" if commands.DAISY_WORD in banner else "cyton"


def bluetooth(duration_s: float = SURVEY_S) -> list[Sighting]:
    """Listen for Bluetooth LE headbands; what is none of ours is left out.

    Raises
    ------
    DeviceError
        This machine has no Bluetooth, or it is off.
    """
    from bleak.exc import BleakError

    from sanctuary.firmware_bridge.links.ble_link import device_error, leave_radio, take_radio

    radio = take_radio()
    try:
        seen = radio.run(radio.survey(duration_s))
    except (BleakError, OSError, EOFError) as error:
        raise device_error("Bluetooth", error) from error
    finally:
        leave_radio()
    found = []
    for device, advertisement in seen:
        name = advertisement.local_name or device.name or ""
        drivers = fitting(name, tuple(advertisement.service_uuids))
        if drivers:
            found.append(Sighting(LinkKind.BLE, device.address, name, drivers, advertisement.rssi))
    return sorted(found, key=lambda sighting: (sighting.name, sighting.address))


def fitting(name: str, services: tuple[str, ...]) -> tuple[str, ...]:
    """Drivers whose headbands call themselves so; more specific names first."""
    fits = []
    for driver in DRIVERS.values():
        if driver.gatt is None:
            continue
        length = max((len(prefix) for prefix in driver.prefixes if name.startswith(prefix)), default=0)
        if length or driver.gatt.service in services:
            fits.append((-length, driver.name))
    return tuple(name for _, name in sorted(fits, key=lambda fit: fit[0]))


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
