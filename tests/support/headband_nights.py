"""Rough nights of every kind of headband: its true driver, codec, pump and clock, on a scripted link."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from faulty_links import FaultyPort, FaultyRadio, StreamingDevice, mangler
from rough_night import Night, NumberSource, Verdict, VirtualClock, VirtualEnd, judge
from sanctuary.firmware_bridge.headbands.device import DeviceHeadband
from sanctuary.firmware_bridge.headbands.drivers import DRIVERS
from sanctuary.firmware_bridge.headbands.headband import Driver, HeadbandOptions
from sanctuary.firmware_bridge.headbands.muse.wire import encode
from sanctuary.firmware_bridge.links.link import Link
from sanctuary.firmware_bridge.stream.reader import HeadbandReader
from sanctuary.simulator.devices.board_port import SerialBoard
from sanctuary.simulator.devices.muse_control import uuid
from sanctuary.simulator.devices.virtual_athena import VirtualAthena
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from sanctuary.simulator.devices.virtual_freeeeg import VirtualFreeEeg
from sanctuary.simulator.devices.virtual_ganglion import COMMANDS, VirtualGanglion
from sanctuary.simulator.devices.virtual_muse import VirtualMuse
from sanctuary.simulator.devices.virtual_thinkgear import VirtualThinkGear
from sanctuary.simulator.devices.virtual_zmax import VirtualZmax

SERIAL_KINDS: dict[str, tuple[Callable[[NumberSource], SerialBoard], int, bool]] = {
    "cyton": (VirtualCyton, 33, False),
    "cyton-daisy": (lambda source: VirtualCyton(source, daisy=True), 33, False),
    "freeeeg32": (VirtualFreeEeg, 105, False),
    "thinkgear": (VirtualThinkGear, 8, True),
    "zmax": (VirtualZmax, 127, True),
}
"""How to make each, the bytes of its packets, and whether they can only be spoilt, for want of a counter."""
RADIO_KINDS: dict[str, tuple[Callable[..., StreamingDevice], tuple[bytes, ...], str]] = {
    "muse": (VirtualMuse, (encode("d"),), uuid(1)),
    "athena": (VirtualAthena, (encode("dc001"),), uuid(1)),
    "ganglion": (VirtualGanglion, (b"b",), COMMANDS),
}
"""How to make each, what makes it stream, and where that is written."""


def run_night(
    night: Night,
    driver: Driver,
    opened: Callable[[VirtualClock, float], Link],
    options: HeadbandOptions | None = None,
) -> None:
    """Let the true pump read the headband through the whole night."""
    clock = VirtualClock()
    zero_s = clock.now_s
    pump = HeadbandReader(
        lambda: DeviceHeadband(
            driver,
            "virtual",
            dict(list(driver.channels.items())[:2]),
            options,
            clock=clock,
            opened=lambda *_: opened(clock, zero_s),
        ),
        night.blocks.append,
        night.said.append,
        lambda: night.said.append("back"),
        clock=clock,
        jitter=np.random.default_rng((night.seed, 2)).random,
        stopping=VirtualEnd(clock, zero_s + night.hours * 3600.0),
    )
    pump.run()


def slept(kind: str, night: Night, **options: object) -> Verdict:
    """Let a kind of headband sleep a night, and judge it."""
    sleep(kind, night, **options)
    return judge(night, DRIVERS[kind].fs_hz, _each(kind))


def sleep(kind: str, night: Night, **options: object) -> None:
    """Let a kind of headband sleep a night."""
    driver = DRIVERS[kind]
    rng = np.random.default_rng(night.seed)
    source = NumberSource(_each(kind))
    if kind in SERIAL_KINDS:
        make, packet_bytes, corrupt = SERIAL_KINDS[kind]
        board = make(source)
        state: dict[str, float] = {}
        mangle = mangler(night, packet_bytes, corrupt=corrupt)

        def opened(clock: VirtualClock, zero_s: float) -> Link:
            return FaultyPort(night, clock, zero_s, board, source, state, mangle, rng)

    else:
        make_device, begins, write_to = RADIO_KINDS[kind]
        fs_hz = driver.fs_hz * (1.0 + night.ppm * 1e-6)
        device = make_device(source, fs_hz=fs_hz, **options)

        def opened(clock: VirtualClock, zero_s: float) -> Link:
            link = FaultyRadio(night, clock, zero_s, device, _sources(driver), source, rng, fs_hz)
            link.begins, link.write_to = begins, write_to
            link.began_at = source.rendered
            return link

    run_night(night, driver, opened)


def _each(kind: str) -> int:
    """How many samples of a device tell one number."""
    return 2 if kind == "cyton-daisy" else 1


def _sources(driver: Driver) -> dict[str, int]:
    assert driver.gatt is not None
    return dict(driver.gatt.notify)
