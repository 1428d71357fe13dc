"""What headbands are in reach: serial ports by their chip, Bluetooth headbands by what they advertise."""

from __future__ import annotations

from dataclasses import dataclass

from serial.tools import list_ports

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.drivers.base import Line, LinkKind, Options
from sanctuary.firmware_bridge.drivers.registry import DRIVERS
from sanctuary.firmware_bridge.transports.link import never

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

    from sanctuary.firmware_bridge.codecs.cyton import commands
    from sanctuary.firmware_bridge.drivers.cyton import CytonSession
    from sanctuary.firmware_bridge.transports.serial import SerialLink

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

    from sanctuary.firmware_bridge.transports.radio import device_error, leave_radio, take_radio

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
