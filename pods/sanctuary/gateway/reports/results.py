"""Results as the reports read them: typed, and at ease with what is missing.

A value that is null, not a number or absent takes its field's default, so that an interrupted night still
makes a report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from math import isfinite
from statistics import median
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from sanctuary.config.errors import InputError
from sanctuary.gateway.reports.page import STAGE_NAMES

UNKNOWN = "unknown"
EPOCH_S = 30.0
"""Length of an epoch where only one is given (AASM)."""


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value


def _stage(value: Any) -> str:
    return value if value in STAGE_NAMES else UNKNOWN


Known = Annotated[float | None, BeforeValidator(_known)]
StageName = Annotated[str, BeforeValidator(_stage)]


class Partial(BaseModel):
    """Base of all parts of a result."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_unknowns(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        return {key: value for key, value in given.items() if _known(value) is not None}


class Epoch(Partial):
    """One epoch as detected."""

    onset_s: float
    stage: StageName = UNKNOWN
    p: dict[str, Known] = Field(default_factory=dict)
    quality: float | None = None


class Opening(Partial):
    """One stretch of stable REM; without `close_s` it was still open at the end."""

    open_s: float
    close_s: float | None = None
    reason: str = ""


class StageScores(Partial):
    """Scores of one stage."""

    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    specificity: float | None = None
    support: int | None = None


class Latency(Partial):
    """Seconds from the expert's REM onset to the gate's opening."""

    median: float | None = None
    p90: float | None = None


class GateScores(Partial):
    """The gate against the expert."""

    rem_share: float | None = None
    precision: float | None = None
    openings: int | None = None
    false_windows: int | None = None
    rem_periods: int | None = None
    missed_periods: int | None = None
    latency_s: Latency = Latency()


class Scores(Partial):
    """Detection against the expert or the truth."""

    accuracy: float | None = None
    kappa: float | None = None
    epochs_scored: int | None = None
    refused_share: float | None = None
    per_stage: dict[str, StageScores] = Field(default_factory=dict)
    rem: StageScores = StageScores()
    confusion: tuple[tuple[int, ...], ...] = ()
    gate: GateScores = GateScores()


class Timing(Partial):
    """How long the computation took."""

    wall_s: float | None = None
    times_real_time: float | None = None


class ReplayResult(Partial):
    """Schema ``sanctuary.replay.v1``."""

    schema_name: Literal["sanctuary.replay.v1"] = Field(
        validation_alias=AliasChoices("schema", "schema_name")
    )
    version: str = ""
    file: str = ""
    started_at: datetime | None = None
    duration_s: float | None = None
    channels: tuple[str, ...] = ()
    fs_hz: float | None = None
    epochs: tuple[Epoch, ...] = ()
    gate: tuple[Opening, ...] = ()
    timing: Timing = Timing()
    warnings: tuple[str, ...] = ()
    scores: Scores | None = None
    truth: tuple[StageName, ...] = ()

    @property
    def end_s(self) -> float:
        """Where the night ends: the recording's length, or else the end of the last epoch."""
        return self.duration_s if self.duration_s else end_of(self.epochs, self.gate)


def epoch_length_s(epochs: Sequence[Epoch]) -> float:
    """Length of the epochs of one sleeper."""
    onsets_s = [epoch.onset_s for epoch in epochs]
    steps_s = [b - a for a, b in pairwise(onsets_s) if b > a]
    return median(steps_s) if steps_s else EPOCH_S


def end_of(epochs: Sequence[Epoch], gate: Sequence[Opening]) -> float:
    """End of the last epoch or opening, seconds; 0 where there is neither."""
    ends_s = [opening.close_s or opening.open_s for opening in gate]
    if epochs:
        ends_s.append(max(epoch.onset_s for epoch in epochs) + epoch_length_s(epochs))
    return max(ends_s, default=0.0)


Result = TypeVar("Result", bound=Partial)


def read_result(model: type[Result], given: Mapping[str, Any], name: str) -> Result:
    """Read `given` as `model`.

    Raises
    ------
    InputError
        It is of another kind than `name` says; names the field.
    """
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the result"
        raise InputError(f"{name}: {field}: {first['msg']}; give the result as it was written") from error
