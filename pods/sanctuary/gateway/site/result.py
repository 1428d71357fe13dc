"""Put the result of a night of several pods together, from the logs and the pods' shells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.gateway.results.night_result import (
    Detection,
    NightCircle,
    NightResult,
    PodNight,
    cues_of,
    windows_of,
)
from sanctuary.gateway.results.replay_result import GateScores, StageScores, Timing, stage_name
from sanctuary.gateway.site.pod_shell import PodShell
from sanctuary.gateway.site.problems import problems_of
from sanctuary.pods.audit import Violation, check_violations
from sanctuary.pods.protocol.records import LogLine
from sanctuary.signal.samples import EPOCH_S, STAGES, Stage
from sanctuary.signal.scoring import confusion, gate_scores, kappa, ratio, rem_specificity, stage_scores

Truths = Mapping[str, NDArray[np.int8]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NightFacts:
    """What only the program that ran the night knows of it; fields as of `NightResult`."""

    live: bool
    hours: float
    duration_s: float
    broker: str
    interrupted: bool
    trouble: str | None
    timing: Timing
    seed: int | None = None
    messages: dict[str, int] = field(default_factory=dict)


def night_result(
    settings: SanctuarySettings,
    runners: Sequence[PodShell],
    records: Sequence[LogLine],
    truths: Truths,
    facts: NightFacts,
    *,
    end_s: float,
) -> NightResult:
    """Put the result of a night together.

    Parameters
    ----------
    records
        All log records, each writer's in order.
    truths
        Simulated stages of each epoch, by pod; of simulated sleepers only.
    end_s
        When the night ended, sanctuary clock.
    """
    return NightResult(
        schema="sanctuary.demo.v1",
        version=version("dream-sanctuary"),
        site=settings.site.id,
        live=facts.live,
        seed=facts.seed,
        hours=facts.hours,
        duration_s=facts.duration_s,
        broker=facts.broker,
        interrupted=facts.interrupted,
        trouble=facts.trouble,
        messages=facts.messages,
        timing=facts.timing,
        epoch_s=EPOCH_S,
        circles=circles_of(settings),
        pods={runner.id: _pod(settings, runner, truths) for runner in runners},
        windows=windows_of(records, {c.id: c.design for c in settings.circles}),
        cues=cues_of(records),
        problems=problems_of(records, end_s, pod_settings=settings.pod),
        violations=broken_invariants(settings, records),
        detection=_detection(runners, truths),
    )


def circles_of(settings: SanctuarySettings) -> tuple[NightCircle, ...]:
    return tuple(
        NightCircle(id=c.id, members=c.members, quorum=c.quorum, design=c.design) for c in settings.circles
    )


def broken_invariants(settings: SanctuarySettings, records: Sequence[LogLine]) -> tuple[Violation, ...]:
    """Check every invariant from the log alone."""
    return tuple(check_violations(records, pod_settings=settings.pod, limiter_settings=settings.limiter))


def _pod(settings: SanctuarySettings, runner: PodShell, truths: Truths) -> PodNight:
    entry = next(pod for pod in settings.pods if pod.id == runner.id)
    epochs = tuple(runner.epochs.rows)
    truth = truths.get(runner.id)
    return PodNight(
        sleeper=entry.sleeper,
        simulated=entry.is_simulated,
        headband=entry.headband.kind,
        epochs=epochs,
        gate=tuple(runner.openings.openings),
        truth=None if truth is None else tuple(stage_name(Stage(int(s))) for s in truth[: len(epochs)]),
    )


def _detection(runners: Sequence[PodShell], truths: Truths) -> dict[str, Detection]:
    """Compare truth and detection, pod by pod and pooled."""
    found: dict[str, Detection] = {}
    pooled = np.zeros((len(STAGES), len(STAGES) + 1), dtype=np.int64)
    for runner in runners:
        if runner.id not in truths or not runner.epochs.rows:
            continue
        detected = np.array(runner.epochs.stages, dtype=np.int8)
        truth = truths[runner.id][: len(detected)]
        table = confusion(truth, detected)
        pooled += table
        gate = GateScores.model_validate(gate_scores(runner.openings.openings, truth, EPOCH_S))
        found[runner.id] = _agreement(table, gate)
    if found:
        found["pooled"] = _agreement(pooled)
    return found


def _agreement(table: NDArray[np.int64], gate: GateScores | None = None) -> Detection:
    return Detection(
        accuracy=ratio(float(np.trace(table[:, : len(STAGES)])), float(table.sum())),
        kappa=kappa(table),
        rem=StageScores.model_validate(stage_scores(table, Stage.R)),
        rem_specificity=rem_specificity(table),
        gate=gate,
    )
