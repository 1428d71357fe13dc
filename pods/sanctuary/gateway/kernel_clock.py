"""What Linux says of its clock: adjtimex(2), asked without setting anything.

chronyd, ntpd and systemd-timesyncd all tell the kernel when they have the clock; without a word from them it
calls itself unsynchronised again once its bound on the error has grown to 16 s, after some nine hours. Two
things are not what one would guess:

* chronyd tells the kernel only where its settings say ``rtcsync``, so "unsynchronised" may only mean that;
* the call may be forbidden although it sets nothing: systemd's ``ProtectClock=`` and its filter
  ``@system-service`` leave out all of ``@clock``.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from functools import cache

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
