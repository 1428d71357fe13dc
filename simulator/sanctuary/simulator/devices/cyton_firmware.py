"""The firmware of a Cyton: commands in, texts out; signals in, packets out.

After OpenBCI_32bit_Library.cpp of OpenBCI/OpenBCI_Cyton_Library (commit 648b7fa, firmware 3.1) and OpenBCI's
documentation (Cyton SDK). Most commands are one byte; some take arguments, and two of these end with a
closing letter, which may come too early. Behaviour that a host might not expect:

* the counter begins at 0 with each start, and a command that changes channels while the board streams stops
  and starts it;
* a reset (``v``) restores channels and stops streaming, but keeps board mode, time stamps and rate;
* setting a rate resets all channel settings, and streaming over the dongle sets 250 Hz again;
* unknown digits become defaults, without an error.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sanctuary.simulator.devices.cyton_amplifier import (
    N_CHANNELS,
    SHORTED,
    TEST_SIGNAL,
    TEST_SIGNALS,
    Amplifier,
    ChannelSettings,
    dump,
)
from sanctuary.simulator.devices.cyton_packets import (
    SETTLED,
    Aux,
    CountArray,
    PacketKind,
    interleaved,
    packets,
)
from sanctuary.simulator.devices.signal_source import SignalSource

LENGTHS = {b"x": 9, b"z": 5, b"/": 2, b"~": 2, b"`": 2}
LATCHES = {b"x": b"X", b"z": b"Z"}
MULTI_BYTE_TIMEOUT_S = 1.0
"""A command of several bytes must be complete within this time."""

SWITCH_OFF = b"12345678qwertyui"
SWITCH_ON = b"!@#$%^&*QWERTYUI"
CHANNELS = b"12345678QWERTYUI"
"""Letters of channels 1 to 16, as arguments."""
LOG_TO_CARD = b"ASFGHJKLa"
MODES = ("default", "debug", "analog", "digital", "marker", "BLE")
RATES_HZ = (16_000, 8000, 4000, 2000, 1000, 500, 250)

BANNER_LINES = ("OpenBCI V3 8-16 channel", "On Board ADS1299 Device ID: 0x3E")
DAISY_LINE = "On Daisy ADS1299 Device ID: 0x3E"
LAST_BANNER_LINES = ("LIS3DH Device ID: 0x33", "Firmware: v3.1.2")
VERSION = "v3.1.5"
TOO_SLOW = "Timeout processing multi byte message - please send all commands at once as of v2"
NO_CARD = (
    "initialization failed. Things to check:\r\n* is a card is inserted?\r\n"
    "Could not find FAT16/FAT32 partition. Make sure you've formatted the card\r\n"
)
"""The firmware's text with an empty slot, its grammar included."""


def next_command(pending: bytes) -> bytes:
    """First command in `pending`; empty while it is unfinished.

    One that its closing letter ends too early is taken up to that letter.
    """
    kind = pending[:1]
    length = LENGTHS.get(kind, 1)
    latch = LATCHES.get(kind)
    early = -1 if latch is None else pending.find(latch, 1, length - 1)
    if early > 0:
        return pending[: early + 1]
    return pending[:length] if len(pending) >= length else b""


def channel_of(letter: bytes) -> int:
    """Look up the number of a channel, 0 to 15; the firmware takes an unknown letter for channel 1."""
    return max(0, CHANNELS.find(letter))


def settings_of(arguments: bytes) -> ChannelSettings:
    """Read the six digits of the command ``x``; the firmware takes what is no digit for 0, or for gain 24."""
    digits = [byte - 48 if 48 <= byte <= 57 else 0 for byte in arguments]
    power, _, source, bias, srb2, srb1 = digits
    gain = arguments[1] - 48
    return ChannelSettings(
        off=power == 1,
        gain_code=gain if 0 <= gain <= 6 else 6,
        input_code=source & 7,
        bias=bias == 1,
        srb2=srb2 == 1 or source & 8 != 0,
        srb1=srb1 == 1,
    )


def banner(*, daisy: bool) -> str:
    """Text that the board sends after a reset."""
    lines = (*BANNER_LINES, *((DAISY_LINE,) if daisy else ()), *LAST_BANNER_LINES)
    return "\r\n".join((*lines, ""))


UNHURRIED = 6
"""Code of 250 Hz."""
POWERED_MS = 10_000.0
"""The board's clock at its first command: it was switched on a while before."""
ANALOG_WORDS = (512, 0, 1023)
"""A5, A6 and A7 of ten bits: half of the supply, ground, supply."""
DIGITAL_WORDS = (0x0100, 0x0001, 0x0001)
"""D11 and D12, D13 and D17, D18: the first of each pair in the upper byte."""
WITHOUT_ACCEL = ("analog", "digital", "marker")
CRASHED_AT = 12_345
"""Packets that a board left streaming has sent already."""

Answer = Callable[[bytes], str]


class CytonFirmware:
    """One board, with or without a Daisy plugged onto it.

    Attributes
    ----------
    streaming
        Whether it streams.
    """

    def __init__(self, source: SignalSource, fs_hz: float, *, daisy: bool, streaming: bool) -> None:
        self.streaming = streaming
        self._source, self._fs_hz = source, fs_hz
        self._chips = [Amplifier(), Amplifier()] if daisy else [Amplifier()]
        self._attached = daisy
        self._mode = 0
        self._accel, self._timed = True, False
        self._kind = PacketKind.ACCEL
        self._rate = UNHURRIED
        self._marker: int | None = None
        self._sample = CRASHED_AT if streaming else 0
        self._ms = POWERED_MS
        self._first_command_s: float | None = None
        self._before = [np.zeros(N_CHANNELS, dtype=np.int32)] * 2
        self._answers = self._table()

    def answer(self, command: bytes, now_s: float) -> str | None:
        """Carry out a whole command; returns the text printed, None for nothing."""
        if self._first_command_s is None:
            self._first_command_s = now_s
        if not self.streaming:
            self._ms = max(self._ms, POWERED_MS + 1000.0 * (now_s - self._first_command_s))
        answer = self._answers.get(command[:1])
        return (answer(command) or None) if answer is not None else None

    def packets(self, n: int) -> bytes:
        """Give the next `n` packets."""
        uv = self._source.render(n)
        counts = [
            chip.counts(uv[8 * at : 8 * at + 8], self._sample, self._fs_hz)
            for at, chip in enumerate(self._in_use())
        ]
        rows = counts[0]
        if len(counts) == 2:
            rows = interleaved(counts[0], counts[1], (self._before[0], self._before[1]), self._sample)
        raw = packets(rows, self._sample, self._aux(), self._fs_hz)
        if n:
            self._remember(counts)
            self._sample += n
            self._ms += n * 1000.0 / self._fs_hz
        return raw

    def _remember(self, counts: list[CountArray]) -> None:
        for at, each in enumerate(counts):
            self._before[at] = each[-1]
        self._kind = SETTLED.get(self._kind, self._kind)
        if MODES[self._mode] == "marker":
            self._marker = None

    def _aux(self) -> Aux:
        mode = MODES[self._mode]
        words = {"analog": ANALOG_WORDS, "digital": DIGITAL_WORDS}.get(mode, (0, 0, 0))
        return Aux(self._kind, words, self._marker if mode == "marker" else None, self._ms)

    def _in_use(self) -> list[Amplifier]:
        return self._chips if self._attached else self._chips[:1]

    def _table(self) -> dict[bytes, Answer]:
        """Handlers by the first byte of a command."""
        table: dict[bytes, Answer] = {
            b"v": self._reset,
            b"V": lambda _: VERSION,
            b"b": self._start,
            b"s": self._stop,
            b"d": self._set_defaults,
            b"D": lambda _: ChannelSettings().codes(),
            b"x": self._set_channel,
            b"z": self._set_lead_off,
            b"?": lambda _: dump(self._in_use(), self._rate),
            b"<": lambda _: self._stamp(on=True),
            b">": lambda _: self._stamp(on=False),
            b"/": self._set_mode,
            b"~": self._set_rate,
            b"`": self._insert_marker,
            b"c": self._detach,
            b"C": self._attach,
            b"0": self._test,
        }
        table |= dict.fromkeys(TEST_SIGNALS, self._test)
        for letters, answer in (
            (SWITCH_OFF, self._switch_off),
            (SWITCH_ON, self._switch_on),
            (LOG_TO_CARD, lambda _: NO_CARD),
        ):
            table |= {bytes((letter,)): answer for letter in letters}
        return table

    # --- streaming ---

    def _start(self, _command: bytes) -> str:
        if self._rate != UNHURRIED:
            self._rate = UNHURRIED
            self._initialise()
        self.streaming = True
        self._sample = 0
        return ""

    def _stop(self, _command: bytes) -> str:
        self.streaming = False
        return ""

    def _restart(self) -> None:
        """Stop and start, where channels change under way."""
        if self.streaming:
            self._sample = 0

    def _reset(self, _command: bytes) -> str:
        self.streaming = False
        self._initialise()
        return banner(daisy=self._attached)

    def _initialise(self) -> None:
        for chip in self._chips:
            chip.reset()
        self._attached = len(self._chips) == 2

    # --- channels ---

    def _chip(self, channel: int) -> Amplifier | None:
        """Chip of channel 0 to 15; None without a Daisy for the upper ones."""
        in_use = self._in_use()
        return in_use[channel // N_CHANNELS] if channel < N_CHANNELS * len(in_use) else None

    def _set_defaults(self, _command: bytes) -> str:
        for chip in self._in_use():
            chip.set_defaults()
        self._restart()
        return "updating channel settings to default"

    def _switch_off(self, command: bytes) -> str:
        channel = SWITCH_OFF.index(command)
        if (chip := self._chip(channel)) is not None:
            chip.switch_off(channel % N_CHANNELS)
        self._restart()
        return ""

    def _switch_on(self, command: bytes) -> str:
        channel = SWITCH_ON.index(command)
        if (chip := self._chip(channel)) is not None:
            chip.switch_on(channel % N_CHANNELS)
        self._restart()
        return ""

    def _set_channel(self, command: bytes) -> str:
        if len(command) < LENGTHS[b"x"]:
            return "Failure: too few chars"
        if not command.endswith(b"X"):
            return "Failure: Err: 9th char not X"
        channel = channel_of(command[1:2])
        if (chip := self._chip(channel)) is not None:
            chip.set(channel % N_CHANNELS, settings_of(command[2:8]))
        self._restart()
        return f"Success: Channel set for {channel + 1}"

    def _set_lead_off(self, command: bytes) -> str:
        if len(command) < LENGTHS[b"z"]:
            return "Failure: too few chars"
        if not command.endswith(b"Z"):
            return "Failure: Err: 5th char not Z"
        channel = channel_of(command[1:2])
        if (chip := self._chip(channel)) is not None:
            chip.lead_off[channel % N_CHANNELS] = (command[2:3] == b"1", command[3:4] == b"1")
        self._restart()
        return f"Success: Lead off set for {channel + 1}"

    def _test(self, command: bytes) -> str:
        for chip in self._in_use():
            chip.test_signal = TEST_SIGNALS.get(command, chip.test_signal)
            chip.connect(TEST_SIGNAL if command in TEST_SIGNALS else SHORTED)
        self._restart()
        return "Success: Configured internal test signal."

    def _detach(self, _command: bytes) -> str:
        attached, self._attached = self._attached, False
        return "daisy removed" if attached else ""

    def _attach(self, _command: bytes) -> str:
        if self._attached:
            return "16"
        if len(self._chips) < 2:
            return "no daisy to attach!8"
        self._attached = True
        self._chips[1].attach()
        return "daisy attached16"

    # --- what goes with the samples ---

    def _stamp(self, *, on: bool) -> str:
        self._timed = on
        self._choose_kind()
        return f"Time stamp {'ON' if on else 'OFF'}"

    def _choose_kind(self) -> None:
        kinds = (
            (PacketKind.TIME_SET_ACCEL, PacketKind.TIME_SET_RAW)
            if self._timed
            else (PacketKind.ACCEL, PacketKind.RAW)
        )
        self._kind = kinds[0 if self._accel else 1]

    def _set_mode(self, command: bytes) -> str:
        digit = command[1:]
        if digit.isdigit():
            if int(digit) >= len(MODES):
                return "Failure: board mode value out of bounds."
            self._enter_mode(int(digit))
        elif digit != b"/":
            return "Failure: invalid board mode value."
        return f"Success: {MODES[self._mode]}"

    def _enter_mode(self, mode: int) -> None:
        if mode == self._mode:
            return
        self._mode = mode
        if mode == 0:
            self._accel = True
        elif MODES[mode] in WITHOUT_ACCEL:
            self._accel = False
        self._choose_kind()

    def _set_rate(self, command: bytes) -> str:
        digit = command[1:]
        if digit.isdigit():
            if int(digit) >= len(RATES_HZ):
                return "Failure: sample value out of bounds"
            self._rate = int(digit)
            self._initialise()
            self._restart()
        elif digit != b"~":
            return "Failure: invalid sample value"
        return f"Success: Sample rate is {RATES_HZ[self._rate]}Hz"

    def _insert_marker(self, command: bytes) -> str:
        self._marker = command[1]
        return ""
