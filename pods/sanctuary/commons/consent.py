"""What a sleeper has agreed to: the deny-biased rule over signed grants and withdrawals.

Per person and circle the event with the highest `seq` counts. A withdrawal beats a grant of equal `seq`;
two different events with one `seq` (a fork) count as a withdrawal from every circle and are flagged; a
grant that follows a withdrawal or fork holds only if its chain of `prev` leads back to it. The verdict
depends on the set of events alone, never on the order in which they arrived.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from sanctuary.commons.entries import ANY_VOTED_DESIGN, Entry, Grant, UtcRange, Withdrawal, unseal
from sanctuary.config.errors import ProtocolError
from sanctuary.firmware_bridge.cues import Modality

MAX_GRANTS = 2048
"""Grants that a book holds for its sleeper; withdrawals are always taken."""


class ConsentReason(StrEnum):
    """Why nothing, or not this, is permitted."""

    NO_GRANT = "no_grant"
    MISSING = "entries_missing"
    """An entry that the pod had is not here any more; what it said may have narrowed what is."""
    WITHDRAWN = "withdrawn"
    FORKED = "forked"
    UNCITED_WITHDRAWAL = "uncited_withdrawal"
    """The newest grant does not follow on from the withdrawal or fork before it."""
    NOT_YET = "grant_not_yet_in_force"
    EXPIRED = "grant_expired"
    MODALITY = "modality_not_granted"
    LEVEL = "level_above_grant"
    DESIGN = "design_not_granted"
    ECHO = "echo_not_granted"
    """Eye signals are to stay in this pod, and those of others out of it."""


class ConsentBook:
    """The consent events of one sleeper, as one pod has seen them.

    Parameters
    ----------
    origin
        Name of the sanctuary's ledger; entries made for another are refused.
    who
        The sleeper's public key, 64 hexadecimal digits; entries of others are refused.
    voted
        Hashes of the designs that the assembly chose, for grants of any voted design.
    withdrawn_here
        What `withdrawn_here` gave before the pod went down, so that a restart forgets no withdrawal.
    """

    def __init__(
        self,
        origin: str,
        who: str,
        voted: Collection[str] = (),
        withdrawn_here: tuple[int, float] | None = None,
    ) -> None:
        self.origin = origin
        self.who = who
        self._voted = frozenset(voted)
        self._entries: dict[str, Entry] = {}
        self._by_seq: dict[int, set[str]] = {}
        self._grants = 0
        self._local = withdrawn_here
        self._verdicts: dict[str, Grant | ConsentReason] = {}
        self._expected_seq = 0

    @property
    def top_seq(self) -> int:
        """Highest number seen in the sleeper's chain; 0 before the first event."""
        return max(self._by_seq, default=0)

    @property
    def forks(self) -> tuple[int, ...]:
        """Numbers under which different events were signed; evidence of a stolen or faulty key."""
        return tuple(sorted(seq for seq, digests in self._by_seq.items() if len(digests) > 1))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything taken so far, in the order of the sleeper's chain."""
        return tuple(sorted(self._entries.values(), key=lambda entry: (entry.event.seq, entry.digest)))

    @property
    def withdrawn_here(self) -> tuple[int, float] | None:
        """Number and UTC seconds of the last withdrawal by hand, for the shell to keep."""
        return self._local

    def add(self, raw: bytes) -> Entry | None:
        """Take a signed entry; None where it was known already.

        Raises
        ------
        ProtocolError
            Forged, of another person or sanctuary, malformed, or one grant too many.
        """
        entry = unseal(raw, self.origin)
        if entry.event.who != self.who:
            raise ProtocolError(f"consent: of {entry.event.who[:12]}, who does not sleep here")
        if entry.digest in self._entries:
            return None
        if isinstance(entry.event, Grant):
            if self._grants >= MAX_GRANTS:
                raise ProtocolError(f"consent: more than {MAX_GRANTS} grants; begin a new key")
            self._grants += 1
        self._entries[entry.digest] = entry
        self._by_seq.setdefault(entry.event.seq, set()).add(entry.digest)
        self._verdicts.clear()
        return entry

    def withdraw_here(self, now_utc_s: float) -> None:
        """Note a withdrawal made by hand at the pod, from every circle, without a signed entry.

        Only a grant numbered above everything seen so far, and whose period begins later, ends it.
        """
        at_seq, at_utc_s = self._local or (0, now_utc_s)
        self._local = (max(at_seq, self.top_seq), max(at_utc_s, now_utc_s))
        self._verdicts.clear()

    def recall_withdrawal(self, at_seq: int, at_utc_s: float) -> None:
        """Go on from a `withdrawn_here` that was kept over a restart."""
        seq, utc_s = self._local or (at_seq, at_utc_s)
        self._local = (max(seq, at_seq), max(utc_s, at_utc_s))
        self._verdicts.clear()

    def expect(self, seq: int) -> None:
        """Hear that entries up to this number were here before; nothing is in force until they are again."""
        self._expected_seq = max(self._expected_seq, seq)

    def in_force(self, circle: str, now: float | UtcRange) -> Grant | ConsentReason:
        """Give the grant for `circle` in force now, whatever it covers, or the reason why none is.

        Parameters
        ----------
        now
            UTC seconds; of a range, the grant must hold in all of it.
        """
        if self.top_seq < self._expected_seq:
            return ConsentReason.MISSING
        verdict = self._verdicts.get(circle)
        if verdict is None:
            verdict = self._verdicts[circle] = self._judge(circle)
        if isinstance(verdict, ConsentReason):
            return verdict
        earliest_s, latest_s = now if isinstance(now, UtcRange) else (now, now)
        if latest_s >= verdict.exp:
            return ConsentReason.EXPIRED
        if earliest_s < verdict.nbf:
            return ConsentReason.NOT_YET
        return verdict

    def covers_design(self, grant: Grant, design_hash: str) -> bool:
        """Tell whether `grant` is for this design."""
        return grant.design == design_hash or (
            grant.design == ANY_VOTED_DESIGN and design_hash in self._voted
        )

    def refusal(
        self, grant: Grant, modality: Modality, level: float, design_hash: str
    ) -> ConsentReason | None:
        """Say why a grant in force does not cover a cue; None where it does.

        Parameters
        ----------
        level
            In the unit of `Cue.level`.
        """
        if not self.covers_design(grant, design_hash):
            return ConsentReason.DESIGN
        if modality not in grant.scope.modalities:
            return ConsentReason.MODALITY
        return None if level <= grant.scope.max_level(modality) else ConsentReason.LEVEL

    def _judge(self, circle: str) -> Grant | ConsentReason:
        """Apply the state rule of the module's docstring; periods are not looked at."""
        grants = [
            e for e in self._entries.values() if isinstance(e.event, Grant) and e.event.scope.circle == circle
        ]
        stops = set(self.forks) | {
            e.event.seq
            for e in self._entries.values()
            if isinstance(e.event, Withdrawal) and e.event.touches(circle)
        }
        newest = max(grants, key=lambda entry: entry.event.seq, default=None)
        last_stop = max(stops, default=0)
        if newest is None or last_stop >= newest.event.seq:
            return self._why_stopped(last_stop)
        grant = newest.event
        assert isinstance(grant, Grant)  # noqa: S101 - narrows the type; `grants` holds nothing else
        if last_stop and not self._follows(newest, last_stop):
            return ConsentReason.UNCITED_WITHDRAWAL
        if self._local and (grant.seq <= self._local[0] or grant.nbf < self._local[1]):
            return ConsentReason.WITHDRAWN
        return grant

    def _why_stopped(self, last_stop: int) -> ConsentReason:
        if not last_stop:
            return ConsentReason.WITHDRAWN if self._local else ConsentReason.NO_GRANT
        return ConsentReason.FORKED if last_stop in self.forks else ConsentReason.WITHDRAWN

    def _follows(self, entry: Entry, seq: int) -> bool:
        """Walk back along `prev` from `entry` to an event numbered `seq`."""
        while entry.event.seq > seq:
            before = self._entries.get(entry.event.prev)
            if before is None or before.event.seq >= entry.event.seq:
                return False
            entry = before
        return entry.event.seq == seq
