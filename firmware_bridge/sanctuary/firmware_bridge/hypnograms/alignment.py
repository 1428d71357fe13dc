"""Where a hypnogram lies on its recording, by the wall clocks of both.

Pieces in order on the recording: nothing scored twice, nothing before its beginning, lengths compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.clocks import ANONYMOUS_DATE, DAY_S, Clock, clock_of, header_clock
from sanctuary.firmware_bridge.hypnograms.holding import Piece
from sanctuary.firmware_bridge.hypnograms.hypnogram_options import HypnogramOptions, Night
from sanctuary.firmware_bridge.hypnograms.scored_stages import OVERLAP_S, Draft, Scored
from sanctuary.firmware_bridge.recordings.edf_layout import read_layout
from sanctuary.signal.samples import Stage

RESOLUTION_S = 1.0
"""EDF headers hold whole seconds: a smaller difference is none."""
_RIVAL = 0.5
"""A second day on which this share of the overlap is found too makes the day doubtful."""
_ASK = "say where it begins with --hypnogram-offset SECONDS (after the recording's first sample, or negative)"


def lay(
    path: Path, draft: Draft, span_s: tuple[float, float], night: Night | None, options: HypnogramOptions
) -> tuple[float, list[str]]:
    """Find where second 0 of a draft lies on the recording.

    Parameters
    ----------
    path, draft
        The hypnogram.
    span_s
        Beginning and end of what it scores, on its own clock.
    night
        The recording; None if there is none, so that the hypnogram stands alone.
    options
        An offset in them wins over the clocks.

    Returns
    -------
    Seconds since the recording's first sample, and what has to be said about them.

    Raises
    ------
    RecordingError
        The clocks cannot be reconciled; asks for the offset.
    """
    if options.offset_s is not None:
        return options.offset_s, []
    if night is None or same_file(path, night.path):
        return 0.0, []
    here, there = draft.clock, recording_clock(night)
    if here is None:
        return 0.0, _no_clock(path, draft, there)
    if there is None:
        raise RecordingError(
            f"{path}: begins at {here} by its clock, but {night.path.name} does not say when it began; {_ASK}"
        )
    if draft.doubtful_midnight and abs(there.time_s) >= RESOLUTION_S:
        raise RecordingError(
            f"{path}: its times begin at 00:00:00, which may be midnight or the beginning; {_ASK}, "
            "0 if the recording begins with it"
        )
    return _by_clocks(path, (here, there), span_s, night)


def recording_clock(night: Night) -> Clock | None:
    """Wall clock of a recording; of an EDF file whose date alone is hidden its time of day."""
    if night.start is not None:
        return clock_of(night.start)
    try:
        return header_clock(read_layout(night.path).header)
    except RecordingError:
        return None


def same_file(path: Path, other: Path) -> bool:
    """Whether both names lead to one file."""
    try:
        return path.samefile(other)
    except OSError:
        return False


def _no_clock(path: Path, draft: Draft, there: Clock | None) -> list[str]:
    if not draft.clocked or there is None:
        return []
    return [f"{path}: does not say when it began; its times are taken as seconds since the recording's start"]


def _by_clocks(
    path: Path, clocks: tuple[Clock, Clock], span_s: tuple[float, float], night: Night
) -> tuple[float, list[str]]:
    here, there = clocks
    said = []
    if _dated(here) and _dated(there):
        offset_s, day = _by_dates(path, clocks, span_s, night)
        if len(here.dates) > 1:
            both = " and ".join(str(each) for each in here.dates)
            said.append(f"{path}: its header gives two dates, {both}; {day} is used")
    else:
        offset_s = _by_times(path, clocks, span_s, night)
        if abs(offset_s) >= RESOLUTION_S and (here.dates or here.anonymous or there.anonymous):
            hidden = path if here.anonymous or not here.dates else night.path
            said.append(f"{path}: the date in {hidden.name} is hidden; times of day alone are compared")
    if abs(offset_s) < RESOLUTION_S:
        return 0.0, said
    side = "after" if offset_s > 0 else "before"
    said.append(
        f"{path}: begins {abs(offset_s):g} s {side} the recording by the clocks of both "
        f"({here}, recording {there}), and is laid there"
    )
    return offset_s, said


def _dated(clock: Clock) -> bool:
    return bool(clock.dates) and not clock.anonymous and clock.dates[0] != ANONYMOUS_DATE


def _by_dates(
    path: Path, clocks: tuple[Clock, Clock], span_s: tuple[float, float], night: Night
) -> tuple[float, date]:
    here, there = clocks
    for day in here.dates:
        offset_s = round((day - there.dates[0]).days * DAY_S + here.time_s - there.time_s, 6)
        if _overlap_s(offset_s, span_s, night) > 0.0:
            return offset_s, day
    raise RecordingError(
        f"{path}: begins at {here} by its clock, {night.path.name} at {there} and lasts "
        f"{night.duration_s / 3600:.1f} h, so that nothing of it would be scored; "
        f"is it another night's? If not, {_ASK}"
    )


def _by_times(path: Path, clocks: tuple[Clock, Clock], span_s: tuple[float, float], night: Night) -> float:
    """Day on which most of the scoring lies in the recording, by the times of day alone."""
    here, there = clocks
    first_s = round(here.time_s - there.time_s, 6)
    days = range(-1, min(400, math.ceil(night.duration_s / DAY_S)) + 1)
    ranked = sorted(
        ((_overlap_s(first_s + day * DAY_S, span_s, night), -abs(first_s + day * DAY_S)) for day in days),
        reverse=True,
    )
    best_s, nearest = ranked[0]
    if best_s <= 0.0 or (len(ranked) > 1 and ranked[1][0] > _RIVAL * best_s):
        why = "on no day lies in" if best_s <= 0.0 else "may lie on several days of"
        raise RecordingError(
            f"{path}: begins at {here} by its clock, and {why} {night.path.name}, which begins at {there} "
            f"and lasts {night.duration_s / 3600:.1f} h; {_ASK}"
        )
    return next(
        offset_s
        for day in days
        if abs(offset_s := first_s + day * DAY_S) == -nearest
        and _overlap_s(offset_s, span_s, night) == best_s
    )


def _overlap_s(offset_s: float, span_s: tuple[float, float], night: Night) -> float:
    return min(span_s[1] + offset_s, night.duration_s) - max(span_s[0] + offset_s, 0.0)


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
