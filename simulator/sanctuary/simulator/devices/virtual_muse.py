"""A virtual Muse 2016, Muse 2 or Muse S over Bluetooth LE, as muse-js, muse-lsl and BrainFlow read it.

Notifications, 20 bytes each, big-endian::

    EEG            seq uint16 | 12 x uint12, most significant bits first
    PPG            seq uint16 | 6 x uint24
    motion         seq uint16 | 3 x (x, y, z) int16
    telemetry      seq uint16 | battery /512 % | fuel gauge 2.2 mV | ADC mV | temperature C | zeros

EEG of each channel is sent in notifications of twelve samples under one number, AF7's last; motion at 52 Hz,
the light sensors at 64 Hz where a preset has them, telemetry at the start and every ten seconds. Commands:
see `muse_control`. Streaming ends with the connection.

Not imitated: pairing, the presets p23 to p63, of which no description exists, the reference's and the
thermistor's characteristics, which are there and send nothing, and readings of motion and light sensors,
which are constant.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.gatt import Notification, Pacer
from sanctuary.simulator.devices.muse_control import MuseControl, uuid
from sanctuary.simulator.devices.signal_source import SignalSource

PER_PACKET = 12
"""Samples of a channel in one notification."""
READINGS = 3
"""Readings of a motion sensor in one notification."""
PPG_PER_PACKET = 6
STEP_UV = 125 / 256
MIDDLE, LARGEST = 2048, 4095
AT_REST_COUNTS = (500, -350, 16_300)
"""Accelerometer of a person who lies still, 16384 counts a g."""
GYRO_COUNTS = (12, -7, 3)
LIGHT_COUNTS = (50_000, 100_000, 150_000)
"""Light sensors: ambient, infrared, red."""

MOTION_PAYLOAD = struct.pack(">9h", *(AT_REST_COUNTS * READINGS))
GYRO_PAYLOAD = struct.pack(">9h", *(GYRO_COUNTS * READINGS))
PPG_PAYLOADS = tuple(level.to_bytes(3, "big") * PPG_PER_PACKET for level in LIGHT_COUNTS)


def channels_of(uv: NDArray[np.float64], n_channels: int) -> NDArray[np.float64]:
    """Give TP9, AF7, AF8, TP10 and the auxiliary inputs from what a source renders.

    Parameters
    ----------
    uv
        Two rows are AF7 and AF8, of which the electrodes behind the ears see half on their side. Any other
        number of rows is taken in the order of the channels. Nothing is plugged into what is left: 0.
    """
    rows = np.zeros((n_channels, uv.shape[1]))
    if len(uv) == 2:
        rows[:4] = uv[0] / 2.0, uv[0], uv[1], uv[1] / 2.0
    else:
        rows[: len(uv)] = uv[:n_channels]
    return rows


def counts_of(uv: NDArray[np.float64], step_uv: float, middle: int, largest: int) -> NDArray[np.int64]:
    """Round to the nearest step (halves to the even one); stuck at the rails beyond, NaN at the upper one."""
    scaled = np.nan_to_num(uv / step_uv, nan=float(largest))
    return np.asarray(np.clip(np.rint(scaled) + middle, 0, largest), dtype=np.int64)


def eeg_payloads(uv: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Pack rows of whole notifications' samples; shape ``(channels, notifications, 18)``."""
    pairs = counts_of(uv, STEP_UV, MIDDLE, LARGEST).reshape(len(uv), -1, PER_PACKET // 2, 2)
    packed = np.empty((*pairs.shape[:3], 3), dtype=np.uint8)
    packed[..., 0] = pairs[..., 0] >> 4
    packed[..., 1] = (pairs[..., 0] & 0x0F) << 4 | pairs[..., 1] >> 8
    packed[..., 2] = pairs[..., 1] & 0xFF
    return packed.reshape(len(uv), -1, 18)


def telemetry_payload(battery_percent: float) -> bytes:
    """State of the supply."""
    return struct.pack(">4H10x", round(battery_percent * 512), 1856, 3967, 27)


FS_HZ = 256.0
MOTION_HZ = 52.0
PPG_HZ = 64.0
TELEMETRY_S = 10.0

LEFT_AUX, REFERENCE, THERMISTOR = 0x02, 0x08, 0x12
FIRST_EEG, AUX = 0x03, 0x07
N_INPUTS = 5
SENDING_ORDER = (AUX, 0x06, 0x05, 0x03, 0x04)
"""Right auxiliary input, TP10, AF8, TP9, AF7: the handles 44, 41, 38, 32, 35 that muse-lsl waits for."""
GYRO, ACCELEROMETER, TELEMETRY = 0x09, 0x0A, 0x0B
PPG = (0x0F, 0x10, 0x11)
UUIDS = {number: uuid(number) for number in range(0x01, 0x13)}

WITH_AUX = frozenset(("p20", "p50", "p60"))
WITH_PPG = frozenset(("p50", "p51", "p60", "p61"))
WITHOUT_MOTION = frozenset(("p22",))

Model = Literal["muse2016", "muse2", "muses"]


@dataclass(frozen=True, slots=True)
class _ModelFacts:
    """A model: its name of itself, characteristics besides EEG and motion, and presets."""

    generation: str
    extras: tuple[int, ...]
    presets: frozenset[str]


_MODELS: Mapping[Model, _ModelFacts] = {
    "muse2016": _ModelFacts("RevD", (), frozenset(("p20", "p21", "p22"))),
    "muse2": _ModelFacts("Blackcomb_revA", PPG, frozenset(("p20", "p21", "p22", "p50", "p51"))),
    "muses": _ModelFacts("RevE", (*PPG, THERMISTOR), frozenset(("p20", "p21", "p22", *WITH_PPG))),
}


class VirtualMuse(MuseControl):
    """One headband.

    Parameters
    ----------
    source
        Its signal, at `fs_hz`.
    name, address
        As advertised.
    model
        Which of the three.
    fs_hz
        True rate of its crystal; all its other rates are off by as much.
    sequence
        Number of the first EEG notification. It counts on over stops and connections.
    bootloader, falls_silent_s
        See `MuseControl`.
    """

    def __init__(
        self,
        source: SignalSource,
        name: str = "Muse-5A17",
        address: str = "00:55:DA:B0:5A:17",
        model: Model = "muse2",
        *,
        fs_hz: float = FS_HZ,
        sequence: int = 0,
        bootloader: bool = False,
        falls_silent_s: float | None = None,
    ) -> None:
        kind = _MODELS[model]
        eeg = range(FIRST_EEG, FIRST_EEG + N_INPUTS)
        super().__init__(
            name,
            address,
            kind.generation,
            (LEFT_AUX, *eeg, REFERENCE, GYRO, ACCELEROMETER, TELEMETRY, *kind.extras),
            kind.presets,
            bootloader=bootloader,
            falls_silent_s=falls_silent_s,
        )
        self._source = source
        scale = fs_hz / FS_HZ
        self._eeg = Pacer(fs_hz / PER_PACKET)
        self._motion = Pacer(MOTION_HZ * scale / READINGS)
        self._ppg = Pacer(PPG_HZ * scale / PPG_PER_PACKET)
        self._telemetry = Pacer(scale / TELEMETRY_S)
        self._sequence = sequence
        self._others = dict.fromkeys((GYRO, ACCELEROMETER, TELEMETRY, *PPG), 0)
        self._greeting = False

    @property
    def streaming(self) -> bool:
        return self._eeg.running

    def advance(self, now_s: float) -> list[Notification]:
        self._fall_silent(now_s)
        if not self.streaming:
            return []
        timed = self._telemetry_packets(now_s) + self._eeg_packets(now_s)
        timed += self._motion_packets(now_s) + self._ppg_packets(now_s)
        timed.sort(key=lambda each: each[0])
        return [Notification(UUIDS[number], data) for _, number, data in timed]

    def _start_stream(self, command: str, now_s: float) -> bool:
        if command == "d" and not self.streaming:
            for pacer in (self._eeg, self._motion, self._telemetry, self._ppg):
                pacer.start(now_s)
            self._greeting = True
        return command == "d"

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
        packed = eeg_payloads(channels_of(self._source.render(n * PER_PACKET), N_INPUTS))
        wanted = SENDING_ORDER if self.preset in WITH_AUX else SENDING_ORDER[1:]
        first = self._eeg.made - n
        timed = []
        for k in range(n):
            number = ((self._sequence + k) & 0xFFFF).to_bytes(2, "big")
            at_s = self._eeg.time_of(first + k)
            timed += [(at_s, source, number + packed[source - FIRST_EEG, k].tobytes()) for source in wanted]
        self._sequence += n
        return timed

    def _motion_packets(self, now_s: float) -> list[tuple[float, int, bytes]]:
        payloads = {GYRO: GYRO_PAYLOAD, ACCELEROMETER: MOTION_PAYLOAD}
        timed = self._numbered(self._motion, now_s, payloads)
        return [] if self.preset in WITHOUT_MOTION else timed

    def _ppg_packets(self, now_s: float) -> list[tuple[float, int, bytes]]:
        timed = self._numbered(self._ppg, now_s, dict(zip(PPG, PPG_PAYLOADS, strict=True)))
        return timed if self.preset in WITH_PPG else []

    def _telemetry_packets(self, now_s: float) -> list[tuple[float, int, bytes]]:
        payload = telemetry_payload(self.battery_percent)
        timed = self._numbered(self._telemetry, now_s, {TELEMETRY: payload})
        if self._greeting:
            self._greeting = False
            timed.insert(0, (0.0, TELEMETRY, self._number(TELEMETRY) + payload))
        return timed

    def _numbered(
        self, pacer: Pacer, now_s: float, payloads: Mapping[int, bytes]
    ) -> list[tuple[float, int, bytes]]:
        """Notifications of some characteristics that go in step."""
        _, n = pacer.due(now_s)
        return [
            (pacer.time_of(at), source, self._number(source) + payload)
            for at in range(pacer.made - n, pacer.made)
            for source, payload in payloads.items()
        ]

    def _number(self, source: int) -> bytes:
        number = self._others[source]
        self._others[source] = number + 1
        return (number & 0xFFFF).to_bytes(2, "big")
