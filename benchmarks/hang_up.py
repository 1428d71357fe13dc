"""A serial port that hangs up in the middle of a stream: when it is noticed, and what the reader does then.

    python benchmarks/hang_up.py [--seconds 5] [--json OUT.json]

A virtual Cyton streams to our driver, and then to BrainFlow's, each in a process of its own, and is
unplugged. Printed is how long the reader took to say so, or that it said nothing, and its processor time as a
share of one core while the port stays away. BrainFlow needs x86-64.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton

STREAMING_S = 2.0
"""Both have streamed for so long when the port hangs up."""

OURS = """
import json, sys, time
from sanctuary.firmware_bridge.headbands.cyton.driver import CytonHeadband
from sanctuary.firmware_bridge.stream.reader import HeadbandPump
port, seconds = sys.argv[1], float(sys.argv[2])
lost_at_s, samples = [], 0
def count(block):
    global samples
    samples += block.n_samples
pump = HeadbandPump(
    lambda: CytonHeadband(port, {"AF7": 1, "AF8": 2}, realtime=True),
    count,
    lambda reason: lost_at_s.append((time.monotonic(), reason)),
    lambda: None,
)
pump.start()
while not samples:
    time.sleep(0.01)
print("streaming", flush=True)
sys.stdin.readline()
began_s, cpu_s = time.monotonic(), time.process_time()
time.sleep(seconds)
share = (time.process_time() - cpu_s) / (time.monotonic() - began_s)
pump.stop()
at_s, said = lost_at_s[0] if lost_at_s else (None, None)
print(json.dumps({"noticed_at_s": at_s, "said": said, "share_of_core": share}), flush=True)
"""
BRAINFLOW = """
import json, sys, time
from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams
BoardShim.disable_board_logger()
parameters = BrainFlowInputParams()
parameters.serial_port = sys.argv[1]
seconds = float(sys.argv[2])
board = BoardShim(BoardIds.CYTON_BOARD.value, parameters)
board.prepare_session()
board.start_stream()
while not board.get_board_data_count():
    time.sleep(0.01)
print("streaming", flush=True)
sys.stdin.readline()
began_s, cpu_s = time.monotonic(), time.process_time()
noticed_at_s, said = None, None
while time.monotonic() < began_s + seconds and noticed_at_s is None:
    try:
        board.get_board_data()
        fine = board.is_prepared()
    except Exception as error:
        fine, said = False, str(error)
    if not fine:
        noticed_at_s = time.monotonic()
    time.sleep(0.1)
time.sleep(max(0.0, began_s + seconds - time.monotonic()))
share = (time.process_time() - cpu_s) / (time.monotonic() - began_s)
print(json.dumps({"noticed_at_s": noticed_at_s, "said": said, "share_of_core": share}), flush=True)
"""


def hung_up(program: str, seconds: float) -> dict[str, Any]:
    """Unplug the board under a reader, and give the reader's own account."""
    with PtyPort(VirtualCyton(NoiseSource(1)), "realtime") as port:
        command = [sys.executable, "-P", "-c", program, port.path, str(seconds)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdin is not None
            assert reader.stdout is not None
            if reader.stdout.readline().strip() != "streaming":
                sys.exit("the reader never streamed")
            time.sleep(STREAMING_S)
            unplugged_s = time.monotonic()
            port.unplug()
            reader.stdin.write("unplugged\n")
            reader.stdin.flush()
            lines = [line for line in reader.stdout if line.startswith("{")]
    result: dict[str, Any] = json.loads(lines[-1])
    at_s = result.pop("noticed_at_s")
    result["noticed_after_s"] = None if at_s is None else at_s - unplugged_s
    return result


def main() -> None:
    """Unplug both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="how long the port stays away")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {
        name: hung_up(program, options.seconds)
        for name, program in (("ours", OURS), ("brainflow", BRAINFLOW))
    }
    for name, result in results.items():
        after_s = result["noticed_after_s"]
        noticed = "said nothing" if after_s is None else f"noticed after {1000 * after_s:.0f} ms"
        print(f"{name:10} {noticed}, then {100 * result['share_of_core']:.1f} % of a core")
        if result["said"]:
            print(f"           {result['said']}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
