"""``sanctuary pod``: a pod as a program of its own beside a gateway, on a broker of their own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sanctuary.cli.main import run
from sanctuary.gateway.site.storage import PodMemories, SiteStore
from sanctuary.pods.mqtt.broker import find_mosquitto, start_mosquitto
from sanctuary.pods.pod.identity import PodMemory

PATIENCE_S = 120.0
SITE = """
[site]
data_dir = "{data}"

[broker]
kind = "external"
port = {port}
"""
POD = """
[[pods]]
id = "pod-{n}"
sleeper = "sleeper-{n}"
headband = {{ kind = "simulated", seed = {n} }}
"""

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")


def test_a_pod_needs_the_broker_of_its_gateway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "s.toml"
    config.write_text(f'[site]\ndata_dir = "{tmp_path}"\n' + POD.format(n=1))
    assert run(["pod", "pod-1", "-c", str(config)]) == 2
    assert 'broker.kind = "external"' in capsys.readouterr().err


def test_a_pod_that_the_settings_do_not_name_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "s.toml"
    config.write_text(SITE.format(data=tmp_path, port=1) + POD.format(n=1))
    assert run(["pod", "pod-9", "-c", str(config)]) == 2
    assert "pod-9: no such pod in the settings; there are: pod-1" in capsys.readouterr().err


class House:
    """Programs of one sanctuary: whoever runs pod-1 is the gateway."""

    def __init__(self, folder: Path, port: int, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.store = SiteStore(folder / "data")
        site = SITE.format(data=folder / "data", port=port)
        (folder / "gateway.toml").write_text(site + POD.format(n=1))
        (folder / "pods.toml").write_text(site + POD.format(n=1) + POD.format(n=2))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        program = subprocess.Popen(
            [sys.executable, "-m", "sanctuary", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        self._stack.callback(self.end, program, signal.SIGKILL)
        return program

    def gateway(self) -> subprocess.Popen[bytes]:
        return self.start("run", "-c", str(self.folder / "gateway.toml"))

    def pod(self) -> subprocess.Popen[bytes]:
        return self.start("pod", "pod-2", "-c", str(self.folder / "pods.toml"))

    def end(self, program: subprocess.Popen[bytes], number: signal.Signals) -> int:
        if program.poll() is None:
            program.send_signal(number)
        program.communicate(timeout=PATIENCE_S)
        return program.returncode

    def records(self, what: str = "*-pod-2") -> list[list[dict[str, Any]]]:
        """The records of each night of the pod, oldest first."""
        paths = sorted((self.folder / "data" / "nights").glob(f"{what}/events.jsonl"))
        lines = [path.read_text().splitlines() for path in paths]
        return [[json.loads(line) for line in each if line.endswith("}")] for each in lines]

    def wait_for_sure_clock(self, nights: int) -> float:
        """Wait until the pod is sure of the clock in its night of that number; gives its time then."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            if len(self.records()) >= nights:
                for record in self.records()[nights - 1]:
                    if record.get("event") == "clock_measured" and "sure to inf" not in record["detail"]:
                        return float(record["t_s"])
            time.sleep(0.1)
        raise AssertionError("the pod never knew the time")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    program = find_mosquitto()
    assert program is not None
    child, port = asyncio.run(start_mosquitto(program, PATIENCE_S))
    with ExitStack() as stack:
        stack.callback(lambda: asyncio.run(child.stop()))
        yield House(tmp_path, port, stack)


@needs_mosquitto
def test_a_pod_follows_its_gateways_clock_and_a_kill_loses_neither_latch_nor_clock(house: House) -> None:
    gateway, pod = house.gateway(), house.pod()
    first_s = house.wait_for_sure_clock(1)
    pod.kill()
    pod.wait(PATIENCE_S)
    memories = PodMemories(house.store.folder)
    memories.save(PodMemory(pod="pod-2", latch="stopped"))
    gateway.kill()
    gateway.wait(PATIENCE_S)
    gateway, pod = house.gateway(), house.pod()
    assert house.wait_for_sure_clock(2) > first_s
    assert house.end(pod, signal.SIGTERM) == 0
    assert house.end(gateway, signal.SIGINT) == 0
    booted = [record["detail"] for record in house.records()[1] if record.get("event") == "booted"]
    assert booted == ["stopped"]
    memory = memories.load("pod-2")
    assert memory is not None
    assert memory.latch == "stopped"
    assert house.store.clock() is None
    (path,) = sorted((house.folder / "data" / "nights").glob("*-pod-2/night.json"))
    assert json.loads(path.read_text())["violations"] == []
