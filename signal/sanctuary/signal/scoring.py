"""Scores of a hypnogram and of the gate against an expert's stages (field's usual measures).

Epochs scored `UNKNOWN` by the expert are left out. Epochs that the chain refused (`UNKNOWN`) count as not
REM and as errors of accuracy, and are reported as a share, so that refusing cannot flatter the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sanctuary.signal.samples import STAGES, Stage

StageArray = NDArray[np.int8]
N = len(STAGES)
LATEST_ENTRY_S = 1800.0
"""A gate that opens later than this after REM onset is a miss, not a latency."""
LONG_BOUT_S = 180.0
"""REM bouts from this length on are worth finding."""


@dataclass(frozen=True, slots=True)
class GateOpening:
    """One stretch of stable REM, seconds since the stream began, and why it ended."""

    open_s: float
    close_s: float
    reason: str


def confusion(truth: StageArray, detected: StageArray) -> NDArray[np.int64]:
    """Count epochs, shape ``(5, 6)``: rows expert's stages, columns ours, the last one for `UNKNOWN`."""
    scored = truth != Stage.UNKNOWN
    table = np.zeros((N, N + 1), dtype=np.int64)
    columns = np.where(detected == Stage.UNKNOWN, N, detected)
    np.add.at(table, (truth[scored].astype(np.int64), columns[scored].astype(np.int64)), 1)
    return table


def ratio(numerator: float, denominator: float) -> float | None:
    """Quotient, or None where it is undefined."""
    return float(numerator / denominator) if denominator else None


def kappa(table: NDArray[np.int64]) -> float | None:
    """Cohen's kappa of a confusion table."""
    total = float(table.sum())
    if not total:
        return None
    agreed = float(np.trace(table[:, :N])) / total
    by_chance = float(np.dot(table.sum(axis=1), table.sum(axis=0)[:N])) / total**2
    return ratio(agreed - by_chance, 1.0 - by_chance)


def stage_scores(table: NDArray[np.int64], stage: Stage) -> dict[str, float | int | None]:
    """Precision, recall, F1, specificity and support of one stage."""
    hits = float(table[stage, stage])
    support, called = float(table[stage].sum()), float(table[:, stage].sum())
    others = float(table.sum()) - support
    return {
        "precision": ratio(hits, called),
        "recall": ratio(hits, support),
        "f1": ratio(2.0 * hits, support + called),
        "specificity": ratio(others - (called - hits), others),
        "support": int(support),
    }


def rem_specificity(table: NDArray[np.int64]) -> dict[str, float | None]:
    """For each stage but REM: the share of its epochs that were not called REM."""
    shares = {}
    for stage in STAGES[: Stage.R]:
        support = float(table[stage].sum())
        shares[stage.name] = ratio(support - float(table[stage, Stage.R]), support)
    return shares


def rem_periods(truth: StageArray, epoch_s: float, merge_s: float = 300.0) -> list[tuple[float, float]]:
    """REM periods as (onset_s, end_s); pauses shorter than `merge_s` do not end one."""
    periods: list[tuple[float, float]] = []
    for index in np.flatnonzero(truth == Stage.R):
        onset_s, end_s = index * epoch_s, (index + 1) * epoch_s
        if periods and (onset_s == periods[-1][1] or onset_s - periods[-1][1] < merge_s):
            periods[-1] = (periods[-1][0], end_s)
        else:
            periods.append((onset_s, end_s))
    return periods


def gate_scores(
    openings: Sequence[GateOpening], truth: StageArray, epoch_s: float, ready_s: float = 0.0
) -> dict[str, Any]:
    """How well the gate's openings lie within the expert's REM.

    `ready_s` is when the gate first could open (its minimum sleep); REM before it is left out of what can be
    found, and latencies count from it at the earliest.

    Returns
    -------
    ``rem_share``: share of the expert's REM time, from `ready_s` on, during which the gate was open.
    ``precision``: share of the gate's open time that the expert calls REM. ``false_windows``: openings less
    than half of whose time is REM. ``false_openings``: those that do not even touch an epoch of REM or one
    beside it. ``bouts``: unbroken REM of three minutes or more; ``bouts_found``: those in which the gate
    opened. ``latency_s``: median and 90th percentile of the time from the first epoch of a REM period to
    the gate being open in it; ``missed_periods``: periods of two minutes or more without an opening.
    """
    inside = [_overlap_s(o, truth, epoch_s, Stage.R) for o in openings]
    scored = [sum(_overlap_s(o, truth, epoch_s, stage) for stage in STAGES) for o in openings]
    remaining = [(max(a, ready_s), b) for a, b in rem_periods(truth, epoch_s) if b > ready_s]
    periods = [period for period in remaining if period[1] - period[0] >= 120.0]
    bouts = [(max(a, ready_s), b) for a, b in rem_periods(truth, epoch_s, 0.0) if b > ready_s]
    bouts = [bout for bout in bouts if bout[1] - bout[0] >= LONG_BOUT_S]
    latencies = [latency for period in periods if (latency := _latency_s(period, openings)) is not None]
    return {
        "openings": len(openings),
        "ready_s": ready_s,
        "rem_share": ratio(sum(inside), sum(b - a for a, b in _rem_from(truth, epoch_s, ready_s))),
        "precision": ratio(sum(inside), sum(scored)),
        "false_windows": sum(1 for a, b in zip(inside, scored, strict=True) if b > 0 and a < 0.5 * b),
        "false_openings": sum(1 for o in openings if _far_from_rem(o, truth, epoch_s)),
        "bouts": len(bouts),
        "bouts_found": sum(1 for a, b in bouts if any(o.open_s < b and o.close_s > a for o in openings)),
        "latencies_s": latencies,
        "latency_s": {
            "median": float(np.median(latencies)) if latencies else None,
            "p90": float(np.percentile(latencies, 90)) if latencies else None,
        },
        "rem_periods": len(periods),
        "missed_periods": len(periods) - len(latencies),
    }


def _rem_from(truth: StageArray, epoch_s: float, ready_s: float) -> list[tuple[float, float]]:
    return [(max(a, ready_s), b) for a, b in rem_periods(truth, epoch_s, 0.0) if b > ready_s]


def _far_from_rem(opening: GateOpening, truth: StageArray, epoch_s: float) -> bool:
    """Whether no epoch that the opening touches, nor the one before or after, is REM, and one is scored."""
    first = max(0, int(opening.open_s // epoch_s) - 1)
    near = truth[first : int(opening.close_s // epoch_s) + 2]
    return bool((near != Stage.UNKNOWN).any() and not (near == Stage.R).any())


def _overlap_s(opening: GateOpening, truth: StageArray, epoch_s: float, stage: Stage) -> float:
    onsets = np.flatnonzero(truth == stage) * epoch_s
    overlap = np.minimum(onsets + epoch_s, opening.close_s) - np.maximum(onsets, opening.open_s)
    return float(np.clip(overlap, 0.0, None).sum())


def _latency_s(period: tuple[float, float], openings: Sequence[GateOpening]) -> float | None:
    onset_s, end_s = period
    inside = [o for o in openings if o.open_s < end_s and o.close_s > onset_s]
    if not inside:
        return None
    latency_s = max(0.0, min(o.open_s for o in inside) - onset_s)
    return latency_s if latency_s <= LATEST_ENTRY_S else None


def scores(
    truth: StageArray,
    detected: StageArray,
    openings: Sequence[GateOpening],
    epoch_s: float,
    ready_s: float = 0.0,
) -> dict[str, Any]:
    """All scores of one night, ready for JSON; undefined ones are None.

    `truth` and `detected` must have the same length.
    """
    table = confusion(truth, detected)
    total = float(table.sum())
    return {
        "reference": f"expert hypnogram, {epoch_s:g} s epochs, causal detection",
        "epochs_scored": int(total),
        "refused_share": ratio(float(table[:, N].sum()), total),
        "accuracy": ratio(float(np.trace(table[:, :N])), total),
        "kappa": kappa(table),
        "per_stage": {stage.name: stage_scores(table, stage) for stage in STAGES},
        "rem_specificity": rem_specificity(table),
        "confusion": table[:, :N].tolist(),
        "gate": gate_scores(openings, truth, epoch_s, ready_s),
    }
