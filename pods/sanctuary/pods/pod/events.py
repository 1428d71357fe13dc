"""What can happen to a pod, in the past tense."""

from __future__ import annotations

from dataclasses import dataclass

from sanctuary.pods.pod.evidence import UtcMark
from sanctuary.signal.samples import StageEstimate


@dataclass(frozen=True, slots=True)
class EstimateArrived:
    """The chain said something; `estimate.t_s` is on the sanctuary clock."""

    estimate: StageEstimate


@dataclass(frozen=True, slots=True)
class SamplesMissed:
    """The headband lost `n_samples` in a row."""

    n_samples: int


@dataclass(frozen=True, slots=True)
class HeadbandLost:
    """The headband went away, or did not come.

    Attributes
    ----------
    reason
        For people: what its driver said.
    cause
        One of `Cause`; empty where nobody knows.
    """

    reason: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class HeadbandFound:
    """The headband is back; only its next estimates count."""


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The broker cannot be reached; `reason` is for people."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class LinkRestored:
    """The broker can be reached, and commands come through."""


@dataclass(frozen=True, slots=True)
class CommandReceived:
    """A payload came on the pod's own command topic or on the broadcast topic, as received."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class ConsentPresented:
    """A signed consent entry came, by whatever path, as received."""

    entry: bytes


@dataclass(frozen=True, slots=True)
class WithdrawalMade:
    """The sleeper withdrew by hand at the pod; `entry` is the signed withdrawal where the key was there."""

    entry: bytes = b""


@dataclass(frozen=True, slots=True)
class StopPressed:
    """The stop control was used."""


@dataclass(frozen=True, slots=True)
class PersonReset:
    """A person, at the pod and awake, released the latch."""


@dataclass(frozen=True, slots=True)
class ClockMeasured:
    """The sanctuary clock was measured; the shell applies the offset before it passes any time.

    Attributes
    ----------
    offset_s
        Sanctuary clock minus the pod's own.
    uncertainty_s
        Bound on the error of `offset_s`.
    growth
        So fast that bound grows until the next measurement (seconds per second).
    """

    offset_s: float
    uncertainty_s: float
    growth: float = 0.0


@dataclass(frozen=True, slots=True)
class UtcHeard:
    """What the clocks say of UTC changed, or is told for the first time.

    Attributes
    ----------
    told, own
        By the gateway, and by the pod's own computer.
    suffices
        Whether anything may be cued: a time service keeps one of the two, or the settings ask for none.
    floor_at_zero_s
        As of `KnownUtc.push`.
    """

    told: UtcMark
    own: UtcMark | None
    suffices: bool
    floor_at_zero_s: float | None = None


@dataclass(frozen=True, slots=True)
class CueUnkept:
    """The last cue was refused by the shell, which could not keep the pod's memory."""


@dataclass(frozen=True, slots=True)
class CueMissed:
    """The last cue does not sound: its moment was missed by too much, as by a program that stood still."""

    late_s: float


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed. The shell ticks at least once a second, and at `Pod.next_due_s`."""


PodEvent = (
    EstimateArrived
    | SamplesMissed
    | HeadbandLost
    | HeadbandFound
    | LinkLost
    | LinkRestored
    | CommandReceived
    | ConsentPresented
    | WithdrawalMade
    | StopPressed
    | PersonReset
    | ClockMeasured
    | UtcHeard
    | CueUnkept
    | CueMissed
    | Ticked
)
