"""Whether a time service keeps the computer's UTC: by the kernel, by chrony, by systemd-timesyncd."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from sanctuary.config.errors import SanctuaryError
from sanctuary.gateway.chrony import Tracking, read_tracking
from sanctuary.gateway.kernel_clock import KernelClock, read_kernel_clock

TIMESYNCD_FLAG = Path("/run/systemd/timesync/synchronized")
"""Touched at every answer of a server, which is every 34 minutes at the rarest."""
TIMESYNCD_AGE_S = 2.0 * 2048.0


@dataclass(frozen=True, slots=True)
class ClockState:
    """What is known of this computer's UTC.

    Attributes
    ----------
    synchronised
        Whether a time service keeps it.
    why
        Who says so.
    """

    synchronised: bool
    why: str


@dataclass(frozen=True, slots=True)
class ClockSources:
    """Whoever is asked; replaced in tests.

    Attributes
    ----------
    kernel
        What the kernel says; None where it cannot be asked.
    chrony
        What chrony says; raises `SanctuaryError` as `read_tracking`.
    timesyncd_age_s
        Seconds since systemd-timesyncd heard from a server; None where it has not since the computer started.
    """

    kernel: Callable[[], KernelClock | None] = read_kernel_clock
    chrony: Callable[[float], Awaitable[Tracking]] = read_tracking
    timesyncd_age_s: Callable[[], float | None] = lambda: _age_s(TIMESYNCD_FLAG)


def _age_s(path: Path) -> float | None:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return None


def kernel_state(kernel: KernelClock | None, timesyncd_age_s: float | None) -> ClockState:
    """Judge by what can be asked at once; timesyncd counts only where the kernel cannot be asked."""
    if kernel is not None:
        return ClockState(kernel.synchronised, "the kernel")
    if timesyncd_age_s is not None and abs(timesyncd_age_s) < TIMESYNCD_AGE_S:
        return ClockState(True, "systemd-timesyncd")
    return ClockState(False, "the kernel cannot be asked, and systemd-timesyncd says nothing")


def with_chrony(state: ClockState, tracking: Tracking | SanctuaryError) -> ClockState:
    """Take chrony's word where the others do not say so: it tells the kernel only if it is told to."""
    if state.synchronised or isinstance(tracking, SanctuaryError):
        return state
    if tracking.is_local:
        return ClockState(False, "chrony follows no server")
    return ClockState(True, "chrony")
