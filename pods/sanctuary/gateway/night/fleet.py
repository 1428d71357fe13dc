"""A simulated fleet: virtual headbands in a process of their own, read through real serial drivers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.fleet import PodEntry
from sanctuary.config.headbands import SimulatedHeadband
from sanctuary.config.sleepers import SleeperSettings
from sanctuary.firmware_bridge.drivers.cyton import CytonHeadband
from sanctuary.gateway.replay.epochs import EPOCH_S
from sanctuary.signal.samples import SampleBlock
from sanctuary.simulator.hardware import HardwareProcess, HeadbandSpec
from sanctuary.simulator.sleepers.night import draw_night

CHANNELS = {"AF7": 1, "AF8": 2}
FS_HZ = 250.0
HEADBAND_TIMEOUT_S = 20.0
"""Real seconds of silence after which a virtual headband is given up; a slow machine's worst is two."""


class ReadAhead:
    """Reads one block ahead of the night in a thread of its own, while the night thinks about the last one.

    Parameters
    ----------
    headband, block_s
        Where samples come from, and seconds per block.
    """

    def __init__(self, headband: CytonHeadband, block_s: int, readers: ThreadPoolExecutor) -> None:
        self._headband = headband
        self._n = round(block_s * headband.info.fs_hz)
        self._readers = readers
        self._next: Future[SampleBlock] | None = None

    def take(self) -> SampleBlock:
        """Give the next block.

        Raises
        ------
        DeviceError
            The headband is gone or silent.
        """
        block = (self._next or self._read()).result()
        self._next = self._read()
        return block

    def _read(self) -> Future[SampleBlock]:
        return self._readers.submit(self._headband.read_samples, self._n, HEADBAND_TIMEOUT_S)


def sleeper_specs(pods: tuple[PodEntry, ...], hours: float, sleepers: SleeperSettings) -> list[HeadbandSpec]:
    """Virtual headbands of the simulated pods; all these sleepers lie in one house, side by side."""
    seeds = _seeds(pods)
    return [
        HeadbandSpec.sleeper(pod, seed=seed, hours=hours, settings=sleepers, beside=tuple(seeds.values()))
        for pod, seed in seeds.items()
    ]


def _seeds(pods: tuple[PodEntry, ...]) -> dict[str, int]:
    return {pod.id: pod.headband.seed for pod in pods if isinstance(pod.headband, SimulatedHeadband)}


@contextmanager
def simulated_headbands(
    pods: tuple[PodEntry, ...], hours: float, sleepers: SleeperSettings, block_s: int
) -> Iterator[Mapping[str, ReadAhead]]:
    """Start freely paced virtual headbands for all simulated pods, and a driver and reader for each.

    Yields
    ------
    Readers by pod. All ends with the block: drivers, ports, threads and the process behind them.

    Raises
    ------
    DeviceError
        The virtual hardware does not start or does not answer.
    """
    specs = sleeper_specs(pods, hours, sleepers)
    with ExitStack() as stack:
        readers = stack.enter_context(ThreadPoolExecutor(len(specs), "headband"))
        hardware = stack.enter_context(HardwareProcess(specs, pacing="free"))
        ahead = {}
        for pod, port in hardware.ports.items():
            headband = CytonHeadband(port, CHANNELS)
            stack.callback(headband.close)
            headband.connect()
            headband.start()
            ahead[pod] = ReadAhead(headband, block_s, readers)
        stack.callback(hardware.close)  # first of all: a reader that waits is woken by the end of its port
        yield ahead


class Truth:
    """What the simulated sleepers really do."""

    def __init__(self, pods: tuple[PodEntry, ...], hours: float, sleepers: SleeperSettings) -> None:
        seeds = _seeds(pods)
        self._nights = {
            pod: draw_night(seed, hours, sleepers.night, tuple(seeds.values())) for pod, seed in seeds.items()
        }
        self.epochs: dict[str, NDArray[np.int8]] = {
            pod: night.epochs(EPOCH_S) for pod, night in self._nights.items()
        }

    def stage_at(self, pod: str, t_s: float) -> str | None:
        """Name the stage of a pod's sleeper at `t_s`; None for a person."""
        night = self._nights.get(pod)
        return night.stage_at(t_s).name if night is not None else None
