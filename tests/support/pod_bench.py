"""A pod on the bench: keys, grants, designs, estimates, signed commands, and a shell that does as told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nacl.signing import SigningKey

from sanctuary.commons.consent import ConsentBook
from sanctuary.commons.designs import LoadedDesign, load_design
from sanctuary.commons.entries import (
    FIRST,
    Grant,
    Scope,
    Withdrawal,
    WithdrawnScope,
    key_id,
    seal,
    signing_key,
)
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.pods.coordinator.command_writer import CommandWriter
from sanctuary.pods.effects import Effect, IdSource, Keep, Log, Publish, Record, Render, Silence
from sanctuary.pods.pod.events import (
    ClockMeasured,
    CommandReceived,
    ConsentPresented,
    EstimateArrived,
    LinkRestored,
    PodEvent,
    Ticked,
)
from sanctuary.pods.pod.identity import PodIdentity, PodMemory
from sanctuary.pods.pod.pod import Pod
from sanctuary.pods.pod.states import PodPhase
from sanctuary.pods.protocol.gateway_records import output_record
from sanctuary.pods.protocol.messages import OfferArgs, Reply, read
from sanctuary.signal.samples import Stage, StageEstimate

SITE = "harbour"
ORIGIN = "harbour.example/dream-ledger"
CIRCLE = "tide-circle"
POD = "pod-1"
UTC_AT_ZERO_S = 1_800_000_000.0
COORDINATOR_KEY = signing_key(b"\x77" * 32)
SLEEPER_KEY = signing_key(b"\x11" * 32)

DESIGN_TOML = """
schema = "sanctuary.design.v1"
title = "Bench"
author = "Tests"
licence = "CC0-1.0"
length_s = 72.0
looping = true
[[steps]]
at_s = 0.0
modality = "sound"
level_dba = 34.0
duration_s = 6.0
fade_s = 2.0
tones_hz = [110.0]
[[steps]]
at_s = 24.0
modality = "light"
level_share = 0.08
duration_s = 6.0
fade_s = 2.0
[[steps]]
at_s = 48.0
modality = "sound"
level_dba = 36.0
duration_s = 6.0
fade_s = 2.0
tones_hz = [220.0]
"""
DESIGN = load_design(DESIGN_TOML.encode(), "bench.toml")


def pod_key(pod: str) -> SigningKey:
    """The key of a pod, made of its name."""
    return signing_key(pod.encode().ljust(32, b".")[:32])


def estimate(t_s: float, *, rem: bool = True, arousal: bool = False, quality: float = 0.9) -> StageEstimate:
    """An estimate as the chain might make it."""
    p = (0.02, 0.02, 0.02, 0.02, 0.92) if rem else (0.02, 0.02, 0.92, 0.02, 0.02)
    return StageEstimate(t_s, p, Stage.R if rem else Stage.N2, rem, arousal, quality, "bench")


def grant(
    seq: int = 1,
    *,
    prev: str = FIRST,
    key: SigningKey = SLEEPER_KEY,
    circle: str = CIRCLE,
    design: str = DESIGN.hash,
    modalities: tuple[Modality, ...] = (Modality.SOUND, Modality.LIGHT),
    max_level_dba: float = 40.0,
    max_light_share: float = 0.2,
    nbf: float = UTC_AT_ZERO_S - 3600.0,
    exp: float = UTC_AT_ZERO_S + 86400.0,
    nonce: str = "n",
) -> Grant:
    """A grant of the bench's sleeper."""
    scope = Scope(
        circle=circle,
        modalities=modalities,
        max_level_dba=max_level_dba if Modality.SOUND in modalities else 0.0,
        max_light_share=max_light_share if Modality.LIGHT in modalities else 0.0,
    )
    return Grant(
        who=key_id(key), seq=seq, prev=prev, scope=scope, design=design, nbf=nbf, exp=exp, nonce=nonce
    )


def withdrawal(
    seq: int, *, prev: str = FIRST, key: SigningKey = SLEEPER_KEY, circle: str = CIRCLE, nonce: str = "w"
) -> Withdrawal:
    """A withdrawal of the bench's sleeper."""
    return Withdrawal(who=key_id(key), seq=seq, prev=prev, scope=WithdrawnScope(circle=circle), nonce=nonce)


def sealed(event: Grant | Withdrawal, key: SigningKey = SLEEPER_KEY) -> bytes:
    """An entry, signed."""
    return seal(key, ORIGIN, event)


@dataclass
class PodBench:
    """One pod, its shell, and a coordinator's pen."""

    pod: Pod
    commander: CommandWriter
    design: LoadedDesign = DESIGN
    now_s: float = 0.0
    effects: list[Effect] = field(default_factory=list)
    lines: list[Mapping[str, Any]] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    """Signed consent that the pod was given."""
    kept: PodMemory | None = None
    """What the pod asked to be kept last."""

    def handle(self, event: PodEvent, now_s: float | None = None) -> list[Effect]:
        """Give the pod an event and do what it asks, as a shell does."""
        self.now_s = self.now_s if now_s is None else now_s
        out = self.pod.handle(event, self.now_s)
        if isinstance(event, ConsentPresented) and takes_consent(out):
            self.entries.append(event.entry)
        self.effects += out
        for effect in out:
            if isinstance(effect, Keep):
                self.kept = effect.memory
            elif isinstance(effect, Log):
                self.lines.append(effect.entry.to_dict())
            elif isinstance(effect, Record):
                self.lines.append(effect.record.to_dict())
            elif isinstance(effect, Render):
                name = self.pod.identity.pod
                self.lines.append(output_record(name, effect.window, effect.step, self.now_s).to_dict())
        return out

    def restart(self, boot: str, **changes: Any) -> None:
        """Kill the pod and start it again with its signed entries and what was kept, read from JSON."""
        before = self.pod
        consent = ConsentBook(ORIGIN, key_id(SLEEPER_KEY))
        for entry in self.entries:
            consent.add(entry)
        memory = PodMemory.model_validate_json(self.kept.to_json()) if self.kept else None
        self.pod = make_pod(before.identity.pod, boot=boot, consent=consent, memory=memory, **changes)

    def sleep(self, seconds: float, *, rem: bool = True, extend: str = "") -> list[Effect]:
        """Let time pass, an estimate and a tick each second; keep the window `extend` open if named."""
        out: list[Effect] = []
        for _ in range(round(seconds)):
            self.now_s += 1.0
            if extend:
                out += self.command(
                    self.commander.extend(self.pod.identity.pod, extend, CIRCLE, self.now_s, self.now_s + 6.0)
                )
            out += self.handle(EstimateArrived(estimate(self.now_s, rem=rem)))
            out += self.handle(Ticked())
        return out

    def command(self, message: Publish) -> list[Effect]:
        """Deliver a command."""
        return self.handle(CommandReceived(message.payload))

    def offer_args(self, name: str = "1", **changes: Any) -> OfferArgs:
        """An offer of the bench's design and circle."""
        content: dict[str, Any] = {
            "offer": f"o{name}",
            "window": f"w{name}",
            "circle": CIRCLE,
            "design": self.design.hash,
            "modalities": self.design.design.modalities,
            "quorum": 2,
            "nonce": f"nonce{name}",
        }
        return OfferArgs(**(content | changes))

    def offer(self, name: str = "1", **changes: Any) -> list[Effect]:
        """Offer a window now."""
        args = self.offer_args(name, **changes)
        return self.command(self.commander.offer(self.pod.identity.pod, args, self.now_s, self.now_s + 5.0))

    def open(self, name: str = "1", lead_s: float = 2.0, zero_s: float | None = None) -> list[Effect]:
        """Open the window of that offer."""
        return self.command(self.open_message(name, lead_s, zero_s))

    def open_message(self, name: str = "1", lead_s: float = 2.0, zero_s: float | None = None) -> Publish:
        """The command that opens it."""
        start_at_s = self.now_s + lead_s
        return self.commander.open(
            self.pod.identity.pod,
            self.offer_args(name),
            self.now_s,
            start_at_s=start_at_s,
            zero_s=start_at_s if zero_s is None else zero_s,
            valid_until_s=self.now_s + 6.0,
        )

    def enter_window(self, name: str = "1") -> None:
        """From eligible to in a window."""
        self.offer(name)
        self.open(name)
        assert self.pod.phase is PodPhase.IN_WINDOW


def make_pod(pod: str = POD, *, boot: str = "b1", **changes: Any) -> Pod:
    """A pod with the bench's keys; its sleeper has granted nothing yet."""
    me = PodIdentity(
        SITE,
        pod,
        boot,
        pod_key(pod),
        COORDINATOR_KEY.verify_key,
        changes.pop("circles", (CIRCLE,)),
        changes.pop("shams", ()),
        changes.pop("threshold_dba", None),
    )
    consent = changes.pop("consent", None) or ConsentBook(ORIGIN, key_id(SLEEPER_KEY))
    designs = changes.pop("designs", (DESIGN,))
    changes.setdefault("light_cleared", True)
    return Pod(me, consent=consent, designs=designs, utc_at_zero_s=UTC_AT_ZERO_S, **changes)


def make_bench(*, term: int = 1, **changes: Any) -> PodBench:
    """A pod that is offline, with a coordinator's pen."""
    return PodBench(make_pod(**changes), CommandWriter(SITE, COORDINATOR_KEY, term, IdSource(f"gw{term}")))


def eligible_bench(**changes: Any) -> PodBench:
    """A pod that is eligible at second 1."""
    bench = make_bench(**changes)
    bench.handle(LinkRestored(), 0.0)
    bench.handle(ConsentPresented(sealed(grant())))
    bench.handle(ClockMeasured(0.0, 0.002))
    bench.sleep(1)
    assert bench.pod.phase is PodPhase.ELIGIBLE
    return bench


def window_bench(**changes: Any) -> PodBench:
    """A pod in window ``w1`` whose first step is due in 2 s."""
    bench = eligible_bench(**changes)
    bench.enter_window()
    return bench


def takes_consent(effects: list[Effect]) -> bool:
    """Whether a consent entry was taken."""
    return any(record["act"] in ("grant", "withdraw") for record in recorded(effects, "consent"))


def renders(effects: list[Effect]) -> list[Render]:
    """The cues that are to sound."""
    return [effect for effect in effects if isinstance(effect, Render)]


def silences(effects: list[Effect]) -> list[Silence]:
    """The orders to be silent."""
    return [effect for effect in effects if isinstance(effect, Silence)]


def entries(effects: list[Effect]) -> list[Any]:
    """The cue log entries."""
    return [effect.entry.to_dict() for effect in effects if isinstance(effect, Log)]


def recorded(effects: list[Effect], kind: str) -> list[Any]:
    """The event records of one kind."""
    return [e.record.to_dict() for e in effects if isinstance(e, Record) and e.record.kind == kind]


def published(effects: list[Effect], tail: str) -> list[Publish]:
    """The messages on topics that end so."""
    return [effect for effect in effects if isinstance(effect, Publish) and effect.topic.endswith(tail)]


def reply_of(effects: list[Effect]) -> Reply:
    (message,) = [e for e in effects if isinstance(e, Publish) and e.topic.endswith("up/reply")]
    return read(Reply, message.payload)


def phase_of(bench: PodBench) -> PodPhase:
    return bench.pod.phase


def playing_bench() -> PodBench:
    """In a window, its first cue sounding since this very second."""
    bench = window_bench()
    assert len(renders(bench.sleep(2))) == 1
    return bench
