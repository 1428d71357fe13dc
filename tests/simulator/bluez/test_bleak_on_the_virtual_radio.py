"""bleak's own BlueZ backend on the virtual radio: headbands found, used, lost, regained; faults; traces."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.exc import BleakBluetoothNotAvailableError, BleakDBusError, BleakError

from ble_bench import CONTROL, DATA, REVISION, SERVICE, Beacon, in_reach, needs_dbus, on_bleak
from sanctuary.config.errors import DeviceError
from sanctuary.simulator.bluez.server import VirtualRadio
from sanctuary.simulator.devices import virtual_ganglion as ganglion
from sanctuary.simulator.devices.gatt import Notification
from sanctuary.simulator.devices.link_faults import shorten_notifications
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_ganglion import VirtualGanglion
from sanctuary.simulator.devices.virtual_muse import VirtualMuse, uuid
from virtual_boards import PATIENCE_S, wait_until

pytestmark = needs_dbus

SETTLE_S = 0.3


@pytest.fixture(autouse=True)
def _no_socket_is_left_for_later_tests() -> Iterator[None]:
    yield
    gc.collect()


async def found(name: str) -> BLEDevice:
    device = await BleakScanner.find_device_by_name(name, PATIENCE_S)
    assert device is not None
    return device


class Heard:
    """What a client has been notified of."""

    def __init__(self) -> None:
        self.data: list[bytes] = []

    def __call__(self, _characteristic: object, data: bytearray) -> None:
        self.data.append(bytes(data))

    @property
    def numbers(self) -> list[int]:
        return [int.from_bytes(each, "big") for each in self.data if not each.startswith(b"echo")]

    async def more(self, n: int) -> None:
        await until(lambda: len(self.data) >= n)


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not happened():
            await asyncio.sleep(0.01)


async def begun(client: BleakClient) -> Heard:
    """Let a beacon count."""
    heard = Heard()
    await client.start_notify(DATA, heard)
    await client.write_gatt_char(CONTROL, b"b", response=False)
    return heard


def test_found_listed_read_subscribed_and_written_to() -> None:
    beacon = Beacon()

    async def visit() -> None:
        seen = await BleakScanner.discover(0.3, return_adv=True)
        device, advertisement = seen[beacon.address]
        assert (device.name, advertisement.service_uuids) == ("Beacon-1", [SERVICE])
        assert -60 < advertisement.rssi < -50
        async with BleakClient(device) as client:
            assert [service.uuid for service in client.services] == [SERVICE]
            (service,) = client.services
            assert {each.uuid: tuple(each.properties) for each in service.characteristics} == {
                each.uuid: each.flags for each in beacon.services[0].characteristics
            }
            assert bytes(await client.read_gatt_char(REVISION)) == b"3.0.2"
            assert {each.max_write_without_response_size for each in service.characteristics} == {244}
            heard = await begun(client)
            await heard.more(20)
            assert heard.data[0] == b"echo b"
            assert heard.numbers == list(range(len(heard.numbers)))
            await client.write_gatt_char(CONTROL, b"x", response=True)
            await until(lambda: b"echo x" in heard.data)
            await client.stop_notify(DATA)
            n = len(heard.data)
            await asyncio.sleep(SETTLE_S)
            assert len(heard.data) == n
        assert beacon.commands == [b"b", b"x"]

    with in_reach(beacon) as radio:
        on_bleak(visit())
        assert not radio.connected(beacon)


@pytest.mark.parametrize("where", [DATA, CONTROL])
def test_what_cannot_be_read_is_refused(where: str) -> None:
    async def visit() -> None:
        async with BleakClient(await found("Beacon-1")) as client:
            with pytest.raises(BleakError, match="Read Not Permitted"):
                await client.read_gatt_char(where)

    with in_reach(Beacon()):
        on_bleak(visit())


def test_lost_and_regained() -> None:
    beacon = Beacon()

    async def visit(radio: VirtualRadio) -> None:
        device, gone = await found("Beacon-1"), asyncio.Event()
        client = BleakClient(device, lambda _: gone.set())
        await client.connect()
        heard = await begun(client)
        await heard.more(5)
        dropped_s = time.monotonic()
        await asyncio.to_thread(radio.drop, beacon)
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()
        assert time.monotonic() - dropped_s < 1.0
        assert not client.is_connected
        with pytest.raises(BleakError):
            await client.write_gatt_char(CONTROL, b"s", response=False)
        await client.disconnect()
        async with BleakClient(await found("Beacon-1")) as again:
            heard = await begun(again)
            await heard.more(5)
        assert beacon.connections == 2

    with in_reach(beacon) as radio:
        on_bleak(visit(radio))


def test_eight_muses_at_once_lose_nothing() -> None:
    muses = [
        VirtualMuse(NoiseSource(k), name=f"Muse-000{k}", address=f"00:55:DA:B0:00:0{k}") for k in range(1, 9)
    ]
    numbers: dict[str, list[int]] = {}

    async def visit() -> None:
        seen = {device.name: device for device in await BleakScanner.discover(0.5)}
        clients = [BleakClient(seen[muse.name]) for muse in muses]
        for client, muse in zip(clients, muses, strict=True):
            await client.connect()
            own = numbers.setdefault(muse.name, [])
            for source in (3, 4, 5, 6):
                await client.start_notify(
                    uuid(source), lambda _, data, own=own: own.append(int.from_bytes(data[:2], "big"))
                )
        for client in clients:
            await client.write_gatt_char(uuid(1), b"\x02d\n", response=False)
        await until(lambda: min(len(own) for own in numbers.values()) >= 4 * 22)
        for client in clients:
            await client.disconnect()

    with in_reach(*muses):
        on_bleak(visit())
    for own in numbers.values():
        assert own == [k // 4 for k in range(len(own))]


def test_only_what_is_subscribed_to_arrives() -> None:
    heard = Heard()

    async def visit() -> None:
        async with BleakClient(await found("Muse-5A17")) as client:
            await client.start_notify(uuid(4), heard)
            await client.write_gatt_char(uuid(1), b"\x02d\n", response=False)
            await heard.more(10)

    with in_reach(VirtualMuse(NoiseSource(1))):
        on_bleak(visit())
    assert [int.from_bytes(data[:2], "big") for data in heard.data] == list(range(len(heard.data)))


def test_time_may_pass_faster() -> None:
    heard = Heard()

    async def visit() -> float:
        async with BleakClient(await found("Ganglion-5a17")) as client:
            assert bytes(await client.read_gatt_char(ganglion.REVISION)) == b"3.0.2"
            await client.start_notify(ganglion.DATA, heard)
            await client.write_gatt_char(ganglion.COMMANDS, b"b", response=False)
            began_s = time.monotonic()
            await heard.more(2000)
            return time.monotonic() - began_s

    with in_reach(VirtualGanglion(NoiseSource(1)), speed=20.0):
        took_s = on_bleak(visit())
    assert took_s < 10.0  # 20 s of signal
    assert [data[0] for data in heard.data[:2000]] == [100 + k % 100 for k in range(2000)]


# --- faults ---


def test_a_radio_that_is_off_finds_nothing_until_it_is_on() -> None:
    beacon = Beacon()

    async def visit(radio: VirtualRadio) -> None:
        device, gone = await found("Beacon-1"), asyncio.Event()
        client = BleakClient(device, lambda _: gone.set())
        await client.connect()
        await asyncio.to_thread(lambda: radio.power(on=False))
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()
        await client.disconnect()
        with pytest.raises(BleakError):  # of one kind or the other, by what bleak has heard already
            await BleakScanner.discover(0.1)
        with pytest.raises(BleakError):
            await BleakClient(device).connect()
        await asyncio.to_thread(lambda: radio.power(on=True))
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(BleakBluetoothNotAvailableError):  # until bleak has heard that it is on
                    again = await found("Beacon-1")
                    break
                await asyncio.sleep(0.01)
        async with BleakClient(again):
            pass

    with in_reach(beacon) as radio:
        on_bleak(visit(radio))


def test_what_does_not_advertise_is_not_found() -> None:
    beacon = Beacon()

    async def visit(radio: VirtualRadio) -> None:
        assert await BleakScanner.find_device_by_name("Beacon-1", 0.3) is None
        await asyncio.to_thread(lambda: radio.advertise(beacon, on=True))
        await found("Beacon-1")

    with in_reach(beacon) as radio:
        radio.advertise(beacon, on=False)
        on_bleak(visit(radio))


def test_the_next_attempt_to_connect_is_refused_and_the_one_after_it_not() -> None:
    beacon = Beacon()

    async def visit() -> None:
        device = await found("Beacon-1")
        with pytest.raises(BleakDBusError, match="InProgress") as caught:
            await BleakClient(device).connect()
        assert caught.value.dbus_error == "org.bluez.Error.InProgress"
        async with BleakClient(device):
            pass

    with in_reach(beacon) as radio:
        radio.refuse(beacon, "org.bluez.Error.InProgress", "In Progress")
        on_bleak(visit())


def test_a_silent_headband_stays_connected() -> None:
    beacon = Beacon()

    async def visit(radio: VirtualRadio) -> None:
        async with BleakClient(await found("Beacon-1")) as client:
            heard = await begun(client)
            await heard.more(5)
            await asyncio.to_thread(lambda: radio.silence(beacon, on=True))
            await asyncio.sleep(SETTLE_S)
            n = len(heard.data)
            await asyncio.sleep(SETTLE_S)
            assert len(heard.data) == n
            assert client.is_connected
            await asyncio.to_thread(lambda: radio.silence(beacon, on=False))
            await heard.more(n + 5)
            assert heard.numbers[-1] >= len(heard.numbers) + 10  # what it sent meanwhile is lost

    with in_reach(beacon) as radio:
        on_bleak(visit(radio))


def test_notifications_may_be_tampered_with() -> None:
    beacon = Beacon()

    def every_other(notifications: list[Notification]) -> list[Notification]:
        return [each for each in notifications if not each.data[-1] % 2]

    async def visit(radio: VirtualRadio) -> None:
        async with BleakClient(await found("Beacon-1")) as client:
            heard = await begun(client)
            await heard.more(20)
            assert [number % 2 for number in heard.numbers] == [0] * len(heard.numbers)
            await asyncio.to_thread(radio.manipulate, beacon, shorten_notifications(1.0, 1))
            await until(lambda: b"" in heard.data)

    with in_reach(beacon) as radio:
        radio.manipulate(beacon, every_other)
        on_bleak(visit(radio))


def test_a_burst_that_fills_the_socket_arrives_whole_and_in_order() -> None:
    beacon = Beacon()

    def burst(notifications: list[Notification]) -> list[Notification]:
        """More than a daemon takes at once, then nothing, so that nobody is flooded for ever."""
        numbers = [each for each in notifications if len(each.data) == 4]
        return [each for each in numbers if int.from_bytes(each.data) < 4 for _ in range(1500)]

    async def visit() -> None:
        async with BleakClient(await found("Beacon-1")) as client:
            heard = await begun(client)
            await heard.more(6000)
            assert heard.numbers == [k // 1500 for k in range(len(heard.data))]

    with in_reach(beacon) as radio:
        radio.manipulate(beacon, burst)
        on_bleak(visit())


def test_connecting_may_take_its_time() -> None:
    beacon = Beacon()

    async def visit() -> float:
        device = await found("Beacon-1")
        began_s = time.monotonic()
        async with BleakClient(device):
            return time.monotonic() - began_s

    with in_reach(beacon) as radio:
        radio.slow_start(beacon, 0.4)
        assert 0.4 <= on_bleak(visit()) < PATIENCE_S


# --- traces ---


def traces() -> tuple[set[str], set[int], set[str], int]:
    """Threads, children, folders and descriptors."""
    threads = {thread.name for thread in threading.enumerate() if thread.name == "virtual radio"}
    children = {child.pid for child in psutil.Process().children(recursive=True)}
    folder = Path(os.environ.get("TMPDIR", "/tmp"))
    folders = {each.name for each in folder.glob("sanctuary-bus-*")}
    return threads, children, folders, len(list(Path("/proc/self/fd").iterdir()))


def test_closing_leaves_no_trace() -> None:
    before = traces()
    with in_reach(Beacon()) as radio:
        on_bleak(found("Beacon-1"))
        assert traces() != before
    radio.close()
    gc.collect()
    wait_until(lambda: traces() == before)


def test_a_closed_radio_says_so() -> None:
    beacon = Beacon()
    with VirtualRadio([beacon]) as radio:
        pass
    with pytest.raises(DeviceError, match="closed"):
        radio.drop(beacon)


def test_a_headband_that_breaks_the_radio_is_told_at_the_end() -> None:
    beacon = Beacon()

    def broken(_notifications: list[Notification]) -> list[Notification]:
        raise ZeroDivisionError("a mistake")

    async def visit(radio: VirtualRadio) -> None:
        async with BleakClient(await found("Beacon-1")) as client:
            await client.start_notify(DATA, Heard())
            await asyncio.to_thread(radio.manipulate, beacon, broken)
            await until(lambda: not radio._thread.is_alive())

    with pytest.raises(DeviceError, match="broke down: ZeroDivisionError"), in_reach(beacon) as radio:
        on_bleak(visit(radio))
