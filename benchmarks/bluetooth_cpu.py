"""Processor time of eight Muse headbands live over Bluetooth: our driver through bleak, against BrainFlow's.

    python benchmarks/bluetooth_cpu.py [--headbands 8] [--seconds 20] [--json OUT.json]

The headbands are virtual, in a process of their own, behind BlueZ's own D-Bus interface; each reader has a
fresh process and the same headbands. Counted is the reader's processor time from when all of them stream, as
a share of one core; the samples that came in that time stand beside it. BrainFlow needs x86-64.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

OURS = """
import json, resource, sys, threading, time
from sanctuary.firmware_bridge.headbands.device import DeviceHeadband
from sanctuary.firmware_bridge.headbands.drivers import DRIVERS
names, seconds = sys.argv[2:], float(sys.argv[1])
headbands = [DeviceHeadband(DRIVERS["muse"], name) for name in names]
for headband in headbands:
    headband.connect()
    headband.start()
counts, over = [0] * len(names), threading.Event()
def read(at):
    while not over.is_set():
        counts[at] += sum(int((~block.lost).sum()) for block in headbands[at].read(0.5))
threads = [threading.Thread(target=read, args=(at,)) for at in range(len(names))]
for thread in threads:
    thread.start()
time.sleep(2.0)
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
before, samples, began = cpu(), sum(counts), time.monotonic()
time.sleep(seconds)
result = {"cpu_s": cpu() - before, "samples": sum(counts) - samples, "wall_s": time.monotonic() - began}
over.set()
for thread, headband in zip(threads, headbands):
    thread.join()
    headband.close()
print(json.dumps(result), flush=True)
"""
BRAINFLOW = """
import json, resource, sys, time
from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams
BoardShim.disable_board_logger()
boards = []
for address in sys.argv[2:]:
    parameters = BrainFlowInputParams()
    parameters.mac_address, parameters.timeout = address, 15
    board = BoardShim(BoardIds.MUSE_2_BOARD.value, parameters)
    board.prepare_session()
    board.start_stream()
    boards.append(board)
time.sleep(2.0)
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
for board in boards:
    board.get_board_data()
before, began = cpu(), time.monotonic()
time.sleep(float(sys.argv[1]))
samples = sum(board.get_board_data().shape[1] for board in boards)
used_s, wall_s = cpu() - before, time.monotonic() - began
print(json.dumps({"cpu_s": used_s, "samples": samples, "wall_s": wall_s}), flush=True)
for board in boards:
    board.stop_stream()
    board.release_session()
"""


def measured(program: str, seconds: float, whom: list[str], bus: str) -> dict[str, Any]:
    """Run a reader, and give its own account."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(seconds), *whom],
        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 180,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        sys.exit(done.stderr)
    result: dict[str, Any] = json.loads(lines[-1])
    result["share_of_core"] = result["cpu_s"] / result["wall_s"]
    return result


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--headbands", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    command = [sys.executable, "-P", "-m", "sanctuary", "virtual", "muse", "--count", str(options.headbands)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as radio:
        assert radio.stdout is not None
        bus = radio.stdout.readline().removeprefix("READY ").strip()
        numbers = range(1, options.headbands + 1)
        results = {
            "ours": measured(OURS, options.seconds, [f"Muse-5A{n:02X}" for n in numbers], bus),
            "brainflow": measured(
                BRAINFLOW, options.seconds, [f"00:55:DA:B0:5A:{n:02X}" for n in numbers], bus
            ),
        }
        radio.terminate()
    for name, result in results.items():
        rate = result["samples"] / result["wall_s"] / options.headbands
        print(f"{name:10} {100 * result['share_of_core']:5.1f} % of a core, {rate:.1f} samples/s a headband")
    ratio = results["ours"]["share_of_core"] / results["brainflow"]["share_of_core"]
    print(f"ours / BrainFlow's: {ratio:.2f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
