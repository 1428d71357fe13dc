"""How a night in real time ends, and begins: lamps go dark, headbands are let go, recordings are dated."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sanctuary.cli.main import run
from sanctuary.config.broker_settings import BrokerSettings
from sanctuary.config.headband_settings import SimulatedHeadband
from sanctuary.config.pod_settings import DeviceSettings, PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.firmware_bridge.outputs.lamps import Wled
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.gateway.site import live_night, live_site, pod_start
from sanctuary.gateway.site.pod_outputs import PodOutputs
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.pods.mqtt.broker import BrokerEndpoint, open_broker
from sanctuary.pods.mqtt.client import MqttClient
from sanctuary.pods.mqtt.wire_client import MqttMessage
from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from virtual_boards import PATIENCE_S

ONE_POD = """
[site]
data_dir = "{data}"

[[pods]]
id = "pod-1"
sleeper = "alder"
outputs = ["sound", "light"]
headband = {{ kind = "cyton", port = "{port}" }}
"""
LAMP = """
[pods.devices.light]
kind = "wled"
topic = "wled/bed1"
"""
DARK = Wled("wled/bed1", 0.2).off().payload
DEVICES = DeviceSettings.model_validate({"light": {"kind": "wled", "topic": "wled/bed1"}})


@asynccontextmanager
async def lamp_at(endpoint: BrokerEndpoint, heard: list[bytes]) -> Any:
    """A lamp that notes what it is told."""
    async with MqttClient("lamp", endpoint.host, endpoint.port) as client:
        client.subscribe("wled/bed1/api")
        await client.connected()

        async def listen() -> None:
            async for message in client:
                heard.append(message.payload)  # noqa: PERF401  one by one, as they come

        listening = asyncio.create_task(listen())
        yield client
        listening.cancel()


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_lamp_that_shines_when_the_night_ends_is_told_to_be_dark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    @asynccontextmanager
    async def with_lamp(settings: BrokerSettings) -> Any:
        async with open_broker(settings) as endpoint, lamp_at(endpoint, heard):
            yield endpoint
            await until(lambda: heard[-1:] == [DARK])

    watch = live_night.watch

    async def glow_and_stop(running: Any, hours: Any, table: Any) -> None:
        running.pods[0].shell.outputs.play(Cue(Modality.LIGHT, 0.2, 20.0, 1.0), running.now())
        await until(lambda: any(b'"on":true' in payload for payload in heard))
        running.stop.set("SIGTERM")
        await watch(running, hours, table)

    monkeypatch.setattr(live_night, "open_broker", with_lamp)
    monkeypatch.setattr(live_night, "watch", glow_and_stop)
    config = tmp_path / "sanctuary.toml"
    config.write_text(ONE_POD.format(data=tmp_path / "data", port="/dev/ttyNoSuchPort") + LAMP)
    assert run(["run", "-c", str(config)]) == 0
    assert heard[-1] == DARK


def test_a_lamp_goes_dark_by_will_when_the_program_dies(tmp_path: Path) -> None:
    async def story() -> list[bytes]:
        heard: list[bytes] = []
        async with open_broker(BrokerSettings(kind="embedded")) as endpoint, lamp_at(endpoint, heard):
            wire = live_site.BrokerWire(SanctuarySettings(), SiteStore(tmp_path), endpoint, ExitStack())
            running = SimpleNamespace(site=SimpleNamespace(wire=wire))
            entry = PodEntry(
                id="pod-1", sleeper="alder", headband=SimulatedHeadband(kind="simulated"), devices=DEVICES
            )
            dark = MqttMessage("wled/bed1/api", DARK, 1)
            client = pod_start._lamp_client(running, entry, dark, PodOutputs("pod-1"))  # type: ignore[arg-type]
            async with client:
                await client.connected()
                client.publish(MqttMessage("wled/bed1/api", b'{"on":true}', 0))
                await until(lambda: bool(heard))
                await client.abort()
                await until(lambda: len(heard) > 1)
        return heard

    assert asyncio.run(story()) == [b'{"on":true}', DARK]


def test_everything_is_silent_before_headbands_are_let_go_and_they_are_let_go_together() -> None:
    silent: list[int] = []
    together = threading.Barrier(2, timeout=PATIENCE_S)
    silent_at_stop: list[int] = []

    class Pump:
        def stop(self) -> None:
            silent_at_stop.append(len(silent))
            together.wait()

    class Broken:
        def stop(self) -> None:
            raise ValueError("it had ended long ago")

    shells = [SimpleNamespace(silence=lambda n=n: silent.append(n)) for n in range(3)]
    pods = [SimpleNamespace(shell=shell) for shell in shells]
    samples = SimpleNamespace(pumps=[Pump(), Broken(), Pump()])
    running = SimpleNamespace(pods=pods, samples=samples)
    asyncio.run(live_site.silence(running))  # type: ignore[arg-type]
    assert silent_at_stop == [3, 3]


def test_a_recording_is_dated_from_its_first_sample_not_from_the_beginning_of_the_night(
    tmp_path: Path,
) -> None:
    link = tmp_path / "headband"
    ports: list[PtyPort] = []
    config = tmp_path / "sanctuary.toml"
    config.write_text(ONE_POD.format(data=tmp_path / "data", port=link))
    begun = datetime.now().astimezone().replace(tzinfo=None)

    def put_on() -> None:
        ports.append(PtyPort(VirtualCyton(NoiseSource(5)), "realtime", link))

    later = threading.Timer(3.0, put_on)
    later.start()
    try:
        assert run(["run", "-c", str(config), "--hours", "0.0025", "--capture"]) == 0
    finally:
        later.join()
        for port in ports:
            port.close()
    (night,) = (tmp_path / "data" / "nights").iterdir()
    (path,) = night.glob("pod-1.bdf")
    start = open_recording(path).info.start
    assert start is not None
    assert 2.0 <= (start - begun).total_seconds() <= 8.0
    result = json.loads((night / "night.json").read_text())
    assert result["violations"] == []
