"""Things that last."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that lasts from `onset_s` on for `duration_s` seconds."""

    onset_s: float
    duration_s: float

    @property
    def end_s(self) -> float:
        """Second in which it is over."""
        return self.onset_s + self.duration_s
