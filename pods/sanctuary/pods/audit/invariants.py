"""The invariants, each in one sentence. There is no other list of them in the program.

P is kept by each pod, whatever coordinator, broker, network or operator do; C is kept by the coordinators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

INVARIANTS: Mapping[str, str] = MappingProxyType(
    {
        "P1": "no cue unless the pod's own chain says stable REM now, on fresh and good data",
        "P2": "no cue without a grant in force for this circle, modality, level and design",
        "P3": "no cue past the bounds of the limiter on level, ramp, rate, flashes, count, gap "
        "and night budget",
        "P4": "stop, withdrawal, arousal, stale EEG, a lost link or a lost lease silence a pod within a "
        "second; the first two latch",
        "P5": "no pod in two windows at once",
        "P6": "no command obeyed twice, after its expiry or out of its term",
        "P7": "every cue, rendered or refused, in the log before it sounds",
        "P8": "no EEG leaves the sanctuary: messages carry stages, never samples",
        "C1": "no window opened on fewer live leases than its quorum",
        "C2": "of circles that compete for pods, the one that has waited longest is offered a window first",
        "C3": "one gateway at a time commands a circle, and no circle has two windows at once",
        "C4": "every window closed once its leases fell below the quorum",
    }
)
"""What each one says, by its name, in the order of every table."""

PROVED_FROM_LOG = frozenset(INVARIANTS) - {"P8"}
"""Those that `check_violations` proves from the records of a night.

P8 is about messages, which no record holds: `WireMonitor` proves it where it is given every message, as in
`sanctuary torture`.
"""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that was found broken.

    Attributes
    ----------
    rule
        One of `INVARIANTS`.
    t_s
        When, seconds on the sanctuary clock.
    subject
        The pod, window or circle; of P8, the sender.
    """

    rule: str
    t_s: float
    subject: str
    text: str
