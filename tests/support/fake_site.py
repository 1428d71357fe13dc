"""The fake site: a `VirtualSite` whose sleepers do as a test says.

Everything but signals, network and clock is what a real night runs: shells, cores, messages, signatures,
leadership. Each pod has three kinds of cue, and each sleeper has granted all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from hypothesis import strategies as st
from nacl.signing import SigningKey

from pod_bench import CIRCLE, DESIGN, estimate
from sanctuary.commons.designs import LoadedDesign
from sanctuary.commons.entries import Grant, Scope, key_id, seal, signing_key
from sanctuary.config.pod_settings import CircleEntry, PodEntry
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.scenario_settings import WireSettings
from sanctuary.config.site_settings import CoordinatorSettings
from sanctuary.firmware_bridge.cues import Cue, Modality
from sanctuary.pods.coordinator.gateway import Gateway
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod.pod import Pod
from sanctuary.signal.samples import EyeSignal, StageEstimate
from sanctuary.virtual_site.event_queue import EventQueue
from sanctuary.virtual_site.host import UTC_AT_ZERO_S
from sanctuary.virtual_site.simulated_site import Guest, SiteSpec, VirtualSite
from sanctuary.virtual_site.transforms import Delay, Duplicate, Loss, Reorder, Transform

EVERYONE = ("pod-1", "pod-2", "pod-3")
LRLR = EyeSignal(1.0, 4.0, 5.0, 200.0, 0.8, True)
QUIET = WireSettings(delay_s=0.001, jitter_s=0.0)
LED_S = 13.0
"""A gateway that begins holds its circle after so long; `FakeSite.run` counts from then."""
Says = Callable[[float], StageEstimate]


@dataclass(frozen=True)
class Impaired:
    """How bad the network is between pods and gateway; chances are per delivery."""

    loss: float = 0.0
    repeat: float = 0.0
    delay_s: float = 0.05
    """Mean delay; each delivery draws its own, and messages overtake each other."""

    def transforms(self, rng: Random) -> tuple[Transform, ...]:
        """Make what the network does to messages; the time and what gateways say of themselves stay whole."""
        return (
            Loss(self.loss, rng, _of_pods),
            Duplicate(self.repeat, rng),
            Delay(0.0, self.delay_s, rng, _of_pods),
            Reorder(1.0, rng, _of_pods),
        )


chance = st.floats(0.0, 0.4)
impaired = st.builds(Impaired, loss=chance, repeat=chance, delay_s=st.floats(0.0, 2.0))


class ScriptedVerdicts:
    """What the chain of one sleeper says: whatever `says` gives for each second."""

    def __init__(self, says: Says = estimate) -> None:
        self.says = says
        self.looking = False

    def at(self, t_s: float) -> StageEstimate:
        """Give the estimate of the last whole second."""
        said = self.says(float(math.floor(t_s)))
        if self.looking:
            self.looking, said = False, replace(said, eye_signal=LRLR)
        return said

    def next_change_s(self, t_s: float) -> float:
        """Every second may bring another."""
        return math.floor(t_s) + 1.0


@dataclass
class FakeSite:
    """Pods of one circle and their gateway.

    Attributes
    ----------
    echo
        Pods whose sleepers agreed that eye signals are answered.
    cues
        What sounded: pod, cue and when.
    """

    seed: int = 1
    wire: Impaired | None = None
    names: Sequence[str] = EVERYONE
    quorum: int = 2
    settings: CoordinatorSettings = field(default_factory=CoordinatorSettings)
    design: LoadedDesign = DESIGN
    echo: Sequence[str] = ()
    cues: list[tuple[str, Cue, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.events = EventQueue()
        self.verdicts = {name: ScriptedVerdicts() for name in self.names}
        settings = SanctuarySettings(coordinator=self.settings).model_copy(
            update={
                "pods": tuple(self._entry(name) for name in self.names),
                "circles": (
                    CircleEntry(id=CIRCLE, members=tuple(self.names), quorum=self.quorum, design="tide"),
                ),
            }
        )
        guests = {name: Guest(verdicts, self._ear(name)) for name, verdicts in self.verdicts.items()}
        spec = SiteSpec("site", b"fake site", QUIET, {"tide": self.design})
        self.virtual = VirtualSite(settings, guests, spec, self.events, self.random)
        for name in self.names:
            self.virtual.store.keep_consent(name, self._grant(name, settings.site.id))
        if self.wire is not None:
            self.virtual.network.impose(math.inf, *self.wire.transforms(self.random))
        self.virtual.start()

    @property
    def now_s(self) -> float:
        """Seconds since a gateway could lead."""
        return self.events.now_s - LED_S

    def run(self, until_s: float) -> None:
        """Let everything happen that is due up to then, seconds since a gateway could lead."""
        self.events.run(LED_S + until_s)

    def say(self, says: Says, *names: str) -> None:
        """Let the chains of these sleepers say this from the next second on."""
        for name in names:
            self.verdicts[name].says = says

    def starve(self, name: str, for_s: float) -> None:
        """Bring nothing from a headband for a while."""
        self.virtual.sleepers[name].starve(for_s)

    def look(self, name: str) -> None:
        """Let a sleeper make the voluntary eye signal with the next estimate."""
        self.verdicts[name].looking = True

    def do(self, name: str, event: happened.PodEvent) -> None:
        """Let something happen to a pod."""
        self.virtual.drivers[name].handle(event)

    def pod(self, name: str) -> Pod:
        return self.virtual.drivers[name].shell.pod

    @property
    def pods(self) -> list[Pod]:
        return [self.pod(name) for name in self.names]

    @property
    def coordinator(self) -> Gateway:
        """The core of the gateway, which has to be up."""
        assert self.virtual.coordinator is not None
        return self.virtual.coordinator

    @property
    def records(self) -> list[Mapping[str, Any]]:
        return self.virtual.log.records

    def found(self, kind: str, event: str = "", **content: object) -> list[Mapping[str, Any]]:
        """Give the records of one kind, and of one event where that is named, with this content."""
        wanted = {"kind": kind, **({"event": event} if event else {}), **content}
        return [r for r in self.records if all(r.get(name) == value for name, value in wanted.items())]

    def rendered(self) -> list[tuple[str, int, float, float]]:
        """Give what sounded: pod, step, when it was due and when it was handed over."""
        outputs = {(r["pod"], r["window"], r["step"]): r["t_s"] for r in self.found("output")}
        return [
            (r["pod"], r["step"], r["due_s"], outputs[r["pod"], r["window"], r["step"]])
            for r in self.found("cue", outcome="rendered")
        ]

    def _ear(self, name: str) -> Callable[[Cue, float, object], None]:
        return lambda cue, at_s, _sleeper: self.cues.append((name, cue, at_s))

    def _entry(self, name: str) -> PodEntry:
        return PodEntry(
            id=name,
            sleeper=f"sleeper-{name}",
            sleeper_key=key_id(sleeper_key(name)),
            headband={"kind": "cyton", "port": "/dev/never-opened"},
            outputs=("sound", "light", "haptic"),
            photosensitive=False,
        )

    def _grant(self, name: str, site: str) -> bytes:
        key = sleeper_key(name)
        scope = Scope(
            circle=CIRCLE,
            modalities=tuple(Modality),
            max_level_dba=40.0,
            max_light_share=0.2,
            max_haptic_share=0.2,
            echo=name in self.echo,
        )
        day_s = 86_400.0
        grant = Grant(
            who=key_id(key),
            seq=1,
            scope=scope,
            design=self.design.hash,
            nbf=UTC_AT_ZERO_S - day_s,
            exp=UTC_AT_ZERO_S + day_s,
            nonce="n",
        )
        return seal(key, site, grant)


def _of_pods(topic: str) -> bool:
    return "/pods/" in topic or topic.endswith("/all/cmd")


def sleeper_key(name: str) -> SigningKey:
    return signing_key(name.encode().rjust(32, b"!")[:32])
