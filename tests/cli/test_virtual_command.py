"""``sanctuary virtual``: one line when it can be opened, a headband until it is ended, nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from ble_bench import needs_dbus
from sanctuary.cli.main import run
from sanctuary.firmware_bridge.headbands.device import DeviceHeadband
from sanctuary.firmware_bridge.headbands.drivers import DRIVERS
from sanctuary.simulator.virtual_headband import BOARDS, RADIOS
from virtual_boards import PATIENCE_S


@contextmanager
def virtual(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command as a process of its own, and where its READY line says it is."""
    command = [sys.executable, "-P", "-m", "sanctuary", "virtual", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("READY "), process.stderr.read() if process.stderr else line
            yield line.removeprefix("READY ").strip(), process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str], number: int) -> int:
    process.send_signal(number)
    return process.wait(PATIENCE_S)


def read(kind: str, address: str, n: int = 100) -> np.ndarray:
    headband = DeviceHeadband(DRIVERS[kind], address)
    headband.connect()
    try:
        headband.start()
        return headband.read_samples(n, PATIENCE_S).uv
    finally:
        headband.close()


@pytest.mark.parametrize("kind", BOARDS)
def test_each_board_is_read_at_the_address_that_it_prints(kind: str) -> None:
    with virtual(kind) as (address, process):
        uv = read(kind, address)
        assert uv.std() > 0.1  # a sleeper, awake
        assert ended(process, signal.SIGINT) == 0
    assert not Path(address).exists()


@needs_dbus
@pytest.mark.parametrize(
    ("kind", "options"),
    [*((kind, ()) for kind in RADIOS), ("ganglion", ("--firmware", "2"))],
    ids=[*RADIOS, "ganglion2"],
)
def test_each_radio_kind_is_found_on_the_bus_that_it_prints(kind: str, options: tuple[str, ...]) -> None:
    # in a process of its own, for bleak keeps the bus that it saw first
    client = (
        "import sys; from sanctuary.firmware_bridge.headbands.device import DeviceHeadband\n"
        "from sanctuary.firmware_bridge.headbands.drivers import DRIVERS\n"
        "from sanctuary.firmware_bridge.headbands.drivers import bluetooth\n"
        "(found,) = bluetooth(1.0); assert sys.argv[1] in found.drivers\n"
        "headband = DeviceHeadband(DRIVERS[sys.argv[1]], found.address); headband.connect()\n"
        "headband.start(); print(headband.read_samples(300, 20.0).uv[:, -100:].std()); headband.close()\n"
    )
    with virtual(kind, *options) as (address, process):
        done = subprocess.run(
            [sys.executable, "-P", "-c", client, kind],
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert float(done.stdout) > 0.1
        assert ended(process, signal.SIGTERM) == 0
    assert not Path(address.split("path=")[1].split(",")[0]).exists()


def test_a_recorded_night_is_played(tmp_path: Path, recorded_night: Path) -> None:
    with virtual("cyton", "--edf", str(recorded_night)) as (address, _):
        uv = read("cyton", address, 500)
    assert np.abs(uv).max() == pytest.approx(50.0, rel=0.02)  # the sine that was recorded


def test_channels_of_a_recorded_night_are_chosen(tmp_path: Path, recorded_night: Path) -> None:
    with virtual("cyton", "--edf", str(recorded_night), "--channels", "C3-X") as (address, process):
        uv = read("cyton", address, 500)
        process.terminate()
        assert process.stderr is not None
        told = process.stderr.read()
    assert np.abs(uv).max() == pytest.approx(20.0, rel=0.02)
    assert told.splitlines()[-1] == f"sanctuary: {recorded_night}: EEG C3-X"


@pytest.fixture
def recorded_night(tmp_path: Path) -> Path:
    import edfio

    t_s = np.arange(250 * 60) / 250
    signals = [
        edfio.EdfSignal(
            amplitude_uv * np.sin(2 * np.pi * 2.0 * t_s),
            250,
            label=label,
            physical_dimension="uV",
            physical_range=(-500.0, 500.0),
        )
        for label, amplitude_uv in (("AF7", 50.0), ("AF8", 50.0), ("EEG C3-X", 20.0))
    ]
    path = tmp_path / "night.edf"
    edfio.Edf(signals).write(path)
    return path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["toaster"], "toaster: no such virtual headband; there are cyton,"),
        (["cyton", "--count", "2"], "--count 2: a cyton has a port of its own"),
        (["muse", "--fault", "drop=2"], "fault 'drop=2': must be drop=SHARE"),
        (["cyton", "--edf", "/no/such.edf"], "/no/such.edf: there is no such file"),
        (["cyton", "--channels", "AF7"], "--channels AF7: chooses among those of a recorded night"),
        (["cyton", "--edf", "n.edf", "--channels", "A,B,C"], "--channels A,B,C: name one channel, or two"),
        (["ganglion", "--firmware", "4"], "less than or equal to 3"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["virtual", *arguments]) == 2
    said = capsys.readouterr()
    assert told in said.err
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
