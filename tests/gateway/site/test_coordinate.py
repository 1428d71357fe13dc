"""``sanctuary coordinate``: two gateways at a real Mosquitto, and what happens when one is killed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from sanctuary.cli.main import run
from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.pods.mqtt.broker import find_mosquitto, open_broker

SETTINGS = """
[site]
gateways = ["gateway-1", "gateway-2"]
data_dir = "{data}"

[broker]
kind = "external"
port = {port}
reconnect_min_s = 0.1

[[pods]]
id = "pod-1"
sleeper = "alder"
headband = {{ kind = "simulated", seed = 1 }}

[[pods]]
id = "pod-2"
sleeper = "birch"
headband = {{ kind = "simulated", seed = 2 }}

[[circles]]
id = "commons"
members = ["pod-1", "pod-2"]
"""
PATIENCE_S = 60.0


def until(condition: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {patience_s:g} s")


class Site:
    """Two gateways as programs of their own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[str]] = {}
        for name in ("gateway-1", "gateway-2"):
            data = folder / name
            data.mkdir()
            (data / "secret.key").write_bytes(b"s" * 32)
            (folder / f"{name}.toml").write_text(SETTINGS.format(data=data, port=port))

    def start(self, name: str) -> None:
        words = [sys.executable, "-P", "-m", "sanctuary", "coordinate", "--gateway", name]
        with (self.folder / f"{name}.out").open("a") as log:
            self._start(name, words, log)

    def _start(self, name: str, words: list[str], log: IO[str]) -> None:
        self.running[name] = subprocess.Popen(
            [*words, "--config", str(self.folder / f"{name}.toml")], stderr=log, stdout=log, text=True
        )

    def end(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()

    def told(self, name: str) -> str:
        return (self.folder / f"{name}.out").read_text()

    def records(self, name: str, event: str) -> list[dict[str, Any]]:
        lines = [
            json.loads(line)
            for path in (self.folder / name).glob("nights/*/events.jsonl")
            for line in path.read_text().splitlines()
        ]
        return [line for line in lines if line["kind"] == "leadership" and line["event"] == event]

    def holder(self) -> str | None:
        holders = [name for name in self.running if self.records(name, "leading")]
        return holders[0] if holders else None


def kill_the_holder(site: Site) -> float:
    """Start two gateways, kill the one that holds the circle; give how long the other took (seconds)."""
    for name in ("gateway-1", "gateway-2"):
        site.start(name)
    first = until(site.holder)
    second = next(name for name in site.running if name != first)
    until(lambda: "Ctrl-C" in site.told(second))
    time.sleep(1.0)
    assert site.records(second, "leading") == []
    site.running[first].kill()
    killed_s = time.monotonic()
    (held,) = until(lambda: site.records(second, "leading"), 20.0)
    took_s = time.monotonic() - killed_s
    until(lambda: "holds commons" in site.told(second))
    assert held["term"] > site.records(first, "leading")[0]["term"]
    return took_s


def test_c3_the_other_gateway_holds_within_ten_seconds_of_kill_9(tmp_path: Path) -> None:
    if find_mosquitto() is None:
        pytest.skip("Mosquitto is not installed")

    async def night() -> float:
        async with open_broker(BrokerSettings(kind="mosquitto", connect_timeout_s=20.0)) as endpoint:
            site = Site(tmp_path, endpoint.port)
            try:
                return await asyncio.to_thread(kill_the_holder, site)
            finally:
                site.end()

    assert asyncio.run(night()) <= 10.0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--gateway", "gateway-9"], "gateway-9"),
        ([], "site.gateway"),
        (["--gateway", "gateway-1"], "secret.key"),
        (["--gateway", "gateway-1", "--set", "broker.kind=auto"], "broker.kind"),
    ],
)
def test_what_cannot_work_is_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    config = tmp_path / "sanctuary.toml"
    config.write_text(SETTINGS.format(data=tmp_path / "data", port=1))
    assert run(["coordinate", "--config", str(config), *arguments]) == 2
    assert text in capsys.readouterr().err
