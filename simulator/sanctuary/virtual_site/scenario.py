"""A night as its seed draws it: who sleeps where, with which settings and clocks, and when they dream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from sanctuary.commons.designs import LoadedDesign, load_design
from sanctuary.commons.entries import key_id
from sanctuary.config.headband_settings import CytonPort
from sanctuary.config.pod_settings import CircleEntry, PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.scenario_settings import WireSettings
from sanctuary.config.site_settings import (
    ClockSettings,
    CoordinatorSettings,
    LeadershipSettings,
    LimiterSettings,
    PodSettings,
    SiteSettings,
)
from sanctuary.gateway.site.assembly import derive_key
from sanctuary.gateway.site.cue_timing import AHEAD_S
from sanctuary.signal.samples import Stage
from sanctuary.virtual_site.faults import Fault, draw_faults
from sanctuary.virtual_site.verdicts import Verdicts

SECRET = b"tortured nights"
"""Keys are derived from it; the adversary does not have it."""
SHORTEST_MIN, LONGEST_MIN = 10.0, 30.0
LONG_SHARE = 0.06
"""Share of nights several times as long, in which blocks, rests and hourly budgets come round."""
DESIGN_NAMES = ("tide", "lantern")
"""Names under which a circle's settings may know a design; what they stand for is drawn."""
MOST_DRIFT = 100e-6
MOST_OFFSET_S = 1000.0

_HEADER = """schema = "sanctuary.design.v1"
title = "Torture {number}"
author = "Sanctuary"
licence = "CC0-1.0"
length_s = {length_s}
looping = {looping}
"""


@dataclass(frozen=True, slots=True)
class ClockFault:
    """How wrong a machine's clock is from the beginning."""

    offset_s: float
    drift: float


@dataclass(frozen=True)
class Scenario:
    """One night.

    Attributes
    ----------
    length_s
        From lights out to morning.
    settings
        Pods, circles and limits, as in the settings of a sanctuary.
    designs
        By the name that circles use.
    wire
        How good the wire is while nothing is wrong with it.
    bouts
        When each pod's sleeper is in REM, seconds.
    clocks
        Of pods and gateways.
    faults
        Everything that goes wrong; their numbers are what ``--keep`` names.
    """

    seed: int
    length_s: float
    settings: SanctuarySettings
    gateways: tuple[str, ...]
    designs: Mapping[str, LoadedDesign]
    wire: WireSettings
    bouts: Mapping[str, tuple[tuple[float, float], ...]]
    clocks: Mapping[str, ClockFault]
    faults: tuple[Fault, ...]
    ahead_s: float
    """As of `PodShell`: in most nights steps are judged ahead, as in real time, in some at their moment."""

    ends_with_clock: bool
    """As of `VirtualPod`: in half of the nights pods begin anew when the sanctuary clock is another."""

    @property
    def pods(self) -> tuple[str, ...]:
        """Ids of the pods."""
        return tuple(pod.id for pod in self.settings.pods)

    def verdicts(self, pod: str) -> Verdicts:
        """Give what a chain would say of the pod's sleeper."""
        n = int(self.length_s) + 2
        stage = np.full(n, Stage.N2, dtype=np.int8)
        for begin_s, end_s in self.bouts[pod]:
            stage[round(begin_s) : round(end_s)] = Stage.R
        none = np.zeros(n, dtype=np.bool_)
        return Verdicts(stage, stage == Stage.R, none, none.copy(), np.arange(n) / 60.0)


def draw_scenario(
    seed: int, pods: int | None = None, gateways: int | None = None, hours: float | None = None
) -> Scenario:
    """Draw a night.

    Parameters
    ----------
    pods, gateways, hours
        How many, and how long; left to the seed where not given.
    """
    rng = Random(f"torture {seed}")  # noqa: S311  chance, not secrets
    n = rng.randint(2, 8)
    names = [f"pod-{number}" for number in range(1, (pods or n) + 1)]
    n_gateways = rng.choice((1, 2, 2, 3))
    machines = tuple(f"gateway-{number}" for number in range(1, (gateways or n_gateways) + 1))
    length_s = 60.0 * rng.uniform(SHORTEST_MIN, LONGEST_MIN) * (4.0 if rng.random() < LONG_SHARE else 1.0)
    length_s = 3600.0 * hours if hours is not None else length_s
    circles = _circles(names, rng)
    settings = SanctuarySettings(
        pod=_pod_settings(rng), limiter=_limiter_settings(rng), coordinator=_coordinator_settings(rng)
    ).model_copy(
        update={
            "pods": tuple(
                PodEntry(
                    id=name,
                    sleeper=f"sleeper-{number}",
                    sleeper_key=key_id(derive_key(SECRET, "sleeper", name)),
                    headband=CytonPort(kind="cyton"),
                    outputs=("sound", "light", "haptic"),
                    photosensitive=False,
                )
                for number, name in enumerate(names, start=1)
            ),
            "circles": circles,
            "site": SiteSettings(gateways=machines),
            "tenure": LeadershipSettings(renew_s=rng.choice((0.5, 1.0, 1.0))),
            "clock": ClockSettings(every_s=(4.0, 20.0, 20.0)[seed % 3]),
        }
    )
    return Scenario(
        seed,
        length_s,
        settings,
        machines,
        {name: _design(number, rng) for number, name in enumerate(DESIGN_NAMES)},
        WireSettings(
            delay_s=rng.uniform(0.001, 0.02),
            jitter_s=rng.uniform(0.0, 0.01),
            keep_alive_s=rng.uniform(3.0, 15.0),
        ),
        _bouts(names, length_s, rng),
        _clocks((*names, *machines), rng),
        draw_faults(length_s, names, machines, rng),
        0.0 if seed % 4 == 0 else AHEAD_S,
        seed // 4 % 2 == 1,
    )


def _circles(names: Sequence[str], rng: Random) -> tuple[CircleEntry, ...]:
    found: list[CircleEntry] = []
    for number in range(1, rng.randint(1, 3) + 1):
        size = rng.randint(2, len(names))
        members = tuple(sorted(rng.sample(names, size))) if number > 1 else tuple(names)
        found.append(
            CircleEntry(
                id=f"circle-{number}",
                members=members,
                quorum=rng.randint(2, min(3, len(members))),
                design=rng.choice(DESIGN_NAMES),
            )
        )
    return tuple(found)


def _design(number: int, rng: Random) -> LoadedDesign:
    """Write a design of steps that follow each other as closely as they may."""
    looping, count = rng.random() < 0.8, rng.randint(1, 5)
    gap_s = rng.choice((20.0, 20.0, 21.5, 26.0))
    text = _HEADER.format(number=number, length_s=gap_s * count, looping=str(looping).lower())
    for at in range(count):
        text += f"\n[[steps]]\nat_s = {gap_s * at}\n" + rng.choice(_STEPS)
    return load_design(text.encode(), f"torture-{number}")


_STEPS = (
    'modality = "sound"\nlevel_dba = 40.0\nduration_s = 6.0\nfade_s = 1.0\ntones_hz = [220.0]\n',
    'modality = "sound"\nlevel_dba = 30.0\nduration_s = 12.0\nfade_s = 2.0\ntones_hz = [110.0]\n',
    'modality = "light"\nlevel_share = 0.2\nduration_s = 10.0\nfade_s = 0.5\nflash_hz = 1.0\n',
    'modality = "light"\nlevel_share = 0.1\nduration_s = 8.0\nfade_s = 2.0\n',
    'modality = "haptic"\nlevel_share = 0.1\nduration_s = 3.0\nfade_s = 0.5\n',
)


def _pod_settings(rng: Random) -> PodSettings:
    return PodSettings(
        heartbeat_s=rng.choice((20.0, 40.0)),
        lease_ttl_s=5.0,
        clock_uncertainty_limit_s=0.05,
        keepalive_limit_s=rng.choice((6.0, 10.0)),
        stale_s=rng.choice((2.0, 3.0)),
    )


def _coordinator_settings(rng: Random) -> CoordinatorSettings:
    return CoordinatorSettings(
        offer_backoff_s=rng.choice((3.0, 10.0)),
        valid_for_s=5.0,
        max_window_s=rng.choice((45.0, 90.0, 180.0)),
        refractory_s=60.0,
        state_age_limit_s=60.0,
    )


def _limiter_settings(rng: Random) -> LimiterSettings:
    chosen: dict[str, Any] = {
        "night_budget": rng.choice((60, 60, 6)),
        "cues_per_block": rng.choice((15, 15, 4)),
        "flashes_per_hour": rng.choice((60, 20)),
        "ramp_db": rng.choice((1.0, 0.5)),
    }
    return LimiterSettings(**chosen)


def _bouts(names: Sequence[str], length_s: float, rng: Random) -> dict[str, tuple[tuple[float, float], ...]]:
    """Draw REM that comes round often, for most sleepers at nearly the same time."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    at_s = rng.uniform(15.0, 60.0)
    while at_s < length_s - 60.0:
        for_s = rng.uniform(50.0, 200.0)
        for name in names:
            begin_s, end_s = at_s + rng.uniform(-10.0, 15.0), at_s + for_s + rng.uniform(-30.0, 30.0)
            if rng.random() < 0.85 and end_s > begin_s + 10.0:
                begin_s = max(begin_s, found[name][-1][1] + 5.0 if found[name] else 1.0)
                found[name].append((begin_s, max(end_s, begin_s + 5.0)))
        at_s += for_s + rng.uniform(40.0, 160.0)
    return {name: tuple(bouts) for name, bouts in found.items()}


def _clocks(machines: Sequence[str], rng: Random) -> dict[str, ClockFault]:
    skewed = rng.random() < 0.7
    return {
        name: ClockFault(
            round(rng.uniform(0.0, MOST_OFFSET_S), 3) if skewed else 0.0,
            rng.uniform(-MOST_DRIFT, MOST_DRIFT) if skewed else 0.0,
        )
        for name in machines
    }
