"""What the sleeper says: grants and withdrawals, signed or by hand."""

from __future__ import annotations

from sanctuary.commons.consent import ConsentReason, Refusal
from sanctuary.commons.entries import Grant, UtcRange, Withdrawal
from sanctuary.config.errors import ProtocolError
from sanctuary.pods.effects import Effect, Record
from sanctuary.pods.pod import events as happened
from sanctuary.pods.pod import records
from sanctuary.pods.pod.body import Body
from sanctuary.pods.pod.states import Trigger

_WITHDRAWN = frozenset({ConsentReason.WITHDRAWN, ConsentReason.FORKED, ConsentReason.UNCITED_WITHDRAWAL})


class Consenting:
    """Takes consent into the pod's book, and ends everything where it was withdrawn."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def presented(self, event: happened.ConsentPresented, now_s: float, out: list[Effect]) -> None:
        """Take a signed entry."""
        if self._take(event.entry, now_s, out):
            self._body.quit(Trigger.WITHDRAW, "withdrawn", now_s, out)

    def withdrawn(self, event: happened.WithdrawalMade, now_s: float, out: list[Effect]) -> None:
        """Take a withdrawal by hand, which holds whatever becomes of its signed entry."""
        body = self._body
        if event.entry:
            self._take(event.entry, now_s, out)
        utc_s = body.utc_s(now_s)
        body.withdraw_here(now_s)
        out.append(Record(records.withdrawal_record(body.identity.pod, now_s, utc_s, body.consent.top_seq)))
        body.quit(Trigger.WITHDRAW, "withdrawn", now_s, out)

    def _take(self, raw: bytes, now_s: float, out: list[Effect]) -> bool:
        """Take a consent entry; tell whether it ended consent for a circle of this sleeper."""
        book, pod, utc_s = self._body.consent, self._body.identity.pod, self._body.utc_s(now_s)
        forks = book.forks
        try:
            entry = book.add(raw)
        except ProtocolError as error:
            out.append(Record(records.refused_consent_record(pod, now_s, utc_s, str(error))))
            return False
        if entry is None:
            return False
        out.append(Record(records.consent_record(pod, entry.event, now_s, utc_s)))
        return book.forks != forks or self._ends_consent(entry.event, self._body.utc.at(now_s))

    def _ends_consent(self, event: Grant | Withdrawal, utc: UtcRange) -> bool:
        if not isinstance(event, Withdrawal):
            return False
        touched = (circle for circle in self._body.identity.circles if event.touches(circle))
        verdicts = (self._body.consent.in_force(circle, utc) for circle in touched)
        return any(isinstance(verdict, Refusal) and verdict.reason in _WITHDRAWN for verdict in verdicts)
