"""What is remembered of sleepers: opt-in, private, and forgotten on request."""

from __future__ import annotations

import json

import numpy as np
import pytest

from night_files import write_edf
from sanctuary.cli import main as cli
from sanctuary.config.errors import InputError
from sanctuary.gateway.sleeper_memories import Memories
from sanctuary.signal.eye_calibration import DURATION_S, ROUTINE
from sanctuary.signal.sleeper_memory import SleeperMemory
from signals import pair

FS_HZ = 128.0
KNOWN = SleeperMemory(np.array([10.0, 5.0, 2.0, -1.5, -6.25]), 3)


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def command(data, *words):
    return cli.run([*words, "--set", f"site.data_dir={data}"])


def test_a_memory_is_kept_for_its_owner_alone(data):
    memories = Memories(data)
    assert memories.names() == []
    assert memories.load("alder") is None
    assert not data.exists()
    memories.save("alder", KNOWN)
    assert memories.load("alder").nights == 3
    assert memories.path("alder").stat().st_mode & 0o077 == 0
    assert memories.path("alder").parent.stat().st_mode & 0o077 == 0


def test_forgetting_leaves_nothing(data):
    memories = Memories(data)
    memories.save("alder", KNOWN)
    memories.save("birch", KNOWN)
    assert memories.forget("alder")
    assert memories.names() == ["birch"]
    assert not memories.path("alder").parent.exists()
    assert not memories.forget("alder")


def test_a_night_too_short_to_teach_leaves_everything_as_it_was(data):
    memories = Memories(data)
    memories.learn("alder", SleeperMemory())
    assert memories.names() == []
    memories.learn("alder", KNOWN)
    memories.learn("alder", SleeperMemory(KNOWN.level_db + 1.0, KNOWN.nights))
    assert np.array_equal(memories.load("alder").level_db, KNOWN.level_db)


@pytest.mark.parametrize("name", ["", "../up", "Alder", "a b", "x" * 33])
def test_only_pseudonyms_name_files(data, name):
    with pytest.raises(InputError, match="pseudonym"):
        Memories(data).load(name)


def test_a_damaged_memory_is_named_with_the_way_out(data):
    memories = Memories(data)
    memories.save("alder", KNOWN)
    memories.path("alder").write_text("{")
    with pytest.raises(InputError, match=r"memory\.json.*memory forget alder"):
        memories.load("alder")


def test_the_commands_list_show_and_forget(data, capsys):
    assert command(data, "memory", "list") == 0
    assert "nobody" in capsys.readouterr().out
    Memories(data).save("alder", KNOWN)
    assert command(data, "memory", "list") == 0
    assert "alder" in capsys.readouterr().out
    assert command(data, "memory", "show", "alder") == 0
    assert json.loads(capsys.readouterr().out)["nights"] == 3
    assert command(data, "memory", "forget", "alder") == 0
    assert "forgot alder" in capsys.readouterr().out
    for verb in ("show", "forget"):
        assert command(data, "memory", verb, "alder") == 2
        assert "nothing is remembered" in capsys.readouterr().err


def test_a_replay_remembers_only_when_asked(data, tmp_path):
    quiet = np.tile(pair(120, FS_HZ, seed=3), 35)
    night = write_edf(tmp_path / "night.edf", quiet, FS_HZ)
    assert command(data, "replay", str(night)) == 0
    assert Memories(data).names() == []
    for nights in (1, 2):
        assert command(data, "replay", str(night), "--remember", "alder") == 0
        assert Memories(data).load("alder").nights == nights


def routine_recording(path, *, follows=True, polarity=1.0):
    """The standard routine, begun ten seconds in, as a pair of channels records it."""
    uv = pair(DURATION_S + 20.0, FS_HZ, seed=5, rms_uv=6.0)
    t_s = np.arange(uv.shape[1]) / FS_HZ - 10.0
    gaze = np.zeros(uv.shape[1])
    for at_s, side in ROUTINE:
        gaze[t_s >= at_s + 0.4] = {"left": 1.0, "centre": 0.0, "right": -1.0}[side]
    smooth = np.convolve(gaze, np.ones(16) / 16.0, "same") * (100.0 if follows else 0.0) * polarity
    return write_edf(path, uv + np.stack((smooth, -0.9 * smooth)), FS_HZ)


@pytest.mark.parametrize(("polarity", "word"), [(1.0, "rises"), (-1.0, "falls")])
def test_the_routine_calibrates_a_sleepers_gaze(data, tmp_path, capsys, polarity, word):
    recording = routine_recording(tmp_path / "routine.edf", polarity=polarity)
    Memories(data).save("alder", KNOWN)
    assert command(data, "calibrate", str(recording), "--sleeper", "alder", "--start", "10") == 0
    assert word in capsys.readouterr().out
    memory = Memories(data).load("alder")
    assert memory.calibration.polarity == polarity
    assert 300.0 < memory.calibration.gain_uv < 460.0
    assert memory.nights == 3


def test_a_routine_that_was_not_followed_changes_nothing(data, tmp_path, capsys):
    recording = routine_recording(tmp_path / "routine.edf", follows=False)
    assert command(data, "calibrate", str(recording), "--sleeper", "alder", "--start", "10") == 2
    assert "nothing was changed" in " ".join(capsys.readouterr().err.split())
    assert Memories(data).names() == []


def test_calibration_says_what_it_lacks(data, tmp_path, capsys):
    short = write_edf(tmp_path / "short.edf", pair(20, FS_HZ), FS_HZ)
    lone = write_edf(tmp_path / "lone.edf", pair(90, FS_HZ)[:1], FS_HZ, labels=["EEG AF7"])
    for words, said in (
        ((), "--routine"),
        ((str(short), "--sleeper", "alder"), "ends at 20 s"),
        ((str(lone), "--sleeper", "alder"), "a pair of channels is needed"),
    ):
        assert command(data, "calibrate", *words) == 2
        assert said in " ".join(capsys.readouterr().err.split())


def test_the_prompts_can_be_read_out(capsys):
    assert cli.run(["calibrate", "--routine"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(ROUTINE) + 1
    assert lines[0].split() == ["5", "s", "eyes", "left"]
