"""Virtual boards on real pseudo-terminals, and what they leave behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.simulator.devices.board_port import Pacing
from sanctuary.simulator.devices.serial_port import PtyPort
from sanctuary.simulator.devices.signal_source import NoiseSource
from sanctuary.simulator.devices.virtual_cyton import VirtualCyton

PATIENCE_S = 20.0
"""Longest that a test waits for what must happen; a slow machine's worst is far below."""
COUNT_UV = 4.5e6 / 24 / (2**23 - 1)
CHANNELS = {"AF7": 1, "AF8": 2}


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class CountingSource:
    """Rises by one count a sample at gain 24, so that each sample tells its own number."""

    def __init__(self) -> None:
        self.rendered = 0

    def render(self, n_samples: int) -> NDArray[np.float64]:
        """Give the next samples, shape ``(2, n_samples)``, uV."""
        uv = np.arange(self.rendered, self.rendered + n_samples) * COUNT_UV
        self.rendered += n_samples
        return np.stack([uv, uv])


@contextmanager
def plugged_in(seed: int = 1, pacing: Pacing = "free") -> Iterator[PtyPort]:
    """A board with noise in it, on a port."""
    with PtyPort(VirtualCyton(NoiseSource(seed)), pacing) as port:
        yield port


def noise_uv(seed: int, n: int) -> NDArray[np.float64]:
    """What a board with that noise in it sends, rounded to its counts; shape ``(2, n)``."""
    return np.asarray(np.rint(NoiseSource(seed).render(n) / COUNT_UV) * COUNT_UV)


def open_descriptors() -> set[str]:
    """Terminals, files and pipes that this process holds open."""
    return {f"{fd} {target}" for fd, target in _descriptors() if "/proc" not in target}


def board_threads() -> set[str]:
    """Names of the threads that serve boards or pump headbands."""
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if name.startswith(("virtual board", "headband reader"))}


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    tick = threading.Event()
    for _ in range(round(PATIENCE_S / 0.01)):
        if happened():
            return
        tick.wait(0.01)
    raise AssertionError(f"it did not happen within {PATIENCE_S:g} s")


def _descriptors() -> Iterator[tuple[str, str]]:
    for link in Path("/proc/self/fd").iterdir():
        try:
            yield link.name, str(link.readlink())
        except FileNotFoundError:
            continue
