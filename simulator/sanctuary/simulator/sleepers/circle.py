"""Several sleepers from one seed, each with a person and a night of their own, side by side."""

from __future__ import annotations

import numpy as np

from sanctuary.config.sleepers import SleeperSettings
from sanctuary.simulator.sleepers.sleeper import USUAL, Sleeper


def draw_circle(
    n: int, seed: int, hours: float, settings: SleeperSettings = USUAL, fs_hz: float = 250.0
) -> list[Sleeper]:
    """Draw `n` sleepers.

    They are independent, and the first ones stay the same when more are asked for, unless
    `settings.night.coupling` draws their stage changes towards each other.

    Parameters
    ----------
    n
        Number of sleepers, 1 or more.
    seed
        Chooses them all, 0 or more.
    hours, settings, fs_hz
        As for `Sleeper`.

    Raises
    ------
    ValueError
        An argument lies outside its range.
    """
    if n < 1:
        raise ValueError(f"a circle of {n}: must hold 1 sleeper or more")
    seeds = sleeper_seeds(n, seed)
    return [Sleeper(own, hours, fs_hz, settings, seeds) for own in seeds]


def sleeper_seeds(n: int, seed: int) -> list[int]:
    """Seeds of the sleepers of a circle, in order.

    Raises
    ------
    ValueError
        `seed` is negative.
    """
    if seed < 0:
        raise ValueError(f"seed {seed}: must be 0 or more")
    children = np.random.SeedSequence(seed).spawn(n)
    return [int(child.generate_state(1, np.uint32)[0]) for child in children]
