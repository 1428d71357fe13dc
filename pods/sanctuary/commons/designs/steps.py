"""Steps of a design: one cue each, as asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from sanctuary.firmware_bridge.outputs.cue import AMBER, Cue, Modality

MIN_GAP_S = 20.0
"""Steps nearer than this would all be refused by the limiter (`LimiterSettings.gap_s`)."""
MAX_PARTS = 8
HIGHEST_DBA = 45.0
"""No level, however asked for, goes above this (WHO 1999, single events in bedrooms)."""
SATURATED_RED = 0.8
"""Red from this share of the whole counts as saturated, the worst for photosensitive people (WCAG 2.3.1)."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Part = Annotated[int, Field(ge=1, le=MAX_PARTS)]
_Colour = Annotated[int, Field(ge=0, le=255)]


class Model(BaseModel):
    """Base of what a design file says: frozen, typos refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Ask(Model):
    """A cue as asked for, whenever it is to come."""

    part: Part | None = None
    """Who plays it: the pod that has this part, counted from 1; left out, every pod."""
    modality: Modality
    level_dba: float | None = Field(None, ge=0.0, le=HIGHEST_DBA)
    """Sound only: dBA Lmax at the pillow."""
    level_above_threshold_db: float | None = Field(None, ge=-10.0, le=15.0)
    """Sound only, instead of `level_dba`: above the softest sound that this sleeper hears when awake."""
    level_share: float | None = Field(None, ge=0.0, le=0.5)
    """Light and haptic only: share of the device's full output."""
    duration_s: float = Field(ge=0.1, le=15.0)
    """Whole length."""
    fade_s: float = Field(ge=0.05, le=7.5)
    """Length of the fade at each end."""
    tones_hz: tuple[float, ...] = Field((), max_length=16)
    """Sound only: partials, each 20 Hz to 16 kHz."""
    file_sha256: Digest | None = None
    """Sound only, instead of `tones_hz`: a file of the design's `files`."""
    flash_hz: float = Field(0.0, ge=0.0, le=2.0)
    """Light only: flashes per second; 0 is a steady glow."""
    rgb: tuple[_Colour, _Colour, _Colour] | None = None
    """Light only: colour, each part 0 to 255; amber if left out."""

    @property
    def needs_threshold(self) -> bool:
        """Whether its level depends on the sleeper's threshold."""
        return self.level_above_threshold_db is not None

    def is_for(self, part: int) -> bool:
        """Tell whether the pod with this part plays it."""
        return self.part is None or self.part == part

    def level(self, threshold_dba: float | None) -> float | None:
        """Level in the unit of `Cue.level`; None where it needs a threshold that nobody has measured."""
        if self.level_above_threshold_db is None:
            return self.level_dba if self.modality is Modality.SOUND else self.level_share
        if threshold_dba is None:
            return None
        return min(HIGHEST_DBA, max(0.0, threshold_dba + self.level_above_threshold_db))

    @model_validator(mode="after")
    def _fits_its_modality(self) -> Self:
        problems = [text for broken, text in self._rules() if broken]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _rules(self) -> Iterator[tuple[bool, str]]:
        if self.modality is Modality.SOUND:
            levels = (self.level_dba is not None) + (self.level_above_threshold_db is not None)
            sources = bool(self.tones_hz) + (self.file_sha256 is not None)
            yield levels == 0, "level_dba or level_above_threshold_db is missing (sound)"
            yield levels == 2, "level_dba and level_above_threshold_db exclude one another"
            yield self.level_share is not None, "level_share does not apply to sound"
            yield sources == 0, "tones_hz or file_sha256 is missing (sound)"
            yield sources == 2, "tones_hz and file_sha256 exclude one another"
        else:
            yield self.level_share is None, f"level_share is missing ({self.modality})"
            for name in ("level_dba", "level_above_threshold_db", "file_sha256"):
                yield getattr(self, name) is not None, f"{name} does not apply to {self.modality}"
            yield bool(self.tones_hz), f"tones_hz does not apply to {self.modality}"
        yield (
            not all(20.0 <= tone <= 16000.0 for tone in self.tones_hz),
            "tones_hz: each must be 20 to 16000",
        )
        yield 2 * self.fade_s > self.duration_s, "fade_s must be at most half of duration_s"
        yield from self._light_rules()

    def _light_rules(self) -> Iterator[tuple[bool, str]]:
        light = self.modality is Modality.LIGHT
        yield not light and self.flash_hz > 0.0, f"flash_hz does not apply to {self.modality}"
        yield not light and self.rgb is not None, f"rgb does not apply to {self.modality}"
        yield light and self.fade_s < 0.1, "fade_s must be at least 0.1 (light)"
        if self.rgb is not None:
            yield not any(self.rgb), "rgb is black"
            yield (
                any(self.rgb) and self.rgb[0] >= SATURATED_RED * sum(self.rgb),
                "rgb is saturated red, the worst for photosensitive people; amber is 255, 126, 0",
            )


class Step(Ask):
    """One cue of the programme."""

    at_s: float = Field(ge=0.0, le=86400.0)
    """When it begins, seconds from the design's zero (and from the start of each repeat)."""


class Answer(Ask):
    """What a pod plays when another sleeper of the window has made an eye signal."""

    signal: Literal["lrlr"]
    """Left-right-left-right, the one signal that the chain knows."""
    max_per_window: int = Field(ge=1, le=15)
    """Most answers in one window and pod."""


def cue_for(ask: Ask, threshold_dba: float | None = None) -> Cue:
    """Make the cue that a step or answer asks for, before grant and limiter.

    Parameters
    ----------
    threshold_dba
        The softest sound that the sleeper hears; None where nobody has measured it. A cue whose level needs
        it is then of level 0: fit for a log, never to be rendered.
    """
    return Cue(
        ask.modality,
        ask.level(threshold_dba) or 0.0,
        ask.duration_s,
        ask.fade_s,
        ask.tones_hz,
        ask.flash_hz,
        ask.rgb or AMBER,
        ask.file_sha256 or "",
    )
