"""Dream designs: cue programmes as TOML files, known by the SHA-256 of their bytes.

A design says what is asked for; the sleeper's grant and the pod's limiter decide what is heard. A file
that asks for what no limiter setting could ever allow is refused here, so that its author learns of it
by day.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from math import floor
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sanctuary.config.errors import InputError
from sanctuary.config.origins import format_path
from sanctuary.config.toml_lines import line_index
from sanctuary.firmware_bridge.outputs.cue import Cue, Modality

SCHEMA = "sanctuary.design.v1"
MAX_DESIGN_BYTES = 256 * 1024
MIN_GAP_S = 20.0
"""Steps nearer than this would all be refused by the limiter (`LimiterSettings.gap_s`)."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Step(_Model):
    """One cue of a design, as asked for."""

    at_s: float = Field(ge=0.0, le=86400.0)
    """When it begins, seconds from the design's zero (and from the start of each repeat)."""
    modality: Modality
    level_dba: float | None = Field(None, ge=0.0, le=45.0)
    """Sound only: dBA Lmax at the pillow."""
    level_share: float | None = Field(None, ge=0.0, le=0.5)
    """Light and haptic only: share of the device's full output."""
    duration_s: float = Field(ge=0.1, le=15.0)
    """Whole length."""
    fade_s: float = Field(ge=0.05, le=7.5)
    """Length of the fade at each end."""
    tones_hz: tuple[float, ...] = Field((), max_length=16)
    """Sound only: partials, each 20 Hz to 16 kHz."""
    flash_hz: float = Field(0.0, ge=0.0, le=2.0)
    """Light only: flashes per second; 0 is a steady glow."""

    @property
    def level(self) -> float:
        """Level in the unit of `Cue.level`."""
        level = self.level_dba if self.modality is Modality.SOUND else self.level_share
        return 0.0 if level is None else level

    @model_validator(mode="after")
    def _fits_its_modality(self) -> Step:
        problems = [*self._problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Sequence[str]:
        sound, light = self.modality is Modality.SOUND, self.modality is Modality.LIGHT
        wanted, other = ("level_dba", "level_share") if sound else ("level_share", "level_dba")
        rules = (
            (getattr(self, wanted) is None, f"{wanted} is missing ({self.modality})"),
            (getattr(self, other) is not None, f"{other} does not apply to {self.modality}"),
            (sound and not self.tones_hz, "tones_hz is missing (sound)"),
            (not sound and bool(self.tones_hz), f"tones_hz does not apply to {self.modality}"),
            (
                not all(20.0 <= tone <= 16000.0 for tone in self.tones_hz),
                "tones_hz: each must be 20 to 16000",
            ),
            (not light and self.flash_hz > 0.0, f"flash_hz does not apply to {self.modality}"),
            (light and self.fade_s < 0.1, "fade_s must be at least 0.1 (light)"),
            (2 * self.fade_s > self.duration_s, "fade_s must be at most half of duration_s"),
        )
        return [text for broken, text in rules if broken]


class DreamDesign(_Model):
    """A cue programme."""

    schema_: Literal["sanctuary.design.v1"] = Field(alias="schema")
    title: str = Field(min_length=1, max_length=120)
    author: str = Field(min_length=1, max_length=120)
    licence: str = Field(min_length=1, max_length=60)
    length_s: float = Field(ge=MIN_GAP_S, le=86400.0)
    """Length of one pass."""
    looping: bool = False
    """Whether it begins again after `length_s`, as long as the window is open."""
    steps: tuple[Step, ...] = Field(min_length=1, max_length=2000)
    """In order of `at_s`, at least 20 s apart, also across the seam of a repeat."""

    @model_validator(mode="after")
    def _steps_keep_their_distance(self) -> DreamDesign:
        problems = []
        for index, (one, two) in enumerate(zip(self.steps, self.steps[1:], strict=False), start=1):
            if two.at_s - one.at_s < MIN_GAP_S:
                problems.append(f"steps[{index}] begins {two.at_s - one.at_s:g} s after the step before it")
        first, last = self.steps[0], self.steps[-1]
        if last.at_s + last.duration_s > self.length_s:
            problems.append(f"steps[{len(self.steps) - 1}] ends after length_s")
        if self.looping and self.length_s - last.at_s + first.at_s < MIN_GAP_S:
            problems.append("steps[0] of a repeat follows too soon on the last step")
        if problems:
            raise ValueError(f"{'; '.join(problems)} (at least {MIN_GAP_S:g} s apart, within length_s)")
        return self

    @cached_property
    def end_s(self) -> float:
        """Seconds from zero after which nothing is left to play; infinite for a looping design."""
        return float("inf") if self.looping else self.length_s

    @cached_property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities that the steps use."""
        used = {step.modality for step in self.steps}
        return tuple(modality for modality in Modality if modality in used)

    def time_of(self, number: int) -> float | None:
        """Seconds from zero at which step `number` begins, counted on through repeats; None at the end."""
        repeat, index = divmod(number, len(self.steps))
        if repeat and not self.looping:
            return None
        return repeat * self.length_s + self.steps[index].at_s

    def step(self, number: int) -> Step:
        """Give step `number`, counted on through repeats."""
        return self.steps[number % len(self.steps)]

    def first_number(self, elapsed_s: float) -> int:
        """Give the number of the first step that begins at `elapsed_s` or later."""
        repeat = max(0, floor(elapsed_s / self.length_s)) if self.looping else 0
        number = repeat * len(self.steps)
        while (at_s := self.time_of(number)) is not None and at_s < elapsed_s:
            number += 1
        return number


@dataclass(frozen=True, slots=True)
class LoadedDesign:
    """A design with the hash by which grants, offers and logs name it."""

    design: DreamDesign
    hash: str


def design_hash(content: bytes) -> str:
    """Hash a design file: SHA-256 over its bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def load_design(source: bytes | Path, name: str = "design") -> LoadedDesign:
    """Read and check a design.

    Parameters
    ----------
    source
        The file, or its bytes.
    name
        What messages call the bytes; a file is called by its path.

    Raises
    ------
    InputError
        The file cannot be read or has mistakes; the message lists all of them with file, line and field.
    """
    content = source if isinstance(source, bytes) else _read(source)
    name = name if isinstance(source, bytes) else str(source)
    if len(content) > MAX_DESIGN_BYTES:
        raise InputError(f"{name}: {len(content)} bytes; a design has at most {MAX_DESIGN_BYTES}")
    try:
        text = content.decode("utf-8")
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: not TOML: {error}") from error
    try:
        design = DreamDesign.model_validate(table)
    except ValidationError as error:
        raise InputError(_mistakes(name, text, error)) from error
    return LoadedDesign(design, design_hash(content))


def shipped_design(stem: str) -> LoadedDesign:
    """Load one of the designs that come with the package, such as ``tide``.

    Raises
    ------
    InputError
        There is none of that name; the message lists those there are.
    """
    folder = resources.files("sanctuary.config").joinpath("designs")
    names = sorted(
        item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")
    )
    if stem not in names:
        raise InputError(f"design {stem!r}: none of that name is shipped; there are {', '.join(names)}")
    return load_design(folder.joinpath(f"{stem}.toml").read_bytes(), f"{stem}.toml")


def cue_for(step: Step) -> Cue:
    """Make the cue that a step asks for, before grant and limiter."""
    return Cue(step.modality, step.level, step.duration_s, step.fade_s, step.tones_hz, step.flash_hz)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_DESIGN_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _mistakes(name: str, text: str, error: ValidationError) -> str:
    lines = line_index(text)
    found: list[tuple[int, str]] = []
    for mistake in error.errors(include_url=False):
        path: tuple[str | int, ...] = tuple(mistake["loc"])
        line = next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)
        where = format_path(path) or "design"
        found.append((line, f"{name}:{line}: {where}: {_said(mistake)}"))
    return "\n".join(message for _, message in sorted(found))


def _said(mistake: Any) -> str:
    """Pydantic's sentence without its prefix, and with the value where it is a plain one."""
    value = mistake["input"]
    shown = f" (found {value!r})" if isinstance(value, str | int | float) else ""
    return str(mistake["msg"]).removeprefix("Value error, ") + shown
