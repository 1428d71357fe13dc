"""Who a pod is, and how well it knows the time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from nacl.signing import SigningKey, VerifyKey

from sanctuary.config.errors import InputError
from sanctuary.config.site_settings import PodSettings
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.messages import EVERY_POD


@dataclass(frozen=True)
class PodIdentity:
    """What a pod is given once and keeps.

    Attributes
    ----------
    boot
        Id of this run of the pod, never used before.
    key
        Signs the pod's leases.
    coordinator
        Whose commands are obeyed.
    circles
        Circles of tonight's sleeper.
    shams
        Those of them whose windows are silent: judged and logged as if they sounded.
    threshold_dba
        The softest sound that tonight's sleeper hears when awake; None where nobody has measured it.
    """

    site: str
    pod: str
    boot: str
    key: SigningKey
    coordinator: VerifyKey
    circles: tuple[str, ...]
    shams: tuple[str, ...] = ()
    threshold_dba: float | None = None

    def __post_init__(self) -> None:
        """Refuse ids that could not stand in a topic."""
        for name in (self.site, self.pod, self.boot, *self.circles):
            if not topics.is_id(name):
                raise InputError(f"id {name!r}: 1 to 64 of a-z, 0-9 and - expected")
        if self.pod == EVERY_POD:
            raise InputError(f"pod id {self.pod!r}: means every pod; choose another")


class ClockReason(StrEnum):
    """Why a pod trusts no clock so far that it would join a window or play a step."""

    UNCERTAIN = "clock_uncertain"
    """The sanctuary clock is not known well enough to be in step with others."""
    UNSYNCHRONISED = "clock_unsynchronised"
    """Nobody keeps UTC, by which grants begin and end."""


TOLD_EVERY_S = 60.0
"""A measurement that changes nothing is worth a record this often."""


class ClockTrust:
    """The last measurement of the sanctuary clock, and whether anybody keeps UTC.

    Attributes
    ----------
    utc_suffices
        Whether UTC is known as well as the settings ask for.
    """

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings
        self._uncertainty_s = inf
        self._growth = 0.0
        self._measured_s = -inf
        self._told: tuple[bool, float] = (False, -inf)
        self.utc_suffices = True

    def measured(self, uncertainty_s: float, now_s: float, growth: float = 0.0) -> bool:
        """Take a measurement; one that is not a number, or negative, is as good as none.

        Returns
        -------
        Whether it is worth a record: it changes whether the clock is sure, or none was made for a minute.
        """
        usable = uncertainty_s >= 0.0 and growth >= 0.0
        self._uncertainty_s, self._growth = (uncertainty_s, growth) if usable else (inf, 0.0)
        self._measured_s = now_s
        sure, (before, told_s) = self.is_sure(now_s), self._told
        if sure == before and now_s < told_s + TOLD_EVERY_S:
            return False
        self._told = (sure, now_s)
        return True

    def doubted(self, now_s: float) -> bool:
        """Hear of a contradiction: nothing measured so far counts; tells whether that changes anything."""
        was_sure = self.is_sure(now_s)
        self._uncertainty_s, self._growth = inf, 0.0
        self._told = (False, now_s)
        return was_sure

    def refusal(self, now_s: float) -> ClockReason | None:
        """Say why nothing may be played by what is known of the time; None where it may."""
        if not self.utc_suffices:
            return ClockReason.UNSYNCHRONISED
        return None if self.is_sure(now_s) else ClockReason.UNCERTAIN

    def is_sure(self, now_s: float) -> bool:
        """Tell whether the clock is good enough to play in step."""
        s, age_s = self._settings, now_s - self._measured_s
        if age_s >= s.clock_age_limit_s:
            return False
        return self._uncertainty_s + self._growth * age_s <= s.clock_uncertainty_limit_s
