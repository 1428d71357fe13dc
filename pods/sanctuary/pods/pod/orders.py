"""Obeying the coordinator, as far as the pod's state and its sleeper's grants allow."""

from __future__ import annotations

from collections.abc import Iterable

from sanctuary.commons.consent import ConsentBook, ConsentReason, Refusal
from sanctuary.commons.designs import LoadedDesign
from sanctuary.commons.entries import UtcRange
from sanctuary.config.site_settings import PodSettings
from sanctuary.pods.effects import Effect, Record
from sanctuary.pods.pod.body import Body
from sanctuary.pods.pod.commands import CommandDesk, CommandReason, RefusedCommand
from sanctuary.pods.pod.echoes import lead_reason, take_echo
from sanctuary.pods.pod.records import command_record, estimate_record
from sanctuary.pods.pod.session import Session
from sanctuary.pods.pod.states import ENGAGED, LATCHED, PodPhase, Trigger
from sanctuary.pods.protocol.messages import EVERY_POD, Close, Command, Echo, Extend, Offer, OfferArgs, Open


class Orders:
    """Takes command payloads; records and answers each, whether obeyed or refused.

    Parameters
    ----------
    designs
        Those on board; an offer of another is refused.
    """

    def __init__(self, body: Body, designs: Iterable[LoadedDesign]) -> None:
        self._body = body
        self._designs = {loaded.hash: loaded for loaded in designs}
        me = body.identity
        self._desk = CommandDesk(me.site, me.pod, me.coordinator, body.settings, me.circles, body.terms)

    def booted(self, now_s: float) -> None:
        """Refuse from now on whatever was issued before."""
        self._desk.booted_s = now_s

    def clock_set(self, by_s: float, now_s: float) -> None:
        """Hear that the clock was set: the start lies no farther, and a clock set back revives nothing."""
        self._desk.booted_s = self._desk.booted_s + by_s if by_s > 0.0 else now_s

    def receive(self, payload: bytes, now_s: float, out: list[Effect]) -> None:
        """Judge a payload, do as told or not, and say which."""
        judged = self._desk.judge(payload, now_s)
        if isinstance(judged, RefusedCommand):
            if judged.command is not None and judged.reason is CommandReason.FROM_FUTURE:
                self._doubt_clock(judged.command.issued_at_s - now_s, now_s, out)
            self._answer(judged.command, judged.reason, now_s, out)
            return
        reason = self._obey(judged, now_s, out)
        if reason == CommandReason.NOT_IN_WINDOW and (judged.pod == EVERY_POD or isinstance(judged, Close)):
            return  # a broadcast about a window of others, or the end of one that was left already
        self._answer(judged, reason or "", now_s, out)

    def _doubt_clock(self, ahead_s: float, now_s: float, out: list[Effect]) -> None:
        """Be unsure of the time until it is measured anew, and leave what goes by it."""
        body = self._body
        if body.clock.doubted(now_s):
            body.note("clock_doubted", now_s, out, f"a command came {ahead_s:.3f} s before it was issued")
        if body.phase in ENGAGED:
            body.quit(Trigger.FALTER, "clock_doubted", now_s, out)

    def _answer(self, command: Command | None, reason: str, now_s: float, out: list[Effect]) -> None:
        out.append(Record(command_record(self._body.identity.pod, command, reason, now_s)))
        self._body.send(self._body.outbox.reply(command.id if command else None, reason, now_s), out)

    def _obey(self, command: Command, now_s: float, out: list[Effect]) -> str | None:
        """Do as told, or give the reason why not."""
        match command:
            case Offer():
                return self._take_offer(command, now_s, out)
            case Open():
                return self._take_open(command, now_s, out)
            case Extend():
                return self._take_extend(command, now_s, out)
            case Close():
                return self._take_close(command, now_s, out)
            case Echo():
                return self._take_echo(command, now_s)

    def _take_offer(self, command: Offer, now_s: float, out: list[Effect]) -> str | None:
        body, offer = self._body, command.args
        reason = self._offer_reason(offer, now_s)
        if reason is None:
            until_s = command.expires_at_s + body.settings.keepalive_limit_s
            body.session = Session(command, self._designs[offer.design], until_s)
            body.move(Trigger.LEASE)
            out.append(Record(body.session.record("leased", body.identity.pod, now_s)))
            if body.evidence.last is not None:
                out.append(Record(estimate_record(body.identity.pod, body.evidence.last, now_s)))
        return reason

    def _offer_reason(self, offer: OfferArgs, now_s: float) -> str | None:
        body = self._body
        blocked = phase_reason(body.phase)
        if blocked is not None:
            return blocked
        if offer.design not in self._designs:
            return CommandReason.UNKNOWN_DESIGN
        if offer.part > self._designs[offer.design].design.parts:
            return CommandReason.NO_PART
        refusal = consent_reason(body.consent, offer, body.utc.at(now_s)) or body.clock.refusal(now_s)
        if refusal is not None:
            return refusal
        in_rem = body.phase is PodPhase.ELIGIBLE and body.evidence.missing(now_s) is None
        return None if in_rem else CommandReason.NOT_ELIGIBLE

    def _take_open(self, command: Open, now_s: float, out: list[Effect]) -> str | None:
        body, session = self._body, self._body.session
        if session is None or session.playing or not session.matches(command):
            return CommandReason.NO_LEASE
        reason = body.clock.refusal(now_s) or start_reason(command, now_s, body.settings)
        if reason is None:
            session.begin(command)
            session.lease_due_s = now_s
            body.move(Trigger.OPEN)
            out.append(Record(session.record("opened", body.identity.pod, now_s)))
        return reason

    def _take_extend(self, command: Extend, now_s: float, out: list[Effect]) -> str | None:
        session = self._session_of(command.args.window)
        if session is None or not session.playing:
            return CommandReason.NOT_IN_WINDOW
        reason = validity_reason(command, now_s, self._body.settings)
        if reason is None:
            session.term = command.term
            session.valid_until_s = max(session.valid_until_s, command.args.valid_until_s)
            out.append(Record(session.record("extended", self._body.identity.pod, now_s)))
        return reason

    def _take_close(self, command: Close, now_s: float, out: list[Effect]) -> str | None:
        if self._session_of(command.args.window) is None:
            return CommandReason.NOT_IN_WINDOW
        self._body.quit(Trigger.LEAVE, f"closed:{command.args.reason}", now_s, out)
        return None

    def _take_echo(self, command: Echo, now_s: float) -> str | None:
        session = self._session_of(command.args.window)
        if session is None or not session.playing:
            return CommandReason.NOT_IN_WINDOW
        return take_echo(self._body, session, command, now_s)

    def _session_of(self, window: str) -> Session | None:
        session = self._body.session
        return session if session is not None and session.offer.window == window else None


def phase_reason(phase: PodPhase) -> CommandReason | None:
    """Say why no offer can be taken up in this state."""
    if phase in LATCHED:
        return CommandReason.LATCHED
    if phase in ENGAGED:
        return CommandReason.ENGAGED
    return CommandReason.OFFLINE if phase is PodPhase.OFFLINE else None


def consent_reason(book: ConsentBook, offer: OfferArgs, utc: UtcRange) -> ConsentReason | None:
    """Say why the sleeper's grants do not cover an offer; some of its modalities must be granted.

    A design without any, which is silent, needs a grant of the design alone.
    """
    grant = book.in_force(offer.circle, utc)
    if isinstance(grant, Refusal):
        return grant.reason
    if not book.covers_design(grant, offer.design):
        return ConsentReason.DESIGN
    granted = any(modality in grant.scope.modalities for modality in offer.modalities)
    return None if granted or not offer.modalities else ConsentReason.MODALITY


def start_reason(command: Open, now_s: float, settings: PodSettings) -> CommandReason | None:
    """Say why a window cannot start so: too near, too far, or with its zero after the start."""
    reason = lead_reason(command.start_at_s, now_s, settings)
    if reason is not None:
        return reason
    if command.args.zero_s > command.start_at_s:
        return CommandReason.BAD_ZERO
    return validity_reason(command, now_s, settings)


def validity_reason(command: Open | Extend, now_s: float, settings: PodSettings) -> CommandReason | None:
    """Refuse a command that would keep the window open for too long without another."""
    ahead_s = command.args.valid_until_s - now_s
    return CommandReason.KEEPALIVE if ahead_s > settings.keepalive_limit_s else None
