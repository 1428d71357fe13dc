"""OpenBCI Cyton, with and without its Daisy, behind the USB dongle (OpenBCI documentation, Cyton SDK)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sanctuary.config.errors import Cause, DeviceError
from sanctuary.firmware_bridge.headbands.cyton import wire
from sanctuary.firmware_bridge.headbands.cyton.codec import CytonCodec, DaisyCodec
from sanctuary.firmware_bridge.headbands.device import DeviceHeadband
from sanctuary.firmware_bridge.headbands.headband import (
    Codec,
    Conversation,
    Driver,
    HeadbandOptions,
    HeadbandSession,
    LinkKind,
)
from sanctuary.firmware_bridge.links.link import Chunk

FTDI = ((0x0403, 0x6015), (0x0403, 0x6001))
"""Vendor and product of the dongle's serial chip; other things have the same."""


class CytonSession(HeadbandSession):
    """Eight channels at 250 Hz; a Daisy that is plugged in is told to keep out."""

    def prepare(self, line: Conversation) -> None:
        """Stop and reset the board, which may have been left streaming, and set the gains."""
        line.send(wire.STOP_STREAM.data)
        self.arrange_daisy(line, self.ask(line, wire.RESET))
        if self.options.gain != wire.DEFAULT_GAIN:
            for number in self.inputs:
                self.ask(line, wire.channel_settings(number, self.options.gain))

    def arrange_daisy(self, line: Conversation, banner: str) -> None:
        """See to it that the board sends what the codec expects."""
        if wire.DAISY_WORD in banner:
            self.ask(line, wire.WITHOUT_DAISY)

    def codec(self) -> Codec:
        return CytonCodec(self.inputs, self.options.gain)

    def start(self, line: Conversation) -> None:
        line.send(wire.START_STREAM.data)

    def stop(self, line: Conversation) -> None:
        line.send(wire.STOP_STREAM.data)

    def ask(self, line: Conversation, command: wire.Command) -> str:
        """Send a command and wait for its answer.

        Raises
        ------
        DeviceError
            The board refuses, or does not answer in time.
        """
        finder = wire.ReplyFinder()
        refused: list[str] = []

        def find(chunk: Chunk) -> str | None:
            for reply in finder.push(chunk.data):
                if command.answer is not None and command.answer in reply:
                    return reply
                if wire.FAILURE in reply:
                    refused.append(reply)
                    return reply
            return None

        line.send(command.data)
        reply = line.wait_for(command.timeout_s, find)
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

    def silence_hint(self, last_text: str) -> str:
        if last_text:
            return f"the board says: {_quoted(last_text)}"
        return "check that the headband is switched on and near its dongle"


class DaisySession(CytonSession):
    """Sixteen channels at 125 Hz."""

    def arrange_daisy(self, line: Conversation, banner: str) -> None:
        """Attach the Daisy, unless it is."""
        if wire.DAISY_WORD not in banner and "no daisy" in self.ask(line, wire.WITH_DAISY):
            raise DeviceError(
                f"{line.link.address}: this Cyton has no Daisy; plug it on, or name the headband cyton",
                Cause.REFUSED,
            )

    def codec(self) -> Codec:
        return DaisyCodec(self.inputs, self.options.gain)


def _refusal(command: wire.Command, reply: str) -> str:
    quoted = _quoted(reply[reply.index(wire.FAILURE) :])
    if command is wire.RESET:
        return f"the dongle finds no board; switch the Cyton on ({quoted})"
    return f"the board refuses {command.data.decode()} ({quoted})"


def _quoted(reply: str) -> str:
    """Quote a reply's beginning, on one line."""
    return " ".join(reply.split())[:80]


def _driver(name: str, title: str, fs_hz: float, n_inputs: int, session: type[CytonSession]) -> Driver:
    return Driver(
        name,
        title,
        LinkKind.SERIAL,
        fs_hz,
        tuple(str(number) for number in range(1, n_inputs + 1)),
        {"AF7": 1, "AF8": 2},
        lambda options: wire.rail_uv(options.gain),
        session,
        usb=FTDI,
        address="/dev/ttyUSB0",
        note="electrodes go where you plug them",
    )


CYTON = _driver("cyton", "OpenBCI Cyton", 250.0, 8, CytonSession)
DAISY = _driver("cyton-daisy", "OpenBCI Cyton with Daisy", 125.0, 16, DaisySession)


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
        gain: int = wire.DEFAULT_GAIN,
        realtime: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(CYTON, port, channels, HeadbandOptions(gain=gain), realtime=realtime, **others)
