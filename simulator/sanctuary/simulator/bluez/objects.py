"""The objects that BlueZ shows on the D-Bus, and those of one virtual headband as it comes and goes.

From BlueZ's D-Bus API (org.bluez.Adapter1, Device1, GattService1, GattCharacteristic1) and from what bleak
and SimpleBLE ask for. Paths of services and characteristics end with their handle, in hexadecimal: clients
read it there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dbus_fast import Variant

from sanctuary.simulator.devices.gatt import GattDevice, Notification
from sanctuary.simulator.devices.link_faults import NotificationManipulator, untouched

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
        """Set properties and signal the change; does nothing if the object is gone."""
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
    """Introspection XML of an object: names only, which is all that clients look for."""
    parts = [f'<interface name="{name}"/>' for name in interfaces]
    parts += [f'<node name="{child}"/>' for child in children]
    return f"<node>{''.join(parts)}</node>"


class Peripheral:
    """One headband as the radio has it: its objects, connection and subscriptions; time is an argument.

    Parameters
    ----------
    device, tree
        The headband, and where its objects are.

    Attributes
    ----------
    advertises, silent
        Whether it can be seen, and whether it sends nothing though it is connected.
    refusal
        Name of the error with which the next attempt to connect ends.
    fault
        What happens to its notifications on their way.
    delay_s
        How long it takes to connect.
    """

    def __init__(self, device: GattDevice, tree: ObjectTree) -> None:
        self.device = device
        self.path = device_path(device)
        self._tree = tree
        self.advertises, self.silent = True, False
        self.refusal: tuple[str, str] | None = None
        self.fault: NotificationManipulator = untouched
        self.delay_s = 0.02
        self.connected = False
        self._characteristics: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._listeners: dict[str, set[str]] = {}
        self._seen = 0

    def advertise(self) -> None:
        """Advertise once: add the object, or change its RSSI."""
        if not self.advertises or self.connected:
            return
        if self._tree.get(self.path, DEVICE) is None:
            self._tree.add(self.path, DEVICE, device_properties(self.device))
        self._seen += 1
        self._tree.change(self.path, DEVICE, RSSI=Variant("n", RSSI_DBM - self._seen % 2))

    def connect(self, now_s: float) -> None:
        """Connect, and show the services."""
        if self.connected:
            return
        self.connected = True
        self.device.connect(now_s)
        self._tree.change(self.path, DEVICE, Connected=Variant("b", True))
        for path, interface, properties in gatt_objects(self.device):
            self._tree.add(path, interface, properties)
            if interface == CHARACTERISTIC:
                uuid = properties["UUID"].value
                self._characteristics[path], self._paths[uuid] = uuid, path
        self._tree.change(self.path, DEVICE, ServicesResolved=Variant("b", True))

    def disconnect(self, now_s: float) -> None:
        """End the connection, and remove services and subscriptions."""
        if not self.connected:
            return
        self.connected = False
        self.device.disconnect(now_s)
        self._listeners.clear()
        self._tree.change(self.path, DEVICE, ServicesResolved=Variant("b", False))
        self._tree.change(self.path, DEVICE, Connected=Variant("b", False))
        for path in sorted(self._tree.all, reverse=True):
            if path.startswith(f"{self.path}/"):
                self._tree.remove(path)
        self._characteristics.clear()
        self._paths.clear()

    def uuid_of(self, path: str) -> str | None:
        """UUID of the characteristic at a path; None if there is none."""
        return self._characteristics.get(path)

    def subscribe(self, path: str, client: str) -> None:
        """Subscribe `client` to the characteristic at `path`."""
        self._listeners.setdefault(path, set()).add(client)
        self._tree.change(path, CHARACTERISTIC, Notifying=Variant("b", True))

    def unsubscribe(self, client: str, path: str | None = None) -> None:
        """Unsubscribe `client` from the characteristic at `path`, or from all."""
        for each in [path] if path is not None else list(self._listeners):
            clients = self._listeners.get(each, set())
            clients.discard(client)
            if not clients and self._listeners.pop(each, None) is not None:
                self._tree.change(each, CHARACTERISTIC, Notifying=Variant("b", False))

    def notify(self, notifications: list[Notification]) -> None:
        """Send notifications of the device to the subscribers."""
        if self.silent or not self.connected:
            return
        for notification in self.fault(notifications):
            path = self._paths.get(notification.uuid)
            if path in self._listeners:
                self._tree.change(path, CHARACTERISTIC, Value=Variant("ay", notification.data))

    def advance(self, now_s: float) -> None:
        """Send what is due at `now_s`."""
        if self.connected:
            self.notify(self.device.advance(now_s))
