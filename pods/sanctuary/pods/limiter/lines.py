"""Levels of one modality: a soft start, small rises, and never louder again after an arousal."""

from __future__ import annotations

from dataclasses import dataclass

from sanctuary.config.coordination import LimiterSettings
from sanctuary.firmware_bridge.outputs.cue import Modality
from sanctuary.pods.limiter.memory import LineMemory


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


class Line:
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

    @property
    def highest(self) -> float:
        """The most that the next cue may have."""
        return min(self.next_level, self.ceiling)

    def rendered(self, level: float) -> None:
        """Note the level of a cue; the next may be a little above it."""
        self.last_level = level
        self.next_level = level + (self.scale.rise if self.may_rise else 0.0)
        if not self.may_rise:
            self.ceiling = min(self.ceiling, level)

    def unheard(self, before: LineMemory) -> None:
        """Take back what `rendered` noted last."""
        self.next_level, self.last_level = before.next_level, before.last_level

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

    def kept(self) -> LineMemory:
        """Give what is to be kept."""
        return LineMemory(
            next_level=self.next_level,
            ceiling=self.ceiling,
            last_level=self.last_level,
            may_rise=self.may_rise,
        )

    def recall(self, kept: LineMemory) -> None:
        """Go on from what was kept, but never above what these settings and the last cue allow."""
        most = self.scale.start if kept.last_level is None else kept.last_level + self.scale.rise
        self.next_level = min(kept.next_level, most)
        self.ceiling = min(kept.ceiling, self.scale.top)
        self.last_level = kept.last_level
        self.may_rise = kept.may_rise
