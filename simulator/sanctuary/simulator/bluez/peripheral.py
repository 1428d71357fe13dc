"""One virtual headband as the radio has it: seen or not, connected or not, what it notifies."""

from __future__ import annotations

from collections.abc import Callable

from dbus_fast import Variant

from sanctuary.simulator.bluez.bus import (
    CHARACTERISTIC,
    DEVICE,
    RSSI_DBM,
    ObjectTree,
    device_path,
    device_properties,
    gatt_objects,
)
from sanctuary.simulator.devices.gatt import GattDevice, Notification

Manipulator = Callable[[list[Notification]], list[Notification]]


def untouched(notifications: list[Notification]) -> list[Notification]:
    """Change nothing."""
    return notifications


class Peripheral:
    """A device and its objects; everything happens at a time that is given.

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
        self.fault: Manipulator = untouched
        self.delay_s = 0.02
        self.connected = False
        self._characteristics: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._listeners: dict[str, set[str]] = {}
        self._seen = 0

    def advertise(self) -> None:
        """Be seen once by a scan: appear, or show that it is still there."""
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
        """End the connection, in whatever way it came about."""
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

    def listen(self, path: str, client: str) -> None:
        """Somebody subscribes to a characteristic."""
        self._listeners.setdefault(path, set()).add(client)
        self._tree.change(path, CHARACTERISTIC, Notifying=Variant("b", True))

    def leave(self, client: str, path: str | None = None) -> None:
        """Somebody wants no more of a characteristic, or of any."""
        for each in [path] if path is not None else list(self._listeners):
            clients = self._listeners.get(each, set())
            clients.discard(client)
            if not clients and self._listeners.pop(each, None) is not None:
                self._tree.change(each, CHARACTERISTIC, Notifying=Variant("b", False))

    def notify(self, notifications: list[Notification]) -> None:
        """Send what the device sends, to whoever listens."""
        if self.silent or not self.connected:
            return
        for notification in self.fault(notifications):
            path = self._paths.get(notification.uuid)
            if path in self._listeners:
                self._tree.change(path, CHARACTERISTIC, Value=Variant("ay", notification.data))

    def advance(self, now_s: float) -> None:
        """Let the device send what is due."""
        if self.connected:
            self.notify(self.device.advance(now_s))
