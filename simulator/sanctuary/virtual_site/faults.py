"""What goes wrong in a night, drawn before it begins; pure.

Swarm testing (Groce et al. 2012): each seed enables some of the kinds, each at a rate of its own. A night
with all of them at once hides what only some of them together bring out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

CALM_SHARE = 0.05
"""Share of seeds without any fault."""
ENABLED_SHARE = 0.45
MOST_A_NIGHT = 14.0
VICTIM_SHARE = 0.4
"""Share of faults of pods that strike the first: only where faults meet in one pod do some show."""
SHORTEST_S = 0.5


class FaultKind(StrEnum):
    """What can go wrong; docs/torture.md says what each does."""

    DELAY = "delay"
    LOSS = "loss"
    REPEAT = "repeat"
    REORDER = "reorder"
    PARTITION = "partition"
    STALL = "stall"
    DEAF = "deaf"
    MUTE = "mute"
    BROKER_RESTART = "broker_restart"
    FORGE = "forge"
    GHOST = "ghost"
    GATEWAY_CRASH = "gateway_crash"
    GATEWAY_HANG = "gateway_hang"
    GATEWAY_STEP = "gateway_clock_step"
    POD_CRASH = "pod_crash"
    POD_HANG = "pod_hang"
    DISK_FULL = "disk_full"
    STOP = "stop"
    WITHDRAW = "withdraw"
    GRANT = "grant"
    WAKE = "wake"
    AROUSAL = "arousal"
    ELECTRODE_OFF = "electrode_off"
    HEADBAND_LOST = "headband_lost"
    SAMPLES_STOP = "samples_stop"
    POD_CLOCK_STEP = "pod_clock_step"
    POD_UTC_STEP = "pod_utc_step"


WIRE = frozenset({FaultKind.DELAY, FaultKind.LOSS, FaultKind.REPEAT, FaultKind.REORDER})
"""Kinds that concern every message."""
MOST_UTC_S = 6 * 3600.0
STEPS_S, FAR_STEPS_S = 8.0, 1500.0
"""A clock that is set goes by up to so much; one in four is set by up to the latter."""
SITE = WIRE | {FaultKind.BROKER_RESTART, FaultKind.FORGE, FaultKind.GHOST}
DRAWN = tuple(kind for kind in FaultKind if kind is not FaultKind.POD_CLOCK_STEP)
"""Kinds that seeds draw. That the clock which nobody sets is set all the same happens in tests alone: until
the next exchange with a gateway a pod takes such a step for time that has passed."""
LINKS = frozenset({FaultKind.PARTITION, FaultKind.STALL, FaultKind.DEAF, FaultKind.MUTE})
GATEWAYS = frozenset({FaultKind.GATEWAY_CRASH, FaultKind.GATEWAY_HANG, FaultKind.GATEWAY_STEP})
LONGEST_S: dict[FaultKind, float] = {
    FaultKind.DELAY: 120.0,
    FaultKind.LOSS: 120.0,
    FaultKind.REPEAT: 300.0,
    FaultKind.REORDER: 300.0,
    FaultKind.PARTITION: 60.0,
    FaultKind.STALL: 15.0,
    FaultKind.DEAF: 30.0,
    FaultKind.MUTE: 30.0,
    FaultKind.BROKER_RESTART: 20.0,
    FaultKind.GATEWAY_CRASH: 90.0,
    FaultKind.GATEWAY_HANG: 20.0,
    FaultKind.POD_CRASH: 60.0,
    FaultKind.POD_HANG: 20.0,
    FaultKind.DISK_FULL: 180.0,
    FaultKind.STOP: 400.0,
    FaultKind.WITHDRAW: 120.0,
    FaultKind.WAKE: 120.0,
    FaultKind.AROUSAL: 15.0,
    FaultKind.ELECTRODE_OFF: 60.0,
    FaultKind.HEADBAND_LOST: 60.0,
    FaultKind.SAMPLES_STOP: 15.0,
}
"""Longest time (seconds) until it is over."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes
    ----------
    at_s, for_s
        When it begins, and for how long it lasts, true time.
    who
        Pods and gateways that it strikes; empty for the site.
    value
        How much or which, between 0 and 1; what it means depends on the kind.
    """

    kind: FaultKind
    at_s: float
    for_s: float
    who: tuple[str, ...]
    value: float


def draw_faults(
    length_s: float, pods: Sequence[str], gateways: Sequence[str], rng: Random
) -> tuple[Fault, ...]:
    """Draw the faults of a night, in order of time."""
    if rng.random() < CALM_SHARE:
        return ()
    found: list[Fault] = []
    for kind in DRAWN:
        enabled, rate = rng.random() < ENABLED_SHARE, MOST_A_NIGHT ** rng.random()
        for _ in range(round(rate) if enabled else 0):
            at_s = rng.uniform(5.0, length_s)
            for_s = rng.uniform(SHORTEST_S, LONGEST_S.get(kind, SHORTEST_S))
            who = _who(kind, pods, gateways, rng)
            found.append(Fault(kind, round(at_s, 3), round(for_s, 3), who, round(rng.random(), 4)))
    return tuple(sorted(found, key=lambda fault: (fault.at_s, fault.kind)))


def _who(kind: FaultKind, pods: Sequence[str], gateways: Sequence[str], rng: Random) -> tuple[str, ...]:
    if kind in SITE:
        return ()
    if kind in GATEWAYS:
        return (rng.choice(gateways),)
    if kind not in LINKS:
        return (pods[0] if rng.random() < VICTIM_SHARE else rng.choice(pods),)
    everybody = [*pods, *gateways]
    if kind is FaultKind.PARTITION and rng.random() < 0.4:
        return tuple(sorted(rng.sample(everybody, rng.randint(2, len(everybody)))))
    return (rng.choice(everybody),)


def step_of(fault: Fault) -> float:
    """Give by how much a fault sets a clock (seconds)."""
    share = 2.0 * fault.value - 1.0
    return share * (FAR_STEPS_S if abs(share) > 0.75 else STEPS_S)


def utc_step_of(fault: Fault) -> float:
    """Give by how much a fault sets a pod's UTC (seconds)."""
    return (2.0 * fault.value - 1.0) * MOST_UTC_S


def fails_power(fault: Fault) -> bool:
    """Tell whether a crash is a power failure; half of them, with a will or without."""
    return int(100.0 * fault.value) % 2 == 1
