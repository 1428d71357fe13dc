"""A virtual OpenBCI Cyton, bytes only: commands in, replies and packets out.

Written from the data format, not from our decoder: start A0, counter, 8 x int24 big-endian, accelerometer
in one of ten packets (25 Hz), stop C0. It answers like firmware 3.1 and keeps silent while it streams.

Not imitated: Daisy, SD card, test signals, board modes, time stamps, the dongle's own commands, and rates
other than 250 Hz. It keeps silent about these, as about anything unknown. A setting that does not exist it
refuses in words of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from sanctuary.simulator.devices.cyton_board import N_CHANNELS, ChannelSettings, counts_of
from sanctuary.simulator.devices.source import SignalSource

FS_HZ = 250
PACKET_BYTES = 33
BANNER = (
    b"OpenBCI V3 8-16 channel\r\nOn Board ADS1299 Device ID: 0x3E\r\n"
    b"LIS3DH Device ID: 0x33\r\nFirmware: v3.1.2\r\n$$$"
)
VERSION = b"v3.1.5$$$"
DEFAULTS_SET = b"updating channel settings to default$$$"
RATE = b"Success: Sample rate is 250Hz$$$"
TOO_SLOW = b"Timeout processing multi byte message - please send all commands at once as of v2$$$"
MULTI_BYTE_TIMEOUT_S = 1.0
"""A command of several bytes must be complete within this time."""
ACCEL_EVERY = 10
AT_REST = (160, -80, 8000)
"""Accelerometer counts of somebody lying still: 1 g along Z at 8000 counts per g, and a little tilted, for
BrainFlow takes X = 0 as "nothing new"."""

_CHANNEL_SETTINGS = re.compile(rb"x([1-8])([01])([0-6])([0-7])([01])([01])([01])X")
_LEAD_OFF = re.compile(rb"z([1-8])[01][01]Z")
_SWITCH_OFF, _SWITCH_ON = b"12345678", b"!@#$%^&*"

Answer = Callable[[bytes], bytes]


class VirtualCyton:
    """One board.

    Parameters
    ----------
    source
        Signal of inputs 1 and 2; nothing is plugged into the others, which are grounded and read 0.
    fs_hz
        Packets a second, for a source at another rate; the packets themselves do not tell it.
    """

    def __init__(self, source: SignalSource, fs_hz: int = FS_HZ) -> None:
        self.fs_hz = fs_hz
        self.streaming = False
        self.channels = [ChannelSettings()] * N_CHANNELS
        self._source = source
        self._counter = 0
        self._pending = b""
        self._pending_since_s = 0.0
        self._commands: dict[bytes, tuple[int, Answer]] = {
            b"v": (1, self._reset),
            b"b": (1, self._start),
            b"s": (1, self._stop),
            b"d": (1, self._set_defaults),
            b"D": (1, lambda _: ChannelSettings().codes().encode() + b"$$$"),
            b"V": (1, lambda _: VERSION),
            b"?": (1, self._registers),
            b"x": (9, self._set_channel),
            b"z": (5, self._lead_off),
            b"~": (2, lambda command: RATE if command[1:] in (b"~", b"6") else b""),
        }
        for number in range(N_CHANNELS):
            self._commands[_SWITCH_OFF[number : number + 1]] = (1, self._switch)
            self._commands[_SWITCH_ON[number : number + 1]] = (1, self._switch)

    def receive(self, data: bytes, now_s: float = 0.0) -> bytes:
        """Take bytes from the host at `now_s`; returns the reply.

        No bytes at all let time pass: an unfinished command of several bytes is given up in the end.
        """
        replies = b""
        if self._pending and now_s - self._pending_since_s >= MULTI_BYTE_TIMEOUT_S:
            self._pending = b""
            replies += self._unless_streaming(TOO_SLOW)
        if not self._pending:
            self._pending_since_s = now_s
        self._pending += data
        while self._pending:
            length, answer = self._commands.get(self._pending[:1], (1, _unknown))
            if len(self._pending) < length:
                break
            command, self._pending = self._pending[:length], self._pending[length:]
            self._pending_since_s = now_s
            replies += self._unless_streaming(answer(command))
        return replies

    def packets(self, n: int) -> bytes:
        """Give the next `n` packets."""
        counts = counts_of(self._source.render(n), self.channels).astype(">i4")
        rows = np.zeros((n, PACKET_BYTES), dtype=np.uint8)
        counters = self._counter + np.arange(n)
        rows[:, 0] = 0xA0
        rows[:, 1] = counters & 0xFF
        k = counts.shape[1]
        rows[:, 2 : 2 + 3 * k] = counts.view(np.uint8).reshape(n, k, 4)[:, :, 1:].reshape(n, 3 * k)
        rows[counters % ACCEL_EVERY == 0, 26:32] = np.array(AT_REST, dtype=">i2").view(np.uint8)
        rows[:, 32] = 0xC0
        self._counter += n
        return rows.tobytes()

    def _unless_streaming(self, reply: bytes) -> bytes:
        return b"" if self.streaming else reply

    def _reset(self, _command: bytes) -> bytes:
        self.streaming = False
        self.channels = [ChannelSettings()] * N_CHANNELS
        return BANNER

    def _start(self, _command: bytes) -> bytes:
        self.streaming = True
        return b""

    def _stop(self, _command: bytes) -> bytes:
        self.streaming = False
        return b""

    def _set_defaults(self, _command: bytes) -> bytes:
        self.channels = [ChannelSettings()] * N_CHANNELS
        return DEFAULTS_SET

    def _switch(self, command: bytes) -> bytes:
        off = command in _SWITCH_OFF
        number = (_SWITCH_OFF if off else _SWITCH_ON).index(command)
        self.channels[number] = ChannelSettings(off=off)
        return b""

    def _set_channel(self, command: bytes) -> bytes:
        if command[-1:] != b"X":
            return b"Failure: Err: 9th char not X$$$"
        match = _CHANNEL_SETTINGS.fullmatch(command)
        if match is None:
            return b"Failure: Err: unknown channel setting$$$"
        number, off, gain, source, bias, srb2, srb1 = (int(digit) for digit in match.groups())
        self.channels[number - 1] = ChannelSettings(
            bool(off), gain, source, bool(bias), bool(srb2), bool(srb1)
        )
        return b"Success: Channel set for %d$$$" % number

    def _lead_off(self, command: bytes) -> bytes:
        if command[-1:] != b"Z":
            return b"Failure: Err: 5th char not Z$$$"
        match = _LEAD_OFF.fullmatch(command)
        if match is None:
            return b"Failure: Err: unknown lead-off setting$$$"
        return b"Success: Lead off set for %s$$$" % match[1]

    def _registers(self, _command: bytes) -> bytes:
        """Print the registers that this board has: the amplifier's identity and its channels."""
        lines = ["Board ADS Registers", "ADS_ID, 00, 0x3E"]
        for number, settings in enumerate(self.channels, start=1):
            lines.append(f"CH{number}SET, {number + 4:02X}, 0x{settings.register():02X}")
        return "\r\n".join([*lines, "$$$"]).encode()


def _unknown(_command: bytes) -> bytes:
    return b""
