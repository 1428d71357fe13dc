"""What chrony says of this computer's clock: ``chronyc -c tracking``, read and bounded in time.

The clock is off by at most its correction under way, plus the root dispersion, plus half the root delay
(chronyc(1), tracking); the last offset is added, for the daemon had it wrong by so much a moment ago.
"""

from __future__ import annotations

import asyncio
import math
import os
from contextlib import suppress
from dataclasses import dataclass

from sanctuary.config.errors import SanctuaryError

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
