"""Clocks of this computer that nobody sets."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from pathlib import Path

SLEPT_S = 0.5
"""A computer that stood still for less than this did not sleep."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def alive_s() -> float:
    """Read a clock of this computer that nobody sets and that runs on while it sleeps, where it has one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def asleep_s() -> float:
    """Say how long this computer has slept since it was started; 0 where that cannot be told."""
    return alive_s() - time.monotonic()


def boot_id() -> str:
    """Name this start of the computer, within which `alive_s` goes on; empty where it has no name."""
    with suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip()
    return ""


class SteadySeconds:
    """Monotonic seconds with those in which the computer slept; from monotonic ones, which stand still then.

    Parameters
    ----------
    asleep
        As `asleep_s`.
    """

    def __init__(self, asleep: Callable[[], float] = asleep_s) -> None:
        self._asleep = asleep
        self._first_s = self._slept_s = asleep()
        self._before_s = 0.0
        self._latest_s = self._woke_s = -inf

    def __call__(self, monotonic_s: float) -> float:
        """Turn a moment of the monotonic clock into steady seconds; what came before a sleep stays there."""
        slept_s = self._asleep()
        if slept_s - self._slept_s > SLEPT_S:
            self._before_s, self._slept_s, self._woke_s = self._slept_s, slept_s, self._latest_s
        self._latest_s = max(self._latest_s, monotonic_s)
        slept_s = self._slept_s if monotonic_s > self._woke_s else self._before_s
        return monotonic_s + slept_s - self._first_s
