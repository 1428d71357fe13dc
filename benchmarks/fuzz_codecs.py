"""Coverage-guided fuzzing of one codec: no exception, bounded memory, samples again after garbage.

    pip install atheris
    python benchmarks/fuzz_codecs.py CODEC -max_total_time=600

CODEC is a kind of `sanctuary devices`, for the Ganglion ``ganglion2`` or ``ganglion3``. What follows goes to
libFuzzer. An input is taken apart into chunks with a source each; after it the codec is fed a clean stream,
and must give samples again. Atheris is no dependency of the project: it needs an interpreter that it has
wheels for.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import atheris

with atheris.instrument_imports(include=["sanctuary.firmware_bridge"]):
    from sanctuary.firmware_bridge.headbands.cyton.codec import CytonCodec, DaisyCodec
    from sanctuary.firmware_bridge.headbands.freeeeg import FreeEegCodec
    from sanctuary.firmware_bridge.headbands.ganglion import GanglionCodec
    from sanctuary.firmware_bridge.headbands.headband import MAX_EVENTS, Codec
    from sanctuary.firmware_bridge.headbands.muse.athena import AthenaCodec
    from sanctuary.firmware_bridge.headbands.muse.codec import MuseCodec
    from sanctuary.firmware_bridge.headbands.muse.wire import encode
    from sanctuary.firmware_bridge.headbands.thinkgear import ThinkGearCodec
    from sanctuary.firmware_bridge.headbands.zmax import ZmaxCodec

from sanctuary.simulator.devices.board_port import SerialBoard
from sanctuary.simulator.devices.gatt import GattDevice
from sanctuary.simulator.devices.muse_control import uuid
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_athena import VirtualAthena
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from sanctuary.simulator.devices.virtual_freeeeg import VirtualFreeEeg
from sanctuary.simulator.devices.virtual_ganglion import COMMANDS, VirtualGanglion
from sanctuary.simulator.devices.virtual_muse import VirtualMuse
from sanctuary.simulator.devices.virtual_thinkgear import VirtualThinkGear
from sanctuary.simulator.devices.virtual_zmax import VirtualZmax

MAX_KEPT_BYTES = 100_000
"""Everything that a codec keeps, far below what any input could make it keep if it kept everything."""
CLEAN_S = 4
SOURCES = (0x00, 0x01, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0A, 0x0B, 0x13, 0x14)

Chunks = Sequence[tuple[int, bytes]]


def clean_bytes(board: SerialBoard, start: bytes) -> Chunks:
    """Make some seconds of a board, in reads of some size."""
    board.receive(start)
    data = b"".join(board.packets(board.fs_hz) for _ in range(CLEAN_S))
    return [(0, data[at : at + 1000]) for at in range(0, len(data), 1000)]


def clean_notifications(device: GattDevice, commands: Sequence[tuple[str, bytes]]) -> Chunks:
    """Make some seconds of a Bluetooth headband."""
    device.connect(0.0)
    for where, command in commands:
        device.write(where, command, 0.0)
    sent = [each for tick in range(CLEAN_S * 10) for each in device.advance(0.1 * (tick + 1))]
    return [(int(each.uuid[6:8], 16) if each.uuid.startswith("273e00") else 0, each.data) for each in sent]


MUSE_START = [(uuid(1), encode("d"))]
ATHENA_START = [(uuid(1), encode("dc001"))] * 2
NOISE = NoiseSource(1)
KINDS: dict[str, tuple[Callable[[], Codec], Callable[[], Chunks]]] = {
    "cyton": (lambda: CytonCodec((1, 2)), lambda: clean_bytes(VirtualCyton(NOISE), b"b")),
    "cyton-daisy": (lambda: DaisyCodec((1, 9)), lambda: clean_bytes(VirtualCyton(NOISE, daisy=True), b"b")),
    "freeeeg32": (lambda: FreeEegCodec((1, 2)), lambda: clean_bytes(VirtualFreeEeg(NOISE), b"")),
    "thinkgear": (ThinkGearCodec, lambda: clean_bytes(VirtualThinkGear(NOISE), b"")),
    "zmax": (ZmaxCodec, lambda: clean_bytes(VirtualZmax(NOISE), b"HELLO\n")),
    "muse": (MuseCodec, lambda: clean_notifications(VirtualMuse(NOISE), MUSE_START)),
    "athena": (AthenaCodec, lambda: clean_notifications(VirtualAthena(NOISE), ATHENA_START)),
    "ganglion2": (
        lambda: GanglionCodec(firmware=2),
        lambda: clean_notifications(VirtualGanglion(NOISE, firmware=2), [(COMMANDS, b"b")]),
    ),
    "ganglion3": (
        lambda: GanglionCodec(firmware=3),
        lambda: clean_notifications(VirtualGanglion(NOISE), [(COMMANDS, b"b")]),
    ),
}


def kept_bytes(value: Any, depth: int = 0) -> int:
    """Bytes that a codec holds on to, roughly."""
    if isinstance(value, bytes | bytearray | str):
        return len(value)
    if depth > 6 or isinstance(value, int | float | type | types.FunctionType):
        return 8
    if isinstance(value, dict):
        return sum(kept_bytes(each, depth + 1) for each in value.values())
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if hasattr(value, "__iter__"):
        return sum(kept_bytes(each, depth + 1) for each in value)
    slots = getattr(type(value), "__slots__", ())
    held = [*vars(value).values()] if hasattr(value, "__dict__") else [getattr(value, s) for s in slots]
    return sum(kept_bytes(each, depth + 1) for each in held)


def main() -> None:
    """Fuzz the codec named on the command line."""
    if len(sys.argv) < 2 or sys.argv[1] not in KINDS:
        sys.exit(f"usage: fuzz_codecs.py CODEC [libFuzzer's options]; codecs: {', '.join(KINDS)}")
    make, clean_of = KINDS[sys.argv[1]]
    clean = clean_of()
    rounds = 0

    def one_input(data: bytes) -> None:
        nonlocal rounds
        rounds += 1
        fuzzed = atheris.FuzzedDataProvider(data)
        codec = make()
        seeded = fuzzed.ConsumeBool()
        for source, chunk in clean[:3] if seeded else ():
            codec.push(chunk, source)
        while fuzzed.remaining_bytes():
            source = SOURCES[fuzzed.ConsumeIntInRange(0, len(SOURCES) - 1)]
            size = fuzzed.ConsumeIntInRange(0, 300)
            for run in codec.push(fuzzed.ConsumeBytes(size), source):
                if run.lost < 0 or run.uv.ndim != 2 or not run.uv.shape[1]:
                    raise AssertionError(f"a run without sense: {run}")
            if len(codec.events) > MAX_EVENTS or kept_bytes(codec) > MAX_KEPT_BYTES:
                raise AssertionError(f"{kept_bytes(codec)} bytes kept")
            codec.events.clear()
        if rounds % 20 == 0 or (len(sys.argv) > 2 and not sys.argv[2].startswith("-")):
            flowing = sum(run.uv.shape[1] for source, chunk in clean for run in codec.push(chunk, source))
            if not flowing:
                raise AssertionError("no samples after the garbage ended")

    atheris.Setup([sys.argv[0], *sys.argv[2:]], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
