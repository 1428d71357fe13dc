"""From rows with stages to spans on the recording, none of which overlaps another.

Rows that count epochs need the length of an epoch, which is checked against the recording. Rows that say when
they begin, but not for how long, hold until the next one. What is scored twice alike is joined, what lies
before the recording is cut, and the lengths of both are compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram import (
    EPOCH_S,
    OVERLAP_S,
    HypnogramOptions,
    RecordingFacts,
    ScoredSpan,
)
from sanctuary.firmware_bridge.hypnograms.stage_labels import ParsedHypnogram, StagedRow
from sanctuary.signal.samples import Stage

LONGEST_SLEEP_S = 7200.0
"""Nobody stays in one stage of sleep for longer: a longer hold is a hole in the scoring."""
_REGULAR_SHARE = 0.95
_FEWEST_REGULAR = 10


@dataclass(frozen=True, slots=True)
class StageSpan:
    """One stage from `onset_s` to `end_s`, and where it stands in the file."""

    onset_s: float
    end_s: float
    stage: Stage
    place: str


def spans_of(
    path: Path, rows: Sequence[StagedRow], epoch_s: float, stop_s: float | None
) -> tuple[list[StageSpan], list[str]]:
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
        piece = StageSpan(onset_s, onset_s + duration_s, each.stage, each.row.place)
        pieces.append(piece)
        if not each.row.duration and math.isinf(next_s):
            last = piece
    return pieces, _warnings(path, counts, last, regular_s)


def _hold_s(
    each: StagedRow, next_s: float, lengths: tuple[float, float | None, float | None]
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


def _regular_step(rows: Sequence[StagedRow], later: Sequence[float]) -> float | None:
    """Length of an epoch where every epoch has a row of its own: equal steps, and equal stages in a row."""
    bare = [(each, end) for each, end in zip(rows, later, strict=True) if not each.row.duration]
    steps = np.array([end - each.row.onset for each, end in bare if np.isfinite(end)])
    if len(steps) < _FEWEST_REGULAR:
        return None
    step_s = float(np.median(steps))
    repeats = any(a[0].stage is b[0].stage for a, b in pairwise(bare))
    regular = float(np.mean(np.abs(steps - step_s) < 0.5)) >= _REGULAR_SHARE
    return step_s if regular and repeats else None


def _warnings(
    path: Path, counts: dict[str, int], last: StageSpan | None, regular_s: float | None
) -> list[str]:
    found = []
    if counts["held"] and not regular_s:
        subject = "a stage has" if counts["held"] == 1 else f"{counts['held']} stages have"
        warning = f"{path}: {subject} no duration; each holds until the next one"
        if last is not None and last.stage is not Stage.UNKNOWN:
            length_s = last.end_s - last.onset_s
            warning += f", the last ({last.stage.name} at {last.onset_s:g} s) for {length_s:g} s"
        found.append(warning)
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


def epoch_length(
    path: Path, draft: ParsedHypnogram, night: RecordingFacts | None, options: HypnogramOptions
) -> float:
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


TRIMMED_S = 1.0
"""Clock times are rounded to seconds: this much overlap of two stages is cut off, and said."""


def without_overlap(path: Path, pieces: Sequence[StageSpan]) -> tuple[list[StageSpan], list[str]]:
    """Join what is scored twice alike; an unscored stretch gives way to a stage.

    Raises
    ------
    RecordingError
        Two different stages at one time, as of two scorers; names both places.
    """
    kept: list[StageSpan] = []
    twice: list[StageSpan] = []
    trimmed: list[StageSpan] = []
    for piece in sorted(pieces, key=lambda each: (each.onset_s, each.end_s)):
        if not kept or piece.onset_s >= kept[-1].end_s - OVERLAP_S:
            kept.append(piece)
            continue
        last = kept[-1]
        if last.stage is piece.stage or piece.stage is Stage.UNKNOWN:
            if last.stage is piece.stage is not Stage.UNKNOWN:
                twice.append(piece)
            if piece.end_s > last.end_s + OVERLAP_S:
                kept.append(replace(piece, onset_s=last.end_s))
            continue
        if last.stage is not Stage.UNKNOWN:
            if not _within_rounding(last, piece):
                raise RecordingError(_contradiction(path, last, piece))
            trimmed.append(piece)
        kept[-1] = replace(last, end_s=piece.onset_s)
        kept.append(piece)
    warnings = []
    if twice:
        warnings.append(f"{path}: {_count(twice, 'is', 'are')} scored twice alike; used once")
    if trimmed:
        warnings.append(
            f"{path}: {_count(trimmed, 'begins', 'begin')} up to {TRIMMED_S:g} s before the stage above "
            "ends, which is cut there"
        )
    return [each for each in kept if each.end_s > each.onset_s], warnings


def on_recording(
    path: Path, pieces: Sequence[StageSpan], offset_s: float, night: RecordingFacts | None, epoch_s: float
) -> tuple[tuple[ScoredSpan, ...], list[str]]:
    """Shift pieces to the recording's seconds and cut what lies before its first sample.

    Raises
    ------
    RecordingError
        Nothing that is scored lies in the recording.
    """
    scored, cut_s = [], 0.0
    for piece in pieces:
        onset_s, end_s = piece.onset_s + offset_s, piece.end_s + offset_s
        if onset_s < 0.0 and piece.stage is not Stage.UNKNOWN:
            cut_s += min(end_s, 0.0) - onset_s
        if end_s > OVERLAP_S:
            scored.append(ScoredSpan(max(0.0, onset_s), end_s - max(0.0, onset_s), piece.stage))
    warnings = []
    if cut_s > OVERLAP_S:
        warnings.append(
            f"{path}: {cut_s:g} s of its scoring lie before the recording's beginning and are left out"
        )
    if night is None:
        return tuple(scored), warnings
    inside = [each for each in scored if each.stage is not Stage.UNKNOWN and each.onset_s < night.duration_s]
    if not inside:
        raise RecordingError(
            f"{path}: none of its stages lies within the {night.duration_s:g} s of {night.path.name}; "
            "is it another night's, or does --hypnogram-offset help?"
        )
    return tuple(scored), warnings + _lengths(path, scored, night, epoch_s)


def _lengths(path: Path, scored: Sequence[ScoredSpan], night: RecordingFacts, epoch_s: float) -> list[str]:
    """Say so if hypnogram and recording differ by more than an epoch at either end."""
    last_s = max(each.end_s for each in scored if each.stage is not Stage.UNKNOWN)
    end_s = max(each.end_s for each in scored)
    if last_s > night.duration_s + epoch_s:
        kind, at_s = "longer", last_s
    elif end_s < night.duration_s - epoch_s:
        kind, at_s = "shorter", end_s
    else:
        return []
    ends = f"the hypnogram ends at {at_s:g} s and is {kind} than the night of {night.duration_s:g} s"
    return [f"{path}: {ends}; epochs without both are left out of the scores"]


def _within_rounding(a: StageSpan, b: StageSpan) -> bool:
    overlap_s = min(a.end_s, b.end_s) - b.onset_s
    return overlap_s <= TRIMMED_S and overlap_s < 0.5 * min(a.end_s - a.onset_s, b.end_s - b.onset_s)


def _contradiction(path: Path, last: StageSpan, piece: StageSpan) -> str:
    return (
        f"{path}, {piece.place}: {piece.stage.name} from {piece.onset_s:g} s, but {last.place} says "
        f"{last.stage.name} until {last.end_s:g} s; if these are two scorers, keep one of them"
    )


def _count(pieces: Sequence[StageSpan], one: str, many: str) -> str:
    first = pieces[0].place
    if len(pieces) == 1:
        return f"1 stage ({first}) {one}"
    return f"{len(pieces)} stages (first: {first}) {many}"
