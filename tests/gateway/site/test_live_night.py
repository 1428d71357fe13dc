"""``sanctuary run``: the same pods in real time."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from sanctuary.cli.main import run
from sanctuary.config.errors import InputError
from sanctuary.firmware_bridge.recordings.readers import open_recording
from sanctuary.firmware_bridge.recordings.recorder import NightRecorder
from sanctuary.gateway.site.storage import SECRET_BYTES, PodMemories, SiteStore
from sanctuary.pods.mqtt.queues import Outbox
from sanctuary.pods.pod.identity import PodMemory
from sanctuary.signal.samples import SampleBlock
from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton

SETTINGS = """
[site]
data_dir = "{data}"

[[pods]]
id = "pod-1"
sleeper = "alder"
headband = {{ kind = "cyton", port = "{port}" }}

[[pods]]
id = "pod-2"
sleeper = "birch"
headband = {{ kind = "simulated", seed = 2 }}

[[pods]]
id = "pod-3"
sleeper = "cedar"
headband = {{ kind = "simulated", seed = 3 }}

[[circles]]
id = "commons"
members = ["pod-2", "pod-3"]
quorum = 2
"""


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Seven seconds of a Cyton on a port and two simulated sleepers, recorded."""
    folder = tmp_path_factory.mktemp("site")
    with PtyPort(VirtualCyton(NoiseSource(5)), "realtime") as port:
        config = folder / "sanctuary.toml"
        config.write_text(SETTINGS.format(data=folder / "data", port=port.path))
        code = run(["run", "-c", str(config), "--hours", "0.002", "--json", str(folder / "out.json")])
    return code, folder, json.loads((folder / "out.json").read_text())


def test_it_ends_in_order_and_writes_result_and_report(night):
    code, folder, result = night
    assert code == 0
    assert set(result["pods"]) == {"pod-1", "pod-2", "pod-3"}
    assert result["violations"] == []
    assert len(list((folder / "data" / "nights").glob("*/report.html"))) == 1


def test_the_headband_on_the_port_is_recorded_as_it_was(night):
    _, folder, _ = night
    (path,) = (folder / "data" / "nights").glob("*/pod-1.*df")
    recording = open_recording(path)
    assert recording.info.channels == ("AF7", "AF8")
    assert recording.info.fs_hz == 250.0
    uv = next(iter(recording.blocks())).uv[:, :500]
    assert 15.0 < uv.std() < 25.0


def test_every_pod_booted_linked_and_measured_the_clock(night):
    _, folder, _ = night
    (log,) = (folder / "data" / "nights").glob("*/events.jsonl")
    records = [json.loads(line) for line in log.read_text().splitlines()]
    for pod in ("pod-1", "pod-2", "pod-3"):
        events = {record["event"] for record in records if record["kind"] == "pod" and record["pod"] == pod}
        assert {"booted", "link_restored", "clock_measured"} <= events
    grants = [r["pod"] for r in records if r["kind"] == "consent" and r["act"] == "grant"]
    assert sorted(grants) == ["pod-2", "pod-3"]


def test_every_pod_had_an_outbox_and_the_broker_got_all_of_it(night):
    _, folder, _ = night
    paths = sorted((folder / "data" / "outbox").glob("*.sqlite"))
    assert [path.stem for path in paths] == ["pod-1", "pod-2", "pod-3"]
    for path in paths:
        with Outbox(path) as outbox:
            assert outbox.pending() == []


def test_an_outbox_that_cannot_be_used_is_one_sentence(tmp_path, capsys):
    config = tmp_path / "sanctuary.toml"
    config.write_text(SETTINGS.format(data=tmp_path / "data", port="/dev/ttyNoSuchPort"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "outbox").write_text("in the way")
    assert run(["run", "-c", str(config), "--hours", "0.001"]) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path / 'data' / 'outbox'}: cannot be made" in told
    assert "Traceback" not in told


def test_no_headband_is_one_sentence_not_a_traceback_and_the_others_go_on(tmp_path, capsys):
    config = tmp_path / "sanctuary.toml"
    config.write_text(SETTINGS.format(data=tmp_path / "data", port="/dev/ttyNoSuchPort"))
    assert run(["run", "-c", str(config), "--hours", "0.001"]) == 0
    result = json.loads(next((tmp_path / "data" / "nights").glob("*/night.json")).read_text())
    assert len(result["pods"]) == 3
    assert "Traceback" not in capsys.readouterr().err


def test_a_pod_that_was_stopped_stays_so_in_the_next_night(tmp_path):
    config = tmp_path / "sanctuary.toml"
    config.write_text(SETTINGS.format(data=tmp_path / "data", port="/dev/ttyNoSuchPort"))
    memories = PodMemories(tmp_path / "data")
    memories.save(PodMemory(pod="pod-2", latch="stopped"))
    assert run(["run", "-c", str(config), "--hours", "0.001"]) == 0
    assert memories.load("pod-2").latch == "stopped"
    (log,) = (tmp_path / "data" / "nights").glob("*/events.jsonl")
    booted = [json.loads(line) for line in log.read_text().splitlines() if '"booted"' in line]
    assert {record["pod"]: record["detail"] for record in booted}["pod-2"] == "stopped"


def test_a_night_whose_program_was_killed_is_whole_after_the_next_start(tmp_path, caplog):
    killed = tmp_path / "data" / "nights" / "2026-01-02T23-00-00"
    recorder = NightRecorder(killed, "pod-1", 250.0, ("AF7", "AF8"), datetime(2026, 1, 2, 23, tzinfo=UTC))
    uv = np.tile(np.arange(2500.0) % 50, (2, 1))
    recorder.push(SampleBlock(0, 250.0, ("AF7", "AF8"), uv))
    recorder._queue.drain()
    recorder._spool.release()  # as the system does for a program that was killed
    config = tmp_path / "sanctuary.toml"
    config.write_text(SETTINGS.format(data=tmp_path / "data", port="/dev/ttyNoSuchPort"))
    assert run(["run", "-c", str(config), "--hours", "0.001"]) == 0
    assert not list(killed.glob("*.part"))
    recording = open_recording(killed / "pod-1.edf")
    assert recording.info.n_samples == 2500
    assert sum("recovered" in record.getMessage() for record in caplog.records) == 1


def test_a_settings_file_with_mistakes_starts_nothing(tmp_path, capsys):
    config = tmp_path / "sanctuary.toml"
    config.write_text("[limiter]\nmax_level_dba = 99\n")
    assert run(["run", "-c", str(config)]) == 2
    assert f"{config}, line 2" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [config]


def test_a_damaged_memory_of_a_pod_starts_nothing_and_says_what_to_do(tmp_path, capsys):
    config = tmp_path / "sanctuary.toml"
    config.write_text(SETTINGS.format(data=tmp_path / "data", port="/dev/ttyNoSuchPort"))
    path = PodMemories(tmp_path / "data").path("pod-2")
    path.parent.mkdir(parents=True)
    path.write_text('{"pod": "pod-2", "latch": "stop')
    assert run(["run", "-c", str(config), "--hours", "0.001"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert str(path) in said.replace(" ", "") or str(path) in said
    assert "Restore it from a backup" in said
    assert "Traceback" not in said


def test_the_secret_is_made_once_and_kept_private(tmp_path):
    first, second = SiteStore(tmp_path).secret(), SiteStore(tmp_path).secret()
    assert first == second
    assert len(first) == SECRET_BYTES
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0


def test_terms_only_rise(tmp_path):
    assert SiteStore(tmp_path).term() == 0
    SiteStore(tmp_path).keep_term(7)
    assert SiteStore(tmp_path).term() == 7


@pytest.mark.parametrize(("name", "text"), [("secret.key", "short"), ("term", "many")])
def test_a_damaged_store_is_named_not_guessed_at(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    store = SiteStore(tmp_path)
    with pytest.raises(InputError, match=name):
        {"secret.key": store.secret, "term": store.term}[name]()


def test_consent_entries_are_read_in_the_order_of_their_names(tmp_path):
    folder = tmp_path / "consent" / "pod-1"
    folder.mkdir(parents=True)
    for name in ("002", "001"):
        (folder / name).write_text(name)
    assert SiteStore(tmp_path).consent("pod-1") == (b"001", b"002")
    assert SiteStore(tmp_path).consent("pod-9") == ()
