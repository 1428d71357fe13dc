"""What a pod is made of, and the ways out that every part of it must share."""

from __future__ import annotations

from math import inf
from typing import Any

from sanctuary.commons.consent import ConsentBook
from sanctuary.config.coordination import LimiterSettings, PodSettings
from sanctuary.pods.effects import Effect, Publish, Record, Silence
from sanctuary.pods.limiter import Limiter
from sanctuary.pods.pod.evidence import Evidence
from sanctuary.pods.pod.identity import ClockTrust, PodIdentity
from sanctuary.pods.pod.outbox import Outbox
from sanctuary.pods.pod.player import Player
from sanctuary.pods.pod.session import Session
from sanctuary.pods.pod.states import PodPhase, Trigger, after


class Body:
    """The state of one pod.

    Attributes
    ----------
    phase
        Changed by `move` alone.
    session
        There exactly while the phase is one of `ENGAGED`.
    link_up
        Whether the broker can be reached, whatever the phase.
    """

    def __init__(
        self,
        identity: PodIdentity,
        consent: ConsentBook,
        settings: PodSettings,
        limiter_settings: LimiterSettings,
        utc_at_zero_s: float,
    ) -> None:
        self.identity = identity
        self.consent = consent
        self.settings = settings
        self.phase = PodPhase.OFFLINE
        self.session: Session | None = None
        self.link_up = False
        self.evidence = Evidence(settings)
        self.clock = ClockTrust(settings)
        self.limiter = Limiter(limiter_settings)
        self.outbox = Outbox(identity, settings)
        self._utc_at_zero_s = utc_at_zero_s
        self.player = Player(
            identity.pod,
            self.evidence,
            self.clock,
            consent,
            self.limiter,
            utc_at_zero_s=utc_at_zero_s,
            late_s=settings.late_s,
            threshold_dba=identity.threshold_dba,
            shams=identity.shams,
        )

    def utc_s(self, now_s: float) -> float:
        """Turn sanctuary seconds into UTC seconds."""
        return self._utc_at_zero_s + now_s

    def move(self, trigger: Trigger) -> None:
        """Follow the table."""
        self.phase = after(self.phase, trigger)

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
            out.append(message)

    def note(self, event: str, now_s: float, out: list[Effect], detail: str = "") -> None:
        """Write down what befell the pod; `event` is one of `PodRecord`'s."""
        record: Any = {
            "kind": "pod",
            "t_s": now_s,
            "pod": self.identity.pod,
            "event": event,
            "detail": detail,
        }
        out.append(Record(record))
