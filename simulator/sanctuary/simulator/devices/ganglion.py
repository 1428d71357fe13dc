"""A virtual OpenBCI Ganglion over Bluetooth LE, firmware 2 or 3, written from its library's text.

Two samples of four channels a notification, 19 bits each, or 18 and a byte of acceleration. Values are
rounded to the nearest count and stick at the rails; an electrode that hangs in the air reads the upper one.
A source of two rows is inputs 1 and 2, the others read 0. The board resets when somebody connects.

Not imitated: the card, Wi-Fi, rates other than 200 Hz, and the one of 201 samples that firmware 3 leaves out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.ganglion_packing import differences, plain, upper_bits
from sanctuary.simulator.devices.gatt import Characteristic, Notification, Service, short_uuid
from sanctuary.simulator.devices.pacing import Pacer
from sanctuary.simulator.devices.source import SignalSource

FS_HZ = 200.0
PER_PACKET = 2
N_CHANNELS = 4
STEP_UV = 1.2e6 / (8_388_607 * 1.5 * 51)
LARGEST, SMALLEST = 0x7FFFFF, -0x800000
SQUARE_COUNTS = 100_000
"""Amplitude of the built-in square signal, one change a second."""
AT_REST = {1: 2, 2: -1, 3: 62}
"""Acceleration, by the last digit of the packet's number: X, Y, Z; 1 g is some 62 counts."""
IMPEDANCE_OHM = (12_000, 15_000, 18_000, 21_000, 5_000)
IMPEDANCE_S = 0.5

SERVICE, DEVICE_INFORMATION = short_uuid(0xFE84), short_uuid(0x180A)
DATA = "2d30c082-f39f-4ce6-923f-3484ea480596"
COMMANDS = "2d30c083-f39f-4ce6-923f-3484ea480596"
DISCONNECT = "2d30c084-f39f-4ce6-923f-3484ea480596"
REVISION = short_uuid(0x2A28)


class VirtualGanglion:
    """One board.

    Parameters
    ----------
    source
        Its signal, at `fs_hz`.
    name, address
        As advertised.
    firmware
        2 or 3.
    fs_hz
        True rate of its crystal.
    """

    def __init__(
        self,
        source: SignalSource,
        name: str = "Ganglion-5a17",
        address: str = "D0:55:DA:B0:5A:17",
        *,
        firmware: int = 3,
        fs_hz: float = FS_HZ,
    ) -> None:
        self.name, self.address, self.firmware = name, address, firmware
        self.advertised: tuple[str, ...] = (SERVICE,)
        self.services: tuple[Service, ...] = (
            Service(
                SERVICE,
                (
                    Characteristic(DATA, ("read", "notify")),
                    Characteristic(COMMANDS, ("write", "write-without-response")),
                    Characteristic(DISCONNECT, ("write", "write-without-response")),
                ),
            ),
            Service(DEVICE_INFORMATION, (Characteristic(REVISION, ("read",)),)),
        )
        self._source = source
        self._fs_hz = fs_hz
        self._number = 0
        self._left: list[list[int]] = []
        self._commands: dict[str, Callable[[float], str]] = {
            "b": self._begin,
            "s": self._end,
            "v": self._reset,
            "n": lambda _: self._set_accel(on=True),
            "N": lambda _: self._set_accel(on=False),
            "[": lambda _: self._set_square(on=True),
            "]": lambda _: self._set_square(on=False),
            "z": self._measure,
            "Z": self._end_measuring,
            "?": lambda _: "Register settings: ADC MCP3912\n",
            "~": lambda _: "Success: Sample rate is 200Hz\n",
        }
        self._reset(0.0)

    @property
    def streaming(self) -> bool:
        """Whether it streams."""
        return self._pacer.running

    def connect(self, now_s: float) -> None:
        """Somebody has connected: the board resets."""
        self._reset(now_s)

    def disconnect(self, now_s: float) -> None:
        """Hear that the connection has ended."""
        self._reset(now_s)

    def write(self, where: str, data: bytes, now_s: float) -> list[Notification]:
        """Take commands, one letter each."""
        if where != COMMANDS:
            return []
        told = []
        for letter in data.decode("ascii", "replace"):
            if letter in "1234":
                self._off.add(int(letter) - 1)
            elif letter in "!@#$":
                self._off.discard("!@#$".index(letter))
            elif letter in self._commands and (text := self._commands[letter](now_s)):
                told += _texts(text)
        return told

    def read(self, where: str) -> bytes:
        """Value of the software revision."""
        return (b"3.0.2" if self.firmware == 3 else b"2.0.0") if where == REVISION else b""

    def advance(self, now_s: float) -> list[Notification]:
        """Give what it sends up to `now_s`."""
        told = self._impedances(now_s)
        gone, n = self._pacer.due(now_s)
        if gone:
            self._samples(gone)
            self._number += gone
        if not n:
            return told
        counts = self._samples(n)
        at = 0
        while at < len(counts):
            at += self._packet(counts, at, told)
        return told

    def _packet(self, counts: list[list[int]], at: int, told: list[Notification]) -> int:
        """Send what begins at sample `at`, or keep it until its pair has come; returns the samples used."""
        differs = self.firmware == 2
        cycle = 101 if differs else 100
        number = self._number % cycle
        if differs and number == 0:
            told.append(Notification(DATA, plain(counts[at])))
            self._number += 1
            self._last = counts[at]
            return 1
        pair = counts[at : at + PER_PACKET]
        if len(pair) < PER_PACKET:
            self._left = pair
            return len(pair)
        n_bits = 18 if self._accel else 19
        body = (
            differences(self._last, pair[0], pair[1], n_bits)
            if differs
            else upper_bits(pair[0], pair[1], n_bits)
        )
        tail = AT_REST.get(number % 10, 0).to_bytes(1, "big", signed=True) if self._accel else b""
        told.append(Notification(DATA, bytes((number + (0 if self._accel else 100),)) + body + tail))
        self._number += 1
        self._last = pair[-1]
        return PER_PACKET

    def _samples(self, n: int) -> list[list[int]]:
        """Take the next samples, after what was left of the last."""
        counts = counts_of(self._source.render(n))
        if self._square:
            phase = (self._made + np.arange(n)) // int(FS_HZ) % 2
            counts[:] = np.where(phase, SQUARE_COUNTS, -SQUARE_COUNTS)[:, np.newaxis]
        self._made += n
        for channel in self._off:
            counts[:, channel] = 0
        left, self._left = self._left, []
        rows: list[list[int]] = counts.tolist()
        return left + rows

    # --- commands ---

    def _reset(self, _now_s: float) -> str:
        self._pacer = Pacer(self._fs_hz)
        self._accel = self._square = False
        self._off: set[int] = set()
        self._left = []
        self._number = self._made = 0
        self._last = [0] * N_CHANNELS
        self._impedance_due_s: float | None = None
        return (
            "OpenBCI Ganglion v3.0.2\nLIS2DH ID: 0x33\n"
            if self.firmware == 3
            else "OpenBCI Ganglion v2.0.0\n"
        )

    def _begin(self, now_s: float) -> str:
        if not self.streaming:
            self._number, self._left = 0, []
            self._pacer.start(now_s)
        return ""

    def _end(self, _now_s: float) -> str:
        self._pacer.stop()
        return ""

    def _set_accel(self, *, on: bool) -> str:
        self._accel = on
        return ""

    def _set_square(self, *, on: bool) -> str:
        self._square = on
        return ""

    def _measure(self, now_s: float) -> str:
        self._pacer.stop()
        self._impedance_due_s = now_s
        return ""

    def _end_measuring(self, _now_s: float) -> str:
        self._impedance_due_s = None
        return ""

    def _impedances(self, now_s: float) -> list[Notification]:
        due_s = self._impedance_due_s
        if due_s is None or now_s < due_s:
            return []
        self._impedance_due_s = now_s + IMPEDANCE_S
        return [
            Notification(DATA, (bytes((201 + k,)) + b"%dZ\n" % ohm).ljust(20, b"\0"))
            for k, ohm in enumerate(IMPEDANCE_OHM)
        ]


def counts_of(uv: NDArray[np.float64]) -> NDArray[np.int64]:
    """Convert to counts of all inputs, shape ``(n, 4)``."""
    counts = np.zeros((uv.shape[1], N_CHANNELS), dtype=np.int64)
    for channel, row in enumerate(uv[:N_CHANNELS]):
        counts[:, channel] = np.clip(np.rint(np.nan_to_num(row, nan=1e9) / STEP_UV), SMALLEST, LARGEST)
    return counts


def _texts(text: str) -> list[Notification]:
    data = text.encode()
    parts = [data[at : at + 19] for at in range(0, len(data), 19)]
    return [
        Notification(DATA, (bytes((206 if part is not parts[-1] else 207,)) + part).ljust(20, b"\0"))
        for part in parts
    ]
