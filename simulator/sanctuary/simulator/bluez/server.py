"""The virtual radio: a thread that serves ``org.bluez`` on a private D-Bus, in real time or faster."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self, TypeVar

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.simulator.bluez.adapter import Adapter
from sanctuary.simulator.bluez.objects import Peripheral
from sanctuary.simulator.bluez.private_bus import PrivateBus, SendQueue
from sanctuary.simulator.devices.gatt import GattDevice
from sanctuary.simulator.devices.link_faults import NotificationManipulator

T = TypeVar("T")

TICK_S = 0.01
ADVERTISE_EVERY = 10
"""Ticks between two advertisements: ten a second, as headbands do that want to be found."""
TIMEOUT_S = 10.0
_GONE = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"


class VirtualRadio:
    """A radio and the headbands in its reach; a context manager.

    Parameters
    ----------
    devices
        The headbands; their addresses differ.
    speed
        Factor on real time.

    Attributes
    ----------
    address
        D-Bus address, for ``DBUS_SYSTEM_BUS_ADDRESS``.

    Raises
    ------
    DeviceError
        No dbus-daemon.
    """

    def __init__(self, devices: Sequence[GattDevice], *, speed: float = 1.0) -> None:
        if len({device.address for device in devices}) < len(devices):
            raise ValueError("two headbands with one address")
        self._devices, self._speed = tuple(devices), speed
        self._zero_s = time.monotonic()
        self._private = PrivateBus()
        self.address = self._private.address
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._stop: asyncio.Event | None = None
        self._adapter: Adapter | None = None
        self._thread = threading.Thread(target=self._run, name="virtual radio", daemon=True)
        self._thread.start()
        self._ready.wait(TIMEOUT_S)
        if self._adapter is None:
            self._end()
            raise DeviceError(f"the virtual radio did not start: {self._error}", Cause.RADIO_OFF)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End thread, bus and daemon.

        Raises
        ------
        DeviceError
            The radio broke down before, because a headband or an injected fault raised.
        """
        self._end()
        error, self._error = self._error, None
        if error is not None:
            raise DeviceError(f"the virtual radio broke down: {error!r}", Cause.RADIO_OFF) from error

    def _end(self) -> None:
        stop = self._stop
        if stop is not None:
            with suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(stop.set)
        self._thread.join(TIMEOUT_S)
        self._private.close()

    # --- injected faults ---

    def power(self, *, on: bool) -> None:
        self._do(lambda adapter: adapter.power(on=on))

    @property
    def discovering(self) -> bool:
        return self._do(lambda adapter: adapter.discovering)

    def advertise(self, device: GattDevice, *, on: bool) -> None:
        """Switch a headband's advertising; a connection stays."""
        self._on(device, lambda peripheral: setattr(peripheral, "advertises", on))

    def drop(self, device: GattDevice) -> None:
        """Lose a headband's connection."""
        self._on(device, lambda peripheral: peripheral.disconnect(self._now()))

    def refuse(
        self, device: GattDevice, error: str = "org.bluez.Error.Failed", text: str = "Operation failed"
    ) -> None:
        """Make the next attempt to connect to a headband fail."""
        self._on(device, lambda peripheral: setattr(peripheral, "refusal", (error, text)))

    def silence(self, device: GattDevice, *, on: bool) -> None:
        """Stop or resume the notifications of a connected headband."""
        self._on(device, lambda peripheral: setattr(peripheral, "silent", on))

    def manipulate(self, device: GattDevice, fault: NotificationManipulator) -> None:
        """Apply a fault to a headband's notifications."""
        self._on(device, lambda peripheral: setattr(peripheral, "fault", fault))

    def slow_start(self, device: GattDevice, delay_s: float) -> None:
        """Set how long connecting to a headband takes, seconds."""
        self._on(device, lambda peripheral: setattr(peripheral, "delay_s", delay_s))

    def connected(self, device: GattDevice) -> bool:
        """Whether a client is connected to a headband."""
        return self._on(device, lambda peripheral: peripheral.connected)

    def _on(self, device: GattDevice, do: Callable[[Peripheral], T]) -> T:
        return self._do(
            lambda adapter: do(next(each for each in adapter.peripherals if each.device is device))
        )

    def _do(self, do: Callable[[Adapter], T]) -> T:
        """Run `do` on the radio's own thread."""
        adapter = self._adapter
        if adapter is None:
            raise DeviceError("the virtual radio is closed", Cause.RADIO_OFF)

        async def work() -> T:
            return do(adapter)

        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(TIMEOUT_S)

    # --- the thread ---

    def _now(self) -> float:
        return self._zero_s + (time.monotonic() - self._zero_s) * self._speed

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            self._error = error
        finally:
            self._adapter = None
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        bus = await MessageBus(bus_address=self.address).connect()
        fd = bus._fd  # noqa: SLF001  there is no other way to ask whether it takes more
        if fd is None:
            raise OSError("the connection to the private D-Bus was lost at once")
        outbox = SendQueue(bus, fd)

        def emit(path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
            outbox.put(Message.new_signal(path, interface, member, signature, body))

        def later(delay_s: float, do: Callable[[], None]) -> None:
            self._loop.call_later(delay_s, do)

        adapter = Adapter(self._devices, emit, outbox.put, later, self._now)

        def on_message(message: Message) -> bool | None:
            if message.message_type is MessageType.SIGNAL and message.member == "NameOwnerChanged":
                name, _, owner = message.body
                if not owner:
                    adapter.on_client_left(name)
                return None
            answer = adapter.answer(message)
            if isinstance(answer, Message):
                outbox.put(answer)
                return True
            return answer

        try:
            bus.add_message_handler(on_message)
            await bus.call(
                Message(
                    destination="org.freedesktop.DBus",
                    path="/org/freedesktop/DBus",
                    interface="org.freedesktop.DBus",
                    member="AddMatch",
                    signature="s",
                    body=[_GONE],
                )
            )
            await bus.request_name("org.bluez")
            self._adapter = adapter
            self._ready.set()
            await self._pace(adapter, outbox, self._stop)
        finally:
            bus.disconnect()
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    async def _pace(self, adapter: Adapter, outbox: SendQueue, stop: asyncio.Event) -> None:
        ticks = 0
        while not stop.is_set():
            outbox.flush()
            adapter.tick()
            if ticks % ADVERTISE_EVERY == 0:
                adapter.advertise()
            ticks += 1
            await asyncio.sleep(TICK_S)
