"""``sanctuary devices``, ``scan`` and ``sound``: what there is, in tables; what is not, in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial.tools import list_ports

from ble_bench import Beacon, in_reach, needs_dbus
from fake_sound_card import SoundCard
from sanctuary.cli.main import run
from sanctuary.firmware_bridge.headbands.drivers import DRIVERS, serial_ports
from sanctuary.firmware_bridge.outputs import sound_output as sound
from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_athena import VirtualAthena
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton
from sanctuary.simulator.devices.virtual_muse import VirtualMuse


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_every_driver_has_a_row_with_its_rate_and_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices"]) == 0
    rows = {
        row[1].strip(): row
        for line in capsys.readouterr().out.splitlines()
        if len(row := line.split("│")) > 5
    }
    for name, driver in DRIVERS.items():
        assert rows[name][4].strip() == f"{driver.fs_hz:g}"
        assert rows[name][5].strip() == str(len(driver.inputs))


@needs_dbus
def test_a_scan_says_which_driver_fits_and_leaves_out_what_none_fits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    muse = VirtualMuse(NoiseSource(1), name="Muse-1A2B", address="00:55:DA:B0:00:01")
    athena = VirtualAthena(NoiseSource(1), name="MuseS-3C4D", address="00:55:DA:B0:00:02")
    with in_reach(muse, athena, Beacon()):
        assert run(["scan", "--seconds", "0.5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (found_muse,) = [line for line in lines if "00:55:DA:B0:00:01" in line]
    (found_athena,) = [line for line in lines if "00:55:DA:B0:00:02" in line]
    assert "Muse-1A2B" in found_muse
    assert "dBm" in found_muse
    assert "athena or muse" in found_athena
    assert not any("Beacon" in line for line in lines)


def test_a_machine_without_bluetooth_is_told_once_and_ports_are_listed_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    assert run(["scan", "--seconds", "0.5"]) == 0
    (line, *_) = capsys.readouterr().err.splitlines()
    assert line.startswith("sanctuary: Bluetooth: the system's D-Bus, which leads to Bluetooth, cannot")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> SoundCard:
    there = SoundCard(["pillow", "hall"])
    monkeypatch.setattr(sound, "sound_library", lambda: there)
    return there


@pytest.mark.usefixtures("card")
def test_sound_devices_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sound", "list"]) == 0
    assert capsys.readouterr().out == "pillow\nhall\n"


def test_a_calibration_is_stored_for_the_device_that_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--set", f"site.data_dir={tmp_path}"]
    assert run(["sound", "calibrate", "pillow", "--measured", "52", "--by", "alder", *settings]) == 0
    path = tmp_path / "sound" / "pillow.json"
    assert capsys.readouterr().out == f"wrote {path}\n"
    told = json.loads(path.read_text())
    assert (told["device"], told["by"]) == ("pillow", "alder")
    assert 52.0 < told["full_scale_dba"] < 130.0


@pytest.mark.parametrize("measured", ["-20", "400"])
def test_a_level_that_no_meter_reads_is_refused(
    tmp_path: Path, measured: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--set", f"site.data_dir={tmp_path}"]
    assert run(["sound", "calibrate", "pillow", "--measured", measured, *settings]) == 2
    assert "is the meter set to dB(A)?" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("card")
def test_a_tone_for_a_device_that_is_not_there_names_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["sound", "calibrate", "balcony"]) == 2
    assert 'no sound device "balcony"; there are: "pillow", "hall"' in capsys.readouterr().err


def test_a_tone_is_played_to_its_end(card: SoundCard, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sound", "calibrate", "hall"]) == 0
    assert card.played == [True]
    assert "store what the meter read" in capsys.readouterr().err


def test_a_device_that_another_program_holds_is_one_sentence(
    card: SoundCard, capsys: pytest.CaptureFixture[str]
) -> None:
    card.broken = True
    assert run(["sound", "calibrate", "hall"]) == 2
    said = capsys.readouterr().err
    assert "hall: the tone cannot be played (Error opening OutputStream" in said
    assert "internal error" not in said


@pytest.mark.parametrize(("daisy", "kind"), [(False, "cyton"), (True, "cyton-daisy")])
def test_a_board_that_is_asked_is_reset_once(daisy: bool, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resets: list[bytes] = []

    class Board(VirtualCyton):
        def receive(self, data: bytes, now_s: float = 0.0) -> bytes:
            resets.extend([data] if b"v" in data else [])
            return super().receive(data, now_s)

    with PtyPort(Board(NoiseSource(1), daisy=daisy)) as port:
        dongle = SimpleNamespace(device=port.path, vid=0x0403, pid=0x6015, description="dongle")
        other = SimpleNamespace(device="/dev/ttyS9", vid=None, pid=None, description="n/a")
        monkeypatch.setattr(list_ports, "comports", lambda: [dongle, other])
        asked, left = serial_ports(ask=True)
    assert (asked.drivers, left.drivers) == ((kind,), ())
    assert len(resets) == 1
