"""Clocks of this computer that nobody sets.

What chrony says of this computer's clock: ``chronyc -c tracking``, read and bounded in time.

The clock is off by at most its correction under way, plus the root dispersion, plus half the root delay
(chronyc(1), tracking); the last offset is added, for the daemon had it wrong by so much a moment ago.

What Linux says of its clock: adjtimex(2), asked without setting anything.

chronyd, ntpd and systemd-timesyncd all tell the kernel when they have the clock; without a word from them it
calls itself unsynchronised again once its bound on the error has grown to 16 s, after some nine hours. Two
things are not what one would guess:

* chronyd tells the kernel only where its settings say ``rtcsync``, so "unsynchronised" may only mean that;
* the call may be forbidden although it sets nothing: systemd's ``ProtectClock=`` and its filter
  ``@system-service`` leave out all of ``@clock``.

Whether a time service keeps the computer's UTC: by the kernel, by chrony, by systemd-timesyncd.
"""

from __future__ import annotations

import asyncio
import ctypes
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from math import inf
from pathlib import Path
from typing import Protocol

from sanctuary.config.errors import SanctuaryError

SLEPT_S = 0.5
"""A computer that stood still for less than this did not sleep."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class HostClock(Protocol):
    """The clocks of one computer; readable from any thread."""

    @property
    def boot_id(self) -> str:
        """Id of this start of the computer, within which `boottime_s` goes on; empty where it has none."""

    def monotonic_s(self) -> float:
        """Read a clock that nobody sets; it may stand still while the computer sleeps."""

    def boottime_s(self) -> float:
        """Read a clock that nobody sets and that goes on while the computer sleeps, where it has one."""

    def utc_s(self) -> float:
        """Read UTC seconds, which may be set at any time."""


class SystemClock:
    """The clocks of the computer that this program runs on."""

    @cached_property
    def boot_id(self) -> str:
        with suppress(OSError):
            return _BOOT_ID.read_text(encoding="ascii").strip()
        return ""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def boottime_s(self) -> float:
        clock = getattr(time, "CLOCK_BOOTTIME", None)
        return time.monotonic() if clock is None else time.clock_gettime(clock)

    def utc_s(self) -> float:
        return time.time()


SYSTEM_CLOCK = SystemClock()


class SimulatedHostClock:
    """The clocks of a computer whose time is simulated, and always right.

    Parameters
    ----------
    now
        Gives simulated seconds.
    utc_at_zero_s
        UTC seconds at second 0.
    """

    boot_id = "simulated"

    def __init__(self, now: Callable[[], float], utc_at_zero_s: float) -> None:
        self.monotonic_s = self.boottime_s = now
        self._utc_at_zero_s = utc_at_zero_s

    def utc_s(self) -> float:
        return self._utc_at_zero_s + self.monotonic_s()


def slept_s(clock: HostClock) -> float:
    """Say for how long a computer has slept since it was started; 0 where that cannot be told."""
    return clock.boottime_s() - clock.monotonic_s()


class SteadySeconds:
    """Monotonic seconds plus those for which the computer slept meanwhile, counted from now on."""

    def __init__(self, clock: HostClock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._first_s = self._slept_s = slept_s(clock)
        self._before_s = 0.0
        self._latest_s = self._woke_s = -inf

    def __call__(self, monotonic_s: float) -> float:
        """Turn a moment of the monotonic clock into steady seconds; what came before a sleep stays there."""
        now_slept_s = slept_s(self._clock)
        if now_slept_s - self._slept_s > SLEPT_S:
            self._before_s, self._slept_s, self._woke_s = self._slept_s, now_slept_s, self._latest_s
        self._latest_s = max(self._latest_s, monotonic_s)
        sleep_s = self._slept_s if monotonic_s > self._woke_s else self._before_s
        return monotonic_s + sleep_s - self._first_s


COMMAND = ("chronyc", "-c", "tracking")
_FIELDS = 14
_REFERENCE = 0
_LOCAL_REFERENCE = "7F7F0101"
"""chronyd's own clock, for which it was told to stand in (``local``)."""
_CORRECTION, _LAST_OFFSET, _SKEW_PPM, _ROOT_DELAY, _ROOT_DISPERSION, _LEAP = 4, 5, 9, 10, 11, 13
_UNSYNCHRONISED = "Not synchronised"
_LEAST_GROWTH = 1e-6
"""A clock is never steadier than this, whatever its skew."""


@dataclass(frozen=True, slots=True)
class Tracking:
    """How good the computer's clock is.

    Attributes
    ----------
    uncertainty_s
        UTC is no farther away than this.
    growth
        So fast that grows until the next answer (seconds per second).
    is_local
        Whether the daemon follows nobody and stands in for a source itself (``local``): computers that follow
        it are in step, but none of them knows UTC.
    """

    uncertainty_s: float
    growth: float
    is_local: bool = False


def parse_tracking(text: str) -> Tracking:
    """Read the one line of ``chronyc -c tracking``.

    Raises
    ------
    SanctuaryError
        Not such a line, or the clock is not synchronised.
    """
    fields = text.strip().split(",")
    if len(fields) != _FIELDS:
        raise SanctuaryError(f"chronyc tracking: {_FIELDS} fields expected, not {len(fields)}")
    if fields[_LEAP] == _UNSYNCHRONISED:
        raise SanctuaryError("chrony: this computer's clock is not synchronised; see `chronyc sources`")
    named = (_CORRECTION, _LAST_OFFSET, _SKEW_PPM, _ROOT_DELAY, _ROOT_DISPERSION)
    try:
        correction, last, skew_ppm, delay, dispersion = (abs(float(fields[at])) for at in named)
    except ValueError as error:
        raise SanctuaryError(f"chronyc tracking: {error}") from error
    uncertainty_s = correction + last + dispersion + delay / 2.0
    if not math.isfinite(uncertainty_s + skew_ppm):
        raise SanctuaryError("chronyc tracking: a number that is not finite")
    is_local = fields[_REFERENCE] == _LOCAL_REFERENCE
    return Tracking(uncertainty_s, max(_LEAST_GROWTH, skew_ppm * 1e-6), is_local)


async def read_tracking(timeout_s: float) -> Tracking:
    """Ask chrony.

    Raises
    ------
    SanctuaryError
        Not installed, no answer in time, its daemon does not run, or the clock is not synchronised.
    """
    try:
        asked = await asyncio.create_subprocess_exec(
            *COMMAND,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=os.environ | {"LC_ALL": "C"},
        )
    except OSError as error:
        raise SanctuaryError(
            f'chronyc cannot be run ({error.strerror}); install chrony, or set clock.source = "mqtt"'
        ) from error
    try:
        async with asyncio.timeout(timeout_s):
            out, _ = await asked.communicate()
    except TimeoutError:
        raise SanctuaryError(f"chronyc: no answer within {timeout_s:g} s") from None
    finally:
        if asked.returncode is None:
            with suppress(ProcessLookupError):
                asked.kill()
            await asked.wait()
    text = out.decode(errors="replace").strip()
    if asked.returncode:
        raise SanctuaryError(f"chronyc: {text[:120] or 'failed'}; see that chronyd runs")
    return parse_tracking(text)


_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


class _Timeval(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_usec", ctypes.c_long))


class _Timex(ctypes.Structure):
    """``struct timex`` of adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", _Timeval),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("_spare", ctypes.c_int * 11),
    )


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What the kernel says.

    Attributes
    ----------
    synchronised
        Whether a time service keeps the clock.
    max_error_s
        Its bound on the error; grows by 0.5 ms every second until the service speaks again.
    """

    synchronised: bool
    max_error_s: float


def judge(state: int, status: int, max_error_us: int) -> KernelClock:
    """Read what adjtimex(2) returned: its value, ``status`` and ``maxerror``."""
    return KernelClock(state != _TIME_ERROR and not status & _STA_UNSYNC, max_error_us / 1e6)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def read_kernel_clock() -> KernelClock | None:
    """Ask the kernel; None where it has no such call, or forbids it."""
    if not sys.platform.startswith("linux"):
        return None
    asked = _Timex()  # modes = 0: nothing is set
    try:
        state = _libc().adjtimex(ctypes.byref(asked))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else judge(state, asked.status, asked.maxerror)


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
