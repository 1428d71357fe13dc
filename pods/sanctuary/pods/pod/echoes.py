"""Two-way: the sleeper's eye signal as an event of the window, and the answer to another sleeper's.

An eye signal goes out only while the pod plays, out of proven stable REM, and where the sleeper's grant says
``echo``. That it was made is told, nothing of what it looked like. It commands nothing, here or elsewhere:
what comes of it in another pod goes the way of every step, through that sleeper's consent and limiter.
"""

from __future__ import annotations

from sanctuary.commons.consent import ConsentReason, Refusal
from sanctuary.config.site_settings import PodSettings
from sanctuary.pods.effects import Effect, Record
from sanctuary.pods.pod.body import Body
from sanctuary.pods.pod.commands import CommandReason
from sanctuary.pods.pod.records import signal_record
from sanctuary.pods.pod.session import Session
from sanctuary.pods.protocol.messages import Echo


def tell_eye_signal(body: Body, now_s: float, out: list[Effect]) -> None:
    """Take note of an eye signal in a window, and tell it where the sleeper agreed to that."""
    session = body.session
    if session is None or not session.playing:
        return
    reason = _untold_reason(body, session, now_s)
    if reason is None:
        body.send(body.outbox.eye_signal(session, now_s), out)
    out.append(Record(signal_record(body.identity.pod, session, reason or "", now_s)))


def _untold_reason(body: Body, session: Session, now_s: float) -> str | None:
    if now_s < session.start_at_s:
        return CommandReason.TOO_SOON
    return body.evidence.missing(now_s) or echo_refusal(body, session, now_s)


def echo_refusal(body: Body, session: Session, now_s: float) -> ConsentReason | None:
    """Say why the sleeper's grant lets nothing pass between this pod and others; None where it does."""
    grant = body.consent.in_force(session.offer.circle, body.utc.at(now_s))
    if isinstance(grant, Refusal):
        return grant.reason
    return None if grant.scope.echo else ConsentReason.ECHO


def take_echo(body: Body, session: Session, command: Echo, now_s: float) -> str | None:
    """Plan the answer that is asked for, or give the reason why not."""
    reason = _echo_reason(body, session, command, now_s)
    if reason is None:
        session.plan_answer(command)
        body.count_answer(session.offer.window)
    return reason


def _echo_reason(body: Body, session: Session, command: Echo, now_s: float) -> str | None:
    answer = session.design.design.answer
    if command.args.offer != session.offer.offer:
        return CommandReason.NO_LEASE
    if answer is None or not answer.is_for(session.part):
        return CommandReason.NO_ANSWER
    if command.args.of_pod == body.identity.pod:
        return CommandReason.OWN_SIGNAL
    refusal = echo_refusal(body, session, now_s)
    if refusal is not None:
        return refusal
    if (untimed := body.clock.refusal(now_s)) is not None:
        return untimed
    if session.answer_planned or body.answers_in(session.offer.window) >= answer.max_per_window:
        return CommandReason.TOO_MANY_ANSWERS
    if command.start_at_s < session.start_at_s:
        return CommandReason.TOO_SOON
    return lead_reason(command.start_at_s, now_s, body.settings)


def lead_reason(start_at_s: float, now_s: float, settings: PodSettings) -> CommandReason | None:
    """Say why a start lies too near or too far ahead."""
    lead_s = start_at_s - now_s
    if lead_s < settings.min_lead_s:
        return CommandReason.TOO_SOON
    return CommandReason.TOO_FAR if lead_s > settings.max_lead_s else None
