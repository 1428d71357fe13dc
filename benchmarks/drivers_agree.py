"""The microvolts that our drivers read against those of BrainFlow's, for every headband that both know.

    python benchmarks/drivers_agree.py [--kinds cyton,muse] [--seconds 4] [--json OUT.json]

Each reads the same virtual headband with the same noise in it, over a serial port or Bluetooth LE, in a
process of its own. Printed is the largest difference over all channels in microvolts, and in steps of the
headband's converter: BrainFlow scales some headbands in 32 bits, which moves microvolts and no step.
BrainFlow needs x86-64.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.firmware_bridge.headbands.device import DeviceHeadband
from sanctuary.firmware_bridge.headbands.drivers import DRIVERS
from sanctuary.firmware_bridge.headbands.headband import HeadbandOptions
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.virtual_headband import RADIOS, VirtualHeadbands

SEED = 5
RMS_UV = 40.0
MATCH = 64
"""Samples by which the two are laid on top of each other."""
LEAST_SHARED = 200


@dataclass(frozen=True, slots=True)
class Pair:
    """One headband in both worlds: BrainFlow's board, the step of its converter, and its channels, from 1."""

    board: str
    step_uv: float
    channels: tuple[int, ...]


PAIRS = {
    "cyton": Pair("CYTON_BOARD", 4.5e6 / 24 / 8_388_607, tuple(range(1, 9))),
    "cyton-daisy": Pair("CYTON_DAISY_BOARD", 4.5e6 / 24 / 8_388_607, tuple(range(1, 17))),
    "freeeeg32": Pair("FREEEEG32_BOARD", 2.5e6 / 8 / 8_388_607, tuple(range(1, 33))),
    "ganglion": Pair("GANGLION_NATIVE_BOARD", 1.2e6 / (8_388_607 * 1.5 * 51), (1, 2, 3, 4)),
    "muse": Pair("MUSE_2_BOARD", 125 / 256, (1, 2, 3, 4)),
    "athena": Pair("MUSE_S_ATHENA_BOARD", 1450 / 16_383, (1, 2, 3, 4)),
}


def read_with_ours(kind: str, address: str, seconds: float, out: Path) -> None:
    """Read for some seconds, and save the samples."""
    channels = {f"I{number}": number for number in PAIRS[kind].channels}
    headband = DeviceHeadband(DRIVERS[kind], address, channels, HeadbandOptions())
    headband.connect()
    headband.start()
    blocks, end_s = [], time.monotonic() + seconds
    while time.monotonic() < end_s:
        blocks += headband.read(0.2)
    headband.close()
    np.save(out, np.concatenate([block.uv for block in blocks], axis=1))


def read_with_brainflow(kind: str, address: str, seconds: float, out: Path) -> None:
    """Read with BrainFlow for some seconds, and save the samples."""
    from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams

    BoardShim.disable_board_logger()
    parameters = BrainFlowInputParams()
    if kind in RADIOS:
        parameters.mac_address, parameters.timeout = address, 15
        parameters.other_info = "fw:auto" if kind == "ganglion" else ""
    else:
        parameters.serial_port = address
    board_id = BoardIds[PAIRS[kind].board].value
    board = BoardShim(board_id, parameters)
    board.prepare_session()
    board.start_stream()
    time.sleep(seconds)
    data = board.get_board_data()
    np.save(out, data[BoardShim.get_eeg_channels(board_id)])
    board.stop_stream()
    board.release_session()


READERS = {"ours": read_with_ours, "brainflow": read_with_brainflow}


def samples(reader: str, kind: str, seconds: float) -> NDArray[np.float64]:
    """Let a reader read a fresh virtual headband in a process of its own."""
    noise = NoiseSource(SEED, RMS_UV, n_channels=len(PAIRS[kind].channels))
    with tempfile.TemporaryDirectory() as folder, VirtualHeadbands(kind, [noise]) as headband:
        out = Path(folder) / "samples.npy"
        address = "00:55:DA:B0:5A:01" if kind in RADIOS else headband.address
        command = [sys.executable, __file__, "--reader", reader, "--kinds", kind, "--address", address]
        done = subprocess.run(
            [*command, "--seconds", str(seconds), "--out", str(out)],
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": headband.address},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if not out.exists():
            sys.exit(f"{reader}, {kind}: no samples\n{done.stderr[-2000:]}")
        return np.asarray(np.load(out), dtype=np.float64)


def laid_together(
    ours: NDArray[np.float64], theirs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cut both to the samples that they share: each may have begun a little later than the other."""
    middle = min(ours.shape[1], theirs.shape[1]) // 2
    wanted = ours[0, middle : middle + MATCH]
    windows = np.lib.stride_tricks.sliding_window_view(theirs[0], MATCH)
    shift = int(np.abs(windows - wanted).max(axis=1).argmin()) - middle
    begin, end = max(0, -shift), min(ours.shape[1], theirs.shape[1] - shift)
    return ours[:, begin:end], theirs[: len(ours), begin + shift : end + shift]


def agreement(kind: str, seconds: float) -> dict[str, float]:
    """Compare both readers of one kind."""
    ours, theirs = laid_together(samples("ours", kind, seconds), samples("brainflow", kind, seconds))
    there = np.isfinite(ours).all(axis=0)
    if there.sum() < LEAST_SHARED:
        sys.exit(f"{kind}: only {int(there.sum())} samples that both have")
    ours, theirs = ours[:, there], theirs[:, there]
    steps = np.rint(ours / PAIRS[kind].step_uv) - np.rint(theirs / PAIRS[kind].step_uv)
    return {
        "samples": int(there.sum()),
        "channels": len(ours),
        "largest_uv": float(np.abs(ours - theirs).max()),
        "largest_steps": float(np.abs(steps).max()),
    }


def main() -> None:
    """Compare all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", default=",".join(PAIRS))
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        READERS[options.reader](options.kinds, options.address, options.seconds, options.out)
        return
    results = {kind: agreement(kind, options.seconds) for kind in options.kinds.split(",")}
    for kind, result in results.items():
        print(
            f"{kind:12} {result['samples']:6} samples of {result['channels']:2} channels: "
            f"differ by {result['largest_uv']:.2e} uV, {result['largest_steps']:g} steps at most"
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
