"""A virtual OpenBCI Cyton behind its dongle, with or without a Daisy, bytes only.

Commands in, replies and packets out, in the manner of firmware 3.1; while it streams the board itself keeps
silent. What each part does is said in `cyton_firmware` (the board), `cyton_amplifier` (its channels),
`cyton_packets` (the format), `cyton_commands` and `cyton_radio` (the dongle).

Not imitated: a card in the slot, the Wi-Fi shield, rates other than 250 Hz on the wire, the other speeds of
BLE and debug mode and of the dongle's port, and noise of the amplifier. Settings apply at once, where a board
takes some milliseconds; a reset too, unless it is given a delay.
"""

from __future__ import annotations

from sanctuary.simulator.devices import cyton_commands, cyton_radio
from sanctuary.simulator.devices.cyton_commands import MULTI_BYTE_TIMEOUT_S
from sanctuary.simulator.devices.cyton_firmware import CytonFirmware
from sanctuary.simulator.devices.cyton_packets import PACKET_BYTES
from sanctuary.simulator.devices.cyton_radio import Dongle
from sanctuary.simulator.devices.source import SignalSource

__all__ = ["BANNER", "FS_HZ", "MULTI_BYTE_TIMEOUT_S", "PACKET_BYTES", "TOO_SLOW", "VERSION", "VirtualCyton"]

FS_HZ = 250
END = b"$$$"
BANNER = cyton_commands.banner(daisy=False).encode() + END
VERSION = cyton_commands.VERSION.encode() + END
TOO_SLOW = cyton_commands.TOO_SLOW.encode() + END
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
        Packets a second, for a source at another rate; the packets themselves do not tell it.
    daisy
        Whether a Daisy is plugged on: 16 channels, two packets for each sample of them.
    streaming
        Whether a program that crashed has left it streaming.
    banner_delay_s
        How long a reset takes. What comes meanwhile waits.
    banner
        Said after a reset, without ``$$$``, in place of the board's own banner.
    board
        False if the dongle is alone: the board is switched off or out of reach.
    battery_packets
        Packets until the battery is empty; None for never.

    Attributes
    ----------
    fs_hz, streaming
        As in `sanctuary.simulator.devices.board.SerialBoard`. What is not linked does not stream.
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

        No bytes at all let time pass: an unfinished command of several bytes is given up in the end, and a
        reset comes to its end.
        """
        replies = self._come_up(now_s)
        if data == cyton_radio.TIME_STAMPS_ON and self._dongle.linked:
            replies += cyton_radio.ACKNOWLEDGED
        replies += self._give_up(now_s)
        if not self._pending:
            self._pending_since_s = now_s
        self._pending = (self._pending + data)[:MAX_WAITING_BYTES]
        if data and not self._dongle.linked and data[0] != cyton_radio.KEY:
            self._pending = b""
            replies += cyton_radio.UNREACHED
        replies += self._work_off(now_s)
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

    def _come_up(self, now_s: float) -> bytes:
        """End a reset that takes its time."""
        if self._busy_until_s is None or now_s < self._busy_until_s:
            return b""
        self._busy_until_s = None
        self._pending_since_s = now_s
        held, self._held = self._held, b""
        return held if self._dongle.linked else b""

    def _give_up(self, now_s: float) -> bytes:
        """Forget a command that was not finished in time."""
        late = now_s - self._pending_since_s >= MULTI_BYTE_TIMEOUT_S
        if not self._pending or not late or self._busy_until_s is not None:
            return b""
        dongles = self._pending[0] == cyton_radio.KEY
        self._pending = b""
        return b"" if dongles or self._firmware.streaming else TOO_SLOW

    def _work_off(self, now_s: float) -> bytes:
        """Do what whole commands say; returns the replies."""
        replies = b""
        while self._pending:
            dongles = self._pending[0] == cyton_radio.KEY
            take = cyton_radio.next_command if dongles else cyton_commands.next_command
            command = take(self._pending)
            if not command or (self._busy_until_s is not None and not dongles):
                break
            self._pending = self._pending[len(command) :]
            self._pending_since_s = now_s
            if dongles and len(command) > 1:
                replies += self._dongle.answer(command)
            elif self._dongle.linked:
                replies += self._tell_board(command, now_s)
        return replies

    def _tell_board(self, command: bytes, now_s: float) -> bytes:
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
