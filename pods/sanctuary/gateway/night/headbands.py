"""From the settings of a pod's headband to its driver, and what is wanted of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from sanctuary.config.headbands import (
    AthenaRadio,
    CytonPort,
    DaisyPort,
    FreeEegPort,
    GanglionRadio,
    MuseRadio,
    RealHeadband,
    ThinkGearPort,
    place_of,
)
from sanctuary.firmware_bridge.captures.format import SUFFIX, CaptureHeader
from sanctuary.firmware_bridge.captures.writing import CaptureWriter, captured
from sanctuary.firmware_bridge.drivers.base import Driver, Options
from sanctuary.firmware_bridge.drivers.device import DeviceHeadband, open_link
from sanctuary.firmware_bridge.drivers.registry import DRIVERS
from sanctuary.firmware_bridge.headbands import HeadbandInfo


@dataclass(frozen=True, slots=True)
class Wanted:
    """One pod's headband.

    Attributes
    ----------
    driver, address, channels, options
        As for `DeviceHeadband`.
    """

    driver: Driver
    address: str
    channels: Mapping[str, int]
    options: Options

    @property
    def info(self) -> HeadbandInfo:
        """What it will be."""
        return self.headband().info

    def headband(self) -> DeviceHeadband:
        """Make a connection, not yet open."""
        return DeviceHeadband(self.driver, self.address, self.channels, self.options)

    def maker(self, capture: CaptureWriter | None) -> Callable[[], DeviceHeadband]:
        """Give what makes connections, logged to `capture` if there is one."""
        if capture is None:
            return self.headband
        opened = captured(open_link, capture)
        return lambda: DeviceHeadband(self.driver, self.address, self.channels, self.options, opened=opened)

    def capture(self, folder: Path, pod: str) -> CaptureWriter:
        """Begin the pod's capture.

        Raises
        ------
        InputError
            It cannot be written.
        """
        usual = asdict(Options())
        header = CaptureHeader(
            self.driver.name,
            dict(self.channels),
            {name: value for name, value in asdict(self.options).items() if value != usual[name]},
            self.address,
            datetime.now().astimezone().isoformat(timespec="milliseconds"),
        )
        return CaptureWriter(folder / f"{pod}{SUFFIX}", header)


def wanted(headband: RealHeadband) -> Wanted:
    """Read the settings of a real headband."""
    driver = DRIVERS[headband.kind]
    channels: Mapping[str, int] = driver.channels
    if isinstance(headband, CytonPort | DaisyPort | GanglionRadio | FreeEegPort):
        channels = headband.channels
    options = Options()
    if isinstance(headband, CytonPort | DaisyPort):
        options = replace(options, gain=headband.gain)
    elif isinstance(headband, GanglionRadio):
        options = replace(options, firmware=headband.firmware)
    elif isinstance(headband, MuseRadio | AthenaRadio):
        options = replace(options, preset=headband.preset)
    elif isinstance(headband, ThinkGearPort):
        options = replace(options, baud=headband.baud)
    address = place_of(headband)[1]
    if address is None:
        raise ValueError(f"{headband.kind}: a headband that is nowhere")
    return Wanted(driver, address, channels, options)


def simulated(port: str, channels: Mapping[str, int]) -> Wanted:
    """Describe a simulated sleeper's headband: a Cyton on a virtual port."""
    return Wanted(DRIVERS["cyton"], port, channels, Options())
