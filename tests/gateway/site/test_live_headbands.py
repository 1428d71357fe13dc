"""``sanctuary run`` with Muse headbands on bleak's BlueZ: recorded, judged, lost, regained, captured."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from ble_bench import in_reach, needs_dbus
from sanctuary.cli.main import run
from sanctuary.firmware_bridge.recordings.capture_night import open_capture
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.signal.chain import Chain
from sanctuary.signal.samples import SampleBlock, StageEstimate
from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from sanctuary.simulator.devices.virtual_muse import STEP_UV, VirtualMuse

RMS_UV = 40.0
SETTINGS = """
[site]
data_dir = "{data}"

[[pods]]
id = "pod-1"
sleeper = "alder"
headband = {{ kind = "muse", address = "Muse-1A2B" }}

[[pods]]
id = "pod-2"
sleeper = "birch"
headband = {{ kind = "muse", address = "00:55:DA:B0:00:02" }}
"""
ONE_CYTON = """
[site]
data_dir = "{data}"

[[pods]]
id = "pod-1"
sleeper = "alder"
headband = {{ kind = "cyton", port = "{port}" }}
"""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine seconds of two Muse headbands, with captures; its folder."""
    folder = tmp_path_factory.mktemp("site")
    config = folder / "sanctuary.toml"
    config.write_text(SETTINGS.format(data=folder / "data"))
    muses = [
        VirtualMuse(NoiseSource(3, RMS_UV), name="Muse-1A2B", address="00:55:DA:B0:00:01"),
        VirtualMuse(NoiseSource(4, RMS_UV), name="Muse-3C4D", address="00:55:DA:B0:00:02"),
    ]
    with in_reach(*muses):
        assert run(["run", "-c", str(config), "--hours", "0.0025", "--capture"]) == 0
    (there,) = (folder / "data" / "nights").iterdir()
    return there


@needs_dbus
def test_all_four_channels_are_recorded(night: Path) -> None:
    for pod in ("pod-1", "pod-2"):
        recording = open_recording(night / f"{pod}.edf", ["AF7", "AF8"])
        assert recording.info.fs_hz == 256.0
        uv = np.concatenate([block.uv for block in recording.blocks()], axis=1)
        there = uv[:, ~np.isnan(uv).any(axis=0)]
        assert there.shape[1] > 3 * 256
        assert there.std() == pytest.approx(RMS_UV, rel=0.1)


@needs_dbus
def test_the_chain_judges_them_by_its_two(night: Path) -> None:
    records = [json.loads(line) for line in (night / "events.jsonl").read_text().splitlines()]
    assert {r["pod"] for r in records if r["kind"] == "estimate"} == {"pod-1", "pod-2"}


@needs_dbus
def test_the_capture_holds_what_was_sent(night: Path) -> None:
    captured = open_capture(night / "pod-1.capture")
    assert captured.info.channels == ("AF7", "AF8")
    uv = np.concatenate([block.uv for block in captured.blocks()], axis=1)
    sent = np.rint(NoiseSource(3, RMS_UV).render(8000) / STEP_UV) * STEP_UV
    begins = [at for at in range(4000) if np.allclose(sent[:, at : at + 300], uv[:, :300], rtol=0, atol=1e-6)]
    assert len(begins) == 1


def test_a_chain_that_fails_is_told_once_and_the_recording_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_chain: Chain, _block: SampleBlock) -> list[StageEstimate]:
        raise ArithmeticError("a mistake in the chain")

    monkeypatch.setattr(Chain, "push", fail)
    config = tmp_path / "sanctuary.toml"
    with PtyPort(VirtualCyton(NoiseSource(5)), "realtime") as port:
        config.write_text(ONE_CYTON.format(data=tmp_path / "data", port=port.path))
        with caplog.at_level(logging.ERROR):
            assert run(["run", "-c", str(config), "--hours", "0.0015"]) == 0
    told = [record for record in caplog.records if "the signal chain failed" in record.getMessage()]
    assert len(told) == 1
    (path,) = (tmp_path / "data" / "nights").glob("*/pod-1.bdf")
    uv = np.concatenate([block.uv for block in open_recording(path).blocks()], axis=1)
    assert (~np.isnan(uv)).all(axis=0).sum() > 2 * 250
