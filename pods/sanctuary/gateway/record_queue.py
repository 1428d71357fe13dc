"""Between recorder and disk: records that wait while the disk takes none, and the marks that go with them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.recordings.gaps import SAMPLE_LOSS
from sanctuary.firmware_bridge.recordings.tal import Annotation
from sanctuary.firmware_bridge.recordings.writing import NightFormat
from sanctuary.gateway.spool import Spool

Report = Callable[[str], None]

MOST_NOTES = 10_000
"""Marks that may wait; a night has some hundreds."""
_OVERFLOW = "further annotations were lost"
_NOTES_TRIED = 16
"""More annotations than this never fit into one data record."""


class RecordQueue:
    """Writes data records in order; keeps them, within bounds, while the disk refuses.

    Parameters
    ----------
    night, spool
        How records are encoded, and where they go.
    sync_s, waiting_bytes
        See `sanctuary.gateway.recorder.NightRecorder`.
    report
        Told once when the disk refuses, and once when it takes data again.
    """

    def __init__(
        self, night: NightFormat, spool: Spool, sync_s: float, waiting_bytes: int, report: Report
    ) -> None:
        self._night, self._spool, self._report = night, spool, report
        self._sync_every = max(1, round(sync_s / night.record_s))
        self._most_waiting = max(1, waiting_bytes // (4 * night.samples * night.n_channels))
        self._waiting: deque[NDArray[np.int32] | None] = deque()
        self._given_up = 0
        self._notes: deque[Annotation] = deque()
        self._written = 0
        self._header_written = False
        self._trouble = False
        self._lost_s = 0.0

    def note(self, note: Annotation) -> None:
        """Let a mark wait for the next record with room; adjoining losses become one."""
        last = self._notes[-1] if self._notes else None
        if last is not None and _adjoin(last, note):
            self._notes[-1] = replace(last, duration_s=note.onset_s + (note.duration_s or 0.0) - last.onset_s)
        elif len(self._notes) < MOST_NOTES:
            self._notes.append(note)
        elif last is not None and last.text != _OVERFLOW:
            self._notes[-1] = replace(note, duration_s=None, text=_OVERFLOW)

    def put(self, counts: NDArray[np.int32]) -> None:
        """Add one full data record, shape ``(n_channels, samples)``, and write what can be written."""
        self._waiting.append(counts)
        self.drain()
        if len(self._waiting) - self._given_up > self._most_waiting:
            self._give_up_oldest()

    def drain(self) -> None:
        """Write as many waiting records as the disk takes."""
        try:
            self._write_waiting()
        except OSError as error:
            if not self._trouble:
                self._report(
                    f"{self._spool.path.name}: the disk takes no data ({error.strerror}); free some space, "
                    "the night is kept in memory meanwhile"
                )
            self._trouble = True
            return
        if self._trouble:
            self._report(
                f"{self._spool.path.name}: the disk takes data again; {self._lost_s:g} s of signal were lost"
            )
        self._trouble, self._lost_s = False, 0.0

    def crowded(self) -> bool:
        """Whether marks are left over although every record is written: they need another record."""
        return bool(self._notes) and not self._waiting

    def finish(self) -> Path:
        """Finish the file; `RecordingError` if the disk refuses, and then it may be tried again."""
        try:
            self._write_waiting()
            return self._spool.finish(self._written)
        except OSError as error:
            raise RecordingError(
                f"{self._spool.part}: the night cannot be finished ({error.strerror}); free some space and "
                "stop the recording again, or recover this file later"
            ) from error

    def _write_waiting(self) -> None:
        if not self._header_written:
            self._spool.append(self._night.header)
            self._header_written = True
        while self._waiting:
            self._write(self._waiting[0])
            if self._waiting.popleft() is None:
                self._given_up -= 1
            if self._written % self._sync_every == 0:
                self._spool.sync()

    def _write(self, counts: NDArray[np.int32] | None) -> None:
        if counts is None:
            counts = np.zeros((self._night.n_channels, self._night.samples), dtype=np.int32)
        notes = list(islice(self._notes, _NOTES_TRIED))
        frame, fitted = self._night.record(self._written, counts, notes)
        self._spool.append(frame)
        self._written += 1
        for _ in range(fitted):
            self._notes.popleft()

    def _give_up_oldest(self) -> None:
        """Forget the samples of the oldest record that still has any, and mark them as lost."""
        self._waiting[self._given_up] = None
        record_s = float(self._night.record_s)
        self.note(Annotation((self._written + self._given_up) * record_s, record_s, SAMPLE_LOSS))
        self._given_up += 1
        self._lost_s += record_s


def _adjoin(last: Annotation, note: Annotation) -> bool:
    both_losses = last.text == note.text and note.text.startswith(SAMPLE_LOSS)
    end_s = last.onset_s + (last.duration_s or 0.0)
    return both_losses and abs(end_s - note.onset_s) < 1e-6
