"""P6: which commands are obeyed at all, before the pod's state is asked.

A command is genuine (signed by a coordinator of the site), meant for this pod and a circle of its sleeper,
not expired, of the highest term seen for that circle, and not seen before. An id is remembered for as long
as its command could be obeyed; because a command may not expire far ahead, and the memory refuses rather
than forgets, that is enough. A restart forgets the ids, so what was issued before it is refused as well;
terms outlive it. Nothing is obeyed that comes before it was issued: one of the two clocks is wrong, and what
keeps a window open would keep it open for too long. A `close` alone is, for it can only silence.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from nacl.signing import VerifyKey

from sanctuary.config.errors import ProtocolError
from sanctuary.config.site_settings import PodSettings
from sanctuary.pods.protocol.envelope import Kind, unseal
from sanctuary.pods.protocol.messages import EVERY_POD, Close, Command, read_command

MAX_REMEMBERED = 1024
"""Ids in memory; a coordinator sends a few in the life of one command."""


class CommandReason(StrEnum):
    """Why a command was refused."""

    UNSIGNED = "unsigned"
    """Not signed by a coordinator of this sanctuary."""
    MALFORMED = "malformed"
    OTHER_SITE = "other_site"
    OTHER_POD = "other_pod"
    NOT_MEMBER = "not_a_member"
    """About a circle that is none of this sleeper's."""
    EXPIRED = "expired"
    EXPIRES_TOO_FAR = "expires_too_far"
    FROM_FUTURE = "issued_in_the_future"
    """By this pod's clock, so that it or the gateway's is wrong."""
    BEFORE_BOOT = "issued_before_boot"
    OLD_TERM = "old_term"
    DUPLICATE = "duplicate"
    TOO_MANY = "too_many"
    # What the pod's state adds:
    LATCHED = "latched"
    OFFLINE = "offline"
    ENGAGED = "engaged_elsewhere"
    NOT_ELIGIBLE = "not_eligible"
    UNKNOWN_DESIGN = "unknown_design"
    NO_LEASE = "no_such_lease"
    TOO_SOON = "start_too_soon"
    TOO_FAR = "start_too_far"
    BAD_ZERO = "zero_after_start"
    KEEPALIVE = "valid_too_long"
    NOT_IN_WINDOW = "not_in_window"
    NO_PART = "no_such_part"
    NO_ANSWER = "no_answer"
    """The design has no answer to an eye signal, or none for this part."""
    OWN_SIGNAL = "own_signal"
    TOO_MANY_ANSWERS = "too_many_answers"
    """In this window, or while one is planned already."""


@dataclass(frozen=True, slots=True)
class RefusedCommand:
    """A command that is not obeyed; `command` is None where it could not be trusted or read."""

    reason: CommandReason
    command: Command | None = None


class CommandDesk:
    """Judge payloads as received.

    Parameters
    ----------
    circles
        Of the pod's sleeper; commands about others are refused.
    terms
        Highest terms seen so far, by circle; the desk notes new ones in it.

    Attributes
    ----------
    booted_s
        When the pod began, sanctuary clock; what was issued earlier is refused.
    """

    def __init__(
        self,
        site: str,
        pod: str,
        coordinator: VerifyKey,
        settings: PodSettings,
        circles: Collection[str],
        terms: dict[str, int],
    ) -> None:
        self._site = site
        self._pod = pod
        self._coordinator = coordinator
        self._settings = settings
        self._seen: dict[str, float] = {}
        self._circles = frozenset(circles)
        self._terms = terms
        self.booted_s = -inf

    def judge(self, payload: bytes, now_s: float) -> Command | RefusedCommand:
        """Admit a command, once."""
        try:
            line = unseal(Kind.COMMAND, payload, self._coordinator)
        except ProtocolError:
            return RefusedCommand(CommandReason.UNSIGNED)
        try:
            command = read_command(line)
        except ProtocolError:
            return RefusedCommand(CommandReason.MALFORMED)
        reason = self._address_reason(command) or self._time_reason(command, now_s)
        reason = reason or self._memory_reason(command, now_s)
        if reason is not None:
            return RefusedCommand(reason, command)
        self._seen[command.id] = command.expires_at_s
        if self._is_from_future(command, now_s):
            return RefusedCommand(CommandReason.FROM_FUTURE, command)
        self._terms[command.args.circle] = command.term
        return command

    def _address_reason(self, command: Command) -> CommandReason | None:
        if command.site != self._site:
            return CommandReason.OTHER_SITE
        if command.pod not in (self._pod, EVERY_POD):
            return CommandReason.OTHER_POD
        return None if command.args.circle in self._circles else CommandReason.NOT_MEMBER

    def _time_reason(self, command: Command, now_s: float) -> CommandReason | None:
        if now_s >= command.expires_at_s:
            return CommandReason.EXPIRED
        if command.expires_at_s > now_s + self._settings.command_life_limit_s:
            return CommandReason.EXPIRES_TOO_FAR
        if command.issued_at_s < self.booted_s:
            return CommandReason.BEFORE_BOOT
        return CommandReason.OLD_TERM if command.term < self._terms.get(command.args.circle, 0) else None

    def _is_from_future(self, command: Command, now_s: float) -> bool:
        ahead_s = command.issued_at_s - now_s
        return ahead_s > 2.0 * self._settings.clock_uncertainty_limit_s and not isinstance(command, Close)

    def _memory_reason(self, command: Command, now_s: float) -> CommandReason | None:
        if command.id in self._seen:
            return CommandReason.DUPLICATE
        if len(self._seen) >= MAX_REMEMBERED:
            self._seen = {seen: expires_s for seen, expires_s in self._seen.items() if expires_s > now_s}
        return CommandReason.TOO_MANY if len(self._seen) >= MAX_REMEMBERED else None
