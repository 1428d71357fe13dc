"""Where a pod's cues go besides its devices: the track of what its loudspeaker would have played."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from sanctuary.config.errors import DeviceError
from sanctuary.firmware_bridge.cues import Cue

_LOG = logging.getLogger(__name__)


class CueSink(Protocol):
    """Takes the cues that a pod renders; see `CueTrack`. Any method may raise `DeviceError`."""

    def open_window(self, window_id: str, start_s: float, /) -> None:
        """Begin a window."""

    def close_window(self, end_s: float, /) -> None:
        """End it."""

    def play(self, cue: Cue, at_s: float, /) -> object:
        """Render a cue."""

    def silence(self, at_s: float, /) -> None:
        """Cut what sounds."""

    def close(self) -> None:
        """Finish."""


class SinkWriter:
    """Writes to a sink: windows in pairs, cues when there is time for them, troubles told once.

    A disk that takes nothing must not end a night.
    """

    def __init__(self, sink: CueSink) -> None:
        self._sink = sink
        self._is_open = False
        self._is_troubled = False
        self._waiting: deque[tuple[Cue, float]] = deque()

    def open_window(self, window: str, now_s: float) -> None:
        if not self._is_open:
            self._try(partial(self._sink.open_window, window, now_s))
            self._is_open = True

    def close_window(self, now_s: float) -> None:
        self.catch_up()
        if self._is_open:
            self._is_open = False
            self._try(partial(self._sink.close_window, now_s))

    def push(self, cue: Cue, at_s: float) -> None:
        """Take a cue, to be written by `catch_up`: rendering takes time that other pods lack now."""
        self._waiting.append((cue, at_s))

    def catch_up(self) -> None:
        """Write the cues that wait."""
        while self._waiting:
            cue, at_s = self._waiting.popleft()
            self._try(partial(self._sink.play, cue, at_s))

    def silence(self, now_s: float) -> None:
        self.catch_up()
        if self._is_open:
            self._try(partial(self._sink.silence, now_s))

    def close(self, now_s: float) -> None:
        self.close_window(now_s)
        self._try(self._sink.close)

    def _try(self, write: Callable[[], object]) -> None:
        try:
            write()
        except DeviceError as error:
            if not self._is_troubled:
                _LOG.warning("%s", error)
            self._is_troubled = True
        else:
            self._is_troubled = False
