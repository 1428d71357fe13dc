"""BrainVision, EEGLAB, FIF, GDF and others, read with MNE-Python (the extra ``formats``), block by block.

Four things are not MNE's to decide here. Units: MNE gives volts where it knows a unit, and takes the number
as it is where it does not, so a channel whose unit the file lacks stays without one. Kinds of channels: MNE
calls nearly all of them EEG; `sanctuary.signal.channel_labels` decides. Time: MNE calls the wall clock of
most formats UTC, so the zone is dropped. Pauses: MNE joins them; they are put back where the file says how
long they are.

Units of a GDF file, by its own header: MNE-Python knows two of them and takes all others for volts.

Source: GDF 2.0 specification (https://arxiv.org/abs/cs/0608052), physical dimension codes of ISO 11073-10101.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.channels import decode_field, reading
from sanctuary.firmware_bridge.recordings.edf_layout import Annotation
from sanctuary.firmware_bridge.recordings.formats.counters import Pauses, brainvision_pauses, marked_pauses
from sanctuary.firmware_bridge.recordings.known import Known
from sanctuary.firmware_bridge.recordings.source import NOTHING_TOLD, Channel, Piece, ReadingOptions, Source
from sanctuary.signal.samples import FloatArray

_CODES = {4256: "V", 4274: "V", 4275: "V", 4276: "nV"}
"""Volt, and the two that MNE turns into volts; nanovolts it leaves as they are."""
_FIXED = 256
_TEXT_START, _TEXT_BYTES = 96, 8
_CODE_START, _CODE_BYTES = 102, 2
"""Places per channel: the header holds each field of all channels before the next one."""


def gdf_units(path: Path, n_channels: int) -> list[str]:
    """Units of the values that MNE gives for each channel; empty where the file names none that is known."""
    with reading(path, "a GDF file") as file:
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


def open_with_mne(path: Path, known: Known, options: ReadingOptions = NOTHING_TOLD) -> Source:
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


class MneSource(Source):
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

    def __init__(self, path: Path, known: Known, options: ReadingOptions = NOTHING_TOLD) -> None:
        self.path, self.format = path, known.what
        self._known = known
        said: list[str] = []
        with self._trouble(said):
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
            Channel(str(name), unit, fs_hz, n_samples + pauses.added)
            for name, unit in zip(self._raw.ch_names, self._units(), strict=True)
        )
        self.start = options.start
        if begin is not None and self.start is None:
            self.start = begin
            if known.what == "FIF":
                said.append(
                    f"its start, {begin.isoformat(' ', 'seconds')}, is UTC by its format; if that is "
                    "not the wall clock of the night, give --start-time"
                )
        self.annotations = tuple(
            Annotation(pauses.shifted_s(mark.onset_s, fs_hz), mark.duration_s, mark.text) for mark in marks
        )
        if known.what == "EEGLAB":
            said.append("an EEGLAB set names no unit; its values are taken as microvolts, as EEGLAB does")
        self.warnings = (*said, *pauses.said)

    def pieces(self, chosen: Sequence[int]) -> Iterator[Piece]:
        """Stretches of the chosen channels, in their units; may be called again."""
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
        """Give up to `most` seconds spread over the recording, read from their places in the file."""
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
    def _trouble(self, said: list[str]) -> Iterator[None]:
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
        said += [f"MNE: {text}" for text in texts if not any(noise in text for noise in _NOISE)]


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


def _pauses(path: Path, known: Known, marks: Sequence[Annotation], fs_hz: float, n_samples: int) -> Pauses:
    if known.what == "BrainVision":
        return brainvision_pauses(path, fs_hz, n_samples)
    return marked_pauses(marks, fs_hz, n_samples)
