"""Commands of the coordinator: which are obeyed at all (P6), and what obeying each of them means.

A command is genuine (signed by a coordinator of the site), meant for this pod and a circle of its sleeper,
not expired, of the highest term seen for that circle, and not seen before. An id is remembered for as long
as its command could be obeyed; because a command may not expire far ahead, and the memory refuses rather
than forgets, that is enough. A restart forgets the ids, so what was issued before it is refused as well;
terms outlive it. Nothing is obeyed that comes before it was issued: one of the two clocks is wrong, and what
keeps a window open would keep it open for too long. A `close` alone is, for it can only silence.

An eye signal of the sleeper goes out only while the pod plays, out of proven stable REM, and where the grant
says ``echo``. That it was made is reported, nothing of what it looked like. It commands nothing, here or
elsewhere: what comes of it in another pod is an answer that the coordinator asks for, and it goes the way of
every step, through that sleeper's consent and limiter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from sanctuary.commons.consent import ConsentBook, ConsentReason
from sanctuary.commons.designs import LoadedDesign
from sanctuary.config.errors import ProtocolError
from sanctuary.config.site_settings import PodSettings
from sanctuary.pods.pod.context import PodContext, WindowSession
from sanctuary.pods.pod.evidence import ClockTrust, Evidence
from sanctuary.pods.pod.identity import PodIdentity
from sanctuary.pods.pod.outgoing import Outgoing
from sanctuary.pods.pod.permission import (
    MAX_REMEMBERED,
    Assessment,
    CommandReason,
    p2_window,
    p5_one_window,
    p6_command,
)
from sanctuary.pods.pod.states import ENGAGED, PodPhase, Trigger
from sanctuary.pods.protocol.envelope import Kind, unseal
from sanctuary.pods.protocol.messages import (
    EVERY_POD,
    Close,
    Command,
    Echo,
    Extend,
    Offer,
    OfferArgs,
    Open,
    read_command,
)
from sanctuary.pods.protocol.records import EstimateRecord, WindowSignalRecord


@dataclass(frozen=True, slots=True)
class RefusedCommand:
    """A command that is not obeyed; `command` is None where it could not be trusted or read."""

    reason: CommandReason
    command: Command | None = None


class CommandGuard:
    """Judge payloads as received, before the pod's state is asked.

    Parameters
    ----------
    identity
        Commands about circles that are none of its sleeper's are refused.
    terms
        Highest terms obeyed so far, by circle.

    Attributes
    ----------
    terms
        The same as it is now; to look at only.
    """

    def __init__(self, identity: PodIdentity, settings: PodSettings, terms: Mapping[str, int]) -> None:
        self._me, self._settings = identity, settings
        self.terms = dict(terms)
        self._seen: dict[str, float] = {}
        self._booted_s = -inf

    def on_boot(self, now_s: float) -> None:
        """Refuse from now on whatever was issued before `now_s`."""
        self._booted_s = now_s

    def on_clock_set(self, by_s: float, now_s: float) -> None:
        """Move the boot to the new clock: it lies no farther back, and a clock set back revives nothing."""
        self._booted_s = self._booted_s + by_s if by_s > 0.0 else now_s

    def admit(self, payload: bytes, now_s: float) -> Command | RefusedCommand:
        """Admit a command, once."""
        try:
            line = unseal(Kind.COMMAND, payload, self._me.coordinator)
        except ProtocolError:
            return RefusedCommand(CommandReason.UNSIGNED)
        try:
            command = read_command(line)
        except ProtocolError:
            return RefusedCommand(CommandReason.MALFORMED)
        circle = command.args.circle
        reason = self._address_reason(command) or p6_command(
            command,
            now_s,
            seen=self._seen,
            term=self.terms.get(circle, 0),
            booted_s=self._booted_s,
            settings=self._settings,
        )
        if reason is not None:
            return RefusedCommand(reason, command)
        self._remember(command, now_s)
        if self._is_from_future(command, now_s):
            return RefusedCommand(CommandReason.FROM_FUTURE, command)
        self.terms[circle] = command.term
        return command

    def _address_reason(self, command: Command) -> CommandReason | None:
        if command.site != self._me.site:
            return CommandReason.OTHER_SITE
        if command.pod not in (self._me.pod, EVERY_POD):
            return CommandReason.OTHER_POD
        return None if command.args.circle in self._me.circles else CommandReason.NOT_MEMBER

    def _is_from_future(self, command: Command, now_s: float) -> bool:
        ahead_s = command.issued_at_s - now_s
        return ahead_s > 2.0 * self._settings.clock_uncertainty_limit_s and not isinstance(command, Close)

    def _remember(self, command: Command, now_s: float) -> None:
        if len(self._seen) >= MAX_REMEMBERED:
            self._seen = {seen: expires_s for seen, expires_s in self._seen.items() if expires_s > now_s}
        self._seen[command.id] = command.expires_at_s


class AnswerCount:
    """Answers to eye signals planned in the latest window, however often the pod left and came back."""

    def __init__(self, kept: tuple[str, int] | None) -> None:
        self.kept = kept
        """The window and the count, for a restart; None before the first answer."""

    def of(self, window: str) -> int:
        last, count = self.kept or ("", 0)
        return count if last == window else 0

    def add(self, window: str) -> None:
        self.kept = (window, self.of(window) + 1)


class CommandHandler:
    """Obeys commands as far as the pod's state and its sleeper's grants allow; records and replies to each.

    Parameters
    ----------
    designs
        Those on board; an offer of another is refused.
    """

    def __init__(
        self,
        identity: PodIdentity,
        settings: PodSettings,
        designs: Iterable[LoadedDesign],
        context: PodContext,
        book: ConsentBook,
        evidence: Evidence,
        clock: ClockTrust,
        guard: CommandGuard,
        answers: AnswerCount,
        outgoing: Outgoing,
    ) -> None:
        self._me, self._settings = identity, settings
        self._designs = {loaded.hash: loaded for loaded in designs}
        self._context, self._book, self._evidence, self._clock = context, book, evidence, clock
        self._guard, self._answers, self._outgoing = guard, answers, outgoing

    def handle(self, payload: bytes, found: Assessment) -> None:
        """Judge a payload as received, obey it or not, and reply which.

        Parameters
        ----------
        found
            Of this moment.
        """
        judged = self._guard.admit(payload, found.now_s)
        if isinstance(judged, RefusedCommand):
            if judged.command is not None and judged.reason is CommandReason.FROM_FUTURE:
                self._doubt_clock(judged.command.issued_at_s - found.now_s, found.now_s)
            self._outgoing.reply(judged.command, judged.reason)
            return
        reason = self._obey(judged, found)
        if reason == CommandReason.NOT_IN_WINDOW and (judged.pod == EVERY_POD or isinstance(judged, Close)):
            return  # a broadcast about a window of others, or the end of one that was left already
        self._outgoing.reply(judged, reason or "")

    def report_eye_signal(self, found: Assessment) -> None:
        """Record an eye signal of the sleeper in a window, and report it where the sleeper agreed to that."""
        session = self._context.session
        if session is None or not session.playing:
            return
        reason: str | None = CommandReason.TOO_SOON if found.now_s < session.start_at_s else found.missing
        reason = reason or self._echo_refusal(session, found)
        if reason is None:
            self._outgoing.eye_signal(session.offer)
        self._outgoing.record(
            WindowSignalRecord(
                t_s=found.now_s,
                pod=self._me.pod,
                window=session.offer.window,
                circle=session.offer.circle,
                told=not reason,
                reason=str(reason or ""),
            )
        )

    def _doubt_clock(self, ahead_s: float, now_s: float) -> None:
        """Be unsure of the time until it is measured anew, and leave what goes by it."""
        if self._clock.doubt(now_s):
            self._outgoing.note("clock_doubted", f"a command came {ahead_s:.3f} s before it was issued")
        if self._context.phase in ENGAGED:
            self._context.leave(Trigger.FALTER, "clock_doubted", now_s)

    # --- one command each; the reason why not, or None ---

    def _obey(self, command: Command, found: Assessment) -> str | None:
        match command:
            case Offer():
                return self._on_offer(command, found)
            case Open():
                return self._on_open(command, found)
            case Extend():
                return self._on_extend(command, found)
            case Close():
                return self._on_close(command, found)
            case Echo():
                return self._on_answer(command, found)

    def _on_offer(self, command: Offer, found: Assessment) -> str | None:
        reason = self._offer_reason(command.args, found)
        if reason is None:
            until_s = command.expires_at_s + self._settings.keepalive_limit_s
            session = WindowSession(command, self._designs[command.args.design], until_s)
            self._context.lease(session, found.now_s)
            if self._evidence.last is not None:
                self._outgoing.record(EstimateRecord.of(self._me.pod, self._evidence.last, found.now_s))
        return reason

    def _offer_reason(self, offer: OfferArgs, found: Assessment) -> str | None:
        phase = self._context.phase
        blocked = p5_one_window(phase)
        if blocked is not None:
            return blocked
        if offer.design not in self._designs:
            return CommandReason.UNKNOWN_DESIGN
        if offer.part > self._designs[offer.design].design.parts:
            return CommandReason.NO_PART
        refusal = p2_window(self._book, found.grant(offer.circle), offer) or found.untimed
        if refusal is not None:
            return refusal
        in_rem = phase is PodPhase.ELIGIBLE and found.missing is None
        return None if in_rem else CommandReason.NOT_ELIGIBLE

    def _on_open(self, command: Open, found: Assessment) -> str | None:
        session = self._context.session
        if session is None or session.playing or not session.matches(command):
            return CommandReason.NO_LEASE
        reason = found.untimed or start_reason(command, found.now_s, self._settings)
        if reason is None:
            self._context.open(session, command, found.now_s)
        return reason

    def _on_extend(self, command: Extend, found: Assessment) -> str | None:
        session = self._context.session_of(command.args.window)
        if session is None or not session.playing:
            return CommandReason.NOT_IN_WINDOW
        reason = validity_reason(command, found.now_s, self._settings)
        if reason is None:
            self._context.extend(session, command, found.now_s)
        return reason

    def _on_close(self, command: Close, found: Assessment) -> str | None:
        if self._context.session_of(command.args.window) is None:
            return CommandReason.NOT_IN_WINDOW
        self._context.leave(Trigger.LEAVE, f"closed:{command.args.reason}", found.now_s)
        return None

    def _on_answer(self, command: Echo, found: Assessment) -> str | None:
        """Plan the design's answer to an eye signal of another sleeper of the window."""
        session = self._context.session_of(command.args.window)
        if session is None or not session.playing:
            return CommandReason.NOT_IN_WINDOW
        answer, window = session.design.answer, session.offer.window
        if command.args.offer != session.offer.offer:
            return CommandReason.NO_LEASE
        if answer is None or not answer.is_for(session.part):
            return CommandReason.NO_ANSWER
        if command.args.of_pod == self._me.pod:
            return CommandReason.OWN_SIGNAL
        refusal = self._echo_refusal(session, found) or found.untimed
        if refusal is not None:
            return refusal
        if session.answer_planned or self._answers.of(window) >= answer.max_per_window:
            return CommandReason.TOO_MANY_ANSWERS
        if command.start_at_s < session.start_at_s:
            return CommandReason.TOO_SOON
        reason = lead_reason(command.start_at_s, found.now_s, self._settings)
        if reason is None:
            session.plan_answer(answer, command.start_at_s, command.args.of_pod)
            self._answers.add(window)
        return reason

    def _echo_refusal(self, session: WindowSession, found: Assessment) -> ConsentReason | None:
        """Say why the sleeper's grant lets nothing pass between this pod and others; None where it does."""
        grant = found.grant(session.offer.circle)
        if isinstance(grant, ConsentReason):
            return grant
        return None if grant.scope.echo else ConsentReason.ECHO


def start_reason(command: Open, now_s: float, settings: PodSettings) -> CommandReason | None:
    """Say why a window cannot start so: too near, too far, or with its zero after the start."""
    reason = lead_reason(command.start_at_s, now_s, settings)
    if reason is not None:
        return reason
    if command.args.zero_s > command.start_at_s:
        return CommandReason.BAD_ZERO
    return validity_reason(command, now_s, settings)


def lead_reason(start_at_s: float, now_s: float, settings: PodSettings) -> CommandReason | None:
    """Say why a start lies too near or too far ahead."""
    lead_s = start_at_s - now_s
    if lead_s < settings.min_lead_s:
        return CommandReason.TOO_SOON
    return CommandReason.TOO_FAR if lead_s > settings.max_lead_s else None


def validity_reason(command: Open | Extend, now_s: float, settings: PodSettings) -> CommandReason | None:
    """Refuse a command that would keep the window open for too long without another."""
    ahead_s = command.args.valid_until_s - now_s
    return CommandReason.KEEPALIVE if ahead_s > settings.keepalive_limit_s else None
