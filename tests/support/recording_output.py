"""An output that only remembers what it was asked to render, for tests, demonstrations and rehearsals."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.cues import Cue, OnOnset, Onset


@dataclass(slots=True)
class Rendered:
    """One cue, when it was wanted, when it began, and when it was cut, if it was."""

    cue: Cue
    wanted_s: float
    happened_s: float
    stopped_s: float | None = None


class RecordingOutput:
    """Remembers.

    Parameters
    ----------
    path
        File to which each cue and each stop is appended as a line of JSON; None for memory only.
    on_onset, clock
        As for other outputs.
    """

    def __init__(
        self,
        path: Path | None = None,
        on_onset: OnOnset = lambda _: None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rendered: list[Rendered] = []
        self._path, self._on_onset, self._clock = path, on_onset, clock

    @property
    def busy(self) -> bool:
        """Whether a cue goes on."""
        return any(self._goes_on(each, self._clock()) for each in self.rendered[-8:])

    def play(self, cue: Cue, at_s: float) -> None:
        """Remember a cue."""
        happened_s = self._clock()
        self._write({"cue": asdict(cue), "wanted_s": at_s, "happened_s": happened_s})
        self.rendered.append(Rendered(cue, at_s, happened_s))
        self._on_onset(Onset(cue, at_s, happened_s))

    def tick(self, _now_s: float) -> None:
        """Nothing is due."""

    def stop(self, now_s: float) -> None:
        """Remember that what goes on was cut."""
        cut = [each for each in self.rendered if self._goes_on(each, now_s)]
        for each in cut:
            each.stopped_s = now_s
        if cut:
            with suppress(DeviceError):  # a stop is a stop, written or not
                self._write({"stopped_s": now_s})

    def close(self) -> None:
        """Cut what goes on."""
        self.stop(self._clock())

    @staticmethod
    def _goes_on(each: Rendered, now_s: float) -> bool:
        return each.stopped_s is None and now_s < each.happened_s + each.cue.duration_s

    def _write(self, line: dict[str, object]) -> None:
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise DeviceError(f"{self._path}: cannot be written ({error.strerror})") from error
