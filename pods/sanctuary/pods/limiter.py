"""The limiter: last stage before an output (invariant P3).

It knows nothing of windows, grants or brokers. It only ever lowers, lengthens fades, or refuses; what it
admits obeys every bound of `LimiterSettings`, in whatever order it is asked. One limiter serves one
sleeper for one night.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, inf, isfinite

from sanctuary.config.coordination import LimiterSettings
from sanctuary.firmware_bridge.outputs.cue import Cue, Modality

_HOUR_S = 3600.0


class LimitReason(StrEnum):
    """Why a cue was not admitted."""

    MALFORMED = "malformed"
    """A level, length or rate that is negative or not a number."""
    TOO_LONG = "too_long"
    TOO_SHORT_TO_FADE = "too_short_to_fade"
    FLASH_RATE = "flash_rate"
    FLASHES_PER_CUE = "flashes_per_cue"
    FLASHES_PER_HOUR = "flashes_per_hour"
    TOO_SOON = "too_soon"
    """Within `gap_s` of the start of the cue before."""
    STILL_SOUNDING = "still_sounding"
    BLOCK_FULL = "block_full"
    NIGHT_BUDGET = "night_budget"
    AROUSAL_QUIET = "arousal_quiet"
    TOO_SOFT = "too_soft"
    """After its arousals this sleeper's ceiling lies below what is worth rendering."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The cue to render: as asked for, or softer, or with longer fades."""

    cue: Cue


@dataclass(frozen=True, slots=True)
class Refused:
    """The cue must not be rendered."""

    reason: LimitReason


@dataclass
class _Line:
    """What one modality may do next."""

    next_level: float
    """Ramp: highest level of the next cue."""
    ceiling: float
    last_level: float | None = None
    may_rise: bool = True
    """Whether it may still rise; false for the rest of the night after an arousal."""


class Limiter:
    """Admit, lower or refuse cues.

    Parameters
    ----------
    settings
        Bounds; no value that passes their validation is unsafe.
    """

    def __init__(self, settings: LimiterSettings) -> None:
        self._settings = settings
        self._lines = {
            Modality.SOUND: _Line(settings.start_level_dba, settings.max_level_dba),
            Modality.LIGHT: _Line(settings.start_share, settings.max_share),
            Modality.HAPTIC: _Line(settings.start_share, settings.max_share),
        }
        self._last: Cue | None = None
        self._last_start_s = -inf
        self._last_end_s = -inf
        self._aroused_s = -inf
        self._in_block = 0
        self._in_night = 0
        self._flashes: deque[tuple[float, int]] = deque()

    def admit(self, cue: Cue, now_s: float) -> Admitted | Refused:
        """Decide on a cue that would start now; an admitted cue is counted as rendered."""
        reason = self._shape_reason(cue) or self._time_reason(now_s) or self._flash_reason(cue, now_s)
        if reason is not None:
            return Refused(reason)
        level = self._level(cue)
        if level < self._floor(cue.modality):
            return Refused(LimitReason.TOO_SOFT)
        admitted = replace(cue, level=level, fade_s=max(cue.fade_s, self._fade_s(cue.modality)))
        self._count(admitted, now_s)
        return Admitted(admitted)

    def arousal(self, now_s: float) -> None:
        """Take note of a sign of waking: quiet first, softer after a cue that woke, never louder again."""
        self._aroused_s = max(self._aroused_s, now_s)
        for line in self._lines.values():
            if line.last_level is not None:
                line.ceiling = min(line.ceiling, line.last_level)
            else:
                line.ceiling = min(line.ceiling, line.next_level)
            line.may_rise = False
        if self._last is not None and now_s <= self._last_end_s + self._settings.attribution_s:
            self._step_down(self._last.modality)

    def _step_down(self, modality: Modality) -> None:
        line, s = self._lines[modality], self._settings
        woke = line.last_level if line.last_level is not None else line.next_level
        below = woke - s.arousal_step_db if modality is Modality.SOUND else woke * s.arousal_share_factor
        line.ceiling = min(line.ceiling, below)

    def _shape_reason(self, cue: Cue) -> LimitReason | None:
        numbers = (cue.level, cue.duration_s, cue.fade_s, cue.flash_hz)
        if not all(isfinite(number) and number >= 0.0 for number in numbers) or cue.duration_s == 0.0:
            return LimitReason.MALFORMED
        if cue.duration_s > self._settings.max_duration_s:
            return LimitReason.TOO_LONG
        if 2 * max(cue.fade_s, self._fade_s(cue.modality)) > cue.duration_s:
            return LimitReason.TOO_SHORT_TO_FADE
        return None

    def _time_reason(self, now_s: float) -> LimitReason | None:
        s = self._settings
        if now_s < self._aroused_s + s.arousal_quiet_s:
            return LimitReason.AROUSAL_QUIET
        if now_s < self._last_end_s:
            return LimitReason.STILL_SOUNDING
        if now_s < self._last_start_s + s.gap_s:
            return LimitReason.TOO_SOON
        if self._in_night >= s.night_budget:
            return LimitReason.NIGHT_BUDGET
        if self._in_block >= s.cues_per_block and now_s < self._last_start_s + s.rest_s:
            return LimitReason.BLOCK_FULL
        return None

    def _flash_reason(self, cue: Cue, now_s: float) -> LimitReason | None:
        s = self._settings
        if cue.flash_hz == 0.0:
            return None
        if cue.flash_hz > s.max_flash_hz:
            return LimitReason.FLASH_RATE
        flashes = flashes_of(cue)
        if flashes > s.flashes_per_cue // s.lamps_in_view:
            return LimitReason.FLASHES_PER_CUE
        while self._flashes and self._flashes[0][0] <= now_s - _HOUR_S:
            self._flashes.popleft()
        if flashes + sum(count for _, count in self._flashes) > s.flashes_per_hour // s.lamps_in_view:
            return LimitReason.FLASHES_PER_HOUR
        return None

    def _level(self, cue: Cue) -> float:
        line = self._lines[cue.modality]
        return min(cue.level, line.next_level, line.ceiling)

    def _count(self, cue: Cue, now_s: float) -> None:
        s, line = self._settings, self._lines[cue.modality]
        if now_s >= self._last_start_s + s.rest_s:
            self._in_block = 0
        self._in_block += 1
        self._in_night += 1
        self._last, self._last_start_s, self._last_end_s = cue, now_s, now_s + cue.duration_s
        if flashes := flashes_of(cue):
            self._flashes.append((now_s + cue.duration_s, flashes))
        line.last_level = cue.level
        rise = s.ramp_db if cue.modality is Modality.SOUND else s.ramp_share
        line.next_level = cue.level + (rise if line.may_rise else 0.0)
        if not line.may_rise:
            line.ceiling = min(line.ceiling, cue.level)

    def _fade_s(self, modality: Modality) -> float:
        return self._settings.light_fade_s if modality is Modality.LIGHT else self._settings.fade_s

    def _floor(self, modality: Modality) -> float:
        return self._settings.floor_dba if modality is Modality.SOUND else self._settings.floor_share


def flashes_of(cue: Cue) -> int:
    """Count the flashes in a light cue; a steady glow has none."""
    return ceil(cue.flash_hz * cue.duration_s - 1e-9) if cue.modality is Modality.LIGHT else 0
