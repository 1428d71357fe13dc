"""The control characteristic of a Muse: short text commands in, JSON out, cut into notifications of 20 bytes.

::

    command   [letters + 1] letters newline
    answer    [n] n bytes of text, padded to 20; pieces join up to JSON objects

Sources: muse-lsl, muse-js and BrainFlow. Answers come at once and one after the other; those of a true Muse
take some milliseconds, and may interleave if commands overlap.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from sanctuary.simulator.devices.gatt import Characteristic, Notification, Service, short_uuid

PIECE_BYTES = 19
NOTIFICATION_BYTES = 20
SERVICE = short_uuid(0xFE8D)
CONTROL = 0x01
OK: Mapping[str, Any] = {"rc": 0}
REFUSED: Mapping[str, Any] = {"rc": 1}
USUAL_PRESET = "p21"

_IGNORED = re.compile(r"k|L[01]")
_VERSION = re.compile(r"v\d")


def uuid(number: int) -> str:
    return f"273e00{number:02x}-4c4d-454d-96be-f03bac821358"


def parse_command(data: bytes) -> str | None:
    """Read ``[length] letters newline``; None for anything else."""
    if len(data) < 3 or data[0] != len(data) - 1 or data[-1:] != b"\n" or not data.isascii():
        return None
    return data[1:-1].decode("ascii")


def pieces(reply: Mapping[str, Any]) -> list[bytes]:
    """Cut a reply into notifications: ``[n] n bytes``, padded."""
    text = json.dumps(reply, separators=(",", ":")).encode()
    return [
        (bytes((len(part),)) + part).ljust(NOTIFICATION_BYTES, b"\0")
        for part in (text[at : at + PIECE_BYTES] for at in range(0, len(text), PIECE_BYTES))
    ]


class MuseControl(ABC):
    """What all Muse headbands have in common: their service, and the commands of its control characteristic.

    Parameters
    ----------
    name, address
        As advertised.
    generation
        Name of its hardware in its answers.
    notifying
        Numbers of its characteristics but the control.
    presets
        Names of the presets it accepts.
    bootloader
        Whether it woke up in its bootloader, as some do after they were charged, and needs ``*1``.
    falls_silent_s
        Stops streaming after so long without a command, as users saw after 5 to 15 minutes; None
        for never.

    Attributes
    ----------
    preset, battery_percent
        Preset in force; charge that it reports.
    """

    def __init__(
        self,
        name: str,
        address: str,
        generation: str,
        notifying: Sequence[int],
        presets: frozenset[str],
        *,
        bootloader: bool,
        falls_silent_s: float | None,
    ) -> None:
        self.name, self.address = name, address
        self.advertised: tuple[str, ...] = (SERVICE,)
        control = Characteristic(uuid(CONTROL), ("write-without-response", "notify"))
        others = tuple(Characteristic(uuid(number), ("notify",)) for number in notifying)
        self.services: tuple[Service, ...] = (Service(SERVICE, (control, *others)),)
        self.preset = USUAL_PRESET
        self.battery_percent = 82.5
        self.bootloader = bootloader
        self._generation = generation
        self._presets = presets
        self._falls_silent_s = falls_silent_s
        self._last_command_s = 0.0

    @abstractmethod
    def _start_stream(self, command: str, now_s: float) -> bool:
        """Start the stream if `command` asks for it; False if it does not."""

    @abstractmethod
    def _stop(self) -> None:
        """End the stream."""

    def connect(self, now_s: float) -> None:
        self._last_command_s = now_s

    def disconnect(self, now_s: float) -> None:  # noqa: ARG002  it keeps no clock
        """End the stream with the connection."""
        self._stop()

    def write(self, where: str, data: bytes, now_s: float) -> list[Notification]:
        """Answer a command; anything else is ignored."""
        command = parse_command(data) if where == uuid(CONTROL) else None
        if command is None:
            return []
        self._last_command_s = now_s
        return [Notification(uuid(CONTROL), piece) for piece in pieces(self._answer(command, now_s))]

    def read(self, where: str) -> bytes:  # noqa: ARG002
        return b""

    def _fall_silent(self, now_s: float) -> None:
        """Stop after too long without a command."""
        if self._falls_silent_s is not None and now_s - self._last_command_s > self._falls_silent_s:
            self._stop()

    def _answer(self, command: str, now_s: float) -> Mapping[str, Any]:
        if command == "s":
            return self._status()
        if _VERSION.fullmatch(command):
            return self._version()
        if command == "*1":
            self._reset()
        elif command == "h":
            self._stop()
        elif not _IGNORED.fullmatch(command) and (
            self.bootloader or not (self._choose(command) or self._start_stream(command, now_s))
        ):
            return REFUSED
        return OK

    def _choose(self, preset: str) -> bool:
        if preset not in self._presets:
            return False
        self.preset = preset
        return True

    def _reset(self) -> None:
        self._stop()
        self.bootloader = False
        self.preset = USUAL_PRESET

    def _status(self) -> dict[str, Any]:
        return {
            "hn": self.name,
            "sn": f"5A17-{self.name[-4:]}-{self.address[-2:]}A1",
            "ma": self.address.lower().replace(":", "-"),
            "id": "001b0025 5a170000",
            "bp": round(self.battery_percent, 2),
            "ts": 0,
            "ps": int(self.preset[1:], 16),
            "rc": 0,
        }

    def _version(self) -> dict[str, Any]:
        return {
            "ap": "bootloader" if self.bootloader else "headset",
            "sp": self._generation,
            "tp": "consumer",
            "hw": "3.1",
            "bn": 27,
            "fw": "1.2.13",
            "bl": "1.2.3",
            "pv": 1,
            "rc": 0,
        }
