"""A headband over Bluetooth LE, by bleak: notifications as they came, commands, and its sudden end."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Event

from bleak import BleakClient
from bleak.exc import BleakError

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.links.ble_radio import (
    ANSWER_S,
    acquire_radio,
    device_error,
    left_connected,
    release_radio,
)
from sanctuary.firmware_bridge.links.link import Cancelled, Chunk, Gatt, Link, not_cancelled

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


class BleLink(Link):
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
        cancelled: Cancelled = not_cancelled,
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
        self._radio = acquire_radio()
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

    def close(self) -> None:
        client, self._client = self._client, None
        if self._radio is None:
            return
        if client is not None:
            with suppress(*_TROUBLE, DeviceError):
                self._radio.run(_disconnect(client), limit_s=CLOSE_TIMEOUT_S)
        self._gone = True
        self._radio = None  # type: ignore[assignment]  # nothing but `close` may follow
        release_radio()

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
