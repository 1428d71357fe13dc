"""BrainVision, EEGLAB, FIF, GDF and others, read with MNE-Python (the extra ``formats``), block by block.

Four things are not MNE's to decide here:

* Units: MNE gives volts where it knows a unit, and takes the number as it is where it does not, so a channel
  whose unit the file lacks stays without one. Of the units of a GDF file it knows two and takes all others
  for volts; they are read from its header (GDF 2.0 specification, https://arxiv.org/abs/cs/0608052, physical
  dimension codes of ISO 11073-10101).
* Kinds of channels: MNE calls nearly all of them EEG; `sanctuary.signal.channel_labels` decides.
* Time: MNE calls the wall clock of most formats UTC, so the zone is dropped.
* Pauses: MNE joins them; they are put back where the file says how long they are. BrainVision has ``New
  Segment`` markers with the wall clock of each segment, EEGLAB ``boundary`` events whose duration is what was
  cut out there, FIF ``BAD_ACQ_SKIP``, a stretch without data that is in the file as zeros. A boundary without
  a length (files that were put together) says that something is missing, not how much: what follows is taken
  to follow at once, with a warning.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.edf_header import decode_field
from sanctuary.firmware_bridge.recordings.known import KnownFormat
from sanctuary.firmware_bridge.recordings.recording_source import (
    LONGEST_GAP_S,
    NO_READING_OPTIONS,
    Annotation,
    ReadingOptions,
    RecordingSource,
    SourceChannel,
    Stretch,
    open_for_reading,
)
from sanctuary.signal.samples import FloatArray

_CODES = {4256: "V", 4274: "V", 4275: "V", 4276: "nV"}
"""Volt, and the two that MNE turns into volts; nanovolts it leaves as they are."""
_FIXED = 256
_TEXT_START, _TEXT_BYTES = 96, 8
_CODE_START, _CODE_BYTES = 102, 2
"""Places per channel: the header holds each field of all channels before the next one."""


def gdf_units(path: Path, n_channels: int) -> list[str]:
    """Units of the values that MNE gives for each channel; empty where the file names none that is known."""
    with open_for_reading(path, "a GDF file") as file:
        fixed = file.read(_FIXED)
        by_text = fixed[4:8].strip() < b"1.9"
        count = int.from_bytes(fixed[252 : 256 if by_text else 254], "little")
        start, size = (_TEXT_START, _TEXT_BYTES) if by_text else (_CODE_START, _CODE_BYTES)
        file.seek(_FIXED + start * n_channels)
        raw = file.read(size * n_channels)
    if count != n_channels:
        return [""] * n_channels
    fields = [raw[i * size : (i + 1) * size] for i in range(count)]
    if by_text:
        return ["V" if field[:2] == b"uV" else decode_field(field) for field in fields]
    return [_CODES.get(int.from_bytes(field, "little"), "") for field in fields]


EXTRA = "pip install 'dream-sanctuary[formats]'"
_BLOCK_VALUES = 1 << 20
_VOLT = 107
"""FIFF's code of the unit volt, in which MNE gives every channel whose unit it knows as one of voltage."""
_NOISE = ("naming conventions", "does not conform to MNE")
_LONGEST_COMPLAINT = 200


def open_with_mne(
    path: Path, known: KnownFormat, options: ReadingOptions = NO_READING_OPTIONS
) -> RecordingSource:
    """Open a recording that MNE-Python reads.

    Parameters
    ----------
    path, known
        The file or folder, and what it is.
    options
        Only `ReadingOptions.start` is of use.

    Raises
    ------
    RecordingError
        MNE-Python is not installed, or cannot read the file.
    """
    if find_spec("mne") is None:
        raise RecordingError(
            f"{path}: this is {known.what}; reading it needs the extra, {EXTRA}, or {known.way}"
        )
    return MneSource(path, known, options)


class MneSource(RecordingSource):
    """One recording, opened by MNE-Python without loading its samples.

    Parameters
    ----------
    path, known, options
        As for `open_with_mne`.

    Raises
    ------
    RecordingError
        The file or one of those that belong to it is missing or damaged.
    """

    def __init__(self, path: Path, known: KnownFormat, options: ReadingOptions = NO_READING_OPTIONS) -> None:
        self.path, self.format = path, known.what
        self._known = known
        messages: list[str] = []
        with self._trouble(messages):
            import mne

            self._raw: Any = mne.io.read_raw(path, preload=False, verbose="ERROR")
            fs_hz, n_samples = float(self._raw.info["sfreq"]), int(self._raw.n_times)
            marks = _marks(self._raw)
            meas_date = self._raw.info["meas_date"]
            offset_s = float(self._raw.first_time)
            begin: datetime | None = (
                None if meas_date is None else meas_date.replace(tzinfo=None) + timedelta(seconds=offset_s)
            )
        if not 0.0 < fs_hz < np.inf or not n_samples:
            raise RecordingError(f"{path}: this {known.what} recording holds no samples; use another copy")
        self._pauses = pauses = _pauses(path, known, marks, fs_hz, n_samples)
        self.channels = tuple(
            SourceChannel(str(name), unit, fs_hz, n_samples + pauses.added)
            for name, unit in zip(self._raw.ch_names, self._units(), strict=True)
        )
        self.start = options.start
        if begin is not None and self.start is None:
            self.start = begin
            if known.what == "FIF":
                messages.append(
                    f"its start, {begin.isoformat(' ', 'seconds')}, is UTC by its format; if that is "
                    "not the wall clock of the night, give --start-time"
                )
        self.annotations = tuple(
            Annotation(pauses.shifted_s(mark.onset_s, fs_hz), mark.duration_s, mark.text) for mark in marks
        )
        if known.what == "EEGLAB":
            messages.append("an EEGLAB set names no unit; its values are taken as microvolts, as EEGLAB does")
        self.warnings = (*messages, *pauses.warnings)

    def pieces(self, chosen: Sequence[int]) -> Iterator[Stretch]:
        step = max(1, _BLOCK_VALUES // max(1, len(chosen)))
        for row, place, count in self._pauses.runs:
            for at in range(0, count, step):
                n = min(step, count - at)
                with self._trouble([]):
                    values = np.asarray(self._raw[list(chosen), row + at : row + at + n][0], dtype=np.float64)
                self._pauses.blank(values, row + at)
                values[~np.isfinite(values)] = np.nan
                yield place + at, values

    def probe(self, chosen: Sequence[int], most: int) -> FloatArray:
        size = max(1, int(self.channels[chosen[0]].fs_hz))
        longest = max(self._pauses.runs, key=lambda run: run[2])
        if longest[2] < size:
            return np.empty((len(chosen), 0, size))
        firsts = np.unique(np.linspace(longest[0], longest[0] + longest[2] - size, most).astype(int))
        with self._trouble([]):
            seconds = [
                np.asarray(self._raw[list(chosen), a : a + size][0], dtype=np.float64)
                for a in firsts.tolist()
            ]
        for first, values in zip(firsts.tolist(), seconds, strict=True):
            self._pauses.blank(values, first)
        return np.stack(seconds, axis=1)

    def _units(self) -> list[str]:
        """Units of what MNE gives: ``V`` where it knows the channel as one of voltage."""
        if self._known.what == "GDF":
            return gdf_units(self.path, len(self._raw.ch_names))
        return ["V" if int(channel["unit"]) == _VOLT else "" for channel in self._raw.info["chs"]]

    @contextmanager
    def _trouble(self, messages: list[str]) -> Iterator[None]:
        """Turn whatever MNE raises into one sentence, and what it warns of into sentences in `said`."""
        try:
            with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
                warnings.simplefilter("always")
                yield
        except MemoryError:
            raise
        except Exception as error:
            reason = _sentence(str(error) or type(error).__name__)
            raise RecordingError(
                f"{self.path}: MNE cannot read this {self._known.what} recording ({reason}); use a complete "
                f"copy with all its files, or {self._known.way}"
            ) from error
        texts = dict.fromkeys(_sentence(str(each.message)) for each in caught)
        messages += [f"MNE: {text}" for text in texts if not any(noise in text for noise in _NOISE)]


def _sentence(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_COMPLAINT else f"{line[: _LONGEST_COMPLAINT - 3]}..."


def _marks(raw: Any) -> list[Annotation]:
    """MNE's annotations, onsets since the first sample."""
    first_s = float(raw.first_time)
    own = raw.annotations
    marks = (
        Annotation(round(float(onset_s) - first_s, 6), float(length_s) or None, str(text))
        for onset_s, length_s, text in zip(own.onset, own.duration, own.description, strict=True)
    )
    return [mark for mark in marks if mark.believable]


def _pauses(
    path: Path, known: KnownFormat, marks: Sequence[Annotation], fs_hz: float, n_samples: int
) -> Pauses:
    if known.what == "BrainVision":
        return brainvision_pauses(path, fs_hz, n_samples)
    return marked_pauses(marks, fs_hz, n_samples)


_SKIP = "BAD_ACQ_SKIP"
_BOUNDARIES = ("boundary", "EDGE boundary", "BAD boundary", "New Segment/", "New Segment")
_MARKER_FILE = re.compile(r"^\s*MarkerFile\s*=\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_SEGMENT = re.compile(r"^\s*Mk\d+\s*=\s*New Segment,[^,]*,(\d+),[^,]*,[^,]*(?:,(\d{14,20}))?", re.MULTILINE)
_LONGEST_TEXT_BYTES = 64 << 20
_SHORTEST_PAUSE_S = 0.001
"""Wall clocks in markers have microseconds; differences below this are rounding."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Where a file's samples lie on the sample clock.

    Attributes
    ----------
    runs
        Of each unbroken stretch: its first sample in the file, its place on the clock, its samples.
    skipped
        Stretches in the file, first and stop, that hold no signal.
    added
        Samples by which the clock is longer than the file.
    said
        What is missing or doubtful, one sentence each.
    """

    runs: tuple[tuple[int, int, int], ...]
    skipped: tuple[tuple[int, int], ...] = ()
    added: int = 0
    warnings: tuple[str, ...] = ()

    def shifted_s(self, onset_s: float, fs_hz: float) -> float:
        """Onset on the sample clock of what the file has at `onset_s` of its joined samples."""
        at = onset_s * fs_hz + 1e-6
        before = [place - row for row, place, _ in self.runs if row <= at]
        return round(onset_s + (before[-1] if before else 0) / fs_hz, 6)

    def blank(self, values: FloatArray, first: int) -> None:
        """Set to NaN, in place, what was skipped; `first` is the file's sample of the first column."""
        for start, stop in self.skipped:
            if start < first + values.shape[1] and stop > first:
                values[:, max(0, start - first) : stop - first] = np.nan


def marked_pauses(marks: Sequence[Annotation], fs_hz: float, n_samples: int) -> Pauses:
    """Pauses by annotations, onsets in seconds of the joined samples."""
    skipped, cuts, unknown = [], [], 0
    for mark in marks:
        at = round(mark.onset_s * fs_hz)
        length = round((mark.duration_s or 0.0) * fs_hz)
        if mark.text.startswith(_SKIP):
            skipped.append((max(0, at), at + length))
        elif mark.text in _BOUNDARIES and 0 < at < n_samples:
            if 0 < length <= LONGEST_GAP_S * fs_hz:
                cuts.append((at, length))
            else:
                unknown += 1
    return _laid_out(cuts, n_samples, tuple(skipped), unknown)


def brainvision_pauses(path: Path, fs_hz: float, n_samples: int) -> Pauses:
    """Pauses by the segments that a BrainVision marker file dates."""
    segments = _segments(path)
    cuts: list[tuple[int, int]] = []
    unknown = 0
    for (at, when), (next_at, next_when) in pairwise(segments):
        if not at < next_at < n_samples:
            continue
        pause_s = (next_when - when).total_seconds() - (next_at - at) / fs_hz if when and next_when else None
        if pause_s is None or not -1.0 / fs_hz - _SHORTEST_PAUSE_S <= pause_s <= LONGEST_GAP_S:
            unknown += 1
        elif round(pause_s * fs_hz) > 0:
            cuts.append((next_at, round(pause_s * fs_hz)))
    return _laid_out(cuts, n_samples, (), unknown)


def _laid_out(
    cuts: list[tuple[int, int]], n_samples: int, skipped: tuple[tuple[int, int], ...], unknown: int
) -> Pauses:
    runs, row, added = [], 0, 0
    for at, length in sorted(cuts):
        if at > row:
            runs.append((row, row + added, at - row))
        row, added = at, added + length
    runs.append((row, row + added, n_samples - row))
    messages = []
    if unknown:
        messages.append(
            f"it was paused, or put together, at {unknown} places that do not say how much is missing; what "
            "follows is taken to follow at once, so times after the first of them may be early"
        )
    return Pauses(tuple(runs), skipped, added, tuple(messages))


def _segments(path: Path) -> list[tuple[int, datetime | None]]:
    """First sample and wall clock of each segment."""
    header = _text(path)
    named = _MARKER_FILE.search(header)
    if named is None:
        return []
    name = named[1].replace("$b", path.stem)
    marker_file = path.parent / name
    if not marker_file.is_file():
        return []
    found = _SEGMENT.findall(_text(marker_file))
    return sorted(((int(at) - 1, _date(text)) for at, text in found), key=lambda segment: segment[0])


def _text(path: Path) -> str:
    with open_for_reading(path, "a BrainVision header") as file:
        raw = file.read(_LONGEST_TEXT_BYTES + 1)
    if len(raw) > _LONGEST_TEXT_BYTES:
        raise RecordingError(f"{path}: is too long for a text of BrainVision; use an undamaged copy")
    return raw.decode("utf-8", "replace")


def _date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.ljust(20, "0"), "%Y%m%d%H%M%S%f")  # noqa: DTZ007 (wall clock)
    except ValueError:
        return None
