"""A D-Bus of our own: a private dbus-daemon that ends with us, however we end.

The objects that BlueZ shows on the D-Bus: paths, interfaces, properties; values only.

From BlueZ's D-Bus API (org.bluez.Adapter1, Device1, GattService1, GattCharacteristic1) and from what bleak
and SimpleBLE ask for. Paths of services and characteristics hold their handle, in hexadecimal: clients read
it there.

What leaves for the D-Bus, in order, and only as fast as the daemon takes it.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from dbus_fast import Message, Variant
from dbus_fast.aio import MessageBus

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.simulator.devices.gatt import GattDevice

START_TIMEOUT_S = 10.0
END_TIMEOUT_S = 2.0

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
_WATCHED = """
folder=$1; shift
"$@" <&- & daemon=$!
cat >/dev/null
kill $daemon; wait $daemon 2>/dev/null
rm -rf "$folder"
"""
"""Runs the daemon until standard input ends, as it does when whoever started us dies, and tidies up."""


class PrivateBus:
    """The daemon; a context manager.

    Attributes
    ----------
    address
        For ``DBUS_SYSTEM_BUS_ADDRESS`` of whoever shall find our headbands.

    Raises
    ------
    DeviceError
        There is no dbus-daemon, or it does not start.
    """

    def __init__(self) -> None:
        daemon = shutil.which("dbus-daemon")
        if daemon is None:
            raise DeviceError(
                "virtual Bluetooth headbands need dbus-daemon; install the package dbus", Cause.RADIO_OFF
            )
        self._folder = Path(tempfile.mkdtemp(prefix="sanctuary-bus-"))
        config = self._folder / "bus.conf"
        config.write_text(_CONFIG.format(folder=self._folder), encoding="utf-8")
        command = [daemon, f"--config-file={config}", "--nofork", "--nopidfile", "--print-address=1"]
        self._shell = subprocess.Popen(  # noqa: S603  fixed words, and a path from PATH
            ["/bin/sh", "-c", _WATCHED, "sh", str(self._folder), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self.address = self._introduce()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The watching shell's process id."""
        return self._shell.pid

    def close(self) -> None:
        """End the daemon and leave nothing behind."""
        with suppress(OSError):
            if self._shell.stdin is not None:
                self._shell.stdin.close()
        try:
            self._shell.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(
                    self._shell.pid, signal.SIGKILL
                )  # a session of its own, so this group is ours alone
            self._shell.wait()
        if self._shell.stdout is not None:
            self._shell.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _introduce(self) -> str:
        out = self._shell.stdout
        line = b""
        if out is not None:
            arrivals = select.poll()
            arrivals.register(out, select.POLLIN)
            if arrivals.poll(START_TIMEOUT_S * 1000.0):
                line = out.readline()
        if not line.strip():
            raise DeviceError("the private D-Bus for virtual headbands did not start", Cause.RADIO_OFF)
        return line.decode().strip()


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


MAX_WAITING = 20_000
"""Messages that wait for a daemon that takes none: some 20 s of eight headbands. What is more is lost."""


class Outbox:
    """Sends messages while the socket takes them; the others wait for the next `flush`.

    dbus-fast gives its connection up when the socket is full for a moment (python-dbus-next, issue 153), so
    it is asked beforehand.

    Parameters
    ----------
    bus, fd
        Where they go, connected, and its socket.
    """

    def __init__(self, bus: MessageBus, fd: int) -> None:
        self._bus = bus
        self._waiting: deque[Message] = deque()
        self._writable = select.poll()
        self._writable.register(fd, select.POLLOUT)

    def put(self, message: Message) -> None:
        """Send a message, now or later."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(message)
        self.flush()

    def flush(self) -> None:
        """Send what waits."""
        while self._waiting and self._writable.poll(0):
            self._bus.send(self._waiting.popleft())
