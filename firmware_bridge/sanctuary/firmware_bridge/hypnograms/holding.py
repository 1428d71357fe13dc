"""Stages that say when they begin, but not for how long: each holds until the next one.

How long the epochs of a list are: checked against the recording, asked for where it does not fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram_options import HypnogramOptions, Night, Staged
from sanctuary.firmware_bridge.hypnograms.scored_stages import EPOCH_S, OVERLAP_S, Draft
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


LENGTHS_S = (30.0, 20.0, 10.0, 5.0, 4.0, 2.0, 1.0, 15.0, 60.0, 40.0, 25.0, 6.0, 3.0, 0.5, 0.1)
"""Epochs that sleep is scored in, the usual ones first."""
_TOLERANCE_EPOCHS = 1.0


def epoch_length(path: Path, draft: Draft, night: Night | None, options: HypnogramOptions) -> float:
    """Length of the epochs of a listed draft (s).

    Given by the user, else by the file, else 30 s.

    Raises
    ------
    RecordingError
        The file's or the usual length does not fit the recording to one epoch, but another one does.
    """
    if options.epoch_s is not None:
        return options.epoch_s
    epoch_s = draft.epoch_s or EPOCH_S
    if night is None or not draft.rows:
        return epoch_s
    count = round(draft.rows[-1].onset) + 1
    length_s = night.duration_s - max(0.0, options.offset_s or 0.0)
    if _fits(count, epoch_s, length_s):
        return epoch_s
    fitting = [each for each in LENGTHS_S if each != epoch_s and _fits(count, each, length_s)]
    if not fitting:
        return epoch_s
    origin = "as it says itself" if draft.epoch_s else "which is usual"
    others = " or ".join(f"{count} x {each:g} s" for each in fitting)
    raise RecordingError(
        f"{path}: {count} epochs of {epoch_s:g} s, {origin}, are {count * epoch_s:g} s, but the recording "
        f"has {length_s:g} s, about {others}; say how long an epoch is, such as --epoch-s {fitting[0]:g}"
    )


def _fits(count: int, epoch_s: float, length_s: float) -> bool:
    return abs(count * epoch_s - length_s) <= _TOLERANCE_EPOCHS * epoch_s
