"""Who takes part tonight: keys, consent, circles and designs, from the settings.

Simulated sleepers have keys made from their seed and sign their own grants. A person's key never comes near
this program: what it is given are signed entries.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from sanctuary.commons.consent import ConsentBook
from sanctuary.commons.designs import LoadedDesign, load_design, shipped_design
from sanctuary.commons.entries import FIRST, Grant, Scope, key_id, seal, signing_key, unseal
from sanctuary.config.errors import InputError
from sanctuary.config.pod_settings import CircleEntry, PodEntry, SimulatedGrant, lamp_rules
from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.config.settings_base import shipped_designs
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.firmware_bridge.outputs.sound_rendering import SoundLibrary
from sanctuary.pods.coordinator.circle import Circle, CoordinatorIdentity
from sanctuary.pods.coordinator.gateway import Gateway
from sanctuary.pods.effects import IdSource
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
    """

    settings: SanctuarySettings
    secret: bytes
    boot: str
    term: int
    utc_at_zero_s: float
    consent: Mapping[str, tuple[bytes, ...]]


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
