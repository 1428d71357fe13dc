"""Channels that the chain cannot use, or would take for others, are known before the night."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sanctuary.cli.main import run
from sanctuary.config.errors import InputError
from sanctuary.config.loading import load_settings
from sanctuary.firmware_bridge.headbands.drivers import DRIVERS
from sanctuary.firmware_bridge.recordings.channels import choose_channels
from sanctuary.gateway.site.headband_start import check_channels
from sanctuary.gateway.site.live_night import run_night
from sanctuary.gateway.site.stopping import StopFlag


def settings_file(folder: Path, channels: str) -> Path:
    path = folder / "s.toml"
    path.write_text(
        f'[site]\ndata_dir = "{folder / "data"}"\n[[pods]]\nid = "pod-1"\nsleeper = "ann"\n[pods.headband]\n'
        f'kind = "cyton"\nport = "/dev/null"\nchannels = {{ {channels} }}\n',
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        ("HEOG = 1, AF7 = 2", "name AF7 before HEOG"),
        ("AF8 = 1, AF7 = 2", "name AF7 before AF8"),
        ("E1-M2 = 1, AF7 = 2", "name AF7 before E1-M2"),
        ("AF7 = 1, VEOG = 2", "VEOG is a vertical EOG"),
        ("VEOG = 1", "VEOG is a vertical EOG"),
        ("E1-M2 = 1, E2-M1 = 2", "E1-M2 is an EOG; name an EEG channel first"),
        ("HEOG = 1", "HEOG is an EOG"),
        ("AF7 = 1, ROC-LOC = 2", "ROC-LOC rises as the eyes go right"),
        ("AF7 = 1, E2-M1 = 2", "E2-M1 rises as the eyes go right"),
        ("AF7 = 1, EOG-F4 = 2", "names the eyes and the scalp"),
        ("E1 = 1, E3 = 2", "could be an EOG or an electrode of the net"),
    ],
)
def test_the_check_and_the_start_name_the_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], channels: str, said: str
) -> None:
    path = settings_file(tmp_path, channels)
    assert run(["config", "check", str(path)]) == 2
    err = capsys.readouterr().err
    assert f"{path}, line 9: pods[0].headband.channels of pod-1: " in err
    assert said in err
    with pytest.raises(InputError, match=r"pods\[0\].headband.channels of pod-1"):
        asyncio.run(
            run_night(load_settings(path).settings, 0.001, lambda *_: pytest.fail("it began"), StopFlag())
        )


@pytest.mark.parametrize(
    "channels",
    [
        "AF7 = 1, AF8 = 2",
        "Fpz = 1",
        "Fpz = 1, HEOG = 2",
        "AF7 = 1, E1-M2 = 2",
        "F3-M2 = 1, F4-M1 = 2, VEOG = 3",
    ],
)
def test_usual_channels_pass_without_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], channels: str
) -> None:
    assert run(["config", "check", str(settings_file(tmp_path, channels))]) == 0
    assert capsys.readouterr().err == ""


def test_what_is_doubtful_is_said_and_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "check", str(settings_file(tmp_path, "one = 1, two = 2"))]) == 0
    assert "do not say both sides" in capsys.readouterr().err


def test_every_pod_with_a_mistake_is_listed(tmp_path: Path) -> None:
    path = settings_file(tmp_path, "HEOG = 1, AF7 = 2")
    pod = path.read_text(encoding="utf-8").partition("[[pods]]")[2]
    second = pod.replace("pod-1", "pod-2").replace('"ann"', '"bob"').replace("/dev/null", "/dev/zero")
    path.write_text(f"{path.read_text(encoding='utf-8')}[[pods]]{second}", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        check_channels(load_settings(path).settings.pods)
    assert [line.strip().partition(":")[0] for line in str(caught.value).splitlines()] == [
        "pods[0].headband.channels of pod-1", "pods[1].headband.channels of pod-2",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", DRIVERS)
def test_what_headbands_have_built_in_is_in_order(kind: str) -> None:
    names = list(DRIVERS[kind].channels)
    choice = choose_channels(names, names[:2], kind)
    assert choice.indices == tuple(range(len(names[:2])))
    assert choice.signs == (1.0,) * len(choice.indices)
