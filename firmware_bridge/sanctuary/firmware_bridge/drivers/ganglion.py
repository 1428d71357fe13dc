"""OpenBCI Ganglion over Bluetooth LE (OpenBCI Ganglion library; facts and sources: `codecs.ganglion`)."""

from __future__ import annotations

from sanctuary.firmware_bridge.codecs.base import Codec
from sanctuary.firmware_bridge.codecs.ganglion.decoder import GanglionCodec
from sanctuary.firmware_bridge.drivers.base import Driver, Line, LinkKind, Options, Session
from sanctuary.firmware_bridge.transports.gatt import BASE_UUID, Gatt

NOTIFY = "2d30c082-f39f-4ce6-923f-3484ea480596"
WRITE = "2d30c083-f39f-4ce6-923f-3484ea480596"
SOFTWARE_REVISION = BASE_UUID.format(0x2A28)
DATA = 0x82
SETTLE_S = 0.3
"""The board resets when it is connected; what it still had in its buffers comes in this time."""
CYCLE = 200
"""Samples in which the packets' ids go round once."""


class GanglionSession(Session):
    """Four channels at 200 Hz, firmware 2 or 3."""

    def __init__(self, inputs: tuple[int, ...], options: Options) -> None:
        super().__init__(inputs, options)
        self.firmware = options.firmware

    def prepare(self, line: Line) -> None:
        """Ask for the firmware, and stop the board."""
        if self.firmware is None:
            self.firmware = 3 if line.link.value_of(SOFTWARE_REVISION)[:1] == b"3" else 2
        line.send(b"s")
        line.pause(SETTLE_S)

    def codec(self) -> Codec:
        """Make the decoder of its firmware's packets."""
        return GanglionCodec(self.inputs, firmware=self.firmware or 2)

    def start(self, line: Line) -> None:
        """Make it stream."""
        line.send(b"b")

    def stop(self, line: Line) -> None:
        """Make it stop."""
        line.send(b"s")


def _rail_uv(_options: Options) -> float:
    return 15_686.0


GANGLION = Driver(
    "ganglion",
    "OpenBCI Ganglion",
    LinkKind.BLE,
    200.0,
    ("1", "2", "3", "4"),
    {"AF7": 1, "AF8": 2},
    _rail_uv,
    GanglionSession,
    gatt=Gatt(BASE_UUID.format(0xFE84), {NOTIFY: DATA}, WRITE),
    prefixes=("Ganglion", "Simblee"),
    counter_span=CYCLE,
    address="Ganglion-1A2B",
    note="firmware 2 and 3; electrodes go where you plug them",
)
