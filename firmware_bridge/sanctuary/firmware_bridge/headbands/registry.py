"""Headbands that stream without being asked: ThinkGear, FreeEEG32, and ZMax behind its vendor's server.

All drivers by name.

Adding a headband: write its codec under `codecs`, its session and `Driver` here beside the others, and name
it in `DRIVERS`; settings, `sanctuary devices`, `sanctuary scan` and captures know it then.
"""

from __future__ import annotations

from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.headbands.cyton.driver import CYTON, DAISY
from sanctuary.firmware_bridge.headbands.freeeeg import FreeEegCodec
from sanctuary.firmware_bridge.headbands.ganglion import GANGLION
from sanctuary.firmware_bridge.headbands.headband import Codec, Driver, Line, LinkKind, Options, Session
from sanctuary.firmware_bridge.headbands.muse.driver import ATHENA, MUSE
from sanctuary.firmware_bridge.headbands.thinkgear import ThinkGearCodec
from sanctuary.firmware_bridge.headbands.zmax import HELLO, ZmaxCodec


class ThinkGearSession(Session):
    """One dry channel on the forehead."""

    def prepare(self, line: Line) -> None:
        """Leave behind what is old."""
        line.drain()

    def codec(self) -> Codec:
        """Make the decoder."""
        return ThinkGearCodec(self.inputs)

    def complaint(self, said: str) -> str:
        """Why it may be silent."""
        return said or "check that it is switched on, and its rate (57600 or 115200 baud)"


class FreeEegSession(Session):
    """Thirty-two channels."""

    def prepare(self, line: Line) -> None:
        """Leave behind what is old."""
        line.drain()

    def codec(self) -> Codec:
        """Make the decoder."""
        return FreeEegCodec(self.inputs)


class ZmaxSession(Session):
    """Two frontal channels, through the vendor's server."""

    def prepare(self, line: Line) -> None:
        """Say hello, after which the server sends."""
        line.send(HELLO)

    def codec(self) -> Codec:
        """Make the decoder."""
        return ZmaxCodec(self.inputs)

    def complaint(self, said: str) -> str:
        """Why it may be silent."""
        return f"the server says: {said}" if said else "check that the dongle is in and the headband on"


def _thinkgear_rail_uv(_options: Options) -> float:
    return 2048 * 1.8 / 4096 / 2000 * 1e6


def _freeeeg_rail_uv(_options: Options) -> float:
    return 2.5 / 8 * 1e6


def _zmax_rail_uv(_options: Options) -> float:
    return 32_768 * 3952 / 65_536


THINKGEAR = Driver(
    "thinkgear",
    "NeuroSky or BrainLink (ThinkGear)",
    LinkKind.SERIAL,
    512.0,
    ("Fp1",),
    {"Fp1": 1},
    _thinkgear_rail_uv,
    ThinkGearSession,
    baud=57_600,
    counter_span=1,
    address="/dev/rfcomm0",
    note="one channel: sees no eye movements",
)
FREEEEG32 = Driver(
    "freeeeg32",
    "FreeEEG32",
    LinkKind.SERIAL,
    512.0,
    tuple(str(number) for number in range(1, 33)),
    {"AF7": 1, "AF8": 2},
    _freeeeg_rail_uv,
    FreeEegSession,
    baud=921_600,
    usb=((0x0483, 0x5740),),
    counter_span=256,
    address="/dev/ttyACM0",
    note="electrodes go where you plug them",
)
ZMAX = Driver(
    "zmax",
    "Hypnodyne ZMax",
    LinkKind.TCP,
    256.0,
    ("F7", "F8"),
    {"F7": 1, "F8": 2},
    _zmax_rail_uv,
    ZmaxSession,
    counter_span=1,
    address="127.0.0.1:8000",
    note="through the vendor's HDServer",
)


DRIVERS: dict[str, Driver] = {
    driver.name: driver for driver in (CYTON, DAISY, GANGLION, MUSE, ATHENA, ZMAX, THINKGEAR, FREEEEG32)
}


def driver_named(name: str) -> Driver:
    """Give the driver of a name.

    Raises
    ------
    InputError
        There is none.
    """
    if name not in DRIVERS:
        raise InputError(f"{name}: no such headband; there are {', '.join(DRIVERS)}")
    return DRIVERS[name]
