"""A simulated fleet: virtual headbands in a process of their own, read through real serial drivers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np
from numpy.typing import NDArray
from sanctuary.firmware_bridge.headbands import CytonHeadband
from sanctuary.simulator.devices.pty_port import Pacing
from sanctuary.simulator.hardware import HardwareProcess, HeadbandSpec

from sanctuary.config.fleet import PodEntry, SimulatedHeadband
from sanctuary.config.sleepers import SleeperSettings
from sanctuary.gateway.replay.epochs import EPOCH_S
from sanctuary.simulator.sleepers.sleeper import Sleeper

CHANNELS = {"AF7": 1, "AF8": 2}
FS_HZ = 250.0


@contextmanager
def simulated_headbands(
    pods: tuple[PodEntry, ...], hours: float, sleepers: SleeperSettings, pacing: Pacing
) -> Iterator[Mapping[str, CytonHeadband]]:
    """Start the virtual headbands of all simulated pods, and open and start a driver for each.

    Yields
    ------
    Headbands by pod, streaming. All ends with the block: drivers, ports and the process behind them.

    Raises
    ------
    DeviceError
        The virtual hardware does not start or does not answer.
    """
    specs = [
        HeadbandSpec.sleeper(pod.id, seed=pod.headband.seed, hours=hours, settings=sleepers)
        for pod in pods
        if isinstance(pod.headband, SimulatedHeadband)
    ]
    with ExitStack() as stack:
        hardware = stack.enter_context(HardwareProcess(specs, pacing=pacing))
        headbands = {}
        for pod, port in hardware.ports.items():
            headband = CytonHeadband(port, CHANNELS)
            stack.callback(headband.close)
            headband.open()
            headbands[pod] = headband
        for headband in headbands.values():
            headband.start()
        yield headbands


class Truth:
    """What the simulated sleepers really do."""

    def __init__(self, pods: tuple[PodEntry, ...], hours: float, sleepers: SleeperSettings) -> None:
        self._nights = {
            pod.id: Sleeper(seed=pod.headband.seed, hours=hours, fs_hz=FS_HZ, settings=sleepers).truth
            for pod in pods
            if isinstance(pod.headband, SimulatedHeadband)
        }
        self.epochs: dict[str, NDArray[np.int8]] = {
            pod: night.epochs(EPOCH_S) for pod, night in self._nights.items()
        }

    def stage_at(self, pod: str, t_s: float) -> str | None:
        """Name the stage of a pod's sleeper at `t_s`; None for a person."""
        night = self._nights.get(pod)
        return night.stage_at(t_s).name if night is not None else None
