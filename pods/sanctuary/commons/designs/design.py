"""A whole design: steps in their order, parts, files, and where each step falls in time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from math import floor
from typing import Literal

from pydantic import Field, model_validator

from sanctuary.commons.designs.steps import MAX_PARTS, MIN_GAP_S, Answer, Ask, Digest, Model, Step
from sanctuary.firmware_bridge.outputs.cue import Modality

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
