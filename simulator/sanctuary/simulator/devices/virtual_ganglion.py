"""A virtual OpenBCI Ganglion over Bluetooth LE, firmware 2 or 3, written from its library's text.

Notifications, 20 bytes each (OpenBCI Ganglion library)::

    id            firmware 2                      firmware 3
    0             one sample, 4 x int24, letters  part of the next
    18 bits       1 to 100                        0 to 99
    19 bits       101 to 200                      100 to 199
    201 to 205    impedance of channel 1 to 4 and the reference: ASCII digits, ``Z``, newline
    206, 207      text, and its last part

Two samples of four channels a notification, channel by channel, most significant bits first: 19 bits each, or
18 and a byte of acceleration. Rows of a source are taken in the order of the inputs; inputs without a row are
grounded and read 0. The board resets when a host connects, and when it disconnects.

Not imitated: the card, Wi-Fi, rates other than 200 Hz, and the characteristic that asks to be disconnected.
Texts and the shape of the built-in signal are ours where no source gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.gatt import Characteristic, Notification, Pacer, Service, short_uuid
from sanctuary.simulator.devices.signal_source import SignalSource

N_CHANNELS = 4
STEP_UV = 1.2e6 / (8_388_607 * 1.5 * 51)
LARGEST, SMALLEST = 0x7FFFFF, -0x800000
IMPEDANCE, TEXT_PART, TEXT_END = 201, 206, 207
NOTIFICATION_BYTES = 20
LETTERS = b"ABCDEFG"
"""What follows a plain sample in its notification."""


def plain(counts: Sequence[int]) -> bytes:
    """One sample whole, as the first of firmware 2's cycle."""
    return b"\0" + b"".join(count.to_bytes(3, "big", signed=True) for count in counts) + LETTERS


def differences(last: Sequence[int], first: Sequence[int], second: Sequence[int], n_bits: int) -> bytes:
    """Two samples as firmware 2 sends them: old less new, its low bits, the lowest being the sign."""
    values = [old - new for old, new in zip(last, first, strict=True)]
    values += [old - new for old, new in zip(first, second, strict=True)]
    return _packed([(value & ~1 | (value < 0)) & (1 << n_bits) - 1 for value in values], n_bits)


def upper_bits(first: Sequence[int], second: Sequence[int], n_bits: int) -> bytes:
    """Two samples as firmware 3 sends them: their upper bits, the lowest of these being the sign."""
    values = [value >> 24 - n_bits for value in (*first, *second)]
    return _packed([(value & ~1 | (value < 0)) & (1 << n_bits) - 1 for value in values], n_bits)


def impedances(ohm: Sequence[int]) -> list[bytes]:
    """Impedances of all electrodes, the reference's last."""
    return [_padded(IMPEDANCE + k, b"%dZ\n" % each) for k, each in enumerate(ohm)]


def texts(text: str) -> list[bytes]:
    """Cut a text up."""
    data, size = text.encode("ascii"), NOTIFICATION_BYTES - 1
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return [_padded(TEXT_PART, part) for part in parts[:-1]] + [_padded(TEXT_END, parts[-1])]


def counts_of(uv: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round to the nearest counts (halves to the even one) of all inputs, shape ``(n, 4)``.

    They stick at the rails; an electrode that hangs in the air, NaN, reads the upper one.
    """
    counts = np.zeros((uv.shape[1], N_CHANNELS), dtype=np.int64)
    for channel, row in enumerate(uv[:N_CHANNELS]):
        counts[:, channel] = np.clip(np.rint(np.nan_to_num(row, nan=1e9) / STEP_UV), SMALLEST, LARGEST)
    return counts


def _packed(values: Sequence[int], n_bits: int) -> bytes:
    packed = 0
    for value in values:
        packed = packed << n_bits | value
    return packed.to_bytes(n_bits, "big")


def _padded(number: int, data: bytes) -> bytes:
    return (bytes((number,)) + data).ljust(NOTIFICATION_BYTES, b"\0")


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
        Whether firmware 3 leaves out one sample in 201, as its text suggests; no measurement is known.
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
        return self._pacer.running

    def connect(self, now_s: float) -> None:
        self._reset(now_s)

    def disconnect(self, now_s: float) -> None:
        self._reset(now_s)

    def write(self, where: str, data: bytes, now_s: float) -> list[Notification]:
        if where != COMMANDS:
            return []
        sent = []
        for letter in data.decode("ascii", "replace"):
            if self._rate_asked:
                self._rate_asked = False
                sent += [Notification(DATA, part) for part in texts(RATE)]
            elif letter in "1234":
                self._off.add(int(letter) - 1)
            elif letter in "!@#$":
                self._off.discard("!@#$".index(letter))
            elif letter in self._commands and (text := self._commands[letter](now_s)):
                sent += [Notification(DATA, part) for part in texts(text)]
        return sent

    def read(self, where: str) -> bytes:
        return REVISIONS[self.firmware].encode() if where == REVISION else b""

    def advance(self, now_s: float) -> list[Notification]:
        sent = self._impedances(now_s)
        gone, n = self._pacer.due(now_s)
        if gone:
            self._last = self._samples(gone)[-1]
            self._number += gone // PER_PACKET
        if not n:
            return sent
        counts = self._samples(n)
        at = 0
        while at < len(counts):
            at += self._packet(counts, at, sent)
        return sent

    def _packet(self, counts: list[list[int]], at: int, sent: list[Notification]) -> int:
        """Send what begins at sample `at`, or keep it until its pair has come; returns the samples used."""
        differs = self.firmware == 2
        number = self._number % (101 if differs else 100)
        if self._omits and number == 0 and self._number > self._omitted:
            self._omitted = self._number
            return 1
        if differs and number == 0:
            sent.append(Notification(DATA, plain(counts[at])))
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
        sent.append(Notification(DATA, bytes((number + (0 if self._accel else 100),)) + body + tail))
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
