"""Independent random streams: one per concern, so that a change to one leaves all others as they were.

Events have streams of their own as well: one that a cue removes, or adds, leaves those before and after it
as they were.
"""

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
    PULSE = 20
    RESPONSES = 21
    DISTURBANCES = 22
    TWIN = 23
    HEARING = 24
    VERDICTS = 32


def stream(seed: int, concern: Concern, *parts: int) -> np.random.Generator:
    """Random numbers of one concern of one sleeper.

    Parameters
    ----------
    seed
        The sleeper's seed, 0 or more.
    concern, parts
        What they are for, and which part of it: a stretch of the night, an event (none for what is drawn
        once).
    """
    key = (concern, *(parts or (0,)))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


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


class Events:
    """Events of one concern in one segment: when they strike, and random numbers of their own for each.

    Parameters
    ----------
    seed, concern
        The sleeper's seed, and what the events are for.
    t_s
        Shape ``(n,)``: starts of successive seconds.
    """

    def __init__(self, seed: int, concern: Concern, t_s: NDArray[np.float64]) -> None:
        self._seed, self._concern, self._t_s = seed, concern, t_s
        self._strikes = stream(seed, concern, int(t_s[0]))

    def of(self, kind: int, per_s: NDArray[np.float64]) -> list[tuple[float, np.random.Generator]]:
        """Onsets of one kind, as of `onsets_s`; what a second holds does not depend on the rates of others.

        Kinds must be asked for in the same order in every segment.
        """
        return [
            (onset_s, stream(self._seed, self._concern, kind, int(onset_s), 1))
            for onset_s in onsets_s(self._t_s, per_s, self._strikes)
        ]
