"""Virtual headbands by kind, each on a serial port, a socket, or Bluetooth LE, with the faults asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol, Self

from sanctuary.simulator.bluez.server import VirtualRadio
from sanctuary.simulator.devices.board_port import SerialBoard
from sanctuary.simulator.devices.fault_registry import DeviceFault
from sanctuary.simulator.devices.gatt import GattDevice
from sanctuary.simulator.devices.link_faults import in_turn
from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import SignalSource
from sanctuary.simulator.devices.tcp_port import TcpPort
from sanctuary.simulator.devices.virtual_athena import VirtualAthena
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from sanctuary.simulator.devices.virtual_freeeeg import VirtualFreeEeg
from sanctuary.simulator.devices.virtual_ganglion import VirtualGanglion
from sanctuary.simulator.devices.virtual_muse import VirtualMuse
from sanctuary.simulator.devices.virtual_thinkgear import VirtualThinkGear
from sanctuary.simulator.devices.virtual_zmax import VirtualZmax


@dataclass(frozen=True, slots=True)
class VirtualOptions:
    """Options of one virtual headband.

    Attributes
    ----------
    number
        Distinguishes several of a kind, from 1.
    slow_s
        Delay of its start.
    banner
        Sent by a Cyton in place of its own banner.
    firmware
        Of a Ganglion.
    """

    number: int = 1
    slow_s: float = 0.0
    banner: str | None = None
    firmware: int = 3


@dataclass(frozen=True, slots=True)
class BoardKind:
    """A headband on a port or socket: its rate, the bytes of a packet (0: they differ), its maker."""

    fs_hz: int
    packet_bytes: int
    make: Callable[[SignalSource, VirtualOptions], SerialBoard]
    tcp: bool = False
    signal_fs_hz: int = 0
    """Rate of its signal, where that is not the rate of its packets."""


@dataclass(frozen=True, slots=True)
class RadioKind:
    """A headband with Bluetooth LE."""

    fs_hz: int
    make: Callable[[SignalSource, VirtualOptions], GattDevice]


def _address(number: int) -> str:
    return f"00:55:DA:B0:5A:{number:02X}"


BOARDS: Mapping[str, BoardKind] = {
    "cyton": BoardKind(250, 33, lambda s, c: VirtualCyton(s, banner_delay_s=c.slow_s, banner=c.banner)),
    "cyton-daisy": BoardKind(
        250, 33, lambda s, c: VirtualCyton(s, daisy=True, banner_delay_s=c.slow_s, banner=c.banner)
    ),
    "thinkgear": BoardKind(512, 8, lambda s, _: VirtualThinkGear(s)),
    "freeeeg32": BoardKind(512, 105, lambda s, _: VirtualFreeEeg(s)),
    "zmax": BoardKind(256, 0, lambda s, _: VirtualZmax(s), tcp=True),
}
RADIOS: Mapping[str, RadioKind] = {
    "ganglion": RadioKind(
        200,
        lambda s, c: VirtualGanglion(
            s, name=f"Ganglion-5a{c.number:02x}", address=_address(c.number), firmware=c.firmware
        ),
    ),
    "muse": RadioKind(
        256, lambda s, c: VirtualMuse(s, name=f"Muse-5A{c.number:02X}", address=_address(c.number))
    ),
    "athena": RadioKind(
        256, lambda s, c: VirtualAthena(s, name=f"MuseS-5A{c.number:02X}", address=_address(c.number))
    ),
}
KINDS = (*BOARDS, *RADIOS)


def rate_hz(kind: str) -> int:
    """Rate at which a kind of headband takes its signal."""
    return BOARDS[kind].fs_hz if kind in BOARDS else RADIOS[kind].fs_hz


class _Link(Protocol):
    """A link that can be interrupted."""

    def unplug(self) -> None: ...

    def replug(self) -> None: ...


class VirtualHeadbands:
    """One headband, or several on one radio; a context manager.

    Parameters
    ----------
    kind
        One of `KINDS`.
    sources
        Signal of each, at `rate_hz`; one only but on a radio.
    faults
        Applied to each of them.
    banner, firmware
        See `VirtualOptions`.

    Attributes
    ----------
    address
        Path of the port, ``host:port``, or the D-Bus address of the radio.
    names
        Advertised names of headbands on the radio.

    Raises
    ------
    DeviceError
        The radio does not start.
    ValueError
        Several headbands on one port.
    """

    def __init__(
        self,
        kind: str,
        sources: Sequence[SignalSource],
        faults: Sequence[DeviceFault] = (),
        *,
        banner: str | None = None,
        firmware: int = 3,
    ) -> None:
        if kind in BOARDS and len(sources) != 1:
            raise ValueError(f"{kind}: one headband a port; start another for the next")
        slow_s = sum(fault.amount for fault in faults if fault.name == "slow")
        fs_hz = float(rate_hz(kind))
        for fault in faults:
            sources = [fault.for_source(source, fs_hz) for source in sources]
        choices = [VirtualOptions(number, slow_s, banner, firmware) for number in range(1, len(sources) + 1)]
        self.names: tuple[str, ...] = ()
        self._stack = ExitStack()
        self._ended = threading.Event()
        if kind in BOARDS:
            links = [self._plug(BOARDS[kind], sources[0], choices[0], faults)]
        else:
            links = self._switch_on(RADIOS[kind], sources, choices, faults)
        outages = [(fault.from_s, fault.amount) for fault in faults if fault.name == "disconnect"]
        self._thread = threading.Thread(target=self._unplug, args=(links, sorted(outages)), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._stack.close()

    def _plug(
        self, kind: BoardKind, source: SignalSource, choice: VirtualOptions, faults: Sequence[DeviceFault]
    ) -> _Link:
        board = kind.make(source, choice)
        port: PtyPort | TcpPort = TcpPort(board, "realtime") if kind.tcp else PtyPort(board, "realtime")
        self._stack.enter_context(port)
        self.address = port.address if isinstance(port, TcpPort) else port.path
        by_bytes = [
            fault.for_bytes(time.monotonic, packet_bytes=kind.packet_bytes)
            if kind.packet_bytes == 33
            else fault.for_bytes(time.monotonic, packet_bytes=kind.packet_bytes or 119, start=b"")
            for fault in faults
        ]
        port.fault = in_turn(*by_bytes)
        return port

    def _switch_on(
        self,
        kind: RadioKind,
        sources: Sequence[SignalSource],
        choices: Sequence[VirtualOptions],
        faults: Sequence[DeviceFault],
    ) -> list[_Link]:
        devices = [kind.make(source, choice) for source, choice in zip(sources, choices, strict=True)]
        radio = self._stack.enter_context(VirtualRadio(devices))
        self.address, self.names = radio.address, tuple(device.name for device in devices)
        for device, choice in zip(devices, choices, strict=True):
            ways = [fault.for_notifications(time.monotonic) for fault in faults]
            radio.manipulate(device, in_turn(*ways))
            if choice.slow_s:
                radio.slow_start(device, choice.slow_s)
        return [_Reach(radio, device) for device in devices]

    def _unplug(self, links: Sequence[_Link], outages: Sequence[tuple[float, float]]) -> None:
        began_s = time.monotonic()
        for from_s, outage_s in outages:
            if self._ended.wait(max(0.0, began_s + from_s - time.monotonic())):
                return
            for link in links:
                link.unplug()
            if self._ended.wait(outage_s):
                return
            for link in links:
                link.replug()


class _Reach:
    """A Bluetooth headband that goes out of reach and comes back."""

    def __init__(self, radio: VirtualRadio, device: GattDevice) -> None:
        self._radio, self._device = radio, device

    def unplug(self) -> None:
        self._radio.advertise(self._device, on=False)
        self._radio.drop(self._device)

    def replug(self) -> None:
        self._radio.advertise(self._device, on=True)
