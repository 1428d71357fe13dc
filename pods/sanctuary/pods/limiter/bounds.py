"""The bounds that the limiter keeps: levels of each modality, rules for light, and their memory.

Levels: a soft start, small rises, and never louder again after an arousal.

Light: rate, count and length of flashes, colour, and who must see none. Lamps that flash out of step add up:
a sleeper who sees *n* lamps at *f* Hz sees *n f* flashes a second. So each of them gets its *n*-th part of
every bound, of the rate as of the counts.

Memory: what outlives a restart. Its times are UTC seconds, for the sanctuary clock has a new zero after each
start.

References
----------
WCAG 2.2, success criterion 2.3.1 (three flashes in a second; saturated red); Harding, Wilkins, Erba, Barkley
and Fisher 2005, doi:10.1111/j.1528-1167.2005.31405.x (red of any rate; sleep loss raises the risk).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sanctuary.config.site_settings import LimiterSettings
from sanctuary.firmware_bridge.cues import Cue, Modality, is_saturated_red

NIGHT_OVER_S = 12 * 3600.0
"""So long after the last cue and the last arousal it is another night, with a budget of its own."""
HOUR_S = 3600.0
_ROUNDING = 1e-9

Utc = Annotated[float, Field(ge=-1e11, le=1e11)]
Level = Annotated[float, Field(ge=-1e3, le=1e3)]


class LimitReason(StrEnum):
    """Why a cue was not admitted."""

    MALFORMED = "malformed"
    """A level, length, rate or colour that is negative, not a number, or out of range."""
    TOO_LONG = "too_long"
    TOO_SHORT_TO_FADE = "too_short_to_fade"
    PHOTOSENSITIVE = "photosensitive"
    """Somebody who sees this lamp may be harmed by light, or nobody has asked them."""
    SATURATED_RED = "saturated_red"
    FLASH_TOO_SHORT = "flash_too_short"
    """Lit for less than `min_lit_s` at a time."""
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


class _Memory(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LevelMemory(_Memory):
    """What one modality may do next; levels in the unit of `Cue.level`."""

    next_level: Level
    ceiling: Level
    last_level: Level | None = None
    may_rise: bool = True


class FlashMemory(_Memory):
    """Flashes that count for the hour."""

    ended_utc_s: Utc
    count: int = Field(ge=1, le=1000)


class LimiterMemory(_Memory):
    """State of one sleeper's limiter."""

    in_night: int = Field(0, ge=0, le=100_000)
    """Cues since the night began."""
    in_block: int = Field(0, ge=0, le=100_000)
    """Cues since the last rest."""
    last_modality: Modality | None = None
    last_start_utc_s: Utc | None = None
    last_end_utc_s: Utc | None = None
    aroused_utc_s: Utc | None = None
    """Last sign of an arousal that was over, or first one of an arousal that was not."""
    in_arousal: bool = False
    """Whether nothing had yet said that the arousal was over."""
    flashes: tuple[FlashMemory, ...] = Field((), max_length=1000)
    lines: dict[Modality, LevelMemory] = {}

    def moved(self, by_s: float) -> LimiterMemory:
        """Move everything that happened to later, as by a clock that has been set forward since."""
        times = {
            name: time + by_s
            for name in ("last_start_utc_s", "last_end_utc_s", "aroused_utc_s")
            if (time := getattr(self, name)) is not None
        }
        flashes = tuple(
            one.model_copy(update={"ended_utc_s": one.ended_utc_s + by_s}) for one in self.flashes
        )
        return self.model_copy(update={**times, "flashes": flashes})

    def is_over(self, now_utc_s: float) -> bool:
        """Tell whether the last cue and the last arousal lie `NIGHT_OVER_S` back."""
        times = [time for time in (self.last_end_utc_s, self.aroused_utc_s) if time is not None]
        return bool(times) and now_utc_s >= max(times) + NIGHT_OVER_S


@dataclass(frozen=True, slots=True)
class Scale:
    """Bounds of one modality, in the unit of `Cue.level`."""

    start: float
    top: float
    rise: float
    floor: float
    fade_s: float


def scale_of(modality: Modality, s: LimiterSettings) -> Scale:
    """Pick the bounds of a modality."""
    if modality is Modality.SOUND:
        return Scale(s.start_level_dba, s.max_level_dba, s.ramp_db, s.floor_dba, s.fade_s)
    fade_s = s.light_fade_s if modality is Modality.LIGHT else s.fade_s
    return Scale(s.start_share, s.max_share, s.ramp_share, s.floor_share, fade_s)


class LevelRamp:
    """What one modality may do next.

    Attributes
    ----------
    next_level
        Ramp: highest level of the next cue.
    ceiling
        Highest level for the rest of the night.
    last_level
        Of the last cue; None before the first.
    may_rise
        Whether it may still rise; false for the rest of the night after an arousal.
    """

    def __init__(self, modality: Modality, settings: LimiterSettings) -> None:
        self.scale = scale_of(modality, settings)
        self._modality = modality
        self._settings = settings
        self.next_level = self.scale.start
        self.ceiling = self.scale.top
        self.last_level: float | None = None
        self.may_rise = True
        self._before = self.kept()

    @property
    def highest(self) -> float:
        """The most that the next cue may have."""
        return min(self.next_level, self.ceiling)

    def rendered(self, level: float) -> None:
        """Note the level of a cue; the next may be a little above it."""
        self._before = self.kept()
        self.last_level = level
        self.next_level = level + (self.scale.rise if self.may_rise else 0.0)
        if not self.may_rise:
            self.ceiling = min(self.ceiling, level)

    def take_back(self) -> None:
        """Undo the rise that the last cue brought: it did not sound."""
        self.next_level = min(self.next_level, self._before.next_level)
        self.last_level = self._before.last_level

    def freeze(self) -> None:
        """Never be louder again than now."""
        self.ceiling = min(self.ceiling, self.next_level if self.last_level is None else self.last_level)
        self.may_rise = False

    def step_down(self) -> None:
        """Stay well below the level that woke the sleeper."""
        s = self._settings
        woke = self.next_level if self.last_level is None else self.last_level
        sound = self._modality is Modality.SOUND
        below = woke - s.arousal_step_db if sound else woke * s.arousal_share_factor
        self.ceiling = min(self.ceiling, below)

    def kept(self) -> LevelMemory:
        """Give what is to be kept."""
        return LevelMemory(
            next_level=self.next_level,
            ceiling=self.ceiling,
            last_level=self.last_level,
            may_rise=self.may_rise,
        )

    def recall(self, kept: LevelMemory) -> None:
        """Go on from what was kept, but never above what these settings and the last cue allow."""
        most = self.scale.start if kept.last_level is None else kept.last_level + self.scale.rise
        self.next_level = min(kept.next_level, most)
        self.ceiling = min(kept.ceiling, self.scale.top)
        self.last_level = kept.last_level
        self.may_rise = kept.may_rise


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
        """Go on from what was kept; what seems to lie ahead, by a clock set back, counts as over just now."""
        self._flashes = deque((min(one.ended_utc_s - utc_at_zero_s, now_s), one.count) for one in kept)

    def on_clock_set(self, by_s: float) -> None:
        """Move to the new clock, `by_s` ahead of the old one."""
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
