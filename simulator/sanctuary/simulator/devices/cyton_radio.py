"""The dongle of a Cyton, and its radio link to the board.

After OpenBCI_Radios.cpp of OpenBCI/OpenBCI_Radios (commit 24e5eb3). Commands to the dongle itself begin with
F0 and are answered whether the board streams or not. Where no board is in reach, the dongle says so to
whatever it should pass on.
"""

from __future__ import annotations

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
    """Take a command to the dongle off `pending`, which begins with F0; empty while it is unfinished.

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
        """Whether dongle and board hear each other."""
        return self.board and self._channel == self._board_channel

    def answer(self, command: bytes) -> bytes:
        """Do what a whole command says; returns the reply."""
        code, argument = command[1], command[-1]
        if code in BAUDS:
            return b"Success: Switch your baud rate to %d$$$" % BAUDS[code]
        if code == GET_CHANNEL:
            where = b"Success: Host and Device on " if self.linked else b"Failure: Host on "
            return where + self._said_channel()
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
        """Change the dongle's channel, and the board's with it unless `alone`: then they lose each other."""
        if channel > LAST_CHANNEL:
            return b"Failure: Verify channel number is less than 25$$$"
        self._channel = channel
        if alone:
            return b"Success: Host override - " + self._said_channel()
        self._board_channel = channel
        return b"Success: " + self._said_channel()

    def _said_channel(self) -> bytes:
        """Say the channel in digits and once more as a byte, as the dongle does."""
        return b"Channel number: %d%c$$$" % (self._channel, self._channel)
