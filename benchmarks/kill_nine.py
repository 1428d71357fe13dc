"""What is left of a window when something in it is killed: gateway, broker or one pod, with signal 9.

Run as ``python benchmarks/kill_nine.py --kills 100 --houses 5``. A house is one Mosquitto, two gateways and
three pods, each a process of its own with the product's core, runner, client, clock, memory and journal;
chains are scripted: stable REM, always. Once cues sound in a window, one process is killed, and started again
after some seconds. Houses run side by side, for a kill takes some 20 s. What is asked of the files that are
left is in `kill_nine_findings`. Gaps of limiter and design are short, past what settings allow, for many cues
in a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from math import inf
from multiprocessing.context import ForkProcess
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from kill_nine_findings import CUE_S, KINDS, LEASE_S, STEP_S, Findings, Kill, examine, notes_of, report
from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.gateway.site.clocks import FollowedTime
from sanctuary.gateway.site.pod_outputs import PodOutputs
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.remote import coordinate
from sanctuary.gateway.site.stopping import stop_on_signals
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.mqtt.broker import find_mosquitto
from scripted_pod import be_pod, one_circle, steps_every

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from recording_output import RecordingOutput

GATEWAYS, PODS = 2, 3
STEPS = 1800
PATIENCE_S, STARTS_WITHIN_S = 90.0, 10.0

log = logging.getLogger("kill_nine")


def steady() -> LoadedDesign:
    """Make a design with a step every two seconds, for an hour."""
    return steps_every(STEP_S, STEPS, duration_s=CUE_S, length_s=4000.0)


def sanctuary(folder: Path, port: int) -> SanctuarySettings:
    """Put three pods into one circle, with two gateways."""
    gateways = tuple(f"gateway-{number}" for number in range(1, GATEWAYS + 1))
    return one_circle(folder, port, PODS, gap_s=1.0, gateways=gateways)


# --- a pod ---


class NotingOutput(RecordingOutput):
    """Writes down when it plays and when it is told to stop, by a clock that all processes share."""

    def __init__(self, path: Path, clock: FollowedTime) -> None:
        super().__init__(clock=clock.now)
        self._notes = path.open("a", buffering=1)
        self.pod: PodShell | None = None

    def play(self, cue: Any, at_s: float) -> None:
        """Note a cue and whose window it is of."""
        super().play(cue, at_s)
        window = self.pod.pod.window if self.pod is not None else None
        self._note({"mono_s": time.monotonic(), "site_s": self.rendered[-1].happened_s, "window": window})

    def stop(self, now_s: float) -> None:
        """Note a stop."""
        super().stop(now_s)
        self._note({"stop_s": time.monotonic()})

    def _note(self, line: Mapping[str, Any]) -> None:
        self._notes.write(json.dumps(line) + "\n")


async def one_pod(settings: SanctuarySettings, name: str, folder: Path) -> None:
    """Be a pod, for ever."""
    outputs: list[NotingOutput] = []

    def devices(clock: FollowedTime) -> PodOutputs:
        outputs.append(NotingOutput(folder / f"{name}.notes.jsonl", clock))
        return PodOutputs(name, {Modality.SOUND: outputs[0]})

    def opened(pod: PodShell) -> None:
        outputs[0].pod = pod

    await be_pod(settings, name, folder / f"{name}.events.jsonl", steady(), devices, opened=opened)


# --- a house ---


@dataclass
class House:
    """Processes, and how to start each of them."""

    settings: SanctuarySettings
    folder: Path
    broker: subprocess.Popen[bytes] | None = None
    processes: dict[str, ForkProcess] = field(default_factory=dict)

    def start(self, who: str) -> None:
        """Start a gateway, a pod or the broker."""
        if who == "broker":
            self._start_broker()
        elif who.startswith("gateway"):
            site = self.settings.site.model_copy(
                update={"gateway": who, "data_dir": self.folder / f"{who}-data"}
            )
            settings = self.settings.model_copy(update={"site": site})
            self._fork(who, _gateway, settings, who, self.folder)
        else:
            self._fork(who, _pod, self.settings, who, self.folder)

    def kill(self, who: str) -> float:
        """End a process as a power failure would; gives the moment."""
        process = self.broker if who == "broker" else self.processes[who]
        assert process is not None
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        at_s = time.monotonic()
        process.wait() if isinstance(process, subprocess.Popen) else process.join()
        return at_s

    def end(self) -> None:
        """End everything."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.join(20.0)
        if self.broker is not None:
            self.broker.terminate()
            self.broker.wait()

    def _start_broker(self) -> None:
        program = find_mosquitto()
        if program is None:
            raise SystemExit("Mosquitto is not installed")
        config = self.folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.settings.broker.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            f"user {getpass.getuser()}\n"
        )
        self.broker = subprocess.Popen([program, "-c", config], stderr=subprocess.DEVNULL)
        end_s = time.monotonic() + STARTS_WITHIN_S
        while not _listens(self.settings.broker.port):
            if time.monotonic() > end_s:
                raise SystemExit(f"Mosquitto does not listen within {STARTS_WITHIN_S:g} s")
            time.sleep(0.02)

    def _fork(self, who: str, target: Any, *arguments: Any) -> None:
        process = multiprocessing.get_context("fork").Process(target=target, args=arguments)
        process.start()
        self.processes[who] = process


def _listens(port: int) -> bool:
    with socket.socket() as visitor:
        return visitor.connect_ex(("127.0.0.1", port)) == 0


def _gateway(settings: SanctuarySettings, who: str, folder: Path) -> None:
    _quiet(folder / f"{who}.log")
    designs = patch("sanctuary.gateway.site.remote.designs_of", lambda _circles: {"tide": steady()})
    with designs, stop_on_signals() as stop:
        asyncio.run(coordinate(settings, log.info, stop))


def _pod(settings: SanctuarySettings, who: str, folder: Path) -> None:
    _quiet(folder / f"{who}.log")
    asyncio.run(one_pod(settings, who, folder))


def _quiet(path: Path) -> None:
    logging.basicConfig(filename=path, level=logging.INFO, force=True)


def live_in_house(folder: Path, port: int, kills: int, seed: int) -> None:
    """Kill and start again, so many times of each kind; leaves a file of what was killed."""
    rng, settings = Random(seed), sanctuary(folder, port)
    secret = SiteStore(settings.site.data_dir).secret()
    house = House(settings, folder)
    for who in settings.site.gateways:
        place = folder / f"{who}-data"
        place.mkdir()
        (place / "secret.key").write_bytes(secret)
    done: list[Kill] = []
    order = [kind for kind in KINDS for _ in range(kills)]
    rng.shuffle(order)
    try:
        for who in ("broker", *settings.site.gateways, *(entry.id for entry in settings.pods)):
            house.start(who)
        for kind in order:
            if not wait_for_sound(folder, settings):
                log.warning("no window within %g s after %s", PATIENCE_S, done[-1:] or "the start")
            time.sleep(rng.uniform(0.0, 4.0))
            who = victim(kind, folder, settings, rng)
            done.append(Kill(kind, who, house.kill(who)))
            time.sleep(rng.uniform(0.0, 4.0))
            house.start(who)
            time.sleep(LEASE_S + 3.0 * STEP_S)
        wait_for_sound(folder, settings)
    finally:
        house.end()
        (folder / "kills.json").write_text(json.dumps([asdict(kill) for kill in done]))


def wait_for_sound(folder: Path, settings: SanctuarySettings) -> bool:
    """Wait until cues sound in every pod."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        newest = [last_play(folder / f"{entry.id}.notes.jsonl") for entry in settings.pods]
        if min(newest) > time.monotonic() - 2.0 * STEP_S:
            return True
        time.sleep(0.2)
    return False


def last_play(path: Path) -> float:
    """Give the moment of the last cue; minus infinity before the first."""
    if not path.exists():
        return -inf
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2000))
        plays = [line for line in notes_of(file.read().decode()) if "mono_s" in line]
    return float(plays[-1]["mono_s"]) if plays else -inf


def victim(kind: str, folder: Path, settings: SanctuarySettings, rng: Random) -> str:
    """Choose whom to kill: of the gateways the one that holds the circle."""
    if kind == "pod":
        return rng.choice(settings.pods).id
    if kind == "broker":
        return "broker"
    newest = {who: max(_opened(folder, who), default=-inf) for who in settings.site.gateways}
    return max(newest, key=lambda who: newest[who])


def _opened(folder: Path, who: str) -> Iterator[float]:
    for path in (folder / f"{who}-data").glob("nights/*/events.jsonl"):
        for line in notes_of(path.read_text()):
            if line.get("kind") == "window" and line["event"] in ("opened", "extended"):
                yield float(line["t_s"])


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kill_in_houses(root: Path, kills: int, houses: int) -> None:
    """Let all houses live side by side."""
    spawn = multiprocessing.get_context("spawn")
    processes = []
    for number in range(houses):
        folder = root / f"house-{number}"
        folder.mkdir(parents=True)
        each = -(-kills // houses)
        process = spawn.Process(target=live_in_house, args=(folder, free_port(), each, number))
        process.start()
        processes.append(process)
    for process in processes:
        process.join()


def main() -> None:
    """Read the options and kill."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100, help="of each kind, over all houses")
    parser.add_argument("--houses", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="leave the files here")
    parser.add_argument("--examine", action="store_true", help="kill nothing; examine what --keep has left")
    arguments = parser.parse_args()
    into = Findings()
    with TemporaryDirectory() as name:
        root = arguments.keep or Path(name)
        if not arguments.examine:
            kill_in_houses(root, arguments.kills, arguments.houses)
        for folder in sorted(root.glob("house-*")):
            examine(folder, sanctuary(folder, 1), into)
    report(into)


if __name__ == "__main__":
    main()
