"""A virtual Muse 2 over Bluetooth LE, written from the format as muse-js, muse-lsl and BrainFlow read it.

EEG of each channel goes out in notifications of twelve samples under one number, AF7's last; motion at 52
Hz, telemetry every ten seconds. Values are rounded to the nearest of its 4096 steps and stick at the rails;
an electrode that hangs in the air reads the upper one. A source of two rows is AF7 and AF8, and TP9 and TP10
read half of each; a source of four or five rows is taken in the order of the channels.

Not imitated: pairing, Bluetooth's own delays (see `sanctuary.simulator.bluez`), other models' presets beyond
what they switch on here. It stops when the connection ends, as the real one does.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.gatt import Characteristic, Notification, Service, short_uuid
from sanctuary.simulator.devices.muse_control import OK, UNKNOWN, parse_command, pieces, status, version
from sanctuary.simulator.devices.pacing import Pacer
from sanctuary.simulator.devices.source import SignalSource

FS_HZ = 256.0
PER_PACKET = 12
MOTION_HZ = 52.0
READINGS = 3
TELEMETRY_S = 10.0
STEP_UV = 1000 / 2048
AT_REST_COUNTS = (500, -350, 16_300)
"""Accelerometer of somebody lying still, 16384 counts a g."""
GYRO_COUNTS = (12, -7, 3)

CONTROL, AUX, GYRO, ACCELEROMETER, TELEMETRY = 0x01, 0x07, 0x09, 0x0A, 0x0B
EEG = (0x03, 0x04, 0x05, 0x06)
SENDING_ORDER = (AUX, 0x06, 0x03, 0x05, 0x04)
PPG = (0x0F, 0x10, 0x11)
PPG_HZ, PPG_PER_PACKET = 64.0, 6
NOTIFYING = (CONTROL, *EEG, AUX, GYRO, ACCELEROMETER, TELEMETRY, *PPG)
_PRESET = re.compile(r"p[0-9A-Za-z]{2,4}")
WITH_AUX = ("p20", "p50", "p60")
WITHOUT_MOTION = ("p22",)
WITH_PPG = ("p50", "p51", "p60", "p61")


def uuid(number: int) -> str:
    """Name a Muse's characteristic."""
    return f"273e00{number:02x}-4c4d-454d-96be-f03bac821358"


SERVICE = short_uuid(0xFE8D)


class VirtualMuse:
    """One headband.

    Parameters
    ----------
    source
        Its signal, at `fs_hz`.
    name, address
        As advertised.
    fs_hz
        True rate of its crystal.
    sequence
        Number of the first notification.
    """

    def __init__(
        self,
        source: SignalSource,
        name: str = "Muse-5A17",
        address: str = "00:55:DA:B0:5A:17",
        *,
        fs_hz: float = FS_HZ,
        sequence: int = 0,
    ) -> None:
        self.name, self.address = name, address
        self.advertised: tuple[str, ...] = (SERVICE,)
        self.services: tuple[Service, ...] = (
            Service(
                SERVICE,
                tuple(
                    Characteristic(
                        uuid(number),
                        ("write-without-response", "notify") if number == CONTROL else ("notify",),
                    )
                    for number in NOTIFYING
                ),
            ),
        )
        self.preset = "p21"
        self.battery_percent = 82.5
        self._source = source
        scale = fs_hz / FS_HZ
        self._eeg = Pacer(fs_hz / PER_PACKET)
        self._motion = Pacer(MOTION_HZ * scale / READINGS)
        self._telemetry = Pacer(1.0 / TELEMETRY_S)
        self._ppg = Pacer(PPG_HZ * scale / PPG_PER_PACKET)
        self._sequence = sequence
        self._others = dict.fromkeys((GYRO, ACCELEROMETER, TELEMETRY, *PPG), 0)

    @property
    def streaming(self) -> bool:
        """Whether it streams."""
        return self._eeg.running

    def connect(self, _now_s: float) -> None:
        """Somebody has connected."""

    def disconnect(self, _now_s: float) -> None:
        """Hear that the connection has ended, and the stream with it."""
        self._stop()

    def write(self, where: str, data: bytes, now_s: float) -> list[Notification]:
        """Take a command."""
        command = parse_command(data) if where == uuid(CONTROL) else None
        if command is None:
            return []
        return [Notification(uuid(CONTROL), piece) for piece in pieces(self._obey(command, now_s))]

    def read(self, _where: str) -> bytes:
        """Nothing can be read."""
        return b""

    def advance(self, now_s: float) -> list[Notification]:
        """Give what it sends up to `now_s`, in the order of time."""
        timed = self._eeg_packets(now_s)
        if self.preset not in WITHOUT_MOTION:
            timed += self._motion_packets(now_s)
        timed += self._telemetry_packets(now_s)
        if self.preset in WITH_PPG:
            timed += self._ppg_packets(now_s)
        timed.sort(key=lambda each: each[0])
        return [Notification(uuid(number), data) for _, number, data in timed]

    def _obey(self, command: str, now_s: float) -> Mapping[str, Any]:
        if command == "d":
            self._start(now_s)
        elif command in ("h", "*1"):
            self._stop()
        elif command == "s":
            return status(self.name, self.address, self.preset, self.battery_percent)
        elif re.fullmatch(r"v\d", command):
            return version("Blackcomb_revD")
        elif _PRESET.fullmatch(command):
            self.preset = command
        elif command != "k" and not re.fullmatch(r"L[01]", command):
            return UNKNOWN
        return OK

    def _start(self, now_s: float) -> None:
        if not self.streaming:
            for pacer in (self._eeg, self._motion, self._telemetry, self._ppg):
                pacer.start(now_s)

    def _stop(self) -> None:
        for pacer in (self._eeg, self._motion, self._telemetry, self._ppg):
            pacer.stop()

    def _eeg_packets(self, now_s: float) -> list[tuple[float, int, bytes]]:
        gone, n = self._eeg.due(now_s)
        if gone:
            self._source.render(gone * PER_PACKET)
            self._sequence += gone
        if not n:
            return []
        rows = channels_of(self._source.render(n * PER_PACKET), 5)
        packed = pack_12_bits(counts_of(rows))
        first = self._eeg.made - n
        timed = []
        for k in range(n):
            number = (self._sequence & 0xFFFF).to_bytes(2, "big")
            self._sequence += 1
            at_s = self._eeg.time_of(first + k)
            timed += [
                (at_s, source, number + packed[source - EEG[0], k].tobytes())
                for source in SENDING_ORDER
                if source != AUX or self.preset in WITH_AUX
            ]
        return timed

    def _motion_packets(self, now_s: float) -> list[tuple[float, int, bytes]]:
        _, n = self._motion.due(now_s)
        timed = []
        for k in range(n):
            at_s = self._motion.time_of(self._motion.made - n + k)
            for source, counts in ((GYRO, GYRO_COUNTS), (ACCELEROMETER, AT_REST_COUNTS)):
                timed.append((at_s, source, self._number(source) + struct.pack(">9h", *(counts * READINGS))))
        return timed

    def _telemetry_packets(self, now_s: float) -> list[tuple[float, int, bytes]]:
        _, n = self._telemetry.due(now_s)
        content = struct.pack(">HHHH", round(self.battery_percent * 512), 1856, 3967, 27).ljust(18, b"\0")
        return [
            (
                self._telemetry.time_of(self._telemetry.made - n + k),
                TELEMETRY,
                self._number(TELEMETRY) + content,
            )
            for k in range(n)
        ]

    def _ppg_packets(self, now_s: float) -> list[tuple[float, int, bytes]]:
        _, n = self._ppg.due(now_s)
        timed = []
        for k in range(n):
            at_s = self._ppg.time_of(self._ppg.made - n + k)
            for source in PPG:
                level = (50_000 * (source - PPG[0] + 1)).to_bytes(3, "big")
                timed.append((at_s, source, self._number(source) + level * PPG_PER_PACKET))
        return timed

    def _number(self, source: int) -> bytes:
        number = self._others[source]
        self._others[source] = number + 1
        return (number & 0xFFFF).to_bytes(2, "big")


def channels_of(uv: NDArray[np.float64], n_channels: int) -> NDArray[np.float64]:
    """Rows TP9, AF7, AF8, TP10 and auxiliary ones from what a source renders."""
    rows = np.zeros((n_channels, uv.shape[1]))
    if len(uv) == 2:
        rows[:4] = [uv[0] / 2.0, uv[0], uv[1], uv[1] / 2.0]
    else:
        rows[: len(uv)] = uv[:n_channels]
    return rows


def counts_of(uv: NDArray[np.float64]) -> NDArray[np.int64]:
    """Convert to steps of the converter, 0 to 4095."""
    scaled = np.rint(np.nan_to_num(uv, nan=1e6) / STEP_UV) + 2048
    return np.asarray(np.clip(scaled, 0, 4095), dtype=np.int64)


def pack_12_bits(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Pack rows of samples, shape ``(channels, packets, 18)``."""
    pairs = counts.reshape(len(counts), -1, PER_PACKET // 2, 2)
    packed = np.empty((*pairs.shape[:3], 3), dtype=np.uint8)
    packed[..., 0] = pairs[..., 0] >> 4
    packed[..., 1] = (pairs[..., 0] & 0x0F) << 4 | pairs[..., 1] >> 8
    packed[..., 2] = pairs[..., 1] & 0xFF
    return packed.reshape(len(counts), -1, 18)
