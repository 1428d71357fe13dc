"""What the limiter knows of a night, in a shape that outlives a restart.

Times are UTC seconds: the sanctuary clock has a new zero after each start.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sanctuary.firmware_bridge.outputs.cue import Modality

NIGHT_OVER_S = 12 * 3600.0
"""So long after the last cue and the last arousal it is another night, with a budget of its own."""

Utc = Annotated[float, Field(ge=-1e11, le=1e11)]
Level = Annotated[float, Field(ge=-1e3, le=1e3)]


class _Memory(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LineMemory(_Memory):
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
    lines: dict[Modality, LineMemory] = {}

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
