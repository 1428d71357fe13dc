"""What a pod says on the wire: leases, replies, snapshots of its state, its status."""

from __future__ import annotations

from sanctuary.config.site_settings import PodSettings
from sanctuary.pods.effects import Publish
from sanctuary.pods.pod.identity import PodIdentity
from sanctuary.pods.pod.session import Session
from sanctuary.pods.pod.states import LATCHED, PodPhase
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, seal
from sanctuary.pods.protocol.messages import (
    EyeSignalMessage,
    HeadbandStatus,
    LeaseMessage,
    PodState,
    PodStatus,
    Reply,
)
from sanctuary.signal.samples import Stage, StageEstimate

AT_LEAST_ONCE = 1


class Outbox:
    """Builds messages; only here are they built, and only when they are to be sent."""

    def __init__(self, identity: PodIdentity, settings: PodSettings) -> None:
        self._me = identity
        self._settings = settings
        self._lease_seq = 0
        self._signal_seq = 0

    def lease(self, session: Session, now_s: float, *, released: bool = False) -> Publish:
        """Promise to be there for another `lease_ttl_s`, or take the promise back."""
        self._lease_seq += 1
        offer = session.offer
        message = LeaseMessage(
            site=self._me.site,
            pod=self._me.pod,
            boot=self._me.boot,
            term=session.term,
            offer=offer.offer,
            window=offer.window,
            circle=offer.circle,
            nonce=offer.nonce,
            seq=self._lease_seq,
            playing=session.playing,
            issued_at_s=now_s,
            ttl_s=0.0 if released else self._settings.lease_ttl_s,
        )
        topic = topics.event(self._me.site, self._me.pod, "lease")
        return Publish(topic, seal(Kind.LEASE, message, self._me.key), AT_LEAST_ONCE, retain=False)

    def eye_signal(self, session: Session, now_s: float) -> Publish:
        """Tell that the sleeper made the eye signal in a window."""
        self._signal_seq += 1
        offer = session.offer
        message = EyeSignalMessage(
            site=self._me.site,
            pod=self._me.pod,
            boot=self._me.boot,
            seq=self._signal_seq,
            window=offer.window,
            circle=offer.circle,
            offer=offer.offer,
            t_s=now_s,
        )
        topic = topics.event(self._me.site, self._me.pod, "eye-signal")
        return Publish(topic, seal(Kind.EYE_SIGNAL, message, self._me.key), AT_LEAST_ONCE, retain=False)

    def reply(self, command: str | None, reason: str, now_s: float) -> Publish:
        """Tell what became of a command; an empty `reason` says that it was obeyed."""
        message = Reply(pod=self._me.pod, command=command, obeyed=not reason, reason=str(reason), t_s=now_s)
        return Publish(
            topics.reply(self._me.site, self._me.pod), message.to_bytes(), AT_LEAST_ONCE, retain=False
        )

    def state(
        self,
        phase: PodPhase,
        session: Session | None,
        estimate: StageEstimate | None,
        willing: tuple[str, ...],
        seq: int,
        now_s: float,
        *,
        stable_rem: bool,
    ) -> Publish:
        """Tell the whole state."""
        stage = estimate.stage if estimate else Stage.UNKNOWN
        message = PodState.model_validate(
            {
                "pod": self._me.pod,
                "boot": self._me.boot,
                "seq": seq,
                "t_s": now_s,
                "stage": stage.name,
                "p": tuple(min(1.0, max(0.0, float(p))) for p in estimate.p) if estimate else None,
                "stable_rem": stable_rem,
                "quality": min(1.0, max(0.0, float(estimate.quality))) if estimate else 0.0,
                "willing": willing,
                "state": str(phase),
                "window": session.offer.window if session and session.playing else None,
                "lease": session.offer.offer if session else None,
                "latch": str(phase) if phase in LATCHED else None,
            }
        )
        return Publish(
            topics.state(self._me.site, self._me.pod), message.to_bytes(), AT_LEAST_ONCE, retain=True
        )


def status(
    identity: PodIdentity, fw: str, *, online: bool, headband: HeadbandStatus | None = None
) -> Publish:
    """Tell that the pod is there; the offline form is to be left with the broker as last will."""
    message = PodStatus(online=online, boot=identity.boot, fw=fw, headband=headband)
    topic = topics.status(identity.site, identity.pod)
    return Publish(topic, message.to_bytes(), AT_LEAST_ONCE, retain=True)
