"""What a pod is made of, and the ways out that every part of it must share."""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

from sanctuary.commons.consent import ConsentBook
from sanctuary.config.site_settings import LimiterSettings, PodSettings
from sanctuary.pods.effects import Effect, Keep, Publish, Record, Silence
from sanctuary.pods.limiter import Limiter
from sanctuary.pods.pod.evidence import Evidence
from sanctuary.pods.pod.identity import ClockTrust, PodIdentity
from sanctuary.pods.pod.memory import PodMemory
from sanctuary.pods.pod.outbox import Outbox
from sanctuary.pods.pod.player import Player
from sanctuary.pods.pod.session import Session
from sanctuary.pods.pod.states import INTERRUPTED, LATCHED, TRANSITIONS, PodPhase, Trigger
from sanctuary.pods.pod.utc import KnownUtc, UtcMark
from sanctuary.signal.state_table import apply


class _Kept(NamedTuple):
    """What a change of asks for a new memory; cheap to compare after every event."""

    latch: PodPhase | None
    requalify: bool
    withdrawn_here: tuple[int, float] | None
    answered: tuple[str, int] | None
    consent_seq: int
    limiter_version: int
    terms: tuple[int, ...]


CLOCKS_DIFFER_S = 2.0
"""Two clocks that count the time of a restart differently by less may only have been read late."""


class Body:
    """The state of one pod.

    Attributes
    ----------
    phase
        Changed by `move` alone, once the pod is awake.
    session
        There exactly while the phase is one of `ENGAGED`.
    now_s
        The latest moment, sanctuary clock.
    link_up
        Whether the broker can be reached, whatever the phase.
    terms
        Highest term obeyed, by circle.
    utc
        What is known of UTC.
    """

    def __init__(
        self,
        identity: PodIdentity,
        consent: ConsentBook,
        settings: PodSettings,
        limiter_settings: LimiterSettings,
        utc_at_zero_s: float,
        memory: PodMemory | None,
        *,
        light_cleared: bool,
    ) -> None:
        self.identity = identity
        self.consent = consent
        self.settings = settings
        self.phase = PodPhase.OFFLINE
        self.terms: dict[str, int] = dict(memory.terms) if memory else {}
        self.session: Session | None = None
        self.link_up = False
        self.now_s = 0.0
        self.evidence = Evidence(settings)
        self.clock = ClockTrust(settings)
        self.limiter = Limiter(limiter_settings, light_cleared=light_cleared)
        self.outbox = Outbox(identity, settings)
        self._answered = memory.answered if memory else None
        self.utc = KnownUtc(UtcMark(utc_at_zero_s))
        self._withdrawn_s: float | None = None
        self.player = Player(
            identity.pod,
            self.evidence,
            self.clock,
            consent,
            self.limiter,
            self.keep,
            utc=self.utc,
            late_s=settings.late_s,
            threshold_dba=identity.threshold_dba,
            shams=identity.shams,
            gap_s=limiter_settings.gap_s,
        )
        if memory is not None:
            self._wake_up_as(memory)
        self._kept = self._to_keep()

    def _wake_up_as(self, memory: PodMemory) -> None:
        if memory.who in ("", self.consent.who):
            self.consent.expect(memory.consent_seq)
            if memory.withdrawn_here is not None:
                self.consent.recall_withdrawal(*memory.withdrawn_here)
        if memory.latch is not None:
            self.phase = PodPhase(memory.latch)
        elif memory.requalify:
            self.phase = PodPhase.CUT_OFF

    def recall(self, memory: PodMemory, now_s: float, own_utc_s: float | None) -> None:
        """Let the limiter go on where it was, if that was in this night; another night begins anew."""
        utc_s = self.utc_s(now_s)
        gained_s = 0.0 if own_utc_s is None else memory.gained_s(utc_s, own_utc_s)
        limiter = memory.limiter.moved(gained_s) if gained_s > CLOCKS_DIFFER_S else memory.limiter
        if not limiter.is_over(utc_s):
            self.limiter.recall(limiter, self.utc.told_at_zero_s, now_s)
        elif self.phase is PodPhase.CUT_OFF:
            self.phase = PodPhase.OFFLINE

    @property
    def memory(self) -> PodMemory:
        """What must outlive a restart, as it is now."""
        kept = self._to_keep()
        return PodMemory.model_validate(
            {
                "pod": self.identity.pod,
                "who": self.consent.who,
                "terms": dict(self.terms),
                "latch": str(kept.latch) if kept.latch else None,
                "withdrawn_here": kept.withdrawn_here,
                "requalify": kept.requalify,
                "answered": kept.answered,
                "consent_seq": kept.consent_seq,
                "kept_utc_s": self.utc_s(self.now_s),
                "limiter": self.limiter.memory(self.utc.told_at_zero_s),
            }
        )

    def keep(self, out: list[Effect]) -> None:
        """Have the memory kept where it changed; nothing is said or sounds before."""
        if (now := self._to_keep()) != self._kept:
            self._kept = now
            out.append(Keep(self.memory))

    def _to_keep(self) -> _Kept:
        return _Kept(
            self.phase if self.phase in LATCHED else None,
            self.phase in INTERRUPTED,
            self.consent.withdrawn_here,
            self._answered,
            self.consent.top_seq,
            self.limiter.version,
            tuple(self.terms.values()),
        )

    def utc_s(self, now_s: float) -> float:
        """Turn sanctuary seconds into UTC seconds, as the gateway tells it."""
        return self.utc.told_at_zero_s + now_s

    def withdraw_here(self, now_s: float) -> None:
        """Take a withdrawal by hand: only a grant that begins later ends it."""
        self._withdrawn_s = now_s
        self.consent.withdraw_here(self.utc_s(now_s))

    def clock_set(self, by_s: float) -> None:
        """Hear that the sanctuary clock was set; neither evidence nor limits nor UTC go with it."""
        self.evidence.clock_set(by_s)
        self.limiter.clock_set(by_s)
        self.utc.clock_set(by_s)
        if self._withdrawn_s is not None:
            self._withdrawn_s += by_s

    def hear_utc(self, told: UtcMark, own: UtcMark | None, floor_at_zero_s: float | None) -> None:
        """Go by what the clocks say now; a withdrawal made this night moves with them, but never back."""
        self.utc.heard(told, own, floor_at_zero_s)
        kept = self.consent.withdrawn_here
        if self._withdrawn_s is not None and kept is not None:
            self.consent.recall_withdrawal(kept[0], self.utc_s(self._withdrawn_s))

    def answers_in(self, window: str) -> int:
        """Count the answers that were planned in a window, however often the pod left and came back."""
        last, count = self._answered or ("", 0)
        return count if last == window else 0

    def count_answer(self, window: str) -> None:
        """Count one more."""
        self._answered = (window, self.answers_in(window) + 1)

    def move(self, trigger: Trigger) -> None:
        """Follow the table; what is to be proved anew is proved from here on."""
        self.phase = apply(TRANSITIONS, self.phase, trigger, of="pod")
        if self.phase is PodPhase.REQUALIFYING:
            self.evidence.begin_anew()

    def quit(self, trigger: Trigger, reason: str, now_s: float, out: list[Effect]) -> None:
        """Move by `trigger`, silence first; give up lease and window if there are any."""
        session = self.session
        if session is None or session.playing or trigger is not Trigger.LEAVE:
            self.silence(reason, now_s, out)
        self.move(trigger)
        if session is not None:
            self.session = None
            out.append(Record(session.record("left", self.identity.pod, now_s, reason)))
            self.send(self.outbox.lease(session, now_s, released=True), out)

    def silence(self, reason: str, now_s: float, out: list[Effect]) -> None:
        """Stop every output, and say so in the log."""
        self.player.sounding_until_s = -inf
        out.append(Silence(str(reason)))
        out.append(
            Record({"kind": "silence", "t_s": now_s, "pod": self.identity.pod, "reason": str(reason)}),
        )

    def send(self, message: Publish, out: list[Effect]) -> None:
        """Publish, unless there is no link: what is old when it comes back is not worth saying."""
        if self.link_up:
            self.keep(out)
            out.append(message)

    def note(self, event: str, now_s: float, out: list[Effect], detail: str = "", *, cause: str = "") -> None:
        """Write down what befell the pod; `event` is one of `PodRecord`'s."""
        record: Any = {
            "kind": "pod",
            "t_s": now_s,
            "pod": self.identity.pod,
            "event": event,
            "detail": detail,
        }
        if cause:
            record["cause"] = cause
        out.append(Record(record))
