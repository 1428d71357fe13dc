"""The board's own side of a Cyton: its firmware, from commands to texts and from signals to packets.

After OpenBCI_32bit_Library.cpp of OpenBCI/OpenBCI_Cyton_Library (commit 648b7fa, firmware 3.1). What a host
may not expect of it, and what is done here alike:

* the counter begins at 0 with each start, and a command that changes channels while the board streams stops
  and starts it;
* a reset (``v``) restores channels and stops streaming, but keeps board mode, time stamps and rate;
* a rate is set with all channel settings lost, and streaming over the dongle sets 250 Hz again;
* unknown digits become defaults, without a word.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sanctuary.simulator.devices import cyton_commands as commands
from sanctuary.simulator.devices.cyton_amplifier import Amplifier
from sanctuary.simulator.devices.cyton_board import N_CHANNELS, ChannelSettings
from sanctuary.simulator.devices.cyton_packets import SETTLED, Aux, CountArray, Kind, interleaved, packets
from sanctuary.simulator.devices.cyton_registers import dump
from sanctuary.simulator.devices.cyton_test_signal import CALIBRATION, CALIBRATIONS, SHORTED
from sanctuary.simulator.devices.source import SignalSource

UNHURRIED = 6
"""Code of 250 Hz."""
POWERED_MS = 10_000.0
"""The board's clock when it hears its first command: it was switched on a while ago."""
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
        self._kind = Kind.ACCEL
        self._rate = UNHURRIED
        self._marker: int | None = None
        self._sample = CRASHED_AT if streaming else 0
        self._ms = POWERED_MS
        self._first_heard_s: float | None = None
        self._before = [np.zeros(N_CHANNELS, dtype=np.int32)] * 2
        self._answers = self._table()

    def answer(self, command: bytes, now_s: float) -> str | None:
        """Do what a whole command says; returns what it prints, None for nothing."""
        if self._first_heard_s is None:
            self._first_heard_s = now_s
        if not self.streaming:
            self._ms = max(self._ms, POWERED_MS + 1000.0 * (now_s - self._first_heard_s))
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
        if commands.MODES[self._mode] == "marker":
            self._marker = None

    def _aux(self) -> Aux:
        mode = commands.MODES[self._mode]
        words = {"analog": ANALOG_WORDS, "digital": DIGITAL_WORDS}.get(mode, (0, 0, 0))
        return Aux(self._kind, words, self._marker if mode == "marker" else None, self._ms)

    def _in_use(self) -> list[Amplifier]:
        return self._chips if self._attached else self._chips[:1]

    def _table(self) -> dict[bytes, Answer]:
        """Say what each first letter leads to."""
        table: dict[bytes, Answer] = {
            b"v": self._reset,
            b"V": lambda _: commands.VERSION,
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
        table |= dict.fromkeys(CALIBRATIONS, self._test)
        for letters, answer in (
            (commands.SWITCH_OFF, self._switch_off),
            (commands.SWITCH_ON, self._switch_on),
            (commands.LOG_TO_CARD, lambda _: commands.NO_CARD),
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
        return commands.banner(daisy=self._attached)

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
        channel = commands.SWITCH_OFF.index(command)
        if (chip := self._chip(channel)) is not None:
            chip.switch_off(channel % N_CHANNELS)
        self._restart()
        return ""

    def _switch_on(self, command: bytes) -> str:
        channel = commands.SWITCH_ON.index(command)
        if (chip := self._chip(channel)) is not None:
            chip.switch_on(channel % N_CHANNELS)
        self._restart()
        return ""

    def _set_channel(self, command: bytes) -> str:
        if len(command) < commands.LENGTHS[b"x"]:
            return "Failure: too few chars"
        if not command.endswith(b"X"):
            return "Failure: Err: 9th char not X"
        channel = commands.channel_of(command[1:2])
        if (chip := self._chip(channel)) is not None:
            chip.set(channel % N_CHANNELS, commands.settings_of(command[2:8]))
        self._restart()
        return f"Success: Channel set for {channel + 1}"

    def _set_lead_off(self, command: bytes) -> str:
        if len(command) < commands.LENGTHS[b"z"]:
            return "Failure: too few chars"
        if not command.endswith(b"Z"):
            return "Failure: Err: 5th char not Z"
        channel = commands.channel_of(command[1:2])
        if (chip := self._chip(channel)) is not None:
            chip.lead_off[channel % N_CHANNELS] = (command[2:3] == b"1", command[3:4] == b"1")
        self._restart()
        return f"Success: Lead off set for {channel + 1}"

    def _test(self, command: bytes) -> str:
        for chip in self._in_use():
            chip.calibration = CALIBRATIONS.get(command, chip.calibration)
            chip.connect(CALIBRATION if command in CALIBRATIONS else SHORTED)
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
        kinds = (Kind.TIME_SET_ACCEL, Kind.TIME_SET_RAW) if self._timed else (Kind.ACCEL, Kind.RAW)
        self._kind = kinds[0 if self._accel else 1]

    def _set_mode(self, command: bytes) -> str:
        digit = command[1:]
        if digit.isdigit():
            if int(digit) >= len(commands.MODES):
                return "Failure: board mode value out of bounds."
            self._enter_mode(int(digit))
        elif digit != b"/":
            return "Failure: invalid board mode value."
        return f"Success: {commands.MODES[self._mode]}"

    def _enter_mode(self, mode: int) -> None:
        if mode == self._mode:
            return
        self._mode = mode
        if mode == 0:
            self._accel = True
        elif commands.MODES[mode] in WITHOUT_ACCEL:
            self._accel = False
        self._choose_kind()

    def _set_rate(self, command: bytes) -> str:
        digit = command[1:]
        if digit.isdigit():
            if int(digit) >= len(commands.RATES_HZ):
                return "Failure: sample value out of bounds"
            self._rate = int(digit)
            self._initialise()
            self._restart()
        elif digit != b"~":
            return "Failure: invalid sample value"
        return f"Success: Sample rate is {commands.RATES_HZ[self._rate]}Hz"

    def _insert_marker(self, command: bytes) -> str:
        self._marker = command[1]
        return ""
