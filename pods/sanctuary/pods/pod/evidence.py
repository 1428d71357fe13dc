"""What a pod knows now: of its sleeper's REM, of the sanctuary clock, and of UTC.

Each class holds what it was told and says how good that is; `permission` draws the conclusions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from sanctuary.commons.entries import UtcRange
from sanctuary.config.site_settings import PodSettings
from sanctuary.signal.samples import StageEstimate

FUTURE_TOLERANCE_S = 0.1
"""An estimate may be stamped this far ahead of now, for rounding between the two clocks."""
RECORD_EVERY_S = 60.0
"""A measurement of the clock that changes nothing is worth a record this often."""
SET_FORWARD_S = 0.1
"""A clock that is found to be behind by more than this was set; by less, it was only measured better."""


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
    """The newest estimate of the pod's own chain, and since when it has been proof without a break.

    Attributes
    ----------
    last
        The newest estimate; None before the first, and after the headband was lost.
    """

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings
        self.last: StageEstimate | None = None
        self._newest_s = -inf
        self._proved_s = -inf
        """When stable REM was last proved by good data."""
        self._since_s: float | None = None

    def push(self, estimate: StageEstimate, now_s: float) -> bool:
        """Take an estimate; False where it is no newer than the last one, or from the future."""
        if estimate.t_s > now_s + FUTURE_TOLERANCE_S or not estimate.t_s > self._newest_s:
            return False
        self._newest_s = estimate.t_s
        self.last = estimate
        if estimate.stable_rem and not estimate.arousal and estimate.quality >= self._settings.min_quality:
            t_s = min(estimate.t_s, now_s)
            if self._since_s is None or t_s - self._proved_s >= self._settings.stale_s:
                # From now, not from `t_s`: samples from before the interruption ended do not count.
                self._since_s = now_s
            self._proved_s = t_s
        else:
            self._since_s = None
        return True

    def forget(self) -> None:
        """Drop what came from a headband that is gone."""
        self.last = None
        self._since_s = None

    def begin_anew(self) -> None:
        """Count only what comes from now on as proof without a break."""
        self._since_s = None

    def on_clock_set(self, by_s: float) -> None:
        """Move to the new clock, `by_s` ahead of the old one; stamps of the old one prove nothing."""
        self.forget()
        self._newest_s += by_s
        self._proved_s += by_s

    def is_requalified(self) -> bool:
        """Tell whether the proof, if there is one now, has lasted for `PodSettings.requalify_s`."""
        return self._since_s is not None and self._proved_s - self._since_s >= self._settings.requalify_s

    def is_lost(self, now_s: float) -> bool:
        """Tell whether proof has been missing for so long that the pod must leave its window."""
        return now_s - self._proved_s >= self._settings.lost_s


class ClockReason(StrEnum):
    """Why a pod trusts no clock so far that it would join a window or play a step."""

    UNCERTAIN = "clock_uncertain"
    """The sanctuary clock is not known well enough to be in step with others."""
    UNSYNCHRONISED = "clock_unsynchronised"
    """Nobody keeps UTC, by which grants begin and end."""


class ClockTrust:
    """The last measurement of the sanctuary clock, and whether anybody keeps UTC."""

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings
        self._offset_s: float | None = None
        self._uncertainty_s = inf
        self._growth = 0.0
        self._measured_s = -inf
        self._recorded: tuple[bool, float] = (False, -inf)
        self._utc_suffices = True

    def push(self, uncertainty_s: float, now_s: float, growth: float = 0.0) -> bool:
        """Take a measurement; one that is not a number, or negative, is as good as none.

        Parameters
        ----------
        uncertainty_s
            Bound on the error of the clock now.
        growth
            Seconds by which that bound grows each second.

        Returns
        -------
        bool
            Whether it is worth a record: it changes whether the clock is sure, or the last record lies
            `RECORD_EVERY_S` back.
        """
        usable = uncertainty_s >= 0.0 and growth >= 0.0
        self._uncertainty_s, self._growth = (uncertainty_s, growth) if usable else (inf, 0.0)
        self._measured_s = now_s
        sure, (before, recorded_s) = self.is_sure(now_s), self._recorded
        if sure == before and now_s < recorded_s + RECORD_EVERY_S:
            return False
        self._recorded = (sure, now_s)
        return True

    def set_forward_s(self, offset_s: float) -> float:
        """Note a new offset; give by how much (s) it says that the clock was set forward, 0 where it was not.

        Parameters
        ----------
        offset_s
            Sanctuary clock minus the pod's own.
        """
        before_s, self._offset_s = self._offset_s, offset_s
        forward_s = 0.0 if before_s is None else offset_s - before_s
        return forward_s if forward_s > SET_FORWARD_S else 0.0

    def doubt(self, now_s: float) -> bool:
        """Drop every measurement, because one contradicts them; tells whether the clock was sure before."""
        was_sure = self.is_sure(now_s)
        self._uncertainty_s, self._growth = inf, 0.0
        self._recorded = (False, now_s)
        return was_sure

    def on_utc(self, *, suffices: bool) -> None:
        """Note whether UTC is known as well as the settings ask for."""
        self._utc_suffices = suffices

    def refusal(self, now_s: float) -> ClockReason | None:
        """Say why nothing may be played by what is known of the time; None where it may."""
        if not self._utc_suffices:
            return ClockReason.UNSYNCHRONISED
        return None if self.is_sure(now_s) else ClockReason.UNCERTAIN

    def is_sure(self, now_s: float) -> bool:
        """Tell whether the clock is good enough to play in step."""
        s, age_s = self._settings, now_s - self._measured_s
        if age_s >= s.clock_age_limit_s:
            return False
        return self._uncertainty_s + self._growth * age_s <= s.clock_uncertainty_limit_s


@dataclass(frozen=True, slots=True)
class UtcMark:
    """UTC by one clock.

    Attributes
    ----------
    at_zero_s
        UTC seconds at second 0 of the sanctuary clock.
    synchronised
        Whether a time service keeps that clock.
    """

    at_zero_s: float
    synchronised: bool = True


class KnownUtc:
    """UTC by every clock that a pod knows: the stricter of all of them judges when a grant begins and ends.

    The gateway tells UTC, signed; the pod's own computer has one besides. Each may be kept by a time service
    or by nobody, and each may be set in the night. So UTC is a range, and a grant must hold in all of it:

    * it is over as soon as any clock says so, also one that nobody keeps, and also what a kept clock said
      before it was set back;
    * it has begun once every clock says so that a time service keeps, also by what such a clock said before
      it was set forward. Only where nobody keeps any clock do all of them count.

    Parameters
    ----------
    told
        What the gateway tells.
    own
        What the pod's own computer says; None where there is no such clock, as in virtual time.
    """

    def __init__(self, told: UtcMark, own: UtcMark | None = None) -> None:
        self._told, self._own = told, own
        self._low_s, self._high_s = inf, -inf

    @property
    def told_at_zero_s(self) -> float:
        """UTC seconds at second 0, as the gateway tells; for records and for what is kept."""
        return self._told.at_zero_s

    def own_is(self, own: UtcMark) -> None:
        """Set what the own computer says, before any news of the clocks."""
        self._own = own

    def push(self, told: UtcMark, own: UtcMark | None, floor_at_zero_s: float | None) -> None:
        """Take what the clocks say now.

        Parameters
        ----------
        floor_at_zero_s
            UTC at second 0 by the latest that a kept clock ever said here; None where nothing was kept.
        """
        self._told, self._own = told, own
        for mark in self._marks:
            if mark.synchronised:
                self._low_s = min(self._low_s, mark.at_zero_s)
                self._high_s = max(self._high_s, mark.at_zero_s)
        if floor_at_zero_s is not None:
            self._high_s = max(self._high_s, floor_at_zero_s)

    def on_clock_set(self, by_s: float) -> None:
        """Keep UTC as it was; the new clock is `by_s` ahead, and the gateway tells its part anew."""
        if self._own is not None:
            self._own = replace(self._own, at_zero_s=self._own.at_zero_s - by_s)
        self._low_s -= by_s
        self._high_s -= by_s

    def at(self, now_s: float) -> UtcRange:
        """Say what UTC may be at a moment of the sanctuary clock."""
        marks = self._marks
        kept = [mark for mark in marks if mark.synchronised] or marks
        earliest_s = min(self._low_s, *(mark.at_zero_s for mark in kept))
        latest_s = max(self._high_s, *(mark.at_zero_s for mark in marks))
        return UtcRange(now_s + min(earliest_s, latest_s), now_s + latest_s)

    @property
    def _marks(self) -> tuple[UtcMark, ...]:
        return (self._told,) if self._own is None else (self._told, self._own)
