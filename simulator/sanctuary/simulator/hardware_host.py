"""The child process of `sanctuary.simulator.hardware`: ``python -m sanctuary.simulator.hardware_host``.

Reads one line of JSON, opens the ports, answers with one line of JSON, and serves until its input ends. Then
it removes ports, links and folder.
"""

from __future__ import annotations

import json
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from sanctuary.config.sleeper_settings import SleeperSettings
from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import NoiseSource, SignalSource
from sanctuary.simulator.devices.virtual_cyton import FS_HZ, VirtualCyton
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper


def build_source(spec: dict[str, Any]) -> SignalSource:
    """Make the signal that a spec describes."""
    if spec["kind"] == "noise":
        return NoiseSource(spec["seed"])
    settings = SleeperSettings.model_validate(spec["settings"])
    beside = spec.get("beside", ())
    return Sleeper(spec["seed"], spec["hours"], float(FS_HZ), settings, beside)


def open_ports(stack: ExitStack, spec: dict[str, Any]) -> dict[str, str]:
    """Open a port for each headband, to be closed with the stack; returns their paths by pod."""
    folder = Path(spec["folder"])
    stack.callback(_remove, folder)
    ports = {}
    for each in spec["headbands"]:
        board = VirtualCyton(build_source(each))
        ports[each["pod"]] = stack.enter_context(PtyPort(board, spec["pacing"], folder / each["pod"])).path
    return ports


def _remove(folder: Path) -> None:
    with suppress(OSError):  # the parent may have removed it already
        folder.rmdir()


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    spec = json.loads(sys.stdin.readline())
    with ExitStack() as stack:
        sys.stdout.write(json.dumps({"ports": open_ports(stack, spec)}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
