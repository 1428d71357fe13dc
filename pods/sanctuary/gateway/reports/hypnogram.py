"""Stages over time as values: runs, totals and where two hypnograms differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sanctuary.gateway.reports.palette import STAGE_NAMES
from sanctuary.gateway.reports.results import UNKNOWN, Epoch, epoch_length_s


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive epochs of one stage."""

    start_s: float
    end_s: float
    stage: str


@dataclass(frozen=True, slots=True)
class Hypnogram:
    """Stages of equal epochs, by rising onset; epochs may be missing in between."""

    onsets_s: tuple[float, ...]
    stages: tuple[str, ...]
    epoch_s: float

    @classmethod
    def detected(cls, epochs: Sequence[Epoch]) -> Hypnogram:
        """Take the stages that the chain found."""
        ordered = sorted(epochs, key=lambda epoch: epoch.onset_s)
        return cls(
            tuple(epoch.onset_s for epoch in ordered),
            tuple(epoch.stage for epoch in ordered),
            epoch_length_s(ordered),
        )

    @classmethod
    def truth(cls, stages: Sequence[str], like: Hypnogram) -> Hypnogram:
        """Take the expert's stages: at the epochs of `like` if there are as many, else from second 0 on."""
        if len(stages) == len(like.onsets_s):
            return cls(like.onsets_s, tuple(stages), like.epoch_s)
        return cls(tuple(i * like.epoch_s for i in range(len(stages))), tuple(stages), like.epoch_s)

    @property
    def runs(self) -> list[Run]:
        """Consecutive epochs of equal stage, as one."""
        runs: list[Run] = []
        for onset_s, stage in zip(self.onsets_s, self.stages, strict=True):
            end_s = onset_s + self.epoch_s
            if runs and runs[-1].stage == stage and onset_s <= runs[-1].end_s + 0.5:
                runs[-1] = Run(runs[-1].start_s, end_s, stage)
            else:
                runs.append(Run(onset_s, end_s, stage))
        return runs

    @property
    def known(self) -> bool:
        """Whether any epoch has a stage."""
        return any(stage != UNKNOWN for stage in self.stages)

    def time_in_s(self, stage: str) -> float:
        """Time spent in `stage`."""
        return self.stages.count(stage) * self.epoch_s

    @property
    def asleep_s(self) -> float:
        """Time spent in any stage of sleep."""
        return sum(self.time_in_s(stage) for stage in STAGE_NAMES if stage != "W")


def differences(ours: Hypnogram, expert: Hypnogram) -> list[tuple[float, float]]:
    """Stretches in which both give a stage and not the same one, as (start, end) in seconds."""
    theirs = dict(zip(expert.onsets_s, expert.stages, strict=True))
    different = (
        onset_s
        for onset_s, stage in zip(ours.onsets_s, ours.stages, strict=True)
        if UNKNOWN not in (stage, other := theirs.get(onset_s, UNKNOWN)) and stage != other
    )
    return joined((onset_s, onset_s + ours.epoch_s) for onset_s in different)


def joined(stretches: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Join sorted stretches that touch."""
    out: list[tuple[float, float]] = []
    for start_s, end_s in stretches:
        if out and start_s <= out[-1][1] + 0.5:
            out[-1] = (out[-1][0], max(end_s, out[-1][1]))
        else:
            out.append((start_s, end_s))
    return out


def outline(runs: Sequence[Run], level: Mapping[str, float]) -> tuple[list[float], list[float]]:
    """Corners of a hypnogram's line; NaN lifts the pen where the stage is unknown or epochs are missing."""
    times_s: list[float] = []
    levels: list[float] = []
    for number, run in enumerate(runs):
        before = runs[number - 1] if number else run
        if run.start_s > before.end_s + 0.5 or UNKNOWN in (before.stage, run.stage):
            times_s.append(run.start_s)
            levels.append(float("nan"))
        if run.stage in level:
            times_s += [run.start_s, run.end_s]
            levels += [level[run.stage], level[run.stage]]
    return times_s, levels
