"""A virtual Muse S Athena over Bluetooth LE, from the packets that OpenMuse, muse-lsl and BrainFlow read.

Packets of EEG hold six blocks, 24 samples of four channels or 12 of eight; motion comes at 52 Hz in packets
of its own, which share a notification with the next one, the battery every ten seconds. Values are rounded
to the nearest of its 16384 steps and stick at the rails. Rows of a source are taken as by `VirtualMuse`.

Not imitated: optics, which presets with lights would add.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.gatt import Characteristic, Notification, Service
from sanctuary.simulator.devices.muse import (
    AT_REST_COUNTS,
    CONTROL,
    GYRO_COUNTS,
    MOTION_HZ,
    READINGS,
    SERVICE,
    channels_of,
    uuid,
)
from sanctuary.simulator.devices.muse_control import OK, UNKNOWN, parse_command, pieces, status, version
from sanctuary.simulator.devices.pacing import Pacer
from sanctuary.simulator.devices.source import SignalSource

FS_HZ = 256.0
DATA = 0x13
MORE_DATA = 0x14
EEG_4, EEG_8, MOTION, BATTERY = 0x11, 0x12, 0x47, 0x98
BLOCKS = 6
SAMPLES = {EEG_4: 4, EEG_8: 2}
CHANNELS = {EEG_4: 4, EEG_8: 8}
BATTERY_S = 10.0
STEP_UV = 1450 / 16_383
N_BITS = 14
MAX_NOTIFICATION_BYTES = 244
FOUR_CHANNELS = ("p20", "p21", "p50", "p51", "p60", "p61")
STARTED_MS = 1_733_184_800_000
"""Its clock when it was switched on; hosts do not set it."""
_PRESET = re.compile(r"p[0-9]{2,4}")


class VirtualAthena:
    """One headband.

    Parameters
    ----------
    source
        Its signal, at `fs_hz`.
    name, address
        As advertised.
    fs_hz
        True rate of its crystal.
    index
        Number of the first packet.
    """

    def __init__(
        self,
        source: SignalSource,
        name: str = "MuseS-5A17",
        address: str = "00:55:DA:BB:5A:17",
        *,
        fs_hz: float = FS_HZ,
        index: int = 0,
    ) -> None:
        self.name, self.address = name, address
        self.advertised: tuple[str, ...] = (SERVICE,)
        self.services: tuple[Service, ...] = (
            Service(
                SERVICE,
                (
                    Characteristic(uuid(CONTROL), ("write-without-response", "notify")),
                    Characteristic(uuid(DATA), ("notify",)),
                    Characteristic(uuid(MORE_DATA), ("notify",)),
                ),
            ),
        )
        self.preset = "p21"
        self.battery_percent = 77.0
        self._source, self._fs_hz = source, fs_hz
        self._index, self._blocks = index, 0
        self._asked = 0
        self._eeg = Pacer(1.0)
        self._motion = Pacer(MOTION_HZ * fs_hz / FS_HZ / READINGS)
        self._battery = Pacer(1.0 / BATTERY_S)

    @property
    def streaming(self) -> bool:
        """Whether it streams."""
        return self._eeg.running

    @property
    def tag(self) -> int:
        """Kind of EEG block that its preset sends."""
        return EEG_4 if self.preset in FOUR_CHANNELS else EEG_8

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
        """Give what it sends up to `now_s`."""
        timed = [*self._eeg_packets(now_s), *self._motion_packets(now_s), *self._battery_packets(now_s)]
        timed.sort(key=lambda each: each[0])
        notifications: list[bytes] = []
        for at_s, tag, blocks in timed:
            packet = self._packet(at_s, tag, blocks)
            if notifications and len(notifications[-1]) + len(packet) <= MAX_NOTIFICATION_BYTES:
                notifications[-1] += packet
            else:
                notifications.append(packet)
        return [Notification(uuid(DATA), data) for data in notifications]

    def _obey(self, command: str, now_s: float) -> Mapping[str, Any]:
        if command == "dc001":
            self._asked += 1
            if self._asked >= 2 and not self.streaming:
                self._start(now_s)
        elif command in ("h", "*1"):
            self._stop()
        elif command == "s":
            return status(self.name, self.address, self.preset, self.battery_percent)
        elif re.fullmatch(r"v\d", command):
            return version("Athena_RevE")
        elif _PRESET.fullmatch(command):
            self.preset = command
        elif command != "k" and not re.fullmatch(r"L[01]", command):
            return UNKNOWN
        return OK

    def _start(self, now_s: float) -> None:
        self._eeg = Pacer(self._fs_hz / (BLOCKS * SAMPLES[self.tag]))
        for pacer in (self._eeg, self._motion, self._battery):
            pacer.start(now_s)

    def _stop(self) -> None:
        self._asked = 0
        for pacer in (self._eeg, self._motion, self._battery):
            pacer.stop()

    def _eeg_packets(self, now_s: float) -> list[tuple[float, int, list[bytes]]]:
        gone, n = self._eeg.due(now_s)
        per_packet = BLOCKS * SAMPLES[self.tag]
        if gone:
            self._source.render(gone * per_packet)
            self._index += gone
        if not n:
            return []
        rows = channels_of(self._source.render(n * per_packet), CHANNELS[self.tag])
        blocks = pack_14_bits(counts_of(rows), SAMPLES[self.tag])
        first = self._eeg.made - n
        return [
            (self._eeg.time_of(first + k), self.tag, blocks[k * BLOCKS : (k + 1) * BLOCKS]) for k in range(n)
        ]

    def _motion_packets(self, now_s: float) -> list[tuple[float, int, list[bytes]]]:
        _, n = self._motion.due(now_s)
        block = struct.pack("<18h", *((*AT_REST_COUNTS, *GYRO_COUNTS) * READINGS))
        return [(self._motion.time_of(self._motion.made - n + k), MOTION, [block]) for k in range(n)]

    def _battery_packets(self, now_s: float) -> list[tuple[float, int, list[bytes]]]:
        _, n = self._battery.due(now_s)
        block = struct.pack("<H", round(self.battery_percent * 512)).ljust(20, b"\0")
        return [(self._battery.time_of(self._battery.made - n + k), BATTERY, [block]) for k in range(n)]

    def _packet(self, at_s: float, tag: int, blocks: list[bytes]) -> bytes:
        body = blocks[0]
        head = bytes((tag, self._blocks & 0xFF, 0, 1, 0))
        for block in blocks[1:]:
            self._blocks += 1
            body += bytes((tag, self._blocks & 0xFF, 0, 1, 0)) + block
        self._blocks += 1
        time_ms = STARTED_MS + round(at_s * 1000.0)
        length = 9 + len(head) + len(body)
        packet = (
            struct.pack("<BH", length, self._index & 0xFFFF) + time_ms.to_bytes(6, "little") + head + body
        )
        self._index += 1
        return packet


def counts_of(uv: NDArray[np.float64]) -> NDArray[np.int64]:
    """Convert to steps of the converter, 0 to 16383."""
    scaled = np.rint(np.nan_to_num(uv, nan=1e6) / STEP_UV) + 8192
    return np.asarray(np.clip(scaled, 0, 16_383), dtype=np.int64)


def pack_14_bits(counts: NDArray[np.int64], per_block: int) -> list[bytes]:
    """Pack rows of samples into blocks, sample by sample, least significant bits first."""
    values = counts.T.reshape(-1, per_block * len(counts))
    bits = (values[:, :, np.newaxis] >> np.arange(N_BITS) & 1).astype(np.uint8)
    packed = np.packbits(bits.reshape(len(values), -1), axis=1, bitorder="little")
    return [row.tobytes() for row in packed]
