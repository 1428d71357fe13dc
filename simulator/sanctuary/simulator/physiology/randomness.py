"""Independent random streams: one per concern, so that a change to one leaves all others as they were."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Concern(IntEnum):
    """Every part of a sleeper that draws at random; the numbers belong to what a seed means, so stay."""

    NIGHT = 0
    PERSON = 1
    AROUSALS = 2
    TURNS = 3
    BACKGROUND = 4
    SLEEP_WAVES = 5
    REM_PLAN = 6
    EYES = 7
    MUSCLE = 8
    DRIFT = 9
    FAULTS = 10
    FAULT_NOISE = 11
    DEPTH = 12
    VERDICTS = 32


def stream(seed: int, concern: Concern, part: int = 0) -> np.random.Generator:
    """Random numbers of one concern of one sleeper.

    Parameters
    ----------
    seed
        The sleeper's seed, 0 or more.
    concern, part
        What they are for, and which stretch of the night (0 for what is drawn once).
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(concern, part))))


def onsets_s(t_s: NDArray[np.float64], per_s: NDArray[np.float64], rng: np.random.Generator) -> list[float]:
    """Onsets of a Poisson process, one a second at most.

    Parameters
    ----------
    t_s
        Shape ``(n,)``: starts of successive seconds.
    per_s
        Shape ``(n,)``: events per second in each of them; rates from 1 up strike every time.
    """
    struck = rng.random(t_s.size) < per_s
    return [float(onset) for onset in (t_s + rng.random(t_s.size))[struck]]
