"""Virtual hardware in a process of its own: it starts, is read through real ports, and never stays behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil
import pytest

from sanctuary.config.errors import DeviceError
from sanctuary.config.sleeper_settings import NightSettings, SleeperSettings
from sanctuary.firmware_bridge.headbands.cyton.driver import CytonHeadband
from sanctuary.simulator import hardware
from sanctuary.simulator.hardware import END_TIMEOUT_S, HardwareProcess, HeadbandSpec
from sanctuary.simulator.hardware_host import build_source
from sanctuary.simulator.sleepers.simulated_night import draw_night
from sanctuary.simulator.sleepers.simulated_sleeper import Sleeper
from virtual_boards import CHANNELS, COUNT_UV, PATIENCE_S, noise_uv, open_descriptors, wait_until

NOISE = HeadbandSpec("east", "noise", seed=8)

PARENT = """
import sys
from sanctuary.simulator.hardware import HardwareProcess, HeadbandSpec
hardware = HardwareProcess([HeadbandSpec("east", "noise", seed=8)])
print(hardware.pid, hardware.ports["east"], flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _nothing_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = open_descriptors()
    yield
    assert [child for child in psutil.Process().children() if serves_headbands(child)] == []
    assert open_descriptors() == before
    assert list(tmp_path.iterdir()) == []


def serves_headbands(child: psutil.Process) -> bool:
    return child.status() != psutil.STATUS_ZOMBIE and "hardware_host" in " ".join(child.cmdline())


def first_second(port: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    headband = CytonHeadband(port, CHANNELS)
    headband.connect()
    headband.start()
    uv = headband.read_samples(250, PATIENCE_S).uv
    headband.close()
    return uv


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_each_headband_has_a_port_of_its_own_named_after_its_pod() -> None:
    west = HeadbandSpec("west", "noise", seed=9)
    with HardwareProcess([NOISE, west]) as some:
        assert list(some.ports) == ["east", "west"]
        assert [Path(path).name for path in some.ports.values()] == ["east", "west"]
        for pod, seed in (("east", 8), ("west", 9)):
            np.testing.assert_allclose(first_second(some.ports[pod]), noise_uv(seed, 250), rtol=0, atol=1e-6)


def test_a_sleeper_sleeps_in_the_child_as_here() -> None:
    settings = SleeperSettings()
    spec = HeadbandSpec.sleeper("east", seed=5, hours=0.5, settings=settings)
    here = Sleeper(seed=5, hours=0.5, fs_hz=250.0, settings=settings).render(250)
    with HardwareProcess([spec]) as some:
        uv = first_second(some.ports["east"])
    np.testing.assert_allclose(uv, np.rint(here / COUNT_UV) * COUNT_UV, rtol=0, atol=1e-6)


def test_a_coupled_sleeper_has_the_same_night_in_the_child_as_here() -> None:
    settings = SleeperSettings(night=NightSettings(coupling=1.0))
    spec = HeadbandSpec.sleeper("east", seed=5, hours=6.0, settings=settings, beside=(5, 6))
    source = build_source(json.loads(json.dumps(asdict(spec))))
    assert isinstance(source, Sleeper)
    alone, among = (draw_night(5, 6.0, settings.night, beside).stages for beside in ((), (6,)))
    assert (source.truth.stages == among).all()
    assert (source.truth.stages != alone).any()


def test_after_its_night_a_sleeper_still_gives_signal() -> None:
    source = build_source({"kind": "sleeper", "seed": 1, "hours": 0.01, "settings": {}})
    uv = source.render(3 * 250 * 60)
    assert np.isfinite(uv).all()
    assert uv[:, -250 * 60 :].std() > 1.0


def test_it_ends_with_its_block() -> None:
    with HardwareProcess([NOISE]) as some:
        assert some.alive()
        pid = some.pid
    assert not some.alive()
    assert gone(pid)
    some.close()


def test_it_ends_while_its_ports_are_blocked() -> None:
    with HardwareProcess([NOISE]) as some:
        headband = CytonHeadband(some.ports["east"], CHANNELS)
        headband.connect()
        headband.start()
        headband.read_samples(250, PATIENCE_S)
        some.close()
        assert some._child.returncode == 0
        headband.close()


def test_one_that_refuses_to_end_is_killed() -> None:
    with HardwareProcess([NOISE]) as some:
        os.kill(some.pid, signal.SIGSTOP)
    assert some._child.returncode == -signal.SIGKILL
    assert END_TIMEOUT_S < 1.0


def test_one_that_was_killed_leaves_nothing() -> None:
    with HardwareProcess([NOISE]) as some:
        os.kill(some.pid, signal.SIGKILL)
        wait_until(lambda: not some.alive())


def test_interrupts_of_the_terminal_are_the_parents_business() -> None:
    with HardwareProcess([NOISE]) as some:
        assert os.getsid(some.pid) != os.getsid(0)
        os.kill(some.pid, signal.SIGINT)
        np.testing.assert_allclose(first_second(some.ports["east"]), noise_uv(8, 250), rtol=0, atol=1e-6)


def test_it_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": tempfile.gettempdir()},
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid, port = parent.stdout.readline().split()
        assert Path(port).exists()
        parent.kill()
    wait_until(lambda: gone(int(pid)))
    assert not Path(port).parent.exists()


# --- a start that fails ---


def test_a_child_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "HOST_MODULE", "sanctuary.simulator.no_such_module")
    with pytest.raises(
        DeviceError, match=r"did not start: .*No module named sanctuary.simulator.no_such_module"
    ):
        HardwareProcess([NOISE])


def test_a_spec_that_makes_no_sense_says_why() -> None:
    with pytest.raises(DeviceError, match=r"did not start: .*seed -1: must be 0 or more"):
        HardwareProcess([HeadbandSpec("east", "sleeper", seed=-1)])


def test_a_child_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "HOST_MODULE", "timeit")  # reads nothing, prints nothing for some time
    with pytest.raises(DeviceError, match="did not start"):
        HardwareProcess([NOISE], start_timeout_s=0.01)


@pytest.mark.parametrize("pod", ["", ".", "..", "../east", "a/b", "/east"])
def test_a_pod_whose_name_is_a_path_is_refused(pod: str) -> None:
    with pytest.raises(ValueError, match="usable as the name of a file"):
        HeadbandSpec(pod, "noise", seed=1)
