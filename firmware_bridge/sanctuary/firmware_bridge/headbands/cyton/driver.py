"""OpenBCI Cyton, with and without its Daisy, behind the USB dongle (OpenBCI documentation, Cyton SDK)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.headbands.cyton import codec as commands
from sanctuary.firmware_bridge.headbands.cyton.codec import Command, CytonCodec, ReplyFinder
from sanctuary.firmware_bridge.headbands.cyton.daisy import DaisyCodec
from sanctuary.firmware_bridge.headbands.cyton.wire import DEFAULT_GAIN, rail_uv
from sanctuary.firmware_bridge.headbands.device import DeviceHeadband
from sanctuary.firmware_bridge.headbands.headband import Codec, Driver, Line, LinkKind, Options, Session
from sanctuary.firmware_bridge.links.link import Chunk

FTDI = ((0x0403, 0x6015), (0x0403, 0x6001))
"""Vendor and product of the dongle's serial chip; other things have the same."""


class CytonSession(Session):
    """Eight channels at 250 Hz; a Daisy that is plugged in is told to keep out."""

    def prepare(self, line: Line) -> None:
        """Stop and reset the board, which may have been left streaming, and set the gains."""
        line.send(commands.STOP.data)
        self.arrange_daisy(line, self.ask(line, commands.RESET))
        if self.options.gain != DEFAULT_GAIN:
            for number in self.inputs:
                self.ask(line, commands.channel_settings(number, self.options.gain))

    def arrange_daisy(self, line: Line, banner: str) -> None:
        """See to it that the board sends what the codec expects."""
        if commands.DAISY_WORD in banner:
            self.ask(line, commands.WITHOUT_DAISY)

    def codec(self) -> Codec:
        """Make the decoder."""
        return CytonCodec(self.inputs, self.options.gain)

    def start(self, line: Line) -> None:
        """Make it stream."""
        line.send(commands.START_STREAM.data)

    def stop(self, line: Line) -> None:
        """Make it stop."""
        line.send(commands.STOP.data)

    def ask(self, line: Line, command: Command) -> str:
        """Send a command and wait until it is answered well; returns the answer."""
        finder = ReplyFinder()
        refused: list[str] = []

        def heard(chunk: Chunk) -> str | None:
            for reply in finder.feed(chunk.data):
                if command.answer is not None and command.answer in reply:
                    return reply
                if commands.FAILURE in reply:
                    refused.append(reply)
                    return reply
            return None

        line.send(command.data)
        reply = line.listen(command.timeout_s, heard)
        where = line.link.address
        if refused:
            raise DeviceError(f"{where}: {_refusal(command, refused[0])}", Cause.REFUSED)
        if reply is None:
            raise DeviceError(
                f"{where}: no Cyton answers within {command.timeout_s:g} s; switch the board to PC and the "
                "dongle to GPIO 6, and check the battery",
                Cause.REFUSED,
            )
        return reply

    def complaint(self, said: str) -> str:
        """Why it may be silent."""
        if said:
            return f"the board says: {_quoted(said)}"
        return "check that the headband is switched on and near its dongle"


class DaisySession(CytonSession):
    """Sixteen channels at 125 Hz."""

    def arrange_daisy(self, line: Line, banner: str) -> None:
        """Attach the Daisy, unless it is."""
        if commands.DAISY_WORD not in banner and "no daisy" in self.ask(line, commands.WITH_DAISY):
            raise DeviceError(
                f"{line.link.address}: this Cyton has no Daisy; plug it on, or name the headband cyton",
                Cause.REFUSED,
            )

    def codec(self) -> Codec:
        """Make the decoder."""
        return DaisyCodec(self.inputs, self.options.gain)


def _refusal(command: Command, reply: str) -> str:
    said = _quoted(reply[reply.index(commands.FAILURE) :])
    if command is commands.RESET:
        return f"the dongle finds no board; switch the Cyton on ({said})"
    return f"the board refuses {command.data.decode()} ({said})"


def _quoted(reply: str) -> str:
    """Quote a reply's beginning, on one line."""
    return " ".join(reply.split())[:80]


def _rail_uv(options: Options) -> float:
    return rail_uv(options.gain)


CYTON = Driver(
    "cyton",
    "OpenBCI Cyton",
    LinkKind.SERIAL,
    250.0,
    tuple(str(number) for number in range(1, 9)),
    {"AF7": 1, "AF8": 2},
    _rail_uv,
    CytonSession,
    usb=FTDI,
    address="/dev/ttyUSB0",
    note="electrodes go where you plug them",
)
DAISY = Driver(
    "cyton-daisy",
    "OpenBCI Cyton with Daisy",
    LinkKind.SERIAL,
    125.0,
    tuple(str(number) for number in range(1, 17)),
    {"AF7": 1, "AF8": 2},
    _rail_uv,
    DaisySession,
    usb=FTDI,
    address="/dev/ttyUSB0",
    note="electrodes go where you plug them",
)


class CytonHeadband(DeviceHeadband):
    """An OpenBCI Cyton behind its serial dongle.

    Parameters
    ----------
    port
        Path of the serial port.
    channels
        Electrode site -> board input, left electrode first.
    gain
        Gain of these inputs; 24 is the board's own choice.
    others
        As for `DeviceHeadband`.
    """

    def __init__(
        self,
        port: str,
        channels: Mapping[str, int],
        *,
        gain: int = DEFAULT_GAIN,
        realtime: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(CYTON, port, channels, Options(gain=gain), realtime=realtime, **others)
