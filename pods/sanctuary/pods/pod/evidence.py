"""Is this sleeper in REM now? The pod's answer to P1, from its own chain alone."""

from __future__ import annotations

from enum import StrEnum
from math import inf

from sanctuary.config.site_settings import PodSettings
from sanctuary.signal.samples import StageEstimate

FUTURE_TOLERANCE_S = 0.1
"""An estimate may be stamped this far ahead of now, for rounding between the two clocks."""


class EvidenceReason(StrEnum):
    """Why there is no proof of stable REM now."""

    NO_ESTIMATE = "no_estimate"
    STALE = "stale_eeg"
    LOW_QUALITY = "low_quality"
    AROUSAL = "arousal"
    NOT_REM = "not_stable_rem"


AT_ONCE = frozenset({EvidenceReason.AROUSAL, EvidenceReason.NOT_REM, EvidenceReason.NO_ESTIMATE})
"""Good data that says no, or no headband: nothing to wait for. The others may pass in a moment."""


class Evidence:
    """The newest estimate and its age."""

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings
        self._newest_s = -inf
        self.last: StageEstimate | None = None
        self.proved_s = -inf
        """When stable REM was last proved by good data."""
        self._since_s: float | None = None

    def take(self, estimate: StageEstimate, now_s: float) -> bool:
        """Take an estimate; false where it is older than one taken before, or from the future."""
        if estimate.t_s > now_s + FUTURE_TOLERANCE_S or not estimate.t_s > self._newest_s:
            return False
        self._newest_s = estimate.t_s
        self.last = estimate
        if estimate.stable_rem and not estimate.arousal and estimate.quality >= self._settings.min_quality:
            t_s = min(estimate.t_s, now_s)
            if self._since_s is None or t_s - self.proved_s >= self._settings.stale_s:
                self._since_s = now_s
            self.proved_s = t_s
        else:
            self._since_s = None
        return True

    def forget(self) -> None:
        """Let nothing that the headband said count any more: it is gone."""
        self.last = None
        self._since_s = None

    def clock_set(self, by_s: float) -> None:
        """Hear that the clock was set: what was said by the old one proves nothing."""
        self.forget()
        self._newest_s += by_s
        self.proved_s += by_s

    def begin_anew(self) -> None:
        """Let only what is said from now on count as proof without a break."""
        self._since_s = None

    def is_requalified(self, now_s: float) -> bool:
        """Tell whether stable REM has been proved without a break for long enough, up to now."""
        if self._since_s is None or self.missing(now_s) is not None:
            return False
        return self.proved_s - self._since_s >= self._settings.requalify_s

    def missing(self, now_s: float) -> EvidenceReason | None:
        """Say why stable REM is not proved now; None where it is."""
        last = self.last
        if last is None:
            return EvidenceReason.NO_ESTIMATE
        if last.arousal:
            return EvidenceReason.AROUSAL
        if now_s - last.t_s >= self._settings.stale_s:
            return EvidenceReason.STALE
        if not last.quality >= self._settings.min_quality:
            return EvidenceReason.LOW_QUALITY
        return None if last.stable_rem else EvidenceReason.NOT_REM

    def is_lost(self, now_s: float) -> bool:
        """Tell whether proof has been missing for so long that the pod must leave its window."""
        return now_s - self.proved_s >= self._settings.lost_s
