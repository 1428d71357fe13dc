"""A design: steps of one cue each, as asked for, their order, parts and files, and when each step comes.

An answer to an eye signal is one more cue in one pod, and cues need their distance
(`LimiterSettings.gap_s`). The steps are what all sleepers have agreed to and experience in common, so they go
first: an answer that would keep a step of its pod from sounding is put off or not given at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from math import floor, inf
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sanctuary.config.settings_base import Digest
from sanctuary.firmware_bridge.cues import AMBER, Cue, Modality, is_saturated_red

MIN_GAP_S = 20.0
"""Steps nearer than this would all be refused by the limiter (`LimiterSettings.gap_s`)."""
MAX_PARTS = 8
HIGHEST_DBA = 45.0
"""No level, however asked for, goes above this (WHO 1999, single events in bedrooms)."""

_ROUNDING_S = 1e-6

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
                is_saturated_red(self.rgb),
                f"rgb is saturated red, the worst for photosensitive people; amber is {AMBER}",
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


SCHEMA = "sanctuary.design.v1"
MAX_FILES = 16


class DesignFile(Model):
    """A sound file that lies beside the design, in ``files/<sha256>.wav``."""

    sha256: Digest
    """Of its bytes."""
    name: str = Field(min_length=1, max_length=120)
    """For people."""
    licence: str = Field(min_length=1, max_length=60)


class DreamDesign(Model):
    """A cue programme."""

    schema_: Literal["sanctuary.design.v1"] = Field(alias="schema")
    title: str = Field(min_length=1, max_length=120)
    author: str = Field(min_length=1, max_length=120)
    licence: str = Field(min_length=1, max_length=60)
    length_s: float = Field(ge=MIN_GAP_S, le=86400.0)
    """Length of one pass."""
    looping: bool = False
    """Whether it begins again after `length_s`, as long as the window is open."""
    parts: int = Field(1, ge=1, le=MAX_PARTS)
    """How many different parts there are; each pod plays one."""
    steps: tuple[Step, ...] = Field(max_length=2000)
    """In order of `at_s`; those of one part at least 20 s apart, also across the seam of a repeat."""
    files: tuple[DesignFile, ...] = Field((), max_length=MAX_FILES)
    answer: Answer | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> DreamDesign:
        problems = [*self._order_problems(), *self._part_problems(), *self._file_problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _order_problems(self) -> Iterator[str]:
        for index, (one, two) in enumerate(pairwise(self.steps), start=1):
            if two.at_s < one.at_s:
                yield f"steps[{index}] begins before the step before it"
        for part in range(1, self.parts + 1):
            yield from self._gap_problems([pair for pair in enumerate(self.steps) if pair[1].is_for(part)])
        for index, step in enumerate(self.steps):
            if step.at_s + step.duration_s > self.length_s:
                yield f"steps[{index}] ends after length_s"

    def _gap_problems(self, mine: list[tuple[int, Step]]) -> Iterator[str]:
        """Look at the steps of one part; steps that go back in time are told of elsewhere."""
        least = f"(at least {MIN_GAP_S:g} s apart)"
        for (_, one), (index, two) in pairwise(mine):
            if 0.0 <= two.at_s - one.at_s < MIN_GAP_S:
                yield f"steps[{index}] begins {two.at_s - one.at_s:g} s after the step before it {least}"
        if self.looping and mine and self.length_s - mine[-1][1].at_s + mine[0][1].at_s < MIN_GAP_S:
            yield f"steps[{mine[0][0]}] of a repeat follows too soon on the last step {least}"

    def _part_problems(self) -> Iterator[str]:
        for name, ask in self._asks():
            if ask.part is not None and ask.part > self.parts:
                yield f"{name}: part {ask.part} of {self.parts}"
        for part in range(1, self.parts + 1):
            if self.steps and not any(step.is_for(part) for step in self.steps):
                yield f"part {part} has no steps"

    def _file_problems(self) -> Iterator[str]:
        listed = [file.sha256 for file in self.files]
        used = {ask.file_sha256 for _, ask in self._asks()}
        for index, sha256 in enumerate(listed):
            if sha256 in listed[:index]:
                yield f"files[{index}] is listed twice"
            elif sha256 not in used:
                yield f"files[{index}] is played by no step"
        for name, ask in self._asks():
            if ask.file_sha256 is not None and ask.file_sha256 not in listed:
                yield f"{name}.file_sha256 is not one of files"

    def _asks(self) -> Iterator[tuple[str, Ask]]:
        for index, step in enumerate(self.steps):
            yield f"steps[{index}]", step
        if self.answer is not None:
            yield "answer", self.answer

    @cached_property
    def end_s(self) -> float:
        """Seconds from zero after which nothing is left to play; infinite for a looping design."""
        return float("inf") if self.looping else self.length_s

    @cached_property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities that steps and answer use; none for a design that is silent."""
        used = {ask.modality for _, ask in self._asks()}
        return tuple(modality for modality in Modality if modality in used)

    @cached_property
    def needs_threshold(self) -> bool:
        """Whether some level depends on the sleeper's threshold."""
        return any(ask.needs_threshold for _, ask in self._asks())

    def time_of(self, number: int) -> float | None:
        """Seconds from zero at which step `number` begins, counted on through repeats; None at the end."""
        if not self.steps:
            return None
        repeat, index = divmod(number, len(self.steps))
        if repeat and not self.looping:
            return None
        return repeat * self.length_s + self.steps[index].at_s

    def step(self, number: int) -> Step:
        """Give step `number`, counted on through repeats; one that `time_of` gives a time for."""
        return self.steps[number % len(self.steps)]

    def first_number(self, elapsed_s: float) -> int:
        """Give the number of the first step that begins at `elapsed_s` or later."""
        repeat = max(0, floor(elapsed_s / self.length_s)) if self.looping else 0
        number = repeat * len(self.steps)
        while (at_s := self.time_of(number)) is not None and at_s < elapsed_s:
            number += 1
        return number

    def next_for(self, number: int, part: int) -> int | None:
        """Give the number of the first step from `number` on that is for `part`; None where none is left."""
        for candidate in range(number, number + len(self.steps)):
            if self.time_of(candidate) is None:
                return None
            if self.step(candidate).is_for(part):
                return candidate
        return None


def next_step_s(design: DreamDesign, part: int, elapsed_s: float) -> float:
    """When the first step for `part` at or after `elapsed_s` begins, seconds from zero; infinite for none."""
    number = design.next_for(design.first_number(elapsed_s), part)
    at_s = None if number is None else design.time_of(number)
    return inf if at_s is None else at_s


def leaves_room(design: DreamDesign, part: int, elapsed_s: float, gap_s: float) -> bool:
    """Tell whether a cue at `elapsed_s` leaves the next step for `part` its distance."""
    return next_step_s(design, part, elapsed_s) >= elapsed_s + gap_s


def first_room_s(design: DreamDesign, part: int, from_s: float, until_s: float, gap_s: float) -> float | None:
    """Find the first moment from `from_s` to `until_s` that keeps its distance from the steps on both sides.

    Parameters
    ----------
    part
        The part that the pod plays, counted from 1.
    from_s, until_s
        Seconds from the design's zero.
    gap_s
        Least distance between the beginnings of two cues.

    Returns
    -------
    Seconds from zero, or None where there is no room.
    """
    at_s = from_s
    while at_s <= until_s:
        near_s = next_step_s(design, part, max(0.0, at_s - gap_s + _ROUNDING_S))
        if near_s >= at_s + gap_s:
            return at_s
        at_s = near_s + gap_s
    return None


def answer_number(elapsed_s: float) -> int:
    """Give the number of an answer in the cue log: below zero, one for each millisecond of the design.

    Steps count up from 0, so no answer is taken for a step. An answer begins at least a second after the
    command that asks for it, and one at a time is planned; so no two of one pod and window share a number,
    even if the pod is switched off and on in between.
    """
    return -1 - floor(1000.0 * max(0.0, elapsed_s))
