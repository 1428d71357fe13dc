"""Pieces in order on the recording: nothing scored twice, nothing before its beginning, lengths compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.holding import Piece
from sanctuary.firmware_bridge.hypnograms.options import Night
from sanctuary.firmware_bridge.hypnograms.scoring import OVERLAP_S, Scored
from sanctuary.signal.samples import Stage

TRIMMED_S = 1.0
"""Clock times are rounded to seconds: this much overlap of two stages is cut off, and said."""


def without_overlap(path: Path, pieces: Sequence[Piece]) -> tuple[list[Piece], list[str]]:
    """Join what is scored twice alike; an unscored stretch gives way to a stage.

    Raises
    ------
    RecordingError
        Two different stages at one time, as of two scorers; names both places.
    """
    kept: list[Piece] = []
    twice: list[Piece] = []
    trimmed: list[Piece] = []
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
    said = []
    if twice:
        said.append(f"{path}: {_count(twice, 'is', 'are')} scored twice alike; used once")
    if trimmed:
        said.append(
            f"{path}: {_count(trimmed, 'begins', 'begin')} up to {TRIMMED_S:g} s before the stage above "
            "ends, which is cut there"
        )
    return [each for each in kept if each.end_s > each.onset_s], said


def on_recording(
    path: Path, pieces: Sequence[Piece], offset_s: float, night: Night | None, epoch_s: float
) -> tuple[tuple[Scored, ...], list[str]]:
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
            scored.append(Scored(max(0.0, onset_s), end_s - max(0.0, onset_s), piece.stage))
    said = []
    if cut_s > OVERLAP_S:
        said.append(
            f"{path}: {cut_s:g} s of its scoring lie before the recording's beginning and are left out"
        )
    if night is None:
        return tuple(scored), said
    inside = [each for each in scored if each.stage is not Stage.UNKNOWN and each.onset_s < night.duration_s]
    if not inside:
        raise RecordingError(
            f"{path}: none of its stages lies within the {night.duration_s:g} s of {night.path.name}; "
            "is it another night's, or does --hypnogram-offset help?"
        )
    return tuple(scored), said + _lengths(path, scored, night, epoch_s)


def _lengths(path: Path, scored: Sequence[Scored], night: Night, epoch_s: float) -> list[str]:
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


def _within_rounding(a: Piece, b: Piece) -> bool:
    overlap_s = min(a.end_s, b.end_s) - b.onset_s
    return overlap_s <= TRIMMED_S and overlap_s < 0.5 * min(a.end_s - a.onset_s, b.end_s - b.onset_s)


def _contradiction(path: Path, last: Piece, piece: Piece) -> str:
    return (
        f"{path}, {piece.place}: {piece.stage.name} from {piece.onset_s:g} s, but {last.place} says "
        f"{last.stage.name} until {last.end_s:g} s; if these are two scorers, keep one of them"
    )


def _count(pieces: Sequence[Piece], one: str, many: str) -> str:
    first = pieces[0].place
    if len(pieces) == 1:
        return f"1 stage ({first}) {one}"
    return f"{len(pieces)} stages (first: {first}) {many}"
