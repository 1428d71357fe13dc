"""A virtual OpenBCI Cyton behind its dongle, with or without a Daisy, bytes only.

Commands in, replies and packets out, in the manner of firmware 3.1; while it streams the board sends no
replies. The board is in `cyton_firmware`, its channels in `cyton_amplifier`, the format of packets in
`cyton_packets`. The dongle and its radio link are here, after OpenBCI_Radios.cpp of OpenBCI/OpenBCI_Radios
(commit 24e5eb3): commands to the dongle itself begin with F0 and are answered whether the board streams or
not; without a board in reach it answers every other command with a failure.

Not imitated: a card in the slot, the Wi-Fi shield, rates other than 250 Hz on the wire, the other speeds of
BLE and debug mode and of the dongle's port, and noise of the amplifier. Settings apply at once, where a board
takes some milliseconds; a reset too, unless it is given a delay.
"""

from __future__ import annotations

from sanctuary.simulator.devices.cyton_firmware import MULTI_BYTE_TIMEOUT_S, CytonFirmware, banner
from sanctuary.simulator.devices.cyton_firmware import TOO_SLOW as TOO_SLOW_TEXT
from sanctuary.simulator.devices.cyton_firmware import VERSION as FIRMWARE_VERSION
from sanctuary.simulator.devices.cyton_firmware import next_command as next_board_command
from sanctuary.simulator.devices.signal_source import SignalSource

KEY = 0xF0
GET_CHANNEL, SET_CHANNEL, OVERRIDE, GET_POLL, SET_POLL, SLOW, FAST, STATUS = range(8)
LENGTHS = {GET_CHANNEL: 2, SET_CHANNEL: 3, OVERRIDE: 3, GET_POLL: 2, SET_POLL: 3, SLOW: 2, FAST: 2, STATUS: 2}
"""Bytes of each command, by its second byte."""
LAST_CHANNEL = 25
FIRST_CHANNEL = 18
"""Where dongle and board are set at first, as is usual."""
POLL_MS = 80
BAUDS = {SLOW: 115_200, FAST: 230_400}
UNREACHED = b"Failure: Communications timeout - Device failed to poll Host$$$"
TIME_STAMPS_ON = b"<"
ACKNOWLEDGED = b","
"""What the dongle adds when time stamps are asked for by a message of that one byte."""


def next_command(pending: bytes) -> bytes:
    """First command to the dongle in `pending`, which begins with F0; empty while it is unfinished.

    F0 and a byte that is none of its commands is one byte for the board, to which it means nothing.
    """
    if len(pending) < 2:
        return b""
    length = LENGTHS.get(pending[1], 1)
    return pending[:length] if len(pending) >= length else b""


class Dongle:
    """The dongle.

    Parameters
    ----------
    board
        Whether there is a board, switched on.

    Attributes
    ----------
    board
        May be changed: batteries end.
    """

    def __init__(self, *, board: bool) -> None:
        self.board = board
        self._channel = self._board_channel = FIRST_CHANNEL
        self._poll_ms = POLL_MS

    @property
    def linked(self) -> bool:
        """Whether dongle and board are on one channel."""
        return self.board and self._channel == self._board_channel

    def answer(self, command: bytes) -> bytes:
        """Carry out a whole command; returns the reply."""
        code, argument = command[1], command[-1]
        if code in BAUDS:
            return b"Success: Switch your baud rate to %d$$$" % BAUDS[code]
        if code == GET_CHANNEL:
            where = b"Success: Host and Device on " if self.linked else b"Failure: Host on "
            return where + self._channel_text()
        if code == STATUS:
            return b"Success: System is Up$$$" if self.linked else b"Failure: System is Down$$$"
        if code == OVERRIDE or (code == SET_CHANNEL and self.linked):
            return self._set_channel(argument, alone=code == OVERRIDE)
        if not self.linked:
            return UNREACHED
        if code == SET_POLL:
            self._poll_ms = argument
            return b"Success: Poll time: %d%c$$$" % (argument, argument)
        return b"Success: 0x%c$$$" % self._poll_ms

    def _set_channel(self, channel: int, *, alone: bool) -> bytes:
        """Change the dongle's channel, and the board's with it unless `alone`: then the link is lost."""
        if channel > LAST_CHANNEL:
            return b"Failure: Verify channel number is less than 25$$$"
        self._channel = channel
        if alone:
            return b"Success: Host override - " + self._channel_text()
        self._board_channel = channel
        return b"Success: " + self._channel_text()

    def _channel_text(self) -> bytes:
        """Write the channel in digits and once more as a byte, as the dongle does."""
        return b"Channel number: %d%c$$$" % (self._channel, self._channel)


FS_HZ = 250
END = b"$$$"
BANNER = banner(daisy=False).encode() + END
VERSION = FIRMWARE_VERSION.encode() + END
TOO_SLOW = TOO_SLOW_TEXT.encode() + END
MAX_WAITING_BYTES = 1024
"""Commands that wait while the board starts; what is more is lost."""


class VirtualCyton:
    """One board and its dongle.

    Parameters
    ----------
    source
        Signal of the first inputs, up to 16 rows in order of the inputs (9 to 16 are the Daisy's); nothing is
        plugged into the others, which are grounded and read 0.
    fs_hz
        Packets a second, for a source at another rate; the packets do not state it.
    daisy
        Whether a Daisy is plugged on: 16 channels, two packets for each sample of them.
    streaming
        Whether a program that crashed has left it streaming.
    banner_delay_s
        How long a reset takes. What comes meanwhile waits.
    banner
        Sent after a reset, without ``$$$``, in place of the board's own banner.
    board
        False for the dongle without a board: it is switched off or out of reach.
    battery_packets
        Packets until the battery is empty; None for never.

    Attributes
    ----------
    fs_hz, streaming
        As in `sanctuary.simulator.devices.board_port.SerialBoard`. What is not linked does not stream.
    """

    def __init__(
        self,
        source: SignalSource,
        fs_hz: int = FS_HZ,
        *,
        daisy: bool = False,
        streaming: bool = False,
        banner_delay_s: float = 0.0,
        banner: str | None = None,
        board: bool = True,
        battery_packets: int | None = None,
    ) -> None:
        self.fs_hz = fs_hz
        self.streaming = streaming and board
        self._dongle = Dongle(board=board)
        self._firmware = CytonFirmware(source, fs_hz, daisy=daisy, streaming=streaming)
        self._banner = None if banner is None else banner.encode() + END
        self._banner_delay_s = banner_delay_s
        self._battery_packets = battery_packets
        self._pending = b""
        self._pending_since_s = 0.0
        self._busy_until_s: float | None = None
        self._held = b""

    def receive(self, data: bytes, now_s: float = 0.0) -> bytes:
        """Take bytes from the host at `now_s`; returns the reply.

        An empty call only advances time: an unfinished command of several bytes is given up in the end, and a
        reset comes to its end.
        """
        replies = self._end_reset(now_s)
        if data == TIME_STAMPS_ON and self._dongle.linked:
            replies += ACKNOWLEDGED
        replies += self._expire_command(now_s)
        if not self._pending:
            self._pending_since_s = now_s
        self._pending = (self._pending + data)[:MAX_WAITING_BYTES]
        if data and not self._dongle.linked and data[0] != KEY:
            self._pending = b""
            replies += UNREACHED
        replies += self._handle_pending(now_s)
        self.streaming = self._firmware.streaming and self._dongle.linked
        return replies

    def packets(self, n: int) -> bytes:
        """Give the next `n` packets; fewer when the battery ends, none without a link."""
        if self._battery_packets is not None:
            n = min(n, self._battery_packets)
            self._battery_packets -= n
        raw = self._firmware.packets(n) if self._dongle.board else b""
        linked = self._dongle.linked
        if self._battery_packets == 0:
            self._dongle.board = self.streaming = False
        return raw if linked else b""

    def _end_reset(self, now_s: float) -> bytes:
        """End a reset that takes its time."""
        if self._busy_until_s is None or now_s < self._busy_until_s:
            return b""
        self._busy_until_s = None
        self._pending_since_s = now_s
        held, self._held = self._held, b""
        return held if self._dongle.linked else b""

    def _expire_command(self, now_s: float) -> bytes:
        """Forget a command that was not finished in time."""
        late = now_s - self._pending_since_s >= MULTI_BYTE_TIMEOUT_S
        if not self._pending or not late or self._busy_until_s is not None:
            return b""
        dongles = self._pending[0] == KEY
        self._pending = b""
        return b"" if dongles or self._firmware.streaming else TOO_SLOW

    def _handle_pending(self, now_s: float) -> bytes:
        """Carry out whole commands; returns the replies."""
        replies = b""
        while self._pending:
            dongles = self._pending[0] == KEY
            take = next_command if dongles else next_board_command
            command = take(self._pending)
            if not command or (self._busy_until_s is not None and not dongles):
                break
            self._pending = self._pending[len(command) :]
            self._pending_since_s = now_s
            if dongles and len(command) > 1:
                replies += self._dongle.answer(command)
            elif self._dongle.linked:
                replies += self._handle_board_command(command, now_s)
        return replies

    def _handle_board_command(self, command: bytes, now_s: float) -> bytes:
        text = self._firmware.answer(command, now_s)
        if text is None or self._firmware.streaming:
            return b""
        reply = text.encode() + END
        if command == b"v":
            reply = reply if self._banner is None else self._banner
            if self._banner_delay_s > 0.0:
                self._busy_until_s, self._held = now_s + self._banner_delay_s, reply
                return b""
        return reply
