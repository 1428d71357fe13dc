"""All drivers by name, and the headbands in reach: ports by their chip, Bluetooth by what is advertised.

Adding a headband: write its wire facts, its codec, its session and its `Driver` in a file or folder beside
the others, and name it in `DRIVERS`; settings, `sanctuary devices`, `sanctuary scan` and captures know it
then.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sanctuary.config.errors import DeviceError, InputError
from sanctuary.firmware_bridge.headbands.cyton.driver import CYTON, DAISY, CytonSession
from sanctuary.firmware_bridge.headbands.cyton.wire import DAISY_WORD, RESET
from sanctuary.firmware_bridge.headbands.freeeeg import FREEEEG32
from sanctuary.firmware_bridge.headbands.ganglion import GANGLION
from sanctuary.firmware_bridge.headbands.headband import (
    Conversation,
    Driver,
    HeadbandOptions,
    LinkKind,
)
from sanctuary.firmware_bridge.headbands.muse.driver import ATHENA, MUSE
from sanctuary.firmware_bridge.headbands.thinkgear import THINKGEAR
from sanctuary.firmware_bridge.headbands.zmax import ZMAX

DRIVERS: dict[str, Driver] = {
    driver.name: driver for driver in (CYTON, DAISY, GANGLION, MUSE, ATHENA, ZMAX, THINKGEAR, FREEEEG32)
}
SURVEY_S = 5.0
"""Headbands advertise themselves several times a second; busy radios miss some of it."""


def driver_named(name: str) -> Driver:
    """Find a driver.

    Raises
    ------
    InputError
        There is none of this name.
    """
    if name not in DRIVERS:
        raise InputError(f"{name}: no such headband; there are {', '.join(DRIVERS)}")
    return DRIVERS[name]


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
    from serial.tools import list_ports

    found = []
    for port in list_ports.comports():
        usb = (port.vid, port.pid)
        drivers = tuple(name for name, driver in DRIVERS.items() if usb in driver.usb)
        if ask and "cyton" in drivers:
            kind = board_at(port.device)
            drivers = (kind,) if kind else ()
        name = port.description if port.description not in (None, "n/a") else ""
        found.append(Sighting(LinkKind.SERIAL, port.device, name, drivers))
    return found


def board_at(port: str) -> str:
    """Ask what board is behind a port: ``cyton``, ``cyton-daisy``, or nothing if none answers."""
    from sanctuary.firmware_bridge.links.serial_link import SerialLink

    try:
        link = SerialLink(port)
    except DeviceError:
        return ""
    try:
        banner = CytonSession((1,), HeadbandOptions()).ask(Conversation(link, time.monotonic), RESET)
    except DeviceError:
        return ""
    finally:
        link.close()
    return DAISY.name if DAISY_WORD in banner else CYTON.name


def bluetooth(duration_s: float = SURVEY_S) -> list[Sighting]:
    """Listen for Bluetooth LE headbands; what is none of ours is left out.

    Raises
    ------
    DeviceError
        This machine has no Bluetooth, or it is off.
    """
    from bleak.exc import BleakError

    from sanctuary.firmware_bridge.links.ble_radio import acquire_radio, device_error, release_radio

    radio = acquire_radio()
    try:
        seen = radio.run(radio.survey(duration_s))
    except (BleakError, OSError, EOFError) as error:
        raise device_error("Bluetooth", error) from error
    finally:
        release_radio()
    found = []
    for device, advertisement in seen:
        name = advertisement.local_name or device.name or ""
        drivers = fitting_drivers(name, tuple(advertisement.service_uuids))
        if drivers:
            found.append(Sighting(LinkKind.BLE, device.address, name, drivers, advertisement.rssi))
    return sorted(found, key=lambda sighting: (sighting.name, sighting.address))


def fitting_drivers(name: str, services: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the drivers whose headbands call themselves so, or have one of the services.

    More specific names come first.
    """
    fits = []
    for driver in DRIVERS.values():
        if driver.gatt is None:
            continue
        length = max((len(prefix) for prefix in driver.prefixes if name.startswith(prefix)), default=0)
        if length or driver.gatt.service in services:
            fits.append((-length, driver.name))
    return tuple(name for _, name in sorted(fits, key=lambda fit: fit[0]))
