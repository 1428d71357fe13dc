"""What a pod asks of its shell: effects in their order, messages, and the records of its log.

Everything that leaves a pod leaves through `Outgoing`, so that three orders hold whoever asks:

* what a restart must know is kept before anything that rests on it is published or sounds (`Keep` first);
* a cue is in the log before it sounds (P7: `Log` before `Render`);
* nothing is published while there is no link, for it would be old news when the link comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from math import inf

from sanctuary.commons.consent import ConsentBook
from sanctuary.commons.entries import UtcRange
from sanctuary.config.site_settings import PodSettings
from sanctuary.firmware_bridge.cues import Modality
from sanctuary.pods.effects import Effect, Keep, Log, Publish, Record, Render, Silence
from sanctuary.pods.limiter import Limiter
from sanctuary.pods.pod.events import UtcHeard
from sanctuary.pods.pod.identity import PodIdentity, PodMemory
from sanctuary.pods.pod.states import LATCHED, PodPhase
from sanctuary.pods.protocol import topics
from sanctuary.pods.protocol.envelope import Kind, seal
from sanctuary.pods.protocol.messages import (
    Command,
    EyeSignalMessage,
    HeadbandStatus,
    LeaseMessage,
    OfferArgs,
    PodState,
    PodStatus,
    Reply,
)
from sanctuary.pods.protocol.records import (
    CommandRecord,
    ConsentRecord,
    CueRecord,
    LogRecord,
    PodEventName,
    PodRecord,
    SilenceRecord,
)
from sanctuary.signal.samples import Stage, StageEstimate

AT_LEAST_ONCE = 1
MEMORY_NOT_KEPT, LOG_NOT_KEPT = "memory_not_kept", "log_not_kept"
"""Why the shell refuses a cue: a restart would have forgotten it."""


class Outgoing:
    """Collects the effects of one event, and builds messages only where they are to be sent.

    Parameters
    ----------
    changed_memory
        Gives the pod's memory if it has changed since it was given last, else None.
    """

    def __init__(
        self, identity: PodIdentity, settings: PodSettings, changed_memory: Callable[[], PodMemory | None]
    ) -> None:
        self._me, self._settings = identity, settings
        self._changed_memory = changed_memory
        self.link_up = False
        """Whether the broker can be reached; set by `on_link` alone."""
        self._effects: list[Effect] = []
        self._now_s = -inf
        self._lease_seq = self._signal_seq = self._state_seq = 0
        self._sent_state: Hashable = None
        self._sent_state_s = -inf
        self._lease_topic = topics.event(identity.site, identity.pod, "lease")
        self._signal_topic = topics.event(identity.site, identity.pod, "eye-signal")
        self._reply_topic = topics.reply(identity.site, identity.pod)
        self._state_topic = topics.state(identity.site, identity.pod)

    def begin(self, now_s: float) -> None:
        """Begin the effects of an event that is handled at `now_s`, sanctuary clock."""
        self._effects, self._now_s = [], now_s

    def drain(self) -> list[Effect]:
        """Give the effects in their order, the memory last if it has changed since it was kept."""
        self.keep()
        return self._effects

    def keep(self) -> None:
        """Have the memory kept if it has changed."""
        if (memory := self._changed_memory()) is not None:
            self._effects.append(Keep(memory))

    def on_link(self, *, up: bool) -> None:
        """Note whether the broker can be reached; publish the whole state at the next chance."""
        self.link_up = up
        self.hasten_state()

    # --- records ---

    def record(self, record: LogRecord) -> None:
        self._effects.append(Record(record))

    def note(self, event: PodEventName, detail: str = "", *, cause: str = "") -> None:
        """Record what happened to the pod."""
        name = self._me.pod
        self.record(PodRecord(t_s=self._now_s, pod=name, event=event, detail=detail, cause=cause or None))

    def silence(self, reason: str) -> None:
        """Stop every output, and record it."""
        self._effects.append(Silence(str(reason)))
        self.record(SilenceRecord(t_s=self._now_s, pod=self._me.pod, reason=str(reason)))

    def cue(self, entry: CueRecord, render: Render | None) -> None:
        """Log a step, and let its cue sound unless it was refused or is a sham (P7)."""
        self.keep()
        self._effects.append(Log(entry))
        if render is not None:
            self._effects.append(render)

    # --- messages ---

    def lease(self, offer: OfferArgs, *, term: int, playing: bool, released: bool = False) -> None:
        """Promise to be there for another `lease_ttl_s`, or take the promise back."""
        if not self.link_up:
            return
        self._lease_seq += 1
        message = LeaseMessage(
            site=self._me.site,
            pod=self._me.pod,
            boot=self._me.boot,
            term=term,
            offer=offer.offer,
            window=offer.window,
            circle=offer.circle,
            nonce=offer.nonce,
            seq=self._lease_seq,
            playing=playing,
            issued_at_s=self._now_s,
            ttl_s=0.0 if released else self._settings.lease_ttl_s,
        )
        self._publish(self._lease_topic, seal(Kind.LEASE, message, self._me.key))

    def eye_signal(self, offer: OfferArgs) -> None:
        """Report that the sleeper made the eye signal in a window."""
        if not self.link_up:
            return
        self._signal_seq += 1
        message = EyeSignalMessage(
            site=self._me.site,
            pod=self._me.pod,
            boot=self._me.boot,
            seq=self._signal_seq,
            window=offer.window,
            circle=offer.circle,
            offer=offer.offer,
            t_s=self._now_s,
        )
        self._publish(self._signal_topic, seal(Kind.EYE_SIGNAL, message, self._me.key))

    def reply(self, command: Command | None, reason: str) -> None:
        """Record and report what became of a command; an empty `reason` says that it was obeyed."""
        self.record(CommandRecord.of(self._me.pod, command, reason, self._now_s))
        if not self.link_up:
            return
        message = Reply(
            pod=self._me.pod,
            command=command.id if command else None,
            obeyed=not reason,
            reason=str(reason),
            t_s=self._now_s,
        )
        self._publish(self._reply_topic, message.to_bytes())

    def state(
        self,
        phase: PodPhase,
        leased: tuple[OfferArgs, bool] | None,
        estimate: StageEstimate | None,
        missing: str | None,
        willing: tuple[str, ...],
    ) -> None:
        """Publish the state: on change, at most every `state_interval_s`, and as a heartbeat.

        Parameters
        ----------
        leased
            The offer that a lease is out for, and whether its window is open here.
        missing
            Why stable REM is not proved; None where it is.
        """
        if not self.link_up:
            return
        stage = estimate.stage if estimate else Stage.UNKNOWN
        offer, playing = leased or (None, False)
        state = (phase, missing, stage, willing, offer.offer if offer else None, playing)
        wait_s = self._settings.heartbeat_s if state == self._sent_state else self._settings.state_interval_s
        if self._now_s - self._sent_state_s < wait_s:
            return
        self._sent_state, self._sent_state_s = state, self._now_s
        self._state_seq += 1
        message = PodState.model_validate(
            {
                "pod": self._me.pod,
                "boot": self._me.boot,
                "seq": self._state_seq,
                "t_s": self._now_s,
                "stage": stage.name,
                "p": tuple(min(1.0, max(0.0, float(p))) for p in estimate.p) if estimate else None,
                "stable_rem": missing is None,
                "quality": min(1.0, max(0.0, float(estimate.quality))) if estimate else 0.0,
                "willing": willing,
                "state": str(phase),
                "window": offer.window if offer and playing else None,
                "lease": offer.offer if offer else None,
                "latch": str(phase) if phase in LATCHED else None,
            }
        )
        self._publish(self._state_topic, message.to_bytes(), retain=True)

    def hasten_state(self) -> None:
        """Publish the whole state at the next chance: what was published may be forgotten, or untrue."""
        self._sent_state, self._sent_state_s = None, -inf

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.keep()
        self._effects.append(Publish(topic, payload, AT_LEAST_ONCE, retain))


def status(
    identity: PodIdentity, fw: str, *, online: bool, headband: HeadbandStatus | None = None
) -> Publish:
    """Tell that the pod is there; the offline form is to be left with the broker as last will."""
    message = PodStatus(online=online, boot=identity.boot, fw=fw, headband=headband)
    topic = topics.status(identity.site, identity.pod)
    return Publish(topic, message.to_bytes(), AT_LEAST_ONCE, retain=True)


def boot_record(pod: str, latch: str, limiter: Limiter, now_s: float) -> PodRecord:
    """Describe what the pod started with, so that its log stands alone."""
    carried = {
        "in_night": limiter.in_night,
        "woken": limiter.woken,
        "highest": {str(modality): limiter.highest(modality) for modality in Modality},
    }
    return PodRecord(
        t_s=now_s,
        pod=pod,
        event="booted",
        detail=latch,
        lamps_in_view=limiter.lamps_in_view,
        light_cleared=limiter.light_cleared,
        carried=carried if limiter.in_night or limiter.woken else None,
    )


def utc_record(pod: str, event: UtcHeard, utc: UtcRange, now_s: float) -> PodRecord:
    """Describe what the clocks say of UTC, and whether anything may be cued by it."""
    synchronised = event.told.synchronised or (event.own is not None and event.own.synchronised)
    kept = "synchronised" if synchronised else "unsynchronised"
    return PodRecord(
        t_s=now_s,
        pod=pod,
        event="utc_heard",
        detail=kept if event.suffices else f"{kept}: nothing is cued",
        utc_range_s=(utc.earliest_s, utc.latest_s),
        utc_suffices=event.suffices,
    )


def book_records(pod: str, book: ConsentBook, now_s: float, utc_s: float) -> Iterator[ConsentRecord]:
    """Describe all consent that the pod holds."""
    for entry in book.entries:
        yield ConsentRecord.of(pod, entry.event, now_s, utc_s)
    if book.withdrawn_here is not None:
        seq, at_utc_s = book.withdrawn_here
        yield ConsentRecord.by_hand(pod, now_s, at_utc_s, seq)
