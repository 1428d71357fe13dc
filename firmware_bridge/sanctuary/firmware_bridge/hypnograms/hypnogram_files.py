"""Reading a hypnogram of any kind that is known: by its contents, never by its name.

::

    bytes -> reader of the format -> rows of labels -> stages -> seconds -> on the recording, nothing twice
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms import blocks, luna
from sanctuary.firmware_bridge.hypnograms import vendor_files as vendors
from sanctuary.firmware_bridge.hypnograms.alignment import lay, on_recording, without_overlap
from sanctuary.firmware_bridge.hypnograms.holding import epoch_length, held
from sanctuary.firmware_bridge.hypnograms.hypnogram_contents import EDF_MAGIC, lines_of, load, text_of
from sanctuary.firmware_bridge.hypnograms.hypnogram_options import (
    NO_OPTIONS,
    HypnogramOptions,
    Night,
    Staged,
    staged_rows,
)
from sanctuary.firmware_bridge.hypnograms.luna import read_annotations
from sanctuary.firmware_bridge.hypnograms.scored_stages import EPOCH_S, Draft, Hypnogram, Row
from sanctuary.firmware_bridge.hypnograms.stage_names import read_levels
from sanctuary.firmware_bridge.hypnograms.table_cells import split_table
from sanctuary.firmware_bridge.hypnograms.tables import read_list, read_table
from sanctuary.firmware_bridge.hypnograms.vendor_files import read_xml
from sanctuary.signal.samples import Stage


def read_hypnogram(
    path: Path, night: Night | None = None, options: HypnogramOptions = NO_OPTIONS
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
    draft = read_draft(path)
    rows, said = staged_rows(path, draft, options)
    epoch_s = EPOCH_S if options.epoch_s is None else options.epoch_s
    if draft.listed:
        epoch_s = epoch_length(path, draft, night, options)
        rows = [_scaled(each, epoch_s) for each in rows]
    offset_s, laid = lay(path, draft, _span(rows, epoch_s), night, options)
    stop_s = None if night is None else night.duration_s - offset_s
    pieces, holds = held(path, rows, epoch_s, stop_s)
    pieces, twice = without_overlap(path, pieces)
    scored, cut = on_recording(path, pieces, offset_s, night, epoch_s)
    warnings = (*draft.warnings, *said, *laid, *holds, *twice, *cut)
    return Hypnogram(path, scored, warnings, draft.kind, offset_s)


def read_draft(path: Path) -> Draft:
    """Read the rows of a file, by the format that its contents show.

    Raises
    ------
    RecordingError
        As `read_hypnogram` does, before labels and times are understood.
    """
    raw = load(path)
    if raw[:8] in EDF_MAGIC:
        return read_annotations(path) if len(raw) == 8 else _packed_edf(path, raw)
    if raw.startswith(blocks.NUMPY_MAGIC):
        return blocks.read_numpy(path, raw)
    text = text_of(path, raw)
    if text.lstrip().startswith("<"):
        return read_xml(path, text.lstrip())
    if text.lstrip()[0] in "[{":
        return blocks.read_json(path, text)
    lines = lines_of(path, text)
    while not lines[0].strip():
        del lines[0]
    return _headed(path, lines) or _plain(path, lines)


def _headed(path: Path, lines: list[str]) -> Draft | None:
    """Text formats that show themselves in their head or rows."""
    for shows, read in (
        (blocks.is_elan, blocks.read_elan),
        (blocks.is_visbrain, blocks.read_visbrain),
        (vendors.is_remlogic, vendors.read_remlogic),
        (vendors.is_domino, vendors.read_domino),
        (luna.is_annot, luna.read_annot),
    ):
        if shows(lines):
            return read(path, lines)
    return None


def _plain(path: Path, lines: list[str]) -> Draft:
    """Tables and lists."""
    table = split_table(path, lines) if len(lines) > 1 else None
    if table is None:
        return read_list(path, lines)
    levels, said = read_levels(path)
    draft = read_table(path, table, levels)
    return replace(draft, warnings=(*draft.warnings, *said))


def _packed_edf(path: Path, raw: bytes) -> Draft:
    """EDF in gzip: its reader wants a file."""
    with TemporaryDirectory() as folder:
        unpacked = Path(folder) / path.stem
        unpacked.write_bytes(raw)
        try:
            return read_annotations(unpacked)
        except RecordingError as error:
            raise RecordingError(str(error).replace(str(unpacked), str(path))) from error


def _scaled(each: Staged, epoch_s: float) -> Staged:
    row = each.row
    duration_s = None if row.duration is None else row.duration * epoch_s
    return Staged(Row(row.label, row.place, row.onset * epoch_s, duration_s), each.stage)


def _span(rows: list[Staged], epoch_s: float) -> tuple[float, float]:
    """From where to where at least something is scored (s); what is marked as unscored does not count."""
    known = [each.row for each in rows if each.stage is not Stage.UNKNOWN]
    return min(row.onset for row in known), max(row.onset + (row.duration or epoch_s) for row in known)
