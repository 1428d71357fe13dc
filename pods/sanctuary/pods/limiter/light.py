"""The limiter's rules for light: rate, count and length of flashes, colour, and who must see none.

Lamps that flash out of step add up: a sleeper who sees *n* lamps at *f* Hz sees *n f* flashes a second. So
each of them gets its *n*-th part of every bound, of the rate as of the counts.

References
----------
WCAG 2.2, success criterion 2.3.1 (three flashes in a second; saturated red); Harding, Wilkins, Erba, Barkley
and Fisher 2005, doi:10.1111/j.1528-1167.2005.31405.x (red of any rate; sleep loss raises the risk).
"""

from __future__ import annotations

from collections import deque
from math import ceil

from sanctuary.config.coordination import LimiterSettings
from sanctuary.firmware_bridge.outputs.colour import is_saturated_red
from sanctuary.firmware_bridge.outputs.cue import Cue, Modality
from sanctuary.pods.limiter.memory import FlashMemory
from sanctuary.pods.limiter.verdicts import LimitReason

HOUR_S = 3600.0
_ROUNDING = 1e-9


class LightRules:
    """Judge light cues; others pass.

    Parameters
    ----------
    cleared
        Whether everybody who sees this lamp has said that light does them no harm.
    """

    def __init__(self, settings: LimiterSettings, *, cleared: bool) -> None:
        self._settings = settings
        self._cleared = cleared
        self._flashes: deque[tuple[float, int]] = deque()

    def reason(self, cue: Cue, now_s: float) -> LimitReason | None:
        """Say why this cue must not be lit now; None where it may."""
        s = self._settings
        if cue.modality is not Modality.LIGHT:
            return LimitReason.MALFORMED if cue.flash_hz else None
        if not self._cleared:
            return LimitReason.PHOTOSENSITIVE
        if is_saturated_red(cue.rgb):
            return LimitReason.SATURATED_RED
        if cue.flash_hz > s.max_flash_hz / s.lamps_in_view:
            return LimitReason.FLASH_RATE
        if lit_s(cue) < s.min_lit_s - _ROUNDING:
            return LimitReason.FLASH_TOO_SHORT
        return self._count_reason(flashes_of(cue), now_s)

    def count(self, cue: Cue, now_s: float) -> None:
        """Note the flashes of a cue that begins now."""
        if flashes := flashes_of(cue):
            self._flashes.append((now_s + cue.duration_s, flashes))

    def kept(self, utc_at_zero_s: float) -> tuple[FlashMemory, ...]:
        """Give what counts for the hour, to be kept."""
        return tuple(
            FlashMemory(ended_utc_s=utc_at_zero_s + end_s, count=count) for end_s, count in self._flashes
        )

    def recall(self, kept: tuple[FlashMemory, ...], utc_at_zero_s: float, now_s: float) -> None:
        """Go on from what was kept; what seems to lie ahead counts as over just now."""
        self._flashes = deque((min(one.ended_utc_s - utc_at_zero_s, now_s), one.count) for one in kept)

    def clock_set(self, by_s: float) -> None:
        """Hear that the clock was set."""
        self._flashes = deque((end_s + by_s, count) for end_s, count in self._flashes)

    def _count_reason(self, flashes: int, now_s: float) -> LimitReason | None:
        s = self._settings
        if not flashes:
            return None
        if flashes > s.flashes_per_cue // s.lamps_in_view:
            return LimitReason.FLASHES_PER_CUE
        while self._flashes and self._flashes[0][0] <= now_s - HOUR_S:
            self._flashes.popleft()
        in_hour = flashes + sum(count for _, count in self._flashes)
        return LimitReason.FLASHES_PER_HOUR if in_hour > s.flashes_per_hour // s.lamps_in_view else None


def flashes_of(cue: Cue) -> int:
    """Count the flashes in a light cue; a steady glow has none."""
    return ceil(cue.flash_hz * cue.duration_s - _ROUNDING) if cue.modality is Modality.LIGHT else 0


def lit_s(cue: Cue) -> float:
    """Give how long (s) a light cue is lit at a time: half a period of its flashes, or all of a glow."""
    return min(cue.duration_s, 0.5 / cue.flash_hz) if cue.flash_hz > 0.0 else cue.duration_s
