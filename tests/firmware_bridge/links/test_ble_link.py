"""Bluetooth links through bleak's own BlueZ backend, on a private bus: found, used, lost, found again."""

import threading
import time

import pytest
from dbus_fast import Message

from ble_bench import CONTROL, GATT, REVISION, Beacon, in_reach, needs_dbus
from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.headbands.drivers import bluetooth
from sanctuary.firmware_bridge.links import ble_link as ble
from sanctuary.firmware_bridge.links import ble_radio as radio
from sanctuary.firmware_bridge.links.ble_link import BleLink
from sanctuary.firmware_bridge.links.link import Chunk
from sanctuary.simulator.bluez.adapter import Adapter
from sanctuary.simulator.bluez.server import VirtualRadio
from virtual_boards import PATIENCE_S, wait_until

pytestmark = needs_dbus


def numbers(chunks: list[Chunk]) -> list[int]:
    return [int.from_bytes(chunk.data, "big") for chunk in chunks if not chunk.data.startswith(b"echo")]


def read(link: BleLink, n: int) -> list[Chunk]:
    chunks: list[Chunk] = []
    deadline_s = time.monotonic() + PATIENCE_S
    while len(chunks) < n and time.monotonic() < deadline_s:
        chunks += link.read(1.0)
    return chunks


def lost(link: BleLink) -> DeviceError:
    while True:
        try:
            link.read(PATIENCE_S)
        except DeviceError as error:
            return error


@pytest.fixture(autouse=True)
def _no_radio_thread_is_left() -> object:
    yield
    assert not [thread for thread in threading.enumerate() if "radio" in thread.name]


@pytest.mark.parametrize("address", ["Beacon-1", "beacon-1", "00:00:5E:00:53:11", "00:00:5e:00:53:11"])
def test_found_by_name_or_address_and_read_in_order(address: str) -> None:
    beacon = Beacon()
    with in_reach(beacon):
        link = BleLink(address, GATT)
        assert link.value_of(REVISION) == b"3.0.2"
        assert link.value_of(CONTROL.replace("ffa2", "ffaf")) == b""
        link.write(b"b")
        chunks = read(link, 20)
        assert chunks[0] == Chunk(chunks[0].at_s, 7, b"echo b")
        assert numbers(chunks)[:19] == list(range(19))
        times = [chunk.at_s for chunk in chunks]
        assert times == sorted(times)
        link.close()
        link.close()
        assert beacon.connections == 1


def test_a_drop_is_told_at_once_and_after_everything_that_came_before() -> None:
    beacon = Beacon()
    with in_reach(beacon) as radio:
        link = BleLink("Beacon-1", GATT)
        link.write(b"b")
        read(link, 5)
        radio.drop(beacon)
        dropped_s = time.monotonic()
        error = lost(link)
        assert time.monotonic() - dropped_s < 1.0
        assert (error.cause, str(error)) == (Cause.DROPPED, "Beacon-1: the headband disconnected")
        with pytest.raises(DeviceError, match="disconnected"):
            link.write(b"s")
        link.close()
        again = BleLink("Beacon-1", GATT)
        again.write(b"b")
        assert len(read(again, 5)) >= 5
        again.close()


def test_a_headband_that_a_crash_left_connected_is_taken_over() -> None:
    beacon = Beacon()
    with in_reach(beacon) as radio:
        radio._do(lambda adapter: adapter.peripherals[0].advertise())
        radio._do(lambda adapter: adapter.peripherals[0].connect(time.monotonic()))
        link = BleLink("Beacon-1", GATT)  # it does not advertise, so no scan finds it
        link.write(b"b")
        assert len(read(link, 5)) >= 5
        assert beacon.connections == 1
        link.close()


def test_several_at_once_share_one_scan() -> None:
    beacons = [Beacon(number) for number in range(1, 5)]
    links: list[BleLink] = []
    with in_reach(*beacons):
        threads = [
            threading.Thread(target=lambda b=b: links.append(BleLink(b.address, GATT))) for b in beacons
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for link in links:
            link.write(b"b")
        for link in links:
            assert len(read(link, 10)) >= 10
            link.close()


def test_nothing_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ble, "FIND_TIMEOUT_S", 0.5)
    beacon = Beacon()
    with in_reach(beacon) as radio:
        radio.advertise(beacon, on=False)
        with pytest.raises(DeviceError, match="no such headband is in sight; switch it on") as caught:
            BleLink("Beacon-1", GATT)
        assert caught.value.cause is Cause.NOT_FOUND


def test_opening_is_broken_off_soon() -> None:
    with in_reach() as _:
        began_s = time.monotonic()
        with pytest.raises(DeviceError, match="broken off"):
            BleLink("Beacon-1", GATT, lambda: time.monotonic() > began_s + 0.3)
        assert time.monotonic() - began_s < ble.FIND_TIMEOUT_S / 2


def test_a_radio_that_is_off() -> None:
    with in_reach(Beacon()) as radio:
        radio.power(on=False)
        with pytest.raises(DeviceError, match="Bluetooth is off or missing") as caught:
            BleLink("Beacon-1", GATT)
        assert caught.value.cause is Cause.RADIO_OFF


def test_a_radio_that_is_switched_off_and_on_loses_and_finds_its_headbands() -> None:
    with in_reach(Beacon()) as radio:
        link = BleLink("Beacon-1", GATT)
        radio.power(on=False)
        assert lost(link).cause is Cause.DROPPED
        link.close()
        radio.power(on=True)
        again = BleLink("Beacon-1", GATT)
        again.close()


def test_a_headband_that_refuses() -> None:
    beacon = Beacon()
    with in_reach(beacon) as radio:
        radio.refuse(beacon)
        with pytest.raises(DeviceError, match=r"BlueZ refuses \(Failed: Operation failed\)") as caught:
            BleLink("Beacon-1", GATT)
        assert caught.value.cause is Cause.REFUSED
        BleLink("Beacon-1", GATT).close()


def test_no_bus_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus")
    with pytest.raises(DeviceError, match="D-Bus, which leads to Bluetooth, cannot be reached") as caught:
        BleLink("Beacon-1", GATT)
    assert caught.value.cause is Cause.RADIO_OFF


def test_a_bus_without_bluez(monkeypatch: pytest.MonkeyPatch) -> None:
    from sanctuary.simulator.bluez.private_bus import PrivateBus

    with PrivateBus() as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        with pytest.raises(DeviceError, match="no BlueZ runs on this machine") as caught:
            BleLink("Beacon-1", GATT)
    assert caught.value.cause is Cause.RADIO_OFF


def test_a_scan_lists_headbands_only() -> None:
    beacon = Beacon()
    muse = Beacon(2)
    muse.name = "Muse-5A17"
    with in_reach(beacon, muse):
        (found,) = bluetooth(1.0)
    assert (found.address, found.name, found.drivers) == (muse.address, "Muse-5A17", ("muse",))
    assert found.rssi_dbm is not None


def test_a_connection_that_comes_slowly() -> None:
    beacon = Beacon()
    with in_reach(beacon) as radio:
        radio.slow_start(beacon, 0.5)
        began_s = time.monotonic()
        link = BleLink("Beacon-1", GATT)
        assert time.monotonic() - began_s >= 0.5
        link.close()


def test_what_crashes_leaves_the_radio_in_order() -> None:
    beacon = Beacon()
    with VirtualRadio([beacon]) as radio:
        assert not radio.connected(beacon)
    with pytest.raises(ValueError, match="one address"):
        VirtualRadio([beacon, beacon])
    wait_until(lambda: not [t for t in threading.enumerate() if t.name == "virtual radio"])


def test_an_address_of_the_bus_that_is_none_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "nonsense")
    with pytest.raises(DeviceError, match="D-Bus, which leads to Bluetooth, cannot be reached") as caught:
        BleLink("Beacon-1", GATT)
    assert caught.value.cause is Cause.RADIO_OFF


def test_a_call_that_bluez_never_answers_is_a_fault_and_the_link_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ble, "ANSWER_S", 0.3)
    deaf = threading.Event()
    answer = Adapter.answer

    def answered(adapter: Adapter, call: Message) -> Message | bool | None:
        return True if deaf.is_set() and call.member == "WriteValue" else answer(adapter, call)

    monkeypatch.setattr(Adapter, "answer", answered)
    with in_reach(Beacon()):
        link = BleLink("Beacon-1", GATT)
        deaf.set()
        with pytest.raises(DeviceError, match="Beacon-1: BlueZ does not answer") as caught:
            link.write(b"b")
        assert caught.value.cause is Cause.SILENT
        with pytest.raises(DeviceError, match="disconnected"):
            link.write(b"s")  # at once: it is not asked again
        link.close()
        deaf.clear()
        again = BleLink("Beacon-1", GATT)
        again.write(b"b")
        assert numbers(read(again, 3))
        again.close()


def test_a_radio_that_was_off_does_not_end_the_scan_of_those_who_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(radio, "RENEW_S", 0.3)
    monkeypatch.setattr(ble, "FIND_TIMEOUT_S", 3.0)
    near, away = Beacon(1), Beacon(2)
    with in_reach(near, away) as there:
        there.advertise(near, on=False)
        there.advertise(away, on=False)
        found: list[BleLink] = []
        missed: list[DeviceError] = []

        def wait_for(name: str) -> None:
            try:
                found.append(BleLink(name, GATT))
            except DeviceError as error:
                missed.append(error)

        waiting = [threading.Thread(target=wait_for, args=(name,)) for name in (near.name, away.name)]
        for thread in waiting:
            thread.start()
        wait_until(lambda: there.discovering)
        there.power(on=False)
        there.power(on=True)
        there.advertise(near, on=True)
        for thread in waiting:
            thread.join(PATIENCE_S)
        for link in found:
            link.close()
    assert [link.address for link in found] == [near.name]
    assert [error.cause for error in missed] == [Cause.NOT_FOUND]
