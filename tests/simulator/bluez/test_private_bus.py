"""The private D-Bus: there when asked for, gone without a trace, also when its starter is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ble_bench import needs_dbus
from sanctuary.config.errors import DeviceError
from sanctuary.simulator.bluez.private_bus import PrivateBus
from virtual_boards import wait_until


def folder_of(address: str) -> Path:
    return Path(address.split("unix:path=")[1].split(",")[0]).parent


@needs_dbus
def test_it_leaves_no_process_and_no_folder() -> None:
    with PrivateBus() as bus:
        folder = folder_of(bus.address)
        family = [psutil.Process(bus.pid), *psutil.Process(bus.pid).children(recursive=True)]
        assert any("dbus-daemon" in process.name() for process in family)
        assert folder.is_dir()
    wait_until(lambda: not any(process.is_running() for process in family))
    assert not folder.exists()


@needs_dbus
def test_a_killed_starter_takes_the_daemon_along() -> None:
    program = (
        "import sys\nfrom sanctuary.simulator.bluez.private_bus import PrivateBus\n"
        "bus = PrivateBus()\nprint(bus.pid, bus.address, flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as starter:
        assert starter.stdout is not None
        pid, address = starter.stdout.readline().decode().split()
        shell, folder = psutil.Process(int(pid)), folder_of(address)
        assert folder.is_dir()
        family = [shell, *shell.children(recursive=True)]
        os.kill(starter.pid, signal.SIGKILL)
    wait_until(lambda: not any(process.is_running() for process in family))
    wait_until(lambda: not folder.exists())


def test_without_a_daemon_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match="install the package dbus"):
        PrivateBus()
