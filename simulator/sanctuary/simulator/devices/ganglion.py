"""A virtual OpenBCI Ganglion over Bluetooth LE, firmware 2 or 3, written from its library's text.

Two samples of four channels a notification, 19 bits each, or 18 and a byte of acceleration (the bytes are in
`ganglion_packing`). Rows of a source are taken in the order of the inputs; what is left, inputs 3 and 4 of a
source of two rows, is grounded and reads 0. The board resets when somebody connects, and when they leave.

Not imitated: the card, Wi-Fi, rates other than 200 Hz, and the characteristic that asks to be disconnected.
Texts and the shape of the built-in signal are ours where no source gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sanctuary.simulator.devices.ganglion_packing import (
    N_CHANNELS,
    STEP_UV,
    counts_of,
    differences,
    impedances,
    plain,
    texts,
    upper_bits,
)
from sanctuary.simulator.devices.gatt import Characteristic, Notification, Service, short_uuid
from sanctuary.simulator.devices.pacing import Pacer
from sanctuary.simulator.devices.source import SignalSource

__all__ = ["COMMANDS", "DATA", "FS_HZ", "REVISION", "STEP_UV", "VirtualGanglion"]

FS_HZ = 200.0
PER_PACKET = 2
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
SERVICES = (
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
REVISIONS = {2: "2.0.0", 3: "3.0.2"}
RATE = "Success: Sample rate is 200Hz\n"


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
    omits
        Whether firmware 3 leaves out one sample in 201, as its text suggests; nobody has measured it.
    impedance_ohm
        What it measures at electrodes 1 to 4 and the reference.

    Raises
    ------
    ValueError
        No such firmware.
    """

    def __init__(
        self,
        source: SignalSource,
        name: str = "Ganglion-5a17",
        address: str = "D0:55:DA:B0:5A:17",
        *,
        firmware: int = 3,
        fs_hz: float = FS_HZ,
        omits: bool = False,
        impedance_ohm: Sequence[int] = IMPEDANCE_OHM,
    ) -> None:
        if firmware not in REVISIONS:
            raise ValueError(f"firmware {firmware} of a Ganglion: must be 2 or 3")
        self.name, self.address, self.firmware = name, address, firmware
        self.advertised: tuple[str, ...] = (SERVICE,)
        self.services: tuple[Service, ...] = SERVICES
        self._source = source
        self._fs_hz = fs_hz
        self._omits = omits and firmware == 3
        self._impedance_ohm = tuple(impedance_ohm)
        self._accel = self._square = self._rate_asked = False
        self._number = self._omitted = 0
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
            "~": self._ask_rate,
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
            if self._rate_asked:
                self._rate_asked = False
                told += [Notification(DATA, part) for part in texts(RATE)]
            elif letter in "1234":
                self._off.add(int(letter) - 1)
            elif letter in "!@#$":
                self._off.discard("!@#$".index(letter))
            elif letter in self._commands and (text := self._commands[letter](now_s)):
                told += [Notification(DATA, part) for part in texts(text)]
        return told

    def read(self, where: str) -> bytes:
        """Value of the software revision."""
        return REVISIONS[self.firmware].encode() if where == REVISION else b""

    def advance(self, now_s: float) -> list[Notification]:
        """Give what it sends up to `now_s`."""
        told = self._impedances(now_s)
        gone, n = self._pacer.due(now_s)
        if gone:
            self._last = self._samples(gone)[-1]
            self._number += gone // PER_PACKET
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
        number = self._number % (101 if differs else 100)
        if self._omits and number == 0 and self._number > self._omitted:
            self._omitted = self._number
            return 1
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
        self._accel = self._square = self._rate_asked = False
        self._off: set[int] = set()
        self._left = []
        self._number = self._omitted = self._made = 0
        self._last = [0] * N_CHANNELS
        self._impedance_due_s: float | None = None
        self._resumes = False
        return f"OpenBCI Ganglion v{REVISIONS[self.firmware]}\nLIS2DH ID: 0x33\n"

    def _begin(self, now_s: float) -> str:
        if not self.streaming:
            self._number, self._omitted, self._left = 0, 0, []
            self._pacer.start(now_s)
        return ""

    def _end(self, _now_s: float) -> str:
        self._pacer.stop()
        self._resumes = False
        return ""

    def _ask_rate(self, _now_s: float) -> str:
        self._rate_asked = True
        return ""

    def _set_accel(self, *, on: bool) -> str:
        self._accel = on
        return ""

    def _set_square(self, *, on: bool) -> str:
        self._square = on
        return ""

    def _measure(self, now_s: float) -> str:
        """Measure impedance; the stream rests meanwhile."""
        if self._impedance_due_s is None:
            self._resumes = self.streaming
            self._pacer.stop()
            self._impedance_due_s = now_s
        return ""

    def _end_measuring(self, now_s: float) -> str:
        if self._impedance_due_s is not None:
            self._impedance_due_s = None
            if self._resumes:
                self._begin(now_s)
        return ""

    def _impedances(self, now_s: float) -> list[Notification]:
        due_s = self._impedance_due_s
        if due_s is None or now_s < due_s:
            return []
        self._impedance_due_s = now_s + IMPEDANCE_S
        return [Notification(DATA, data) for data in impedances(self._impedance_ohm)]
