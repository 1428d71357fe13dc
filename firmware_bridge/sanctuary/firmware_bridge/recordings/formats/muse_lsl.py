"""CSV files of muse-lsl (``muselsl record``) and of BlueMuse, which writes the same columns.

``timestamps,TP9,AF7,AF8,TP10,Right AUX[,Marker0]``: seconds (BlueMuse also milliseconds), microvolts. There
is no counter: a packet of 12 samples that was lost shows only in the time stamps, and where muse-lsl drew
these as one straight line ("dejitter", its default) not at all.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.formats.delimited import DelimitedSource, Layout
from sanctuary.firmware_bridge.recordings.formats.telling import railed_said, start_said, unused_said
from sanctuary.firmware_bridge.recordings.formats.text_rows import Rows, column_names, read_column_names
from sanctuary.firmware_bridge.recordings.source import NOTHING_TOLD, ReadingOptions
from sanctuary.signal.samples import FloatArray

NAME = "muse-lsl CSV"
LABELS = ("TP9", "AF7", "AF8", "TP10", "Right AUX")
RAILS_UV = (-999.99, 999.49)
"""The converter gives 0.48828125 x (0 to 4095 - 2048)."""
FS_HZ = 256.0
_STAMP = "timestamps"
_BESIDE = ({"ppg1", "ppg2", "ppg3"}, {"x", "y", "z"})
"""Columns of its files of light sensors and of motion."""
_MILLISECONDS_FROM = 1e11
"""Seconds since 1970 do not come to this for three thousand years."""
_SMEARED = 0.002


def is_muse_lsl(head: bytes) -> bool:
    """Whether the first line names muse-lsl's columns, of EEG or of what is beside it."""
    found = column_names(head)
    if found is None or found.names[0] not in (_STAMP, "timestamp"):
        return False
    return _has_eeg(found.names) or (
        found.names[0] == _STAMP and any(columns <= set(found.names) for columns in _BESIDE)
    )


def _has_eeg(names: tuple[str, ...]) -> bool:
    return {"tp9", "af7", "af8"} <= set(names)


class MuseLslSource(DelimitedSource):
    """One file of muse-lsl or BlueMuse.

    Parameters
    ----------
    path
        The file.
    options
        Only `ReadingOptions.start` is of use.

    Raises
    ------
    RecordingError
        The file cannot be used.
    """

    def __init__(self, path: Path, options: ReadingOptions = NOTHING_TOLD) -> None:
        header = read_column_names(path, "a CSV file of muse-lsl")
        if not _has_eeg(header.names):
            kind = "light sensors" if "ppg1" in header.names else "motion"
            raise RecordingError(
                f"{path}: this muse-lsl file holds the {kind}, not EEG; name the EEG file beside it"
            )
        found = header.places(LABELS)

        def stamps(rows: Rows) -> FloatArray:
            stamped = rows.numbers([0])[:, 0]
            return np.where(stamped >= _MILLISECONDS_FROM, stamped / 1000.0, stamped)

        super().__init__(
            Layout(
                format=NAME,
                files=((path, header.begin),),
                separator=header.separator,
                fewest=len(header.names),
                most=len(header.names),
                labels=tuple(label for label, _ in found),
                columns=tuple(place for _, place in found),
                fs_hz=FS_HZ,
                stamps=stamps,
                stamp=0,
            )
        )
        probed = self.probe(range(len(self.channels)), 40)
        self._layout = replace(self._layout, rails_uv=RAILS_UV)
        self.start = options.start
        worn = [i for i, label in enumerate(self._layout.labels) if label != LABELS[-1]]
        self.warnings = (
            *self.warnings,
            *self._smeared(),
            *railed_said([self._layout.labels[i] for i in worn], probed[worn], RAILS_UV),
            *(start_said(self.timeline.first_s) if self.start is None else ()),
            *unused_said(self.format, options),
        )

    def rate(self, measured_hz: float | None, *, evenly: bool) -> float | None:
        """Take the rate of even stamps as it is, however many samples are missing; else as for others."""
        if evenly and measured_hz is not None:
            return measured_hz if abs(measured_hz / FS_HZ - 1.0) > _SMEARED else None
        return super().rate(measured_hz, evenly=evenly)

    def rail(self, index: int) -> float:
        """Rail of the converter, uV."""
        del index
        return RAILS_UV[1]

    def _smeared(self) -> list[str]:
        fs_hz = self.timeline.fs_hz
        if not self.evenly_stamped or abs(fs_hz / FS_HZ - 1.0) <= _SMEARED:
            return []
        share = (
            f"about {100 * (1 - fs_hz / FS_HZ):.1f} % of its samples are missing"
            if fs_hz < FS_HZ
            else "it has too many"
        )
        said = (
            f"its time stamps were drawn as one straight line, of {fs_hz:.2f} Hz where a Muse "
            f"has 256 Hz: {share}, and "
            "where cannot be told; record without dejitter"
        )
        return [said]

    def _rate_said(self, rate_hz: float | None) -> list[str]:
        return [] if self.evenly_stamped else super()._rate_said(rate_hz)
