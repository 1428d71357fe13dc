"""What goes wrong in a simulated night, planned before it begins; pure."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sanctuary.config.scenario_settings import FaultKind, ScenarioSettings

SHORTEST_S = 5.0


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault.

    Attributes
    ----------
    kind, pod
        What, and whom it befalls; None for the coordinator.
    at_s, for_s
        When, and how long.
    """

    kind: FaultKind
    at_s: float
    for_s: float
    pod: str | None = None


def plan_faults(scenario: ScenarioSettings, rng: Random) -> list[PlannedFault]:
    """Plan those that the scenario names and those that it leaves to chance, in order of time."""
    planned = [
        PlannedFault(fault.kind, 60.0 * fault.at_min, 60.0 * fault.for_min, fault.pod)
        for fault in scenario.faults
    ]
    rates = scenario.rates
    by_pod: tuple[tuple[FaultKind, float], ...] = (
        ("stop", rates.stops_per_night),
        ("withdraw", rates.withdrawals_per_night),
        ("headband_lost", rates.headband_losses_per_night),
        ("network_cut", rates.network_cuts_per_night),
    )
    end_s, longest_s = 3600.0 * scenario.hours, 60.0 * rates.longest_min
    for pod in (f"pod-{number}" for number in range(1, scenario.pods + 1)):
        for kind, rate in by_pod:
            planned += _by_chance(kind, rate, pod, end_s, longest_s, rng)
    planned += _by_chance(
        "coordinator_crash", rates.coordinator_crashes_per_night, None, end_s, longest_s, rng
    )
    return sorted(planned, key=lambda fault: (fault.at_s, fault.kind, fault.pod or ""))


def _by_chance(
    kind: FaultKind, rate: float, pod: str | None, end_s: float, longest_s: float, rng: Random
) -> list[PlannedFault]:
    """Draw a Poisson process over the night."""
    found: list[PlannedFault] = []
    at_s = rng.expovariate(rate / end_s) if rate else end_s
    while at_s < end_s:
        for_s = SHORTEST_S + rng.random() * max(0.0, longest_s - SHORTEST_S)
        found.append(PlannedFault(kind, at_s, for_s, pod))
        at_s += for_s + rng.expovariate(rate / end_s)
    return found
