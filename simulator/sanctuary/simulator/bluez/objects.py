"""The objects that BlueZ shows on the D-Bus: paths, interfaces, properties; values only.

From BlueZ's D-Bus API (org.bluez.Adapter1, Device1, GattService1, GattCharacteristic1) and from what bleak
and SimpleBLE ask for. Paths of services and characteristics hold their handle, in hexadecimal: clients read
it there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dbus_fast import Variant

from sanctuary.simulator.devices.gatt import GattDevice

ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"

ADAPTER_PATH = "/org/bluez/hci0"
ADAPTER_ADDRESS = "00:00:5E:00:53:01"
RSSI_DBM = -55
MTU = 247
FIRST_HANDLE = 0x10

Properties = dict[str, Variant]
Interfaces = dict[str, Properties]
Emit = Callable[[str, str, str, str, list[Any]], None]
"""Sends a signal: path, interface, name, signature, body."""


class ObjectTree:
    """All objects, and the signals that their changes send.

    Parameters
    ----------
    emit
        Sends a signal.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._objects: dict[str, Interfaces] = {}

    @property
    def all(self) -> Mapping[str, Interfaces]:
        """Everything, as GetManagedObjects gives it."""
        return self._objects

    def add(self, path: str, interface: str, properties: Properties) -> None:
        """Add an object."""
        self._objects[path] = {interface: properties, PROPERTIES: {}, INTROSPECTABLE: {}}
        self._emit("/", OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, self._objects[path]])

    def remove(self, path: str) -> None:
        """Remove an object, if it is there."""
        gone = self._objects.pop(path, None)
        if gone is not None:
            self._emit("/", OBJECT_MANAGER, "InterfacesRemoved", "oas", [path, list(gone)])

    def get(self, path: str, interface: str) -> Properties | None:
        """Properties of an interface; None if there is no such object or interface."""
        return self._objects.get(path, {}).get(interface)

    def change(self, path: str, interface: str, **values: Variant) -> None:
        """Set properties, and tell everybody; an object that is gone has none."""
        properties = self.get(path, interface)
        if properties is None:
            return
        properties.update(values)
        self._emit(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, values, []])


def adapter_properties() -> Properties:
    """Describe a radio that is switched on."""
    return {
        "Address": Variant("s", ADAPTER_ADDRESS),
        "AddressType": Variant("s", "public"),
        "Name": Variant("s", "virtual radio"),
        "Alias": Variant("s", "virtual radio"),
        "Class": Variant("u", 0),
        "Powered": Variant("b", True),
        "Discoverable": Variant("b", False),
        "Pairable": Variant("b", False),
        "Discovering": Variant("b", False),
        "Roles": Variant("as", ["central"]),
        "UUIDs": Variant("as", []),
    }


def device_path(device: GattDevice) -> str:
    """Path of a device's object."""
    return f"{ADAPTER_PATH}/dev_{device.address.replace(':', '_')}"


def device_properties(device: GattDevice) -> Properties:
    """Describe a device that was just seen."""
    return {
        "Address": Variant("s", device.address),
        "AddressType": Variant("s", "public"),
        "Name": Variant("s", device.name),
        "Alias": Variant("s", device.name),
        "Adapter": Variant("o", ADAPTER_PATH),
        "UUIDs": Variant("as", list(device.advertised)),
        "Paired": Variant("b", False),
        "Bonded": Variant("b", False),
        "Trusted": Variant("b", False),
        "Blocked": Variant("b", False),
        "LegacyPairing": Variant("b", False),
        "Connected": Variant("b", False),
        "ServicesResolved": Variant("b", False),
        "RSSI": Variant("n", RSSI_DBM),
    }


def gatt_objects(device: GattDevice) -> list[tuple[str, str, Properties]]:
    """Services and characteristics of a connected device: path, interface, properties."""
    objects: list[tuple[str, str, Properties]] = []
    handle = FIRST_HANDLE
    for service in device.services:
        above = f"{device_path(device)}/service{handle:04x}"
        objects.append(
            (
                above,
                SERVICE,
                {
                    "UUID": Variant("s", service.uuid),
                    "Device": Variant("o", device_path(device)),
                    "Primary": Variant("b", True),
                    "Includes": Variant("ao", []),
                },
            )
        )
        for characteristic in service.characteristics:
            handle += 3
            objects.append(
                (
                    f"{above}/char{handle:04x}",
                    CHARACTERISTIC,
                    {
                        "UUID": Variant("s", characteristic.uuid),
                        "Service": Variant("o", above),
                        "Value": Variant("ay", b""),
                        "Flags": Variant("as", list(characteristic.flags)),
                        "Notifying": Variant("b", False),
                        "MTU": Variant("q", MTU),
                    },
                )
            )
        handle += 0x10
    return objects


def introspection(interfaces: Interfaces, children: list[str]) -> str:
    """Write what an object says of itself; names only, which is all that clients look for."""
    parts = [f'<interface name="{name}"/>' for name in interfaces]
    parts += [f'<node name="{child}"/>' for child in children]
    return f"<node>{''.join(parts)}</node>"
