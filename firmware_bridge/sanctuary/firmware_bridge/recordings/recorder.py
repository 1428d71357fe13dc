"""The night recorder: a pod's samples and marks, written as they come, whatever happens to process or disk.

A night is an EDF+ file (BDF+ for amplifiers with a wide range) from its first second on; while it lasts it is
named ``.part`` and its header leaves the number of records open, so after a crash only that is missing.
Lost samples are written as 0 and annotated, and `open_recording` reads them back as NaN.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.edf_annotations import SAMPLE_LOSS, loss_annotations
from sanctuary.firmware_bridge.recordings.edf_layout import read_layout
from sanctuary.firmware_bridge.recordings.edf_writing import LONGEST_TEXT_BYTES, night_format
from sanctuary.firmware_bridge.recordings.part_file import (
    PART,
    RecordQueue,
    Report,
    Spool,
    adopt_spool,
    create_spool,
)
from sanctuary.firmware_bridge.recordings.recording_source import LONGEST_GAP_S, Annotation
from sanctuary.signal.samples import FloatArray, SampleBlock

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class NightRecorder:
    """Records one pod's night; not thread-safe, and `push` may wait for the disk.

    Parameters
    ----------
    folder, name
        Where, and the file name without ending; a number is added if it is taken.
    fs_hz, channels
        Of the blocks that will be pushed.
    start
        Wall clock of sample 0; written as it is, without its time zone.
    rail_uv
        Magnitude at which the headband rails; beyond it values are written as the rail.
    sleeper
        Pseudonym for the header, or ``X``.
    sync_s
        Seconds of signal after which the file is forced onto the disk; a power cut costs at most as much.
    waiting_bytes
        Signal kept in memory while the disk takes none; beyond, the oldest is given up and marked as lost.
    report
        Told in one sentence when recording is in trouble, and again when it is over.

    Raises
    ------
    RecordingError
        The file cannot be made.
    ValueError
        A name, rate or channel that a file cannot hold.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        fs_hz: float,
        channels: Sequence[str],
        start: datetime,
        *,
        rail_uv: float = 1000.0,
        sleeper: str = "X",
        sync_s: float = 30.0,
        waiting_bytes: int = 16 << 20,
        report: Report = _log.warning,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no file name: use letters, digits, dots, dashes and underscores")
        self._fs_hz, self._channels = fs_hz, tuple(channels)
        self._format = night_format(fs_hz, channels, start, range_uv=rail_uv, sleeper=sleeper)
        self._spool = create_spool(folder / (name + self._format.suffix))
        self._queue = RecordQueue(self._format, self._spool, sync_s, waiting_bytes, report)
        self._report = report
        self._record = np.full((len(self._channels), self._format.samples), np.nan)
        self._clock = 0
        self._misplaced = False
        self._final: Path | None = None

    @property
    def part(self) -> Path:
        """The file that grows during the night."""
        return self._spool.part

    def push(self, block: SampleBlock) -> None:
        """Record one block; a jump of its sample clock is recorded as lost samples.

        Samples that were already recorded are left out. The disk's troubles are reported, not raised.

        Raises
        ------
        ValueError
            The recorder is closed, or the block has other channels or another rate.
        """
        self._check_open()
        if block.channels != self._channels or block.fs_hz != self._fs_hz:
            raise ValueError(
                f"a block of {block.channels} at {block.fs_hz} Hz in a night of {self._channels}"
            )
        gap = block.start - self._clock
        if gap < 0 or gap > LONGEST_GAP_S * self._fs_hz:
            self._report_misplaced(block.start)
        if gap > LONGEST_GAP_S * self._fs_hz or gap <= -block.n_samples:
            return
        self._lose(max(0, gap))
        uv = block.uv[:, max(0, -gap) :]
        for note in loss_annotations(np.isnan(uv), self._clock, self._fs_hz, self._channels):
            self._queue.note(note)
        self._fill(uv)

    def annotate(self, t_s: float, text: str, duration_s: float | None = None) -> None:
        """Mark a moment, `t_s` seconds since sample 0; long texts are cut to 100 bytes."""
        self._check_open()
        if not (math.isfinite(t_s) and t_s >= 0.0):
            raise ValueError(f"an annotation at {t_s} s")
        short = text.encode()[:LONGEST_TEXT_BYTES].decode(errors="ignore")
        self._queue.note(Annotation(t_s, duration_s, short))

    def close(self) -> Path:
        """Finish the night and return its file; may be called again.

        Raises
        ------
        RecordingError
            The disk takes nothing. What was written stays in the ``.part`` file; call again, or `recover`.
        """
        if self._final is None:
            rest = self._clock % self._format.samples
            if rest or not self._clock:
                self._lose(self._format.samples - rest)
            self._queue.drain()
            while self._queue.crowded():
                self._lose(self._format.samples)
            self._final = self._queue.finish()
        return self._final

    def _check_open(self) -> None:
        if self._final is not None:
            raise ValueError(f"{self._final} is finished; nothing can be added")

    def _report_misplaced(self, start: int) -> None:
        if not self._misplaced:
            self._report(
                f"{self._spool.path.name}: samples from {start} on do not follow {self._clock}; "
                "those out of place are not recorded"
            )
        self._misplaced = True

    def _lose(self, count: int) -> None:
        """Record `count` lost samples on all channels, under one annotation."""
        if count:
            self._queue.note(Annotation(self._clock / self._fs_hz, count / self._fs_hz, SAMPLE_LOSS))
        while count:
            n = min(count, self._format.samples)
            self._fill(np.full((len(self._channels), n), np.nan))
            count -= n

    def _fill(self, uv: FloatArray) -> None:
        """Put samples into data records, and hand over the full ones."""
        size = self._format.samples
        while uv.shape[1]:
            at = self._clock % size
            n = min(size - at, uv.shape[1])
            self._record[:, at : at + n] = uv[:, :n]
            self._clock += n
            uv = uv[:, n:]
            if at + n == size:
                self._queue.put(self._format.digitise(self._record))


def recover(folder: Path, report: Report = _log.warning) -> list[Path]:
    """Finish every night in `folder` whose recorder died before it was closed.

    Parameters
    ----------
    folder
        Where nights are recorded; it need not exist. Nights that are being recorded now are left alone.
    report
        Told in one sentence about each night that was finished or cannot be.

    Returns
    -------
    The finished files. Spools without any data are removed.
    """
    found = []
    for suffix in (".edf", ".bdf"):
        for part in sorted(folder.glob(f"*{suffix}{PART}")):
            try:
                spool = adopt_spool(part)
                final = _finish_dead(spool) if spool else None
            except OSError as error:
                report(f"{part}: this unfinished night cannot be recovered yet ({error.strerror})")
            except RecordingError as error:
                report(f"this unfinished night cannot be recovered: {error}")
            else:
                if final is not None:
                    report(f"{final}: recovered from a recording that was not closed")
                    found.append(final)
    return found


def _finish_dead(spool: Spool) -> Path | None:
    """Cut off a torn record, fill in the number of records; None if there was no data."""
    try:
        if not spool.part.stat().st_size:
            spool.discard()
            return None
        layout = read_layout(spool.part, allow_empty=True)
        if not layout.present:
            spool.discard()
            return None
        spool.cut(len(layout.header) + layout.present * layout.record_bytes)
        return spool.finish(layout.present)
    finally:
        spool.release()
