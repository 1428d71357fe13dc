"""Reading a hypnogram of any kind that is known, by its contents, never by its name.

::

    bytes -> reader of the format -> rows of labels -> stages -> seconds -> on the recording, nothing twice

Hypnogram and recording are laid on each other by the wall clocks of both.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.annotation_files import (
    is_annot,
    is_domino,
    is_remlogic,
    read_annot,
    read_annotations,
    read_domino,
    read_remlogic,
)
from sanctuary.firmware_bridge.hypnograms.epoch_files import (
    NUMPY_MAGIC,
    is_elan,
    is_visbrain,
    read_elan,
    read_json,
    read_list,
    read_numpy,
    read_visbrain,
    read_xml,
)
from sanctuary.firmware_bridge.hypnograms.hypnogram import (
    EPOCH_S,
    NO_OPTIONS,
    Hypnogram,
    HypnogramOptions,
    RecordingFacts,
)
from sanctuary.firmware_bridge.hypnograms.hypnogram_text import (
    ANONYMOUS_DATE,
    DAY_S,
    EDF_MAGIC,
    WallClock,
    clock_of,
    header_clock,
    lines_of,
    load_hypnogram,
    text_of,
)
from sanctuary.firmware_bridge.hypnograms.stage_labels import (
    LabelledRow,
    ParsedHypnogram,
    StagedRow,
    staged_rows,
)
from sanctuary.firmware_bridge.hypnograms.stage_spans import (
    epoch_length,
    on_recording,
    spans_of,
    without_overlap,
)
from sanctuary.firmware_bridge.hypnograms.table_cells import read_levels, split_table
from sanctuary.firmware_bridge.hypnograms.tables import read_table
from sanctuary.firmware_bridge.recordings.edf_layout import read_layout
from sanctuary.signal.samples import Stage

RESOLUTION_S = 1.0
"""EDF headers hold whole seconds: a smaller difference is none."""
_RIVAL = 0.5
"""A second day on which this share of the overlap is found too makes the day doubtful."""
_ASK = "say where it begins with --hypnogram-offset SECONDS (after the recording's first sample, or negative)"


def offset_on_recording(
    path: Path,
    draft: ParsedHypnogram,
    span_s: tuple[float, float],
    night: RecordingFacts | None,
    options: HypnogramOptions,
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


def recording_clock(night: RecordingFacts) -> WallClock | None:
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


def _no_clock(path: Path, draft: ParsedHypnogram, there: WallClock | None) -> list[str]:
    if not draft.clocked or there is None:
        return []
    return [f"{path}: does not say when it began; its times are taken as seconds since the recording's start"]


def _by_clocks(
    path: Path, clocks: tuple[WallClock, WallClock], span_s: tuple[float, float], night: RecordingFacts
) -> tuple[float, list[str]]:
    here, there = clocks
    warnings = []
    if _dated(here) and _dated(there):
        offset_s, day = _by_dates(path, clocks, span_s, night)
        if len(here.dates) > 1:
            both = " and ".join(str(each) for each in here.dates)
            warnings.append(f"{path}: its header gives two dates, {both}; {day} is used")
    else:
        offset_s = _by_times(path, clocks, span_s, night)
        if abs(offset_s) >= RESOLUTION_S and (here.dates or here.anonymous or there.anonymous):
            hidden = path if here.anonymous or not here.dates else night.path
            warnings.append(f"{path}: the date in {hidden.name} is hidden; times of day alone are compared")
    if abs(offset_s) < RESOLUTION_S:
        return 0.0, warnings
    side = "after" if offset_s > 0 else "before"
    warnings.append(
        f"{path}: begins {abs(offset_s):g} s {side} the recording by the clocks of both "
        f"({here}, recording {there}), and is laid there"
    )
    return offset_s, warnings


def _dated(clock: WallClock) -> bool:
    return bool(clock.dates) and not clock.anonymous and clock.dates[0] != ANONYMOUS_DATE


def _by_dates(
    path: Path, clocks: tuple[WallClock, WallClock], span_s: tuple[float, float], night: RecordingFacts
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


def _by_times(
    path: Path, clocks: tuple[WallClock, WallClock], span_s: tuple[float, float], night: RecordingFacts
) -> float:
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


def _overlap_s(offset_s: float, span_s: tuple[float, float], night: RecordingFacts) -> float:
    return min(span_s[1] + offset_s, night.duration_s) - max(span_s[0] + offset_s, 0.0)


def read_hypnogram(
    path: Path, night: RecordingFacts | None = None, options: HypnogramOptions = NO_OPTIONS
) -> Hypnogram:
    """Read the hypnogram of a night.

    Parameters
    ----------
    path
        A file of a kind in ``docs/hypnograms.md``, plain or gzip; of EDF+ also the recording itself.
    night
        The recording that it belongs to (its `RecordingInfo`): lays the hypnogram by the clocks of both, and
        checks the lengths. Without it seconds count from the hypnogram's own beginning.
    options
        What the user says that the file does not.

    Raises
    ------
    RecordingError
        The file cannot be read, holds something else, or leaves open what must not be guessed; one sentence
        names the place and what to do.
    """
    draft = parse_hypnogram(path)
    rows, unknown = staged_rows(path, draft, options.codes)
    epoch_s = EPOCH_S if options.epoch_s is None else options.epoch_s
    if draft.listed:
        epoch_s = epoch_length(path, draft, night, options)
        rows = [_scaled(each, epoch_s) for each in rows]
    offset_s, laid = offset_on_recording(path, draft, _span(rows, epoch_s), night, options)
    stop_s = None if night is None else night.duration_s - offset_s
    pieces, holds = spans_of(path, rows, epoch_s, stop_s)
    pieces, twice = without_overlap(path, pieces)
    scored, cut = on_recording(path, pieces, offset_s, night, epoch_s)
    warnings = (*draft.warnings, *unknown, *laid, *holds, *twice, *cut)
    return Hypnogram(path, scored, warnings, draft.kind, offset_s)


def parse_hypnogram(path: Path) -> ParsedHypnogram:
    """Read the rows of a file, by the format that its contents show.

    Raises
    ------
    RecordingError
        As `read_hypnogram` does, before labels and times are understood.
    """
    raw = load_hypnogram(path)
    if raw[:8] in EDF_MAGIC:
        return read_annotations(path) if len(raw) == 8 else _packed_edf(path, raw)
    if raw.startswith(NUMPY_MAGIC):
        return read_numpy(path, raw)
    text = text_of(path, raw)
    if text.lstrip().startswith("<"):
        return read_xml(path, text.lstrip())
    if text.lstrip()[0] in "[{":
        return read_json(path, text)
    lines = lines_of(path, text)
    while not lines[0].strip():
        del lines[0]
    return _headed(path, lines) or _plain(path, lines)


def _headed(path: Path, lines: list[str]) -> ParsedHypnogram | None:
    """Text formats that show themselves in their head or rows."""
    for shows, read in (
        (is_elan, read_elan),
        (is_visbrain, read_visbrain),
        (is_remlogic, read_remlogic),
        (is_domino, read_domino),
        (is_annot, read_annot),
    ):
        if shows(lines):
            return read(path, lines)
    return None


def _plain(path: Path, lines: list[str]) -> ParsedHypnogram:
    """Tables and lists."""
    table = split_table(path, lines) if len(lines) > 1 else None
    if table is None:
        return read_list(path, lines)
    levels, warnings = read_levels(path)
    draft = read_table(path, table, levels)
    return replace(draft, warnings=(*draft.warnings, *warnings))


def _packed_edf(path: Path, raw: bytes) -> ParsedHypnogram:
    """EDF in gzip: its reader wants a file."""
    with TemporaryDirectory() as folder:
        unpacked = Path(folder) / path.stem
        unpacked.write_bytes(raw)
        try:
            return read_annotations(unpacked)
        except RecordingError as error:
            raise RecordingError(str(error).replace(str(unpacked), str(path))) from error


def _scaled(each: StagedRow, epoch_s: float) -> StagedRow:
    row = each.row
    duration_s = None if row.duration is None else row.duration * epoch_s
    return StagedRow(LabelledRow(row.label, row.place, row.onset * epoch_s, duration_s), each.stage)


def _span(rows: list[StagedRow], epoch_s: float) -> tuple[float, float]:
    """From where to where at least something is scored (s); what is marked as unscored does not count."""
    known = [each.row for each in rows if each.stage is not Stage.UNKNOWN]
    return min(row.onset for row in known), max(row.onset + (row.duration or epoch_s) for row in known)
