"""From the settings of a pod's headband to its driver, and what is wanted of it.

Mentions a serial port that appeared while a named one is gone: a dongle may have come back renamed.

It is never connected to by itself: it may be anything, and which pod it is of is for a person to say.

Whether the chain can use the channels that the settings give a headband; known before a night begins.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from sanctuary.config.errors import InputError, RecordingError
from sanctuary.config.headband_settings import (
    AthenaRadio,
    CytonPort,
    DaisyPort,
    FreeEegPort,
    GanglionRadio,
    MuseRadio,
    RealHeadband,
    ThinkGearPort,
    address_of,
)
from sanctuary.config.origins import Layer, Origin, format_path
from sanctuary.config.pod_settings import PodEntry
from sanctuary.firmware_bridge.headbands.device import DeviceHeadband, open_link
from sanctuary.firmware_bridge.headbands.drivers import DRIVERS
from sanctuary.firmware_bridge.headbands.headband import Driver, HeadbandInfo, HeadbandOptions
from sanctuary.firmware_bridge.recordings.capture import SUFFIX, CaptureHeader, CaptureWriter, captured
from sanctuary.firmware_bridge.recordings.channels import ChannelChoice, choose_channels


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
    options: HeadbandOptions

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
        usual = asdict(HeadbandOptions())
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
    options = HeadbandOptions()
    if isinstance(headband, CytonPort | DaisyPort):
        options = replace(options, gain=headband.gain)
    elif isinstance(headband, GanglionRadio):
        options = replace(options, firmware=headband.firmware)
    elif isinstance(headband, MuseRadio | AthenaRadio):
        options = replace(options, preset=headband.preset)
    elif isinstance(headband, ThinkGearPort):
        options = replace(options, baud=headband.baud)
    address = address_of(headband)[1]
    if address is None:
        raise ValueError(f"{headband.kind}: a headband that is nowhere")
    return Wanted(driver, address, channels, options)


def simulated(port: str, channels: Mapping[str, int]) -> Wanted:
    """Describe a simulated sleeper's headband: a Cyton on a virtual port."""
    return Wanted(DRIVERS["cyton"], port, channels, HeadbandOptions())


BY_ID = Path("/dev/serial/by-id")
"""Names that Linux gives to ports by what is plugged in; they stay the same wherever it is plugged in."""
EVERY_S = 5.0

Names = Mapping[str, str]
"""By device (``/dev/ttyUSB0``): its lasting name, or the device where it has none."""


def ports_now() -> Names:
    """List the serial ports of this machine."""
    from serial.tools import list_ports

    lasting = {}
    if BY_ID.is_dir():
        lasting = {os.path.realpath(path): str(path) for path in BY_ID.iterdir()}
    return {port.device: lasting.get(port.device, port.device) for port in list_ports.comports()}


class NewPorts:
    """Compares the ports that there are with those that there were.

    Parameters
    ----------
    named
        Ports that the settings name, by pod.
    listed
        Lists the ports.
    tell
        Hears of it in a sentence.
    """

    def __init__(
        self, named: Mapping[str, str], tell: Callable[[str], None], listed: Callable[[], Names] = ports_now
    ) -> None:
        self._named, self._tell, self._listed = named, tell, listed
        self._known: set[str] | None = None
        self._due_s = float("-inf")

    def look(self, now_s: float, gone: Iterable[str]) -> None:
        """Look, now and then, while pods lack their headband; `now_s` is monotonic."""
        if not self._named or now_s < self._due_s:
            return
        self._due_s = now_s + EVERY_S
        missing = [pod for pod in gone if pod in self._named]
        if self._known is not None and not missing:
            return
        ports = self._listed()
        if self._known is None:
            self._known = set(ports)
        ours = {os.path.realpath(port) for port in self._named.values()}
        fresh = [device for device in ports if device not in self._known and device not in ours]
        self._known |= set(ports)
        for device in fresh:
            self._mention(device, ports[device], missing)

    def _mention(self, device: str, name: str, missing: list[str]) -> None:
        lost = " and ".join(f"{self._named[pod]} of {pod}" for pod in missing)
        lasting = "" if name == device else f" (lasting name: {name})"
        self._tell(
            f"{lost} is gone, and a new serial port is there: {device}{lasting}; the same headband? Then "
            "name it in pods.headband.port, best by its lasting name"
        )


_LOG = logging.getLogger(__name__)

CHAIN_CHANNELS = 2


def warn_of_channels(pods: Sequence[PodEntry]) -> None:
    """Log what is doubtful of the headbands' channels.

    Raises
    ------
    InputError
        As `check_channels`.
    """
    for doubt in check_channels(pods):
        _LOG.warning("%s", doubt)


def check_channels(pods: Sequence[PodEntry], origins: Mapping[str, Origin] | None = None) -> list[str]:
    """Check what each headband's first two channels are to the chain.

    Parameters
    ----------
    pods
        As in the settings, in their order.
    origins
        Where each setting came from, to name the file and line.

    Returns
    -------
    One sentence for each thing that is doubtful and that the chain goes along with.

    Raises
    ------
    InputError
        The chain cannot use them, or would take one for another; all such mistakes are listed.
    """
    mistakes: list[str] = []
    doubts: list[str] = []
    for number, pod in enumerate(pods):
        headband = pod.headband
        if not isinstance(headband, CytonPort | DaisyPort | GanglionRadio | FreeEegPort):
            continue
        names = list(headband.channels)
        where = _where(("pods", number, "headband", "channels"), names[0], origins or {}, pod.id)
        try:
            choice = choose_channels(names, names[:CHAIN_CHANNELS], where)
        except RecordingError as error:
            mistakes.append(str(error))
            continue
        mistakes += [f"{where}: {text}" for text in _misplaced(names, choice)]
        doubts += [f"{where}: {text}" for text in choice.warnings]
    if mistakes:
        raise InputError("\n  ".join(mistakes))
    return doubts


def _misplaced(names: Sequence[str], choice: ChannelChoice) -> list[str]:
    """Say what a recording's reader would put right, and a headband's, whose channels stay as named, not."""
    if choice.indices != tuple(range(len(choice.indices))):
        first, second = (names[index] for index in choice.indices)
        return [f"name {first} before {second}; left comes before right, and the EEG before the EOG"]
    return [
        f"{names[index]} rises as the eyes go right; plug its two electrodes in the other way round, or use "
        "that of the left eye, and name it so"
        for index, sign in zip(choice.indices, choice.signs, strict=True)
        if sign < 0
    ]


def _where(path: tuple[str | int, ...], name: str, origins: Mapping[str, Origin], pod: str) -> str:
    setting = f"{format_path(path)} of {pod}"
    origin = origins.get(format_path((*path, name)))
    if origin is None or origin.layer is not Layer.FILE:
        return setting
    return f"{origin.name}, line {origin.line}: {setting}"
