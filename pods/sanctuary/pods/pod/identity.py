"""Who a pod is, and how well it knows the time."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from nacl.signing import SigningKey, VerifyKey

from sanctuary.config.coordination import PodSettings
from sanctuary.config.errors import InputError
from sanctuary.pods.wire import topics
from sanctuary.pods.wire.messages import EVERY_POD


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


class ClockTrust:
    """The last measurement of the sanctuary clock."""

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings
        self._uncertainty_s = inf
        self._measured_s = -inf

    def measured(self, uncertainty_s: float, now_s: float) -> None:
        """Take a measurement; one that is not a number, or negative, is as good as none."""
        self._uncertainty_s = uncertainty_s if uncertainty_s >= 0.0 else inf
        self._measured_s = now_s

    def is_sure(self, now_s: float) -> bool:
        """Tell whether the clock is good enough to play in step."""
        s = self._settings
        fresh = now_s - self._measured_s < s.clock_age_limit_s
        return fresh and self._uncertainty_s <= s.clock_uncertainty_limit_s
