"""Muse 2016, 2 and S over Bluetooth LE, and the Muse S Athena."""

from __future__ import annotations

from typing import Any

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.headbands.headband import (
    Codec,
    Conversation,
    Driver,
    HeadbandSession,
    LinkKind,
)
from sanctuary.firmware_bridge.headbands.muse.athena import AthenaCodec
from sanctuary.firmware_bridge.headbands.muse.codec import MuseCodec
from sanctuary.firmware_bridge.headbands.muse.wire import ReplyReader, encode
from sanctuary.firmware_bridge.links.link import BASE_UUID, Chunk, Gatt

UUID = "273e00{:02x}-4c4d-454d-96be-f03bac821358"
CONTROL = 0x01
EEG = (0x03, 0x04, 0x05, 0x06)
RIGHT_AUX = 0x07
ACCELEROMETER, TELEMETRY = 0x0A, 0x0B
ATHENA_DATA = (0x13, 0x14)
ANSWER_TIMEOUT_S = 1.0
"""An answer takes some connection intervals; headbands in the middle of something may leave one out."""
REST_S = 0.2
"""Between two of Athena's commands that are not answered."""
KEEP_ALIVE_S = 60.0
"""Users of Muse headbands saw them fall silent after 5 to 15 minutes; a word a minute keeps them going."""
USUAL_PRESET = "p21"
"""Four channels and motion, without the red and infrared lights, which nobody wants to sleep under."""
AUX_PRESET = "p20"


def service(*sources: int) -> Gatt:
    """Where a Muse keeps these characteristics."""
    return Gatt(
        BASE_UUID.format(0xFE8D), {UUID.format(n): n for n in (CONTROL, *sources)}, UUID.format(CONTROL)
    )


class MuseSession(HeadbandSession):
    """Muse with the classic GATT."""

    keep_alive_s = KEEP_ALIVE_S
    version = "v1"

    def prepare(self, line: Conversation) -> None:
        """Ask who it is, stop it, which a crash may have left streaming, and choose what it sends."""
        self.command(line, "h")
        about = self.command(line, self.version)
        if about.get("ap") == "bootloader":  # so after some charges; a reset brings its program back
            line.send(encode("*1"))
            raise DeviceError(f"{line.link.address}: the Muse starts anew out of its bootloader; a moment")
        self.command(line, self.options.preset or self.usual_preset())
        self.command(line, "s")

    def usual_preset(self) -> str:
        """Name of the preset that sends the inputs wanted."""
        return AUX_PRESET if max(self.inputs) > len(EEG) else USUAL_PRESET

    def codec(self) -> Codec:
        return MuseCodec(self.inputs)

    def start(self, line: Conversation) -> None:
        line.send(encode("d"))

    def stop(self, line: Conversation) -> None:
        line.send(encode("h"))

    def keep_alive(self, line: Conversation) -> None:
        line.send(encode("k"))

    def command(self, line: Conversation, text: str) -> dict[str, Any]:
        """Send one command and wait for its answer, for answers to several at a time get mixed up."""
        reader = ReplyReader()

        def find(chunk: Chunk) -> dict[str, Any] | None:
            replies = reader.push(chunk.data) if chunk.source == CONTROL else []
            return next((reply for reply in replies if "rc" in reply), None)

        line.send(encode(text))
        return line.wait_for(ANSWER_TIMEOUT_S, find) or {}


class AthenaSession(MuseSession):
    """Muse S Athena: the same conversation, another start."""

    version = "v6"

    def usual_preset(self) -> str:
        """Four channels and no lights; eight need a preset with optics."""
        return "p1045" if max(self.inputs) > len(EEG) else USUAL_PRESET

    def codec(self) -> Codec:
        return AthenaCodec(self.inputs)

    def start(self, line: Conversation) -> None:
        """Make it stream: the command has to come twice."""
        for text in ("dc001", "dc001", "L1", "s"):
            line.send(encode(text))
            if text != "s":
                line.pause(REST_S)


MUSE_SITES = {"AF7": 2, "AF8": 3, "TP9": 1, "TP10": 4}


MUSE = Driver(
    "muse",
    "Muse 2016, Muse 2 or Muse S",
    LinkKind.BLE,
    256.0,
    ("TP9", "AF7", "AF8", "TP10", "AUX"),
    MUSE_SITES,
    lambda _options: 999.0,
    MuseSession,
    gatt=service(*EEG, RIGHT_AUX, ACCELEROMETER, TELEMETRY),
    prefixes=("Muse",),
    address="Muse-1A2B",
    note="AF7 and AF8 are the frontal pair",
)
ATHENA = Driver(
    "athena",
    "Muse S Athena",
    LinkKind.BLE,
    256.0,
    ("TP9", "AF7", "AF8", "TP10", "AUX1", "AUX2", "AUX3", "AUX4"),
    MUSE_SITES,
    lambda _options: 724.0,
    AthenaSession,
    gatt=service(*ATHENA_DATA),
    prefixes=("MuseS",),
    address="MuseS-1A2B",
    note="model of 2025; without its lights",
)
