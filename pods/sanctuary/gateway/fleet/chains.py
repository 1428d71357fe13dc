"""Verdicts of simulated sleepers by the real chain, from their signals; they go through it as one stack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sanctuary.config.chain import ChainSettings
from sanctuary.config.coordination import PodSettings
from sanctuary.config.sleepers import SleeperSettings
from sanctuary.gateway.fleet.verdict_log import VerdictLog
from sanctuary.signal.samples import StageEstimate
from sanctuary.signal.stack import SleeperStack
from sanctuary.simulator.fleets.verdicts import Verdicts
from sanctuary.simulator.sleepers.sleeper import CHANNELS, Sleeper

FS_HZ = 250
BLOCK_S = 30


def chain_verdicts(
    seeds: Sequence[tuple[int, tuple[int, ...]]],
    hours: float,
    sleepers: SleeperSettings,
    chain: ChainSettings,
) -> list[Verdicts]:
    """Let sleepers sleep, and let the chain judge them.

    Parameters
    ----------
    seeds
        The sleepers, as in their pods, and those who sleep beside each of them.
    """
    people = [Sleeper(seed, hours, float(FS_HZ), sleepers, beside) for seed, beside in seeds]
    logs = [VerdictLog(PodSettings().min_quality) for _ in people]
    for estimates in _judged(people, hours, chain):
        for log, estimate in zip(logs, estimates, strict=True):
            log.estimate(estimate)
    return [log.verdicts() for log in logs]


def _judged(people: Sequence[Sleeper], hours: float, chain: ChainSettings) -> Iterator[list[StageEstimate]]:
    """Give the estimates of all sleepers, second by second."""
    stack = SleeperStack(len(people), float(FS_HZ), CHANNELS, chain)
    n = int(hours * 3600.0) * FS_HZ
    for start in range(0, n, BLOCK_S * FS_HZ):
        size = min(BLOCK_S * FS_HZ, n - start)
        uv = np.stack([sleeper.render(size) for sleeper in people])
        yield from (list(row) for row in stack.push(start, uv))
