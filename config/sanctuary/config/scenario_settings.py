"""Scenarios of simulated fleets: who sleeps where, the quality of the network, faults by time and by rate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from sanctuary.config.chain_settings import ChainSettings
from sanctuary.config.pod_settings import CircleEntry
from sanctuary.config.settings_base import DesignName, Finding, Id, Settings, raise_findings
from sanctuary.config.site_settings import CoordinatorSettings, LimiterSettings, PodSettings
from sanctuary.config.sleeper_settings import SleeperSettings

MOST_PODS = 10_000

FaultKind = Literal[
    "stop", "withdraw", "headband_lost", "electrode_off", "network_cut", "coordinator_crash", "arousal"
]
WITHOUT_POD = frozenset({"coordinator_crash"})
"""Kinds that concern the site, not one pod."""


class WireSettings(Settings):
    """How messages travel between pods and coordinator."""

    delay_s: float = Field(0.01, ge=0.0, le=2.0)
    """Shortest time (seconds) that a message takes."""
    jitter_s: float = Field(0.04, ge=0.0, le=5.0)
    """Mean (seconds) of the exponential time on top of it."""
    loss: float = Field(0.0, ge=0.0, le=0.9)
    """Share of deliveries that never arrive."""
    repeat: float = Field(0.0, ge=0.0, le=0.9)
    """Share of deliveries that arrive twice."""
    reorder: float = Field(0.0, ge=0.0, le=1.0)
    """Share of deliveries that may overtake others."""
    keep_alive_s: float = Field(15.0, ge=1.0, le=120.0)
    """Time (seconds) after which a broker takes a silent client for lost, and publishes its will."""


class VerdictSettings(Settings):
    """What a chain says of a simulated sleeper, drawn without signals.

    The defaults are figures of this program's own chain on twins of recorded nights (docs/sensing.md).
    """

    latency_median_s: float = Field(64.0, ge=1.0, le=1800.0)
    """Median time (seconds) from the beginning of REM to the gate's opening."""
    latency_p90_s: float = Field(140.0, ge=1.0, le=3600.0)
    """Its 90th centile (seconds)."""
    opening_mean_s: float = Field(240.0, ge=5.0, le=7200.0)
    """Mean length (seconds) of an opening that REM itself does not end."""
    doubt_mean_s: float = Field(65.0, ge=20.0, le=3600.0)
    """Mean length (seconds) of the doubt between two openings in one REM period."""
    lag_s: float = Field(10.0, ge=0.0, le=60.0)
    """Longest time (seconds) for which the gate stays open after REM has ended."""
    found: float = Field(0.989, ge=0.0, le=1.0)
    """Share of REM bouts of three minutes or more in which the gate opens at all."""
    false_per_night: float = Field(0.27, ge=0.0, le=20.0)
    """Openings a night of eight hours that touch no REM."""
    lifts_per_hour: float = Field(0.1, ge=0.0, le=20.0)
    """Times an hour that the signal is too poor to say anything."""
    lift_longest_s: float = Field(120.0, ge=5.0, le=7200.0)
    """Longest time (seconds) that it is."""

    @model_validator(mode="after")
    def _centiles_in_order(self) -> VerdictSettings:
        if self.latency_p90_s < self.latency_median_s:
            raise ValueError("latency_p90_s must not be below latency_median_s")
        return self


class FaultRates(Settings):
    """What goes wrong at random; each time at some moment of the night, for some minutes."""

    stops_per_night: float = Field(0.0, ge=0.0, le=50.0)
    """Times a night that one sleeper presses stop."""
    withdrawals_per_night: float = Field(0.0, ge=0.0, le=50.0)
    """Times a night that one sleeper withdraws."""
    headband_losses_per_night: float = Field(0.0, ge=0.0, le=200.0)
    """Times a night that one headband goes away."""
    network_cuts_per_night: float = Field(0.0, ge=0.0, le=200.0)
    """Times a night that one pod loses the network."""
    coordinator_crashes_per_night: float = Field(0.0, ge=0.0, le=50.0)
    """Times a night that the coordinator dies."""
    longest_min: float = Field(10.0, ge=0.1, le=120.0)
    """Longest time (minutes) that a headband, the network or the coordinator stays away."""


class ScenarioFault(Settings):
    """Something that goes wrong at a given time."""

    kind: FaultKind
    """What happens."""
    at_min: float = Field(ge=0.0, le=1440.0)
    """When, minutes after the beginning of the night."""
    pod: Id | None = None
    """The pod concerned; left out for the coordinator."""
    for_min: float = Field(5.0, gt=0.0, le=1440.0)
    """How long (minutes), where it ends by itself."""

    @model_validator(mode="after")
    def _names_its_pod(self) -> ScenarioFault:
        if (self.pod is None) != (self.kind in WITHOUT_POD):
            text = f'of kind "{self.kind}" befalls ' + (
                "the coordinator: leave it out" if self.kind in WITHOUT_POD else "one pod: name it"
            )
            raise_findings([Finding(("pod",), text)])
        return self


class ScenarioSettings(Settings):
    """A fleet and its nights."""

    pods: int = Field(8, ge=2, le=MOST_PODS)
    """Sleepers, in pods called ``pod-1`` and so on."""
    hours: float = Field(8.0, ge=0.1, le=24.0)
    """Length (hours) of a night."""
    circle_size: int = Field(4, ge=2, le=64)
    """Members of a circle, where no circles are named; who is left over joins the last one."""
    quorum: int = Field(2, ge=2, le=64)
    """Members who must be in REM together, where no circles are named."""
    design: DesignName = "tide"
    """Dream design, where no circles are named: the name of a shipped one, or the path of a .toml file."""
    circles: tuple[CircleEntry, ...] = Field((), max_length=MOST_PODS // 2)
    """The circles, one `[[circles]]` table each; left out, neighbours form circles."""
    sleepers: SleeperSettings = SleeperSettings()
    """Nights of the sleepers; bedtimes are spread by `night.bedtime_jitter_min`."""
    verdicts: VerdictSettings = VerdictSettings()
    """What their chains say."""
    wire: WireSettings = WireSettings()
    """How messages travel."""
    rates: FaultRates = FaultRates()
    """What goes wrong at random."""
    faults: tuple[ScenarioFault, ...] = Field((), max_length=10_000)
    """What goes wrong at a given time, one `[[faults]]` table each."""
    chain: ChainSettings = ChainSettings()
    """As in the settings of a sanctuary; for fleets that sleep with signals."""
    limiter: LimiterSettings = LimiterSettings()
    """As in the settings of a sanctuary."""
    pod: PodSettings = PodSettings()
    """As in the settings of a sanctuary."""
    coordinator: CoordinatorSettings = CoordinatorSettings()
    """As in the settings of a sanctuary."""

    @field_validator("circles")
    @classmethod
    def _members_are_pods(
        cls, circles: tuple[CircleEntry, ...], info: ValidationInfo
    ) -> tuple[CircleEntry, ...]:
        raise_findings(
            [
                Finding((at, "members", place), _no_pod(member, info.data.get("pods", MOST_PODS)))
                for at, circle in enumerate(circles)
                for place, member in enumerate(circle.members)
                if not is_pod(member, info.data.get("pods", MOST_PODS))
            ]
        )
        return circles

    @field_validator("faults")
    @classmethod
    def _pods_exist(
        cls, faults: tuple[ScenarioFault, ...], info: ValidationInfo
    ) -> tuple[ScenarioFault, ...]:
        pods = info.data.get("pods", MOST_PODS)
        raise_findings(
            [
                Finding((at, "pod"), _no_pod(fault.pod, pods))
                for at, fault in enumerate(faults)
                if fault.pod is not None and not is_pod(fault.pod, pods)
            ]
        )
        return faults


def is_pod(name: str, pods: int) -> bool:
    """Whether there is a pod of this name among so many."""
    number = name.removeprefix("pod-")
    return number.isdecimal() and number == str(int(number)) and 1 <= int(number) <= pods


def _no_pod(name: str, pods: int) -> str:
    return f'= "{name}" is no pod of this fleet; there are pod-1 to pod-{pods}'
