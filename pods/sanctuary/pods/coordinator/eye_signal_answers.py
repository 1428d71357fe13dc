"""Eye signals in a window, and which pods the coordinator asks to answer them.

A genuine, new signal of a pod that is playing is an event of the window. Where the design has an answer, the
other playing pods are asked for it, each at the first moment that keeps its distance from the steps of that
pod's part and from the answer before. Whether it is rendered, each pod decides: its sleeper's grants, its
staging, its limiter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from nacl.signing import VerifyKey

from sanctuary.commons.designs import first_room_s
from sanctuary.config.errors import ProtocolError
from sanctuary.config.site_settings import CoordinatorSettings
from sanctuary.pods.coordinator.command_writer import HeldCircle
from sanctuary.pods.coordinator.gateway_events import EyeSignalReceived
from sanctuary.pods.coordinator.windows import WindowRun
from sanctuary.pods.effects import Effect, Record
from sanctuary.pods.protocol.envelope import open_eye_signal
from sanctuary.pods.protocol.gateway_records import refused_message_record
from sanctuary.pods.protocol.messages import EyeSignalMessage

AHEAD_S = 1.0
"""A signal may be stamped this far ahead of now: clocks differ."""


class SignalReason(StrEnum):
    """Why an eye signal was refused."""

    UNREADABLE = "unreadable"
    """Malformed, unsigned, or of a pod that is in no circle."""
    OTHER_SITE = "other_site"
    OTHER_POD = "other_pod"
    NO_WINDOW = "no_such_window"
    NOT_PLAYING = "not_playing"
    REPEATED = "repeated"
    """Not newer than the last of this boot: a duplicate or replay."""
    STALE = "stale"
    """Too old to be answered, or from the future."""


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """An answer that a pod is to be asked for; `start_at_s` on the sanctuary clock."""

    pod: str
    start_at_s: float


class EyeSignalGuard:
    """Admits eye signals that are genuine, new and of a playing pod, and plans their answers.

    Parameters
    ----------
    keys
        That sign the messages of each pod.
    """

    def __init__(self, site: str, keys: Mapping[str, VerifyKey], settings: CoordinatorSettings) -> None:
        self._site = site
        self._keys = keys
        self._settings = settings
        self._seqs: dict[str, tuple[str, int]] = {}

    def read(self, pod: str, payload: bytes) -> EyeSignalMessage | None:
        """Check the signature and read; None for what is not an eye signal of this pod's key."""
        try:
            return open_eye_signal(payload, self._keys[pod])
        except (KeyError, ProtocolError):
            return None

    def admit(
        self, pod: str, signal: EyeSignalMessage, run: WindowRun | None, now_s: float
    ) -> SignalReason | None:
        """Admit a signal in the window of its circle; give the reason where it is refused."""
        if signal.site != self._site:
            return SignalReason.OTHER_SITE
        if signal.pod != pod:
            return SignalReason.OTHER_POD
        if run is None or run.id != signal.window:
            return SignalReason.NO_WINDOW
        boot, seq = self._seqs.get(pod, ("", 0))
        if signal.boot == boot and signal.seq <= seq:
            return SignalReason.REPEATED
        if not now_s - self._settings.echo_within_s < signal.t_s <= now_s + AHEAD_S:
            return SignalReason.STALE
        offer = run.offers.get(pod)
        if (
            offer is None
            or offer.offer != signal.offer
            or pod not in run.playing(now_s)
            or now_s < run.zero_s
        ):
            return SignalReason.NOT_PLAYING
        self._seqs[pod] = (signal.boot, signal.seq)
        return None

    def plan_answers(self, run: WindowRun, of_pod: str, now_s: float) -> Iterator[AnswerRequest]:
        """Choose which pods are asked to answer, and when; each counts as asked from then on."""
        answer = run.circle.design.design.answer
        if answer is None:
            return
        for pod in run.playing(now_s):
            asked = run.answers.setdefault(pod, [])
            part = run.offers[pod].part
            if pod == of_pod or not answer.is_for(part) or len(asked) >= answer.max_per_window:
                continue
            start_at_s = self._start(run, part, asked, answer.duration_s, now_s)
            if start_at_s is not None:
                asked.append(start_at_s)
                yield AnswerRequest(pod, start_at_s)

    def _start(
        self, run: WindowRun, part: int, asked: list[float], duration_s: float, now_s: float
    ) -> float | None:
        s = self._settings
        first_s = max([now_s + s.lead_s, *(at_s + s.echo_gap_s for at_s in asked)])
        last_s = min(now_s + s.echo_within_s, run.end_s - duration_s)
        design, zero_s = run.circle.design.design, run.zero_s
        found = first_room_s(design, part, first_s - zero_s, last_s - zero_s, s.echo_gap_s)
        return None if found is None else zero_s + found


def answer_eye_signal(
    guard: EyeSignalGuard,
    event: EyeSignalReceived,
    runs: Mapping[str, WindowRun],
    held: Mapping[str, HeldCircle],
    now_s: float,
) -> list[Effect]:
    """Admit a signal, record it as an event of its window, and ask for the answers.

    Parameters
    ----------
    runs
        The windows of this gateway, by circle.
    held
        The circles that it leads.
    """
    pod, signal = event.pod, guard.read(event.pod, event.payload)
    run = runs.get(signal.circle) if signal is not None else None
    reason = SignalReason.UNREADABLE if signal is None else guard.admit(pod, signal, run, now_s)
    if reason is not None or run is None:
        reason = reason or SignalReason.NO_WINDOW
        return [Record(refused_message_record(pod, "eye_signal", str(reason), now_s))]
    out: list[Effect] = [Record(run.record("eye_signal", now_s, pod))]
    circle = held.get(run.circle.id)
    if circle is not None and circle.active:
        for asked in guard.plan_answers(run, pod, now_s):
            offer = run.offers[asked.pod]
            out.append(circle.writer.answer(asked.pod, offer, pod, now_s, asked.start_at_s))
            out.append(Record(run.record("answered", now_s, asked.pod)))
    return out
