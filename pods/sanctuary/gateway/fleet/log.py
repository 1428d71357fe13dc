"""The log of a site that exists in memory only, and the ears of its sleepers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sanctuary.firmware_bridge.outputs.cue import Cue


class MemoryLog:
    """Keeps records, and nothing else; the face of a `Journal`."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []

    def write(self, record: Mapping[str, Any]) -> None:
        """Take a record."""
        self.records.append(record)

    def flush(self, *, durable: bool = False) -> bool:  # noqa: ARG002  it is where it belongs already
        """Nothing waits."""
        return True


class Ear:
    """Hears cues in place of rendering them; has the face of a `CueTrack`.

    Parameters
    ----------
    hear
        Takes each cue, and when it began.
    """

    def __init__(self, hear: Callable[[Cue, float], None]) -> None:
        self._hear = hear

    def open_window(self, window_id: str, now_s: float) -> None:
        """Note nothing."""

    def close_window(self, now_s: float) -> None:
        """Note nothing."""

    def play(self, cue: Cue, now_s: float) -> None:
        """Hear a cue."""
        self._hear(cue, now_s)

    def silence(self, now_s: float) -> None:
        """Silence nothing."""

    def close(self) -> None:
        """Close nothing."""
