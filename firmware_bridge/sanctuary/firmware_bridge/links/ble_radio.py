"""The Bluetooth radio of this machine: one thread, one event loop and one scan for all headbands.

bleak keeps its view of BlueZ per event loop, and BlueZ dislikes scans and connections on top of each other:
so all links share one loop and one scan for everybody's headband, and take turns to connect. The thread
begins with the first user and ends with the last.
"""

from __future__ import annotations

import asyncio
import math
import sys
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import Any, TypeVar

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakBluetoothNotAvailableError, BleakDBusError, BleakError

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.links.link import Cancelled, not_cancelled

T = TypeVar("T")
CANCEL_CHECK_S = 0.1
"""Longest wait without a look at whether somebody wants to break off."""
END_S = 2.0
RENEW_S = 5.0
"""A scan is begun anew so often while somebody waits: a radio that was off ends it without a word."""
ANSWER_S = 2.0
"""BlueZ answers within milliseconds; where it does not for so long it has lost the call, or itself."""


class BluetoothRadio:
    """The loop's thread, what is wanted from the scan, and the turn to connect."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._wanted: dict[str, list[asyncio.Future[BLEDevice]]] = {}
        self._scanning: asyncio.Task[None] | None = None
        self.turn = asyncio.Lock()
        """Held while somebody connects."""
        self._thread = threading.Thread(target=self._run, name="bluetooth radio", daemon=True)
        self._thread.start()

    def run(
        self, work: Coroutine[Any, Any, T], cancelled: Cancelled = not_cancelled, limit_s: float = math.inf
    ) -> T:
        """Run a coroutine on the radio's loop and wait for it; breaks it off soon after `cancelled`.

        Raises
        ------
        DeviceError
            It was broken off, or had not ended after `limit_s`; and whatever the coroutine raises.
        """
        ends_s = time.monotonic() + limit_s
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        while True:
            try:
                return future.result(max(0.0, min(CANCEL_CHECK_S, ends_s - time.monotonic())))
            except FutureTimeoutError:
                if future.done():
                    raise
                if time.monotonic() >= ends_s:
                    future.cancel()
                    raise DeviceError(
                        "BlueZ does not answer; if it stays so, restart bluetooth.service", Cause.SILENT
                    ) from None
                if cancelled():
                    future.cancel()
                    raise DeviceError("opening was broken off", Cause.REFUSED) from None
            except CancelledError as error:
                raise DeviceError("the radio was shut down", Cause.REFUSED) from error

    async def find(self, address: str, timeout_s: float) -> BLEDevice | None:
        """Wait until a headband advertises itself, by address or by its whole name; None if it does not."""
        found: asyncio.Future[BLEDevice] = self._loop.create_future()
        waiting = self._wanted.setdefault(address.casefold(), [])
        waiting.append(found)
        if self._scanning is None or self._scanning.done():
            self._scanning = asyncio.create_task(self._scan())
        try:
            async with asyncio.timeout(timeout_s):
                either: set[asyncio.Future[Any]] = {found, self._scanning}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if found.done():
                    return found.result()
                await self._scanning  # it ended for a reason of its own
                return None
        except TimeoutError:
            return None
        finally:
            waiting.remove(found)
            if not waiting:
                self._wanted.pop(address.casefold(), None)

    async def survey(self, duration_s: float) -> list[tuple[BLEDevice, AdvertisementData]]:
        """Listen for a while to everything that advertises itself."""
        found = await BleakScanner.discover(duration_s, return_adv=True)
        return list(found.values())

    async def _scan(self) -> None:
        """Scan as long as somebody waits for a headband."""
        while self._wanted:
            renew_s = self._loop.time() + RENEW_S
            scanner = BleakScanner(self._seen)
            await scanner.start()
            try:
                while self._wanted and self._loop.time() < renew_s:
                    await asyncio.sleep(CANCEL_CHECK_S)
            finally:
                with suppress(BleakError):  # one that a radio ended, which was off, cannot be ended again
                    await scanner.stop()

    def _seen(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        for name in (device.address, device.name, advertisement.local_name):
            for found in self._wanted.get((name or "").casefold(), ()):
                if not found.done():
                    found.set_result(device)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.close()

    def end(self) -> None:
        """End the thread."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_S)


_lock = threading.Lock()
_radio: BluetoothRadio | None = None
_users = 0


def acquire_radio() -> BluetoothRadio:
    """Give the radio, which begins with its first user; each must call `release_radio` in the end."""
    global _radio, _users
    with _lock:
        if _radio is None:
            _radio = BluetoothRadio()
        _users += 1
        return _radio


def release_radio() -> None:
    """Need the radio no more."""
    global _radio, _users
    with _lock:
        _users -= 1
        radio, _radio = (_radio, None) if _users == 0 else (None, _radio)
    if radio is not None:
        radio.end()


def device_error(address: str, error: Exception) -> DeviceError:
    """Say in clear words what bleak found wrong."""
    if isinstance(error, BleakBluetoothNotAvailableError):
        return DeviceError(
            f"{address}: this machine's Bluetooth is off or missing ({error.args[0]}); "
            "see `bluetoothctl show`",
            Cause.RADIO_OFF,
        )
    if isinstance(error, BleakDBusError):
        name = error.dbus_error.rpartition(".")[2]
        cause = Cause.RADIO_OFF if name == "NotReady" else Cause.REFUSED
        return DeviceError(f"{address}: BlueZ refuses ({name}: {error.dbus_error_details})", cause)
    if isinstance(error, BleakError):
        return DeviceError(f"{address}: the connection failed ({error})")
    if isinstance(error, TimeoutError):
        return DeviceError(f"{address}: it does not answer in time; bring it nearer", Cause.REFUSED)
    if isinstance(error, OSError):
        return DeviceError(
            f"{address}: the system's D-Bus, which leads to Bluetooth, cannot be reached ({error})",
            Cause.RADIO_OFF,
        )
    return DeviceError(f"{address}: {error}")


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
