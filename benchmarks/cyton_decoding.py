"""Our Cyton driver against BrainFlow's, on the same bytes, through a pseudo-terminal each.

    python benchmarks/cyton_decoding.py [--seconds 2000] [--json OUT.json]

The board streams as fast as it is read, from a process of its own. Each driver runs in a fresh process and
reads the same number of packets; the figures are wall time and processor time of the reader, from the start
command to the last sample in microvolts. The codec alone, on bytes in memory, comes last; 28800
seconds are a night's log. BrainFlow keeps all eight channels and what else a packet holds; ours keeps the two
asked for. BrainFlow needs x86-64.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sanctuary.firmware_bridge.headbands.cyton.codec import CytonCodec
from sanctuary.firmware_bridge.headbands.cyton.driver import CytonHeadband
from sanctuary.simulator.devices.cyton_packets import PACKET_BYTES
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from sanctuary.simulator.hardware import HardwareProcess, HeadbandSpec

FS_HZ = 250
CHANNELS = {"AF7": 1, "AF8": 2}
SEED = 1
CHUNK_BYTES = 8192
WAIT_S = 0.001
PATIENCE_S = 20.0


def codec_alone(seconds: int) -> dict[str, float]:
    """Decode bytes in memory, in chunks, to microvolts and acceleration."""
    data = VirtualCyton(NoiseSource(SEED)).packets(seconds * FS_HZ)
    codec = CytonCodec(tuple(CHANNELS.values()))
    began_s = time.perf_counter()
    for at in range(0, len(data), CHUNK_BYTES):
        codec.push(data[at : at + CHUNK_BYTES])
    took_s = time.perf_counter() - began_s
    return {"megabytes_per_s": len(data) / took_s / 1e6, "us_per_signal_s": took_s / seconds * 1e6}


def read_with_ours(port: str, seconds: int) -> tuple[float, float, float]:
    """Read with our driver; returns wall and processor seconds, and the sum of the first channel."""
    headband = CytonHeadband(port, CHANNELS)
    headband.connect()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    headband.start()
    total_uv = sum(float(headband.read_samples(FS_HZ, PATIENCE_S).uv[0].sum()) for _ in range(seconds))
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    headband.close()
    return took_s, cpu_s, total_uv


def read_with_brainflow(port: str, seconds: int) -> tuple[float, float, float]:
    """Read with BrainFlow's driver, taking rows as they come."""
    from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams

    BoardShim.disable_board_logger()
    parameters = BrainFlowInputParams()
    parameters.serial_port = port
    board = BoardShim(BoardIds.CYTON_BOARD.value, parameters)
    channel = BoardShim.get_eeg_channels(BoardIds.CYTON_BOARD.value)[0]
    board.prepare_session()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    board.start_stream(450_000)
    rows, total_uv = 0, 0.0
    while rows < seconds * FS_HZ:
        data = board.get_board_data(min(seconds * FS_HZ - rows, 450_000))
        rows += data.shape[1]
        total_uv += float(data[channel].sum())
        if not data.shape[1]:
            time.sleep(WAIT_S)
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    board.stop_stream()
    board.release_session()
    return took_s, cpu_s, total_uv


READERS = {"ours": read_with_ours, "brainflow": read_with_brainflow}


def measured(reader: str, seconds: int) -> dict[str, float]:
    """Let a reader read in a process of its own."""
    with HardwareProcess([HeadbandSpec("pod", "noise", SEED)]) as hardware:
        command = [sys.executable, __file__, "--reader", reader, "--port", hardware.ports["pod"]]
        command += ["--seconds", str(seconds)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    took_s, cpu_s, total_uv = json.loads(done.stdout)
    return {
        "times_real_time": seconds / took_s,
        "megabytes_per_s": seconds * FS_HZ * PACKET_BYTES / took_s / 1e6,
        "cpu_us_per_signal_s": cpu_s / seconds * 1e6,
        "checksum_uv": total_uv,
    }


def compare(seconds: int) -> dict[str, Any]:
    """Measure both drivers and the decoder."""
    figures: dict[str, Any] = {reader: measured(reader, seconds) for reader in READERS}
    ours, theirs = figures["ours"], figures["brainflow"]
    if abs(ours["checksum_uv"] - theirs["checksum_uv"]) > 1e-3:
        raise SystemExit("the two drivers read different microvolts")
    figures["codec_alone"] = codec_alone(seconds)
    figures["ratio_speed"] = ours["times_real_time"] / theirs["times_real_time"]
    figures["ratio_cpu"] = theirs["cpu_us_per_signal_s"] / ours["cpu_us_per_signal_s"]
    return figures


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=2000, help="seconds of signal")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--port", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reader:
        print(json.dumps(READERS[options.reader](options.port, options.seconds)))
        return
    figures = compare(options.seconds)
    for name in READERS:
        each = figures[name]
        print(
            f"{name:10} {each['times_real_time']:8.0f} x real time {each['megabytes_per_s']:7.1f} MB/s "
            f"{each['cpu_us_per_signal_s']:7.0f} us of processor per second of signal"
        )
    alone = figures["codec_alone"]
    print(
        f"codec      {alone['megabytes_per_s']:8.0f} MB/s in {CHUNK_BYTES} B chunks, "
        f"{alone['us_per_signal_s']:.0f} us per second of signal"
    )
    speed, cpu = figures["ratio_speed"], figures["ratio_cpu"]
    print(f"ours / BrainFlow: {speed:.2f} x the speed, 1/{cpu:.2f} of the processor time")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
