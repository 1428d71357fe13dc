"""The result of one replayed night, schema ``sanctuary.replay.v1``, and the parts that all results share.

The same class writes and reads. A field with a default is left out of the JSON where it has that default;
every other field is always there, and null where its value is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sanctuary.signal.samples import EPOCH_S, STAGES, Stage, StageEstimate
from sanctuary.signal.scoring import GateOpening

UNKNOWN = "unknown"
"""Stands for a stage where the signal was too poor to say."""
NO_ESTIMATE = StageEstimate(0.0, (0.2, 0.2, 0.2, 0.2, 0.2), Stage.UNKNOWN, False, False, 0.0, "no-signal")
"""Stands for an epoch at whose end there was no estimate."""

StageName = Annotated[str, Field(pattern="^(W|N1|N2|N3|R|unknown)$")]


class ResultPart(BaseModel):
    """Base of all parts of a result. Numbers are finite: what is undefined is null."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Result(ResultPart):
    """Base of all results."""

    version: str
    """Of the program that wrote it."""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON object that is written."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


class Timing(ResultPart):
    """How long the computation took."""

    wall_s: float
    times_real_time: float | None = None


class Epoch(ResultPart):
    """One epoch, judged at its end from samples up to its end only.

    Attributes
    ----------
    p
        Probability of each stage, by name.
    quality
        0 (useless) to 1 (clean).
    rem_density
        Rapid horizontal eye movements a minute in the last 30 s; 0 without a pair of channels.
    """

    onset_s: float
    stage: StageName
    p: dict[str, float]
    quality: float
    rem_density: float


class EyeSignalFound(ResultPart):
    """A voluntary left-right-left-right eye signal; fields as of `EyeSignal`."""

    start_s: float
    end_s: float
    amplitude_uv: float
    confidence: float
    leftward_first: bool | None


class StageScores(ResultPart):
    """Scores of one stage; `support` is the number of epochs by the expert."""

    precision: float | None
    recall: float | None
    f1: float | None
    specificity: float | None
    support: int


class Latency(ResultPart):
    """Seconds from the expert's REM onset to the gate's opening; None where no period was found."""

    median: float | None
    p90: float | None


class GateScores(ResultPart):
    """The gate against the expert; fields as of `sanctuary.signal.scoring.gate_scores`."""

    openings: int
    ready_s: float
    rem_share: float | None
    precision: float | None
    false_windows: int
    false_openings: int
    bouts: int
    bouts_found: int
    latencies_s: tuple[float, ...]
    latency_s: Latency
    rem_periods: int
    missed_periods: int


class Scores(ResultPart):
    """Detection against an expert's hypnogram; fields as of `sanctuary.signal.scoring.scores`."""

    reference: str
    epochs_scored: int
    refused_share: float | None
    accuracy: float | None
    kappa: float | None
    per_stage: dict[str, StageScores]
    rem_specificity: dict[str, float | None]
    confusion: tuple[tuple[int, ...], ...]
    gate: GateScores


class HypnogramRead(ResultPart):
    """The expert's hypnogram: file, kind of file, and where it begins on the recording."""

    file: str
    kind: str
    offset_s: float


class ReplayResult(Result):
    """Schema ``sanctuary.replay.v1``."""

    schema_name: Literal["sanctuary.replay.v1"] = Field(alias="schema")
    file: str
    """Name of the recording without its folder."""
    started_at: datetime | None
    """Wall clock of the first sample, as the recording has it."""
    duration_s: float
    channels: tuple[str, ...]
    fs_hz: float
    epoch_s: float
    warnings: tuple[str, ...]
    epochs: tuple[Epoch, ...]
    gate: tuple[GateOpening, ...]
    """Stretches of stable REM."""
    eye_signals: tuple[EyeSignalFound, ...]
    scores: Scores | None = None
    hypnogram: HypnogramRead | None = None
    truth: tuple[StageName | None, ...] | None = None
    """The expert's stage of each of `epochs`, None where unscored; None as a whole without a hypnogram."""
    timing: Timing


def epoch_length_s(epochs: Sequence[Epoch]) -> float:
    """Give the median length of epochs in order, seconds; `EPOCH_S` where fewer than two are given."""
    steps_s = [b.onset_s - a.onset_s for a, b in pairwise(epochs) if b.onset_s > a.onset_s]
    return median(steps_s) if steps_s else EPOCH_S


class EpochLog:
    """Collects the estimates at the ends of epochs.

    Attributes
    ----------
    rows
        One epoch for each `EPOCH_S` so far, from second 0 on.
    stages
        The same, as values of `Stage`.
    """

    def __init__(self) -> None:
        self.rows: list[Epoch] = []
        self.stages: list[int] = []
        self._next_s = float(EPOCH_S)

    def push(self, estimate: StageEstimate) -> None:
        """Add the next estimate; one a second, in order of time."""
        if estimate.t_s < self._next_s:
            return
        while estimate.t_s >= self._next_s + EPOCH_S:
            self._add(NO_ESTIMATE)
        self._add(estimate)

    def _add(self, estimate: StageEstimate) -> None:
        self.rows.append(
            Epoch(
                onset_s=self._next_s - EPOCH_S,
                stage=stage_name(estimate.stage),
                p={stage.name: round(p, 4) for stage, p in zip(STAGES, estimate.p, strict=True)},
                quality=round(estimate.quality, 3),
                rem_density=round(estimate.rem_density, 2),
            )
        )
        self.stages.append(int(estimate.stage))
        self._next_s += EPOCH_S


def stage_name(stage: Stage) -> str:
    return UNKNOWN if stage is Stage.UNKNOWN else stage.name
