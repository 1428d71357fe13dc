"""Who takes part tonight: keys, consent, circles and designs, from the settings.

Simulated sleepers have keys made from their seed and sign their own grants. A person's key never comes near
this program: what it is given are signed entries.

What runs through a night in real time.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from sanctuary.commons.consent import ConsentBook
from sanctuary.commons.designs import LoadedDesign, load_design, shipped_design
from sanctuary.commons.entries import FIRST, Grant, Scope, key_id, seal, signing_key, unseal
from sanctuary.config.errors import InputError
from sanctuary.config.headband_settings import address_of
from sanctuary.config.pod_settings import CircleEntry, PodEntry, SimulatedGrant, lamp_rules
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.settings_base import shipped_designs
from sanctuary.firmware_bridge.outputs.output import Modality
from sanctuary.firmware_bridge.outputs.soundfiles import SoundLibrary
from sanctuary.firmware_bridge.stream.reader import HeadbandPump
from sanctuary.gateway.site.advice import Readiness
from sanctuary.gateway.site.clocks import LiveTime
from sanctuary.gateway.site.coordinator_shell import CoordinatorRunner, GatewayLine
from sanctuary.gateway.site.event_log import Journal
from sanctuary.gateway.site.headband_start import NewPorts
from sanctuary.gateway.site.live_pod import LivePod
from sanctuary.gateway.site.own_utc import OwnUtc
from sanctuary.gateway.site.stopping import StopFlag
from sanctuary.gateway.site.storage import SiteStore
from sanctuary.gateway.streams import say
from sanctuary.pods.coordinator.circle import Circle, CoordinatorIdentity
from sanctuary.pods.coordinator.gateway import Gateway
from sanctuary.pods.effects import IdSource
from sanctuary.pods.mqtt.broker import BrokerEndpoint
from sanctuary.pods.pod.identity import PodIdentity, PodMemory
from sanctuary.pods.pod.pod import Pod

_LOG = logging.getLogger(__name__)

GRANT_S = 24 * 3600.0
"""A simulated sleeper's grant holds for a day, from a whole hour: the same after a restart in the night."""
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class NightPlan:
    """What pods and coordinator are made of.

    Attributes
    ----------
    secret
        Bytes from which pod and coordinator keys are derived; of a simulated night, its seed.
    boot
        Id of this start; never used before at this broker.
    term
        Highest that the gateway used in an earlier start.
    utc_at_zero_s
        UTC seconds at second 0 of the sanctuary clock.
    consent
        Signed entries of persons, by pod.
    installation
        What tells this installation from others at one broker; see `SiteStore.installation`. Empty where the
        broker is of this night alone.
    """

    settings: SanctuarySettings
    secret: bytes
    boot: str
    term: int
    utc_at_zero_s: float
    consent: Mapping[str, tuple[bytes, ...]]
    installation: str = ""

    def client_id(self, name: str) -> str:
        """Name an MQTT client of this installation; the same after a restart."""
        return "-".join(filter(None, (self.settings.site.id, self.installation, name)))


def derive_key(secret: bytes, role: str, name: str) -> SigningKey:
    """Derive the signing key of `name` in `role` from a secret."""
    return signing_key(hashlib.blake2b(f"{role}/{name}".encode(), key=secret[:64], digest_size=32).digest())


def designs_of(circles: Iterable[CircleEntry]) -> dict[str, LoadedDesign]:
    """Load the designs that circles name; one that is not shipped is a path.

    Raises
    ------
    InputError
        A design cannot be read or has mistakes; all are named.
    """
    shipped = shipped_designs()
    names = {circle.design for circle in circles}
    return {
        name: shipped_design(name) if name in shipped else load_design(Path(name)) for name in sorted(names)
    }


def identity_of(plan: NightPlan, entry: PodEntry) -> PodIdentity:
    """Give the ids and keys of one pod."""
    settings = plan.settings
    mine = [circle for circle in settings.circles if entry.id in circle.members]
    return PodIdentity(
        site=settings.site.id,
        pod=entry.id,
        boot=f"{plan.boot}-{entry.id}",
        key=derive_key(plan.secret, "pod", entry.id),
        coordinator=derive_key(plan.secret, "coordinator", settings.site.id).verify_key,
        circles=tuple(circle.id for circle in mine),
        shams=tuple(circle.id for circle in mine if circle.sham),
        threshold_dba=entry.threshold_dba,
    )


def sounds_of(designs: Iterable[LoadedDesign]) -> SoundLibrary:
    """Put the sound files of designs together, for outputs and cue tracks.

    Raises
    ------
    InputError
        They are too long together.
    """
    return SoundLibrary({sha256: file for each in designs for sha256, file in each.files.items()})


def in_one_circle(settings: SanctuarySettings, pods: Sequence[PodEntry], **changed: Any) -> SanctuarySettings:
    """Put these pods, and no others, into the first circle of the settings, with changes to its fields."""
    members = tuple(pod.id for pod in pods)
    first = settings.circles[0] if settings.circles else CircleEntry(id="circle", members=members)
    circle = first.model_copy(update={"members": members, **changed})
    return settings.model_copy(update={"pods": tuple(pods), "circles": (circle,)})


def warn_of_thresholds(settings: SanctuarySettings, designs: Mapping[str, LoadedDesign]) -> None:
    """Tell of pods that will refuse steps because nobody has measured their sleeper's threshold."""
    for circle in settings.circles:
        if not designs[circle.design].design.needs_threshold:
            continue
        lacking = [pod.id for pod in settings.pods if pod.id in circle.members and pod.threshold_dba is None]
        if lacking:
            _LOG.warning(
                "design %s goes by each sleeper's threshold; without threshold_dba its steps are refused: %s",
                circle.design,
                ", ".join(lacking),
            )


def make_pod(
    plan: NightPlan,
    entry: PodEntry,
    designs: Mapping[str, LoadedDesign],
    memory: PodMemory | None = None,
    own_utc_s: float | None = None,
) -> Pod:
    """Build the core of one pod, with the consent that its sleeper has given, as it was left."""
    settings = plan.settings
    lamp = lamp_rules(entry.id, settings.pods, settings.limiter.lamps_in_view)
    mine = [circle for circle in settings.circles if entry.id in circle.members]
    return Pod(
        identity_of(plan, entry),
        consent=_consent_book(plan, entry, mine, designs),
        designs=designs.values(),
        utc_at_zero_s=plan.utc_at_zero_s,
        settings=settings.pod,
        limiter_settings=settings.limiter.model_copy(update={"lamps_in_view": lamp.lamps_in_view}),
        light_cleared=lamp.cleared,
        memory=memory,
        own_utc_s=own_utc_s,
    )


def make_gateway(plan: NightPlan, designs: Mapping[str, LoadedDesign], gateway: str | None = None) -> Gateway:
    """Build the core of a gateway, of the one that the settings name unless told otherwise.

    Raises
    ------
    InputError
        It cannot be told which gateway this is, or it is none of the site's.
    """
    settings = plan.settings
    circles = [
        Circle(
            circle.id,
            circle.quorum,
            {pod: derive_key(plan.secret, "pod", pod).verify_key for pod in circle.members},
            designs[circle.design],
        )
        for circle in settings.circles
    ]
    identity = CoordinatorIdentity(
        settings.site.id,
        gateway or gateway_of(settings),
        derive_key(plan.secret, "coordinator", settings.site.id),
        IdSource(plan.boot),
        settings.site.gateways,
    )
    return Gateway(
        identity,
        circles,
        settings.coordinator,
        settings.tenure,
        utc_at_zero_s=plan.utc_at_zero_s,
        floor_term=plan.term,
    )


def gateway_of(settings: SanctuarySettings) -> str:
    """Say which gateway this computer is.

    Raises
    ------
    InputError
        There are several, and none is named.
    """
    site = settings.site
    if site.gateway is not None:
        return site.gateway
    if len(site.gateways) > 1:
        names = ", ".join(site.gateways)
        raise InputError(f"site.gateway: missing; say which of {names} this computer is, or give --gateway")
    return site.gateways[0]


def _consent_book(
    plan: NightPlan, entry: PodEntry, circles: list[CircleEntry], designs: Mapping[str, LoadedDesign]
) -> ConsentBook:
    origin = plan.settings.site.id
    if not entry.is_simulated:
        book = ConsentBook(origin, entry.sleeper_key or "0" * 64)
        for raw in plan.consent.get(entry.id, ()):
            book.add(raw)
        return book
    key = derive_key(plan.secret, "sleeper", entry.sleeper)
    book = ConsentBook(origin, key_id(key))
    prev = FIRST
    for seq, circle in enumerate(circles, start=1):
        grant = _grant(plan, key, seq, prev, circle, designs[circle.design])
        if grant is not None:
            raw = seal(key, origin, grant)
            book.add(raw)
            prev = unseal(raw, origin).digest
    return book


def _grant(
    plan: NightPlan, key: SigningKey, seq: int, prev: str, circle: CircleEntry, design: LoadedDesign
) -> Grant | None:
    given = circle.simulated_grant
    if not given.modalities:
        return None
    evening_s = HOUR_S * floor(plan.utc_at_zero_s / HOUR_S)
    return Grant(
        who=key_id(key),
        seq=seq,
        prev=prev,
        nonce=f"{plan.boot}-{seq}",
        scope=_scope(circle.id, given),
        design=design.hash,
        nbf=evening_s - 3600.0,
        exp=evening_s + GRANT_S,
    )


def _scope(circle: str, given: SimulatedGrant) -> Scope:
    modalities = tuple(Modality(name) for name in given.modalities)
    return Scope(
        circle=circle,
        modalities=modalities,
        max_level_dba=given.max_level_dba if Modality.SOUND in modalities else 0.0,
        max_light_share=given.max_share if Modality.LIGHT in modalities else 0.0,
        max_haptic_share=given.max_share if Modality.HAPTIC in modalities else 0.0,
        echo=given.echo,
    )


@dataclass(slots=True)
class Vigil:
    """Everything that runs."""

    settings: SanctuarySettings
    store: SiteStore
    folder: Path
    endpoint: BrokerEndpoint
    journal: Journal
    plan: NightPlan
    clock: LiveTime
    capture: bool
    stop: StopFlag
    begun_s: float
    """Sanctuary clock when this program began; not 0 where it goes on after a crash."""
    pods: list[LivePod] = field(default_factory=list)
    pumps: list[HeadbandPump] = field(default_factory=list)
    coordinator: CoordinatorRunner | None = None
    """None where the pods of this program are coordinated by another."""
    line: GatewayLine | None = None
    """The link of the coordinator."""
    sounds: SoundLibrary = field(default_factory=SoundLibrary)
    """Sound files of the designs."""
    readiness: Readiness = field(default_factory=lambda: Readiness(say))
    ports: NewPorts = field(init=False)
    trouble: str | None = None
    log_is_written: bool = True
    """Whether the disk took the log when it was flushed last."""
    own_utc: OwnUtc | None = None
    """None where nobody watches it."""

    def look_at_clock(self) -> None:
        """See what became of this computer's clock, and write it down."""
        if self.own_utc is not None:
            for record in self.own_utc.records(self.now()):
                self.journal.write(record)

    def __post_init__(self) -> None:
        """Know the ports that are there when the night begins."""
        named = {pod.id: address_of(pod.headband) for pod in self.settings.pods}
        serial = {pod: port for pod, (what, port) in named.items() if what == "port" and port is not None}
        self.ports = NewPorts({pod: port for pod, port in serial.items() if "://" not in port}, _LOG.warning)
        self.ports.look(time.monotonic(), ())

    @property
    def awaited(self) -> list[str]:
        """Circles that this gateway is to hold and does not yet; of several gateways, any may hold them."""
        if self.coordinator is None or len(self.settings.site.gateways) > 1:
            return []
        held = self.coordinator.held
        return [circle.id for circle in self.settings.circles if circle.id not in held]

    def now(self) -> float:
        """Give the sanctuary clock."""
        return self.clock.now()
