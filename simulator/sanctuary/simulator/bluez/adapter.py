"""BlueZ's answer to each D-Bus method call, over the objects of one radio; owns no D-Bus connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dbus_fast import Message, MessageType, Variant

from sanctuary.simulator.bluez.objects import (
    ADAPTER,
    ADAPTER_PATH,
    CHARACTERISTIC,
    DEVICE,
    INTROSPECTABLE,
    OBJECT_MANAGER,
    PROPERTIES,
    Emit,
    ObjectTree,
    Peripheral,
    adapter_properties,
    introspection,
)
from sanctuary.simulator.devices.gatt import GattDevice

Later = Callable[[float, Callable[[], None]], None]
"""Does something after some seconds."""
NOT_READY = "org.bluez.Error.NotReady"
FAILED = "org.bluez.Error.Failed"
NOT_SUPPORTED = "org.bluez.Error.NotSupported"
NOT_PERMITTED = "org.bluez.Error.NotPermitted"
GONE_S = 1.0
"""How long BlueZ tries to connect to a headband that does not answer; in truth longer."""


class Adapter:
    """The radio, its headbands, and the answers to clients.

    Parameters
    ----------
    devices
        Headbands in reach.
    emit, send, later, clock
        Send a signal; send a reply that was not ready at once; do something later; the devices' time.
    """

    def __init__(
        self,
        devices: Sequence[GattDevice],
        emit: Emit,
        send: Callable[[Message], None],
        later: Later,
        clock: Callable[[], float],
    ) -> None:
        self.tree = ObjectTree(emit)
        self.tree.add(ADAPTER_PATH, ADAPTER, adapter_properties())
        self.peripherals = [Peripheral(device, self.tree) for device in devices]
        self._send, self._later, self._clock = send, later, clock
        self._scanners: set[str] = set()
        self._answers: dict[tuple[str, str], Callable[[Message], Message | None]] = {
            (PROPERTIES, "Get"): self._get,
            (PROPERTIES, "GetAll"): self._get_all,
            (PROPERTIES, "Set"): self._set,
            (OBJECT_MANAGER, "GetManagedObjects"): self._managed,
            (INTROSPECTABLE, "Introspect"): self._introspect,
            (ADAPTER, "SetDiscoveryFilter"): Message.new_method_return,
            (ADAPTER, "StartDiscovery"): self._start_discovery,
            (ADAPTER, "StopDiscovery"): self._stop_discovery,
            (ADAPTER, "RemoveDevice"): self._remove_device,
            (DEVICE, "Connect"): self._connect,
            (DEVICE, "Disconnect"): self._disconnect,
            (CHARACTERISTIC, "StartNotify"): self._start_notify,
            (CHARACTERISTIC, "StopNotify"): self._stop_notify,
            (CHARACTERISTIC, "WriteValue"): self._write,
            (CHARACTERISTIC, "ReadValue"): self._read,
        }

    @property
    def powered(self) -> bool:
        properties = self.tree.get(ADAPTER_PATH, ADAPTER) or {}
        return bool(properties["Powered"].value)

    @property
    def discovering(self) -> bool:
        return bool(self._scanners)

    def answer(self, call: Message) -> Message | bool | None:
        """Answer a method call; True where the answer comes later, None where it is not for us."""
        if call.message_type is not MessageType.METHOD_CALL:
            return None
        answer = self._answers.get((call.interface or "", call.member or ""))
        if answer is None:
            return None
        return answer(call) or True

    def tick(self) -> None:
        """Send what is due of all connected headbands."""
        now_s = self._clock()
        for peripheral in self.peripherals:
            peripheral.advance(now_s)

    def advertise(self) -> None:
        """Advertise all headbands once, if a client scans."""
        if self._scanners and self.powered:
            for peripheral in self.peripherals:
                peripheral.advertise()

    def power(self, *, on: bool) -> None:
        """Switch the radio; off, it loses every connection and forgets who scanned."""
        if not on:
            for peripheral in self.peripherals:
                peripheral.disconnect(self._clock())
            self._scanners.clear()
        values = {"Powered": Variant("b", on)}
        if not on:
            values["Discovering"] = Variant("b", False)
        self.tree.change(ADAPTER_PATH, ADAPTER, **values)

    def on_client_left(self, client: str) -> None:
        """Forget a client that is gone: its scans and subscriptions, not its connections, as BlueZ does."""
        self._unscan(client)
        for peripheral in self.peripherals:
            peripheral.unsubscribe(client)

    # --- objects ---

    def _get(self, call: Message) -> Message:
        interface, name = call.body
        properties = self.tree.get(call.path or "", interface) or {}
        if name not in properties:
            return Message.new_error(call, "org.freedesktop.DBus.Error.InvalidArgs", f"no property {name}")
        return Message.new_method_return(call, "v", [properties[name]])

    def _get_all(self, call: Message) -> Message:
        properties = self.tree.get(call.path or "", call.body[0])
        if properties is None:
            return _unknown(call)
        return Message.new_method_return(call, "a{sv}", [properties])

    def _set(self, call: Message) -> Message:
        interface, name, value = call.body
        if (call.path, interface, name) == (ADAPTER_PATH, ADAPTER, "Powered"):
            self.power(on=bool(value.value))
        else:
            self.tree.change(call.path or "", interface, **{name: value})
        return Message.new_method_return(call)

    def _managed(self, call: Message) -> Message:
        below = "" if call.path == "/" else f"{call.path}/"
        objects = {path: interfaces for path, interfaces in self.tree.all.items() if path.startswith(below)}
        return Message.new_method_return(call, "a{oa{sa{sv}}}", [objects])

    def _introspect(self, call: Message) -> Message:
        path = (call.path or "/").rstrip("/")
        below = {each[len(path) + 1 :].split("/")[0] for each in self.tree.all if each.startswith(f"{path}/")}
        text = introspection(dict(self.tree.all.get(path, {})), sorted(below))
        return Message.new_method_return(call, "s", [text])

    # --- adapter ---

    def _start_discovery(self, call: Message) -> Message:
        if not self.powered:
            return Message.new_error(call, NOT_READY, "Resource Not Ready")
        self._scanners.add(call.sender or "")
        self.tree.change(ADAPTER_PATH, ADAPTER, Discovering=Variant("b", True))
        return Message.new_method_return(call)

    def _stop_discovery(self, call: Message) -> Message:
        if (call.sender or "") not in self._scanners:
            return Message.new_error(call, FAILED, "No discovery started")
        self._unscan(call.sender or "")
        return Message.new_method_return(call)

    def _unscan(self, client: str) -> None:
        if client in self._scanners:
            self._scanners.discard(client)
            self.tree.change(ADAPTER_PATH, ADAPTER, Discovering=Variant("b", bool(self._scanners)))

    def _remove_device(self, call: Message) -> Message:
        peripheral = self._at(call.body[0])
        if peripheral is None:
            return Message.new_error(call, "org.bluez.Error.DoesNotExist", "Does Not Exist")
        peripheral.disconnect(self._clock())
        self.tree.remove(peripheral.path)
        return Message.new_method_return(call)

    # --- devices ---

    def _connect(self, call: Message) -> Message | None:
        peripheral = self._at(call.path)
        if peripheral is None or self.tree.get(peripheral.path, DEVICE) is None:
            return _unknown(call)
        if not self.powered:
            return Message.new_error(call, NOT_READY, "Resource Not Ready")
        refusal, peripheral.refusal = peripheral.refusal, None

        def finish() -> None:
            if not (peripheral.advertises and self.powered):
                self._send(Message.new_error(call, FAILED, "le-connection-abort-by-local"))
                self._flicker(peripheral)
                return
            peripheral.connect(self._clock())
            self._send(Message.new_method_return(call))

        if refusal is not None:
            return Message.new_error(call, *refusal)
        self._later(peripheral.delay_s if peripheral.advertises else GONE_S, finish)
        return None

    def _flicker(self, peripheral: Peripheral) -> None:
        """Connect and lose at once, as BlueZ does where it aborts: clients wait for that."""
        self.tree.change(peripheral.path, DEVICE, Connected=Variant("b", True))
        self.tree.change(peripheral.path, DEVICE, Connected=Variant("b", False))

    def _disconnect(self, call: Message) -> Message:
        peripheral = self._at(call.path)
        if peripheral is None:
            return _unknown(call)
        peripheral.disconnect(self._clock())
        return Message.new_method_return(call)

    # --- characteristics ---

    def _start_notify(self, call: Message) -> Message:
        peripheral = self._at(call.path)
        if peripheral is None or peripheral.uuid_of(call.path or "") is None:
            return _unknown(call)
        if not self._may(call, "notify"):
            return Message.new_error(call, NOT_SUPPORTED, "Operation is not supported")
        peripheral.subscribe(call.path or "", call.sender or "")
        return Message.new_method_return(call)

    def _stop_notify(self, call: Message) -> Message:
        peripheral = self._at(call.path)
        if peripheral is None:
            return _unknown(call)
        peripheral.unsubscribe(call.sender or "", call.path)
        return Message.new_method_return(call)

    def _write(self, call: Message) -> Message | None:
        peripheral = self._at(call.path)
        uuid = peripheral.uuid_of(call.path or "") if peripheral is not None else None
        if peripheral is None or uuid is None:
            return _unknown(call)
        if not self._may(call, "write", "write-without-response"):
            return Message.new_error(call, NOT_PERMITTED, "Write not permitted")
        self._send(Message.new_method_return(call))
        peripheral.notify(peripheral.device.write(uuid, bytes(call.body[0]), self._clock()))
        return None

    def _read(self, call: Message) -> Message:
        peripheral = self._at(call.path)
        uuid = peripheral.uuid_of(call.path or "") if peripheral is not None else None
        if peripheral is None or uuid is None:
            return _unknown(call)
        if not self._may(call, "read"):
            return Message.new_error(call, NOT_PERMITTED, "Read not permitted")
        return Message.new_method_return(call, "ay", [peripheral.device.read(uuid)])

    def _may(self, call: Message, *flags: str) -> bool:
        """Whether a characteristic has one of some flags."""
        properties = self.tree.get(call.path or "", CHARACTERISTIC) or {}
        return bool(set(flags) & set(properties["Flags"].value))

    def _at(self, path: Any) -> Peripheral | None:
        for peripheral in self.peripherals:
            if path == peripheral.path or str(path).startswith(f"{peripheral.path}/"):
                return peripheral
        return None


def _unknown(call: Message) -> Message:
    return Message.new_error(call, "org.freedesktop.DBus.Error.UnknownObject", f"{call.path}: no such object")
