"""Stages that say when they begin, but not for how long: each holds until the next one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from sanctuary.firmware_bridge.hypnograms.labels import Staged
from sanctuary.firmware_bridge.hypnograms.scoring import OVERLAP_S
from sanctuary.signal.samples import Stage

LONGEST_SLEEP_S = 7200.0
"""Nobody stays in one stage of sleep for longer: a longer hold is a hole in the scoring."""
_REGULAR_SHARE = 0.95
_FEWEST_REGULAR = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """One stage from `onset_s` to `end_s`, and where it stands in the file."""

    onset_s: float
    end_s: float
    stage: Stage
    place: str


def held(
    path: Path, rows: Sequence[Staged], epoch_s: float, stop_s: float | None
) -> tuple[list[Piece], list[str]]:
    """Give every row an end, and put rows in order.

    A row without a duration lasts until the next row begins. Scorings that mark every epoch, not changes
    alone, hold for one epoch, so that a hole in them stays unscored. The last row holds until `stop_s`, or
    for one epoch if the scoring marks every epoch or `stop_s` is None. Sleep is never held for more than two
    hours.

    Parameters
    ----------
    path, rows
        The file and its rows, onsets and durations in seconds.
    epoch_s
        Length of an epoch.
    stop_s
        End of the recording on the hypnogram's clock.
    """
    ordered = sorted(rows, key=lambda each: each.row.onset)
    later = _later_onsets(np.array([each.row.onset for each in ordered]))
    regular_s = _regular_step(ordered, later)
    pieces, counts = [], {"held": 0, "hole": 0, "long": 0}
    last = None
    for each, next_s in zip(ordered, later, strict=True):
        onset_s, duration_s = each.row.onset, each.row.duration
        if not duration_s:
            counts["held"] += 1
            duration_s, why = _hold_s(each, next_s, (epoch_s, regular_s, stop_s))
            counts[why] += int(why != "held")
        piece = Piece(onset_s, onset_s + duration_s, each.stage, each.row.place)
        pieces.append(piece)
        if not each.row.duration and math.isinf(next_s):
            last = piece
    return pieces, _said(path, counts, last, regular_s)


def _hold_s(
    each: Staged, next_s: float, lengths: tuple[float, float | None, float | None]
) -> tuple[float, str]:
    """How long a row without a duration lasts, and whether it was cut: ``"hole"``, or too ``"long"``."""
    epoch_s, regular_s, stop_s = lengths
    onset_s = each.row.onset
    if math.isinf(next_s):
        length_s = regular_s or max(epoch_s, (stop_s or 0.0) - onset_s)
    elif regular_s and next_s - onset_s > regular_s + OVERLAP_S:
        return regular_s, "hole"
    else:
        length_s = next_s - onset_s
    if length_s > LONGEST_SLEEP_S and each.stage not in (Stage.W, Stage.UNKNOWN):
        return epoch_s, "long"
    return length_s, "held"


def _later_onsets(onsets: np.ndarray) -> list[float]:
    """Return the next onset that is truly later, for each; infinity after the last."""
    after = np.searchsorted(onsets, onsets + OVERLAP_S, side="right")
    padded = np.append(onsets, np.inf)
    return [float(each) for each in padded[after]]


def _regular_step(rows: Sequence[Staged], later: Sequence[float]) -> float | None:
    """Length of an epoch where every epoch has a row of its own: equal steps, and equal stages in a row."""
    bare = [(each, end) for each, end in zip(rows, later, strict=True) if not each.row.duration]
    steps = np.array([end - each.row.onset for each, end in bare if np.isfinite(end)])
    if len(steps) < _FEWEST_REGULAR:
        return None
    step_s = float(np.median(steps))
    repeats = any(a[0].stage is b[0].stage for a, b in pairwise(bare))
    regular = float(np.mean(np.abs(steps - step_s) < 0.5)) >= _REGULAR_SHARE
    return step_s if regular and repeats else None


def _said(path: Path, counts: dict[str, int], last: Piece | None, regular_s: float | None) -> list[str]:
    found = []
    if counts["held"] and not regular_s:
        subject = "a stage has" if counts["held"] == 1 else f"{counts['held']} stages have"
        said = f"{path}: {subject} no duration; each holds until the next one"
        if last is not None and last.stage is not Stage.UNKNOWN:
            length_s = last.end_s - last.onset_s
            said += f", the last ({last.stage.name} at {last.onset_s:g} s) for {length_s:g} s"
        found.append(said)
    if counts["hole"]:
        found.append(
            f"{path}: holes between its epochs of {regular_s:g} s ({counts['hole']}) are left unscored"
        )
    if counts["long"]:
        found.append(
            f"{path}: {counts['long']} stages of sleep would last more than "
            f"{LONGEST_SLEEP_S / 3600:g} h until the next; one epoch of each is used, the rest left unscored"
        )
    return found
