"""Admit, lower or refuse cues.

The limiter knows nothing of windows, grants or brokers. It only ever lowers, lengthens fades, or refuses;
what it admits obeys every bound of `LimiterSettings`, in whatever order it is asked, and goes on where it
was after a restart. One limiter serves one sleeper for one night.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf, isfinite

from sanctuary.config.site_settings import LimiterSettings
from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.pods.limiter.bounds import LevelRamp, LightRules, LimiterMemory, LimitReason


class Limiter:
    """Judge one cue after another.

    Parameters
    ----------
    settings
        Bounds; no value that passes their validation is unsafe.
    light_cleared
        Whether everybody who sees this pod's lamp has said that light does them no harm.

    Attributes
    ----------
    light_cleared
        As given.
    version
        Changes whenever there is something new to keep.
    """

    def __init__(self, settings: LimiterSettings, *, light_cleared: bool = False) -> None:
        self._settings = settings
        self.light_cleared = light_cleared
        self._light = LightRules(settings, cleared=light_cleared)
        self._ramps = {modality: LevelRamp(modality, settings) for modality in Modality}
        self._last_modality: Modality | None = None
        self._last_start_s = -inf
        self._last_end_s = -inf
        self._before: tuple[Modality | None, float] = (None, -inf)
        self._aroused_s = -inf
        self._in_arousal = False
        self._in_block = 0
        self._in_night = 0
        self.version = 0

    @property
    def lamps_in_view(self) -> int:
        """Lamps among which the bounds of flashes are divided."""
        return self._settings.lamps_in_view

    @property
    def in_night(self) -> int:
        """Cues admitted this night."""
        return self._in_night

    @property
    def woken(self) -> bool:
        """Whether there was an arousal this night."""
        return self._aroused_s > -inf

    def highest(self, modality: Modality) -> float:
        """Give the most that the next cue of a modality may have, in the unit of `Cue.level`."""
        return self._ramps[modality].highest

    def admit(self, cue: Cue, now_s: float) -> Cue | LimitReason:
        """Decide on a cue that would start now (P3: the last stage before an output).

        Returns
        -------
        Cue or LimitReason
            The cue to render, as asked for, or softer, or with longer fades; it is counted as rendered. Or
            why none may be.
        """
        reason = self._shape_reason(cue) or self._light.reason(cue, now_s) or self._time_reason(now_s)
        if reason is not None:
            return reason
        ramp = self._ramps[cue.modality]
        level = min(cue.level, ramp.highest)
        if level < ramp.scale.floor:
            return LimitReason.TOO_SOFT
        admitted = replace(cue, level=level, fade_s=max(cue.fade_s, ramp.scale.fade_s))
        self._count(admitted, now_s)
        return admitted

    def take_back(self) -> None:
        """Note that the last cue did not sound after all.

        It stays counted, but nothing rises by it, and an arousal is put down to the one before it.
        """
        if self._last_modality is not None:
            self._ramps[self._last_modality].take_back()
            self._last_modality, self._last_end_s = self._before
            self.version += 1

    def on_arousal(self, now_s: float) -> None:
        """Note a sign of waking: quiet first, softer after a cue that woke, never louder again."""
        before = self._lowered()
        self._aroused_s = max(self._aroused_s, now_s)
        for ramp in self._ramps.values():
            ramp.freeze()
        if self._last_modality is not None and now_s <= self._last_end_s + self._settings.attribution_s:
            self._ramps[self._last_modality].step_down()
        if not self._in_arousal or self._lowered() != before:
            self.version += 1
        self._in_arousal = True

    def on_calm(self) -> None:
        """Note that the arousal is over; the quiet time after it runs on."""
        if self._in_arousal:
            self._in_arousal = False
            self.version += 1

    def on_clock_set(self, by_s: float) -> None:
        """Move to the new clock, `by_s` ahead of the old one: what is past is no nearer and no farther."""
        self._last_start_s += by_s
        self._last_end_s += by_s
        self._before = self._before[0], self._before[1] + by_s
        self._aroused_s += by_s
        self._light.on_clock_set(by_s)
        self.version += 1

    def memory(self, utc_at_zero_s: float) -> LimiterMemory:
        """Give everything that must outlive a restart.

        Parameters
        ----------
        utc_at_zero_s
            UTC seconds at second 0 of the clock that the limiter is given.
        """
        return LimiterMemory(
            in_night=self._in_night,
            in_block=self._in_block,
            last_modality=self._last_modality,
            last_start_utc_s=_utc(self._last_start_s, utc_at_zero_s),
            last_end_utc_s=_utc(self._last_end_s, utc_at_zero_s),
            aroused_utc_s=_utc(self._aroused_s, utc_at_zero_s),
            in_arousal=self._in_arousal,
            flashes=self._light.kept(utc_at_zero_s),
            lines={modality: ramp.kept() for modality, ramp in self._ramps.items()},
        )

    def recall(self, memory: LimiterMemory, utc_at_zero_s: float, now_s: float) -> None:
        """Go on where a limiter was before the restart.

        A time that seems to lie ahead, by a clock that was set back, counts as now; so does an arousal of
        which nothing had said that it was over.
        """
        self._in_night, self._in_block = memory.in_night, memory.in_block
        self._last_modality = memory.last_modality
        self._last_start_s = _here(memory.last_start_utc_s, utc_at_zero_s, now_s)
        self._last_end_s = _here(memory.last_end_utc_s, utc_at_zero_s, now_s)
        self._aroused_s = _here(memory.aroused_utc_s, utc_at_zero_s, now_s)
        if memory.in_arousal:
            self._aroused_s = max(self._aroused_s, now_s)
        self._light.recall(memory.flashes, utc_at_zero_s, now_s)
        for modality, ramp in memory.lines.items():
            self._ramps[modality].recall(ramp)

    def _lowered(self) -> tuple[float | bool, ...]:
        ramps = self._ramps.values()
        return (*(ramp.ceiling for ramp in ramps), *(ramp.may_rise for ramp in ramps))

    def _shape_reason(self, cue: Cue) -> LimitReason | None:
        numbers = (cue.level, cue.duration_s, cue.fade_s, cue.flash_hz)
        sound = all(isfinite(number) and number >= 0.0 for number in numbers) and cue.duration_s > 0.0
        if not sound or not all(0 <= part <= 255 for part in cue.rgb):
            return LimitReason.MALFORMED
        if cue.duration_s > self._settings.max_duration_s:
            return LimitReason.TOO_LONG
        if 2 * max(cue.fade_s, self._ramps[cue.modality].scale.fade_s) > cue.duration_s:
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

    def _count(self, cue: Cue, now_s: float) -> None:
        if now_s >= self._last_start_s + self._settings.rest_s:
            self._in_block = 0
        self._in_block += 1
        self._in_night += 1
        self._before = self._last_modality, self._last_end_s
        self._last_modality = cue.modality
        self._last_start_s, self._last_end_s = now_s, now_s + cue.duration_s
        self._light.count(cue, now_s)
        ramp = self._ramps[cue.modality]
        ramp.rendered(cue.level)
        self.version += 1


def _utc(time_s: float, utc_at_zero_s: float) -> float | None:
    return utc_at_zero_s + time_s if time_s > -inf else None


def _here(utc_s: float | None, utc_at_zero_s: float, now_s: float) -> float:
    return -inf if utc_s is None else min(utc_s - utc_at_zero_s, now_s)
