"""When and how a pod tells its state: on change, at most once a second, and as a heartbeat."""

from __future__ import annotations

from collections.abc import Hashable
from math import inf

from sanctuary.config.site_settings import PodSettings


class Heartbeat:
    """Decide when the next snapshot is due."""

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings
        self._told: Hashable = None
        self._told_s = -inf
        self.seq = 0

    def is_due(self, told: Hashable, now_s: float) -> bool:
        """Tell whether `told`, all that matters of the state, should be published now."""
        age_s = now_s - self._told_s
        if told == self._told:
            return age_s >= self._settings.heartbeat_s
        return age_s >= self._settings.state_interval_s

    def sent(self, told: Hashable, now_s: float) -> None:
        """Note a snapshot."""
        self._told, self._told_s = told, now_s
        self.seq += 1

    def hasten(self) -> None:
        """Tell all anew at the next chance: the link was away, what was told may be forgotten."""
        self._told, self._told_s = None, -inf
