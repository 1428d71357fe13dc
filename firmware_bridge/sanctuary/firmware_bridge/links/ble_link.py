"""A headband over Bluetooth LE, by bleak: notifications as they came, commands, and its sudden end.

The Bluetooth radio of this machine: one thread with an event loop for all headbands, and one scan for all.

bleak keeps its view of BlueZ per event loop, and BlueZ dislikes scans and connections on top of each other:
so all links share one loop, one scan that looks for everybody's headband at once, and take turns to connect.
The thread begins with the first that needs it and ends with the last.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from threading import Event
from typing import Any, TypeVar

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakBluetoothNotAvailableError, BleakDBusError, BleakError

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.links.link import Cancelled, Chunk, Gatt, never
from sanctuary.firmware_bridge.links.scanning import left_connected

T = TypeVar("T")

PATIENCE_S = 0.1
"""Longest wait without a look at whether somebody wants to break off."""
END_S = 2.0
RENEW_S = 5.0
"""A scan is begun anew so often while somebody waits: a radio that was off ends it without a word."""
ANSWER_S = 2.0
"""BlueZ answers within milliseconds; where it does not for so long it has lost the call, or itself."""


class Radio:
    """The loop's thread, what is wanted from the scan, and the turn to connect."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._wanted: dict[str, list[asyncio.Future[BLEDevice]]] = {}
        self._scanning: asyncio.Task[None] | None = None
        self.turn = asyncio.Lock()
        """Held while somebody connects."""
        self._thread = threading.Thread(target=self._run, name="bluetooth radio", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], cancelled: Cancelled = never, limit_s: float = math.inf) -> T:
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
                return future.result(max(0.0, min(PATIENCE_S, ends_s - time.monotonic())))
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
                    await asyncio.sleep(PATIENCE_S)
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
_radio: Radio | None = None
_users = 0


def take_radio() -> Radio:
    """Give the radio, which begins with its first user; each must call `leave_radio` in the end."""
    global _radio, _users
    with _lock:
        if _radio is None:
            _radio = Radio()
        _users += 1
        return _radio


def leave_radio() -> None:
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


FIND_TIMEOUT_S = 10.0
"""Headbands advertise themselves several times a second, low batteries and busy radios less often."""
CONNECT_TIMEOUT_S = 15.0
CLOSE_TIMEOUT_S = 0.8
"""BlueZ may take its time over a disconnection; it goes on with it when nobody waits any more."""
GATHER_S = 0.1
"""Notifications are handed out together, for this long at a time: eight headbands send a thousand a second,
and to wake up for each would cost more than to decode it."""
MAX_WAITING = 20_000
"""Notifications kept for a reader that does not come: two minutes of the busiest headband. Older ones go."""

_TROUBLE = (BleakError, OSError, TimeoutError, EOFError)


class BleLink:
    """One connection.

    Parameters
    ----------
    address
        Address, or the whole advertised name.
    gatt
        What to subscribe to, and where commands go.
    cancelled
        See `Cancelled`.
    clock
        Monotonic seconds.

    Raises
    ------
    DeviceError
        No radio, no such headband, or it refuses; the cause tells.
    """

    def __init__(
        self,
        address: str,
        gatt: Gatt,
        cancelled: Cancelled = never,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._gatt = gatt
        self._clock = clock
        self._chunks: deque[Chunk] = deque(maxlen=MAX_WAITING)
        self._arrived = Event()
        self._gone = False
        self._client: BleakClient | None = None
        self._radio = take_radio()
        try:
            self._radio.run(self._connect(), cancelled)
        except _TROUBLE as error:
            self.close()
            raise device_error(address, error) from error
        except BaseException:
            self.close()
            raise

    def read(self, timeout_s: float) -> list[Chunk]:
        """Take what has been notified, waiting at most `timeout_s` for something, and gathering a moment.

        Raises
        ------
        DeviceError
            The headband disconnected.
        """
        if not self._chunks and not self._gone:
            self._arrived.clear()
            if not self._chunks and not self._gone:
                self._arrived.wait(timeout_s)
        if self._chunks and not self._gone:
            time.sleep(min(GATHER_S, timeout_s))
        if not self._chunks and self._gone:
            raise DeviceError(f"{self.address}: the headband disconnected")
        taken = []
        while self._chunks:
            taken.append(self._chunks.popleft())
        return taken

    def write(self, data: bytes) -> None:
        """Send a command, without asking for a confirmation.

        Raises
        ------
        DeviceError
            The headband disconnected, or BlueZ does not answer.
        """
        client = self._client
        if client is None or self._gone:
            raise DeviceError(f"{self.address}: the headband disconnected")
        try:
            self._radio.run(
                client.write_gatt_char(self._gatt.control, data, response=False), limit_s=ANSWER_S
            )
        except DeviceError as error:
            self._gone = True  # what BlueZ does not answer once it is not asked again, not even at the close
            raise DeviceError(f"{self.address}: {error}", error.cause) from error
        except _TROUBLE as error:
            raise device_error(self.address, error) from error

    def value_of(self, uuid: str) -> bytes:
        """Read a characteristic; empty where the headband has none of this UUID.

        Raises
        ------
        DeviceError
            The headband disconnected.
        """
        client = self._client
        if client is None or client.services.get_characteristic(uuid) is None:
            return b""
        try:
            return bytes(self._radio.run(client.read_gatt_char(uuid), limit_s=ANSWER_S))
        except _TROUBLE as error:
            raise device_error(self.address, error) from error

    def started(self, _firmware: int | None) -> None:
        """Nothing depends on it here."""

    def close(self) -> None:
        """Disconnect; never raises."""
        client, self._client = self._client, None
        if self._radio is None:
            return
        if client is not None:
            with suppress(*_TROUBLE, DeviceError):
                self._radio.run(_disconnect(client), limit_s=CLOSE_TIMEOUT_S)
        self._gone = True
        self._radio = None  # type: ignore[assignment]  # nothing but `close` may follow
        leave_radio()

    async def _connect(self) -> None:
        device = await left_connected(self.address)
        if device is None:
            device = await self._radio.find(self.address, FIND_TIMEOUT_S)
        if device is None:
            raise DeviceError(
                f"{self.address}: no such headband is in sight; switch it on, bring it near, and see "
                "`sanctuary scan`",
                Cause.NOT_FOUND,
            )
        client = BleakClient(device, self._disconnected, timeout=CONNECT_TIMEOUT_S)
        async with self._radio.turn:
            await client.connect()
        self._client = client
        for uuid, source in self._gatt.notify.items():
            if client.services.get_characteristic(uuid) is not None:
                await client.start_notify(uuid, self._receiver(source))

    def _receiver(self, source: int) -> Callable[[object, bytearray], None]:
        chunks, arrived, clock = self._chunks, self._arrived, self._clock

        def receive(_characteristic: object, data: bytearray) -> None:
            chunks.append(Chunk(clock(), source, bytes(data)))
            if not arrived.is_set():
                arrived.set()

        return receive

    def _disconnected(self, _client: BleakClient) -> None:
        self._gone = True
        self._arrived.set()


async def _disconnect(client: BleakClient) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.disconnect()
