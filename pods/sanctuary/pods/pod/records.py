"""Records that a pod writes, built from what it holds."""

from __future__ import annotations

from collections.abc import Iterator

from sanctuary.commons.consent import ConsentBook
from sanctuary.commons.entries import EVERY_CIRCLE, Grant, UtcRange, Withdrawal
from sanctuary.firmware_bridge.outputs.output import Cue, Modality
from sanctuary.pods.limiter import Limiter
from sanctuary.pods.pod.events import UtcHeard
from sanctuary.pods.pod.session import DueStep, Session
from sanctuary.pods.protocol.messages import Command
from sanctuary.pods.protocol.records import (
    CommandRecord,
    ConsentRecord,
    CueEntry,
    EstimateRecord,
    PodRecord,
    WindowSignalRecord,
)
from sanctuary.signal.samples import StageEstimate

MEMORY_NOT_KEPT, LOG_NOT_KEPT = "memory_not_kept", "log_not_kept"
"""Why the shell refuses a cue: a restart would have forgotten it."""


def estimate_record(pod: str, estimate: StageEstimate, now_s: float) -> EstimateRecord:
    """Describe an estimate that the pod took."""
    return {
        "kind": "estimate",
        "t_s": now_s,
        "pod": pod,
        "sampled_s": estimate.t_s,
        "stage": estimate.stage.name,
        "stable_rem": estimate.stable_rem,
        "arousal": estimate.arousal,
        "quality": estimate.quality,
    }


def cue_entry(
    pod: str, session: Session, due: DueStep, cue: Cue, reason: str, now_s: float, *, sham: bool = False
) -> CueEntry:
    """Describe a step that came due; an empty `reason` says that it is rendered, or given as a sham."""
    entry: CueEntry = {
        "kind": "cue",
        "t_s": now_s,
        "pod": pod,
        "window": session.offer.window,
        "circle": session.offer.circle,
        "design": session.offer.design,
        "step": due.number,
        "due_s": due.due_s,
        "outcome": "refused" if reason else "rendered",
        "reason": str(reason),
        "modality": str(cue.modality),
        "level": cue.level,
        "duration_s": cue.duration_s,
        "fade_s": cue.fade_s,
        "flash_hz": cue.flash_hz,
        "rgb": list(cue.rgb),
    }
    if sham and not reason:
        entry["sham"] = True
    if due.answers:
        entry["answers"] = due.answers
    return entry


def signal_record(pod: str, session: Session, reason: str, now_s: float) -> WindowSignalRecord:
    """Describe an eye signal in a window; an empty `reason` says that it was told."""
    return {
        "kind": "window_signal",
        "t_s": now_s,
        "pod": pod,
        "window": session.offer.window,
        "circle": session.offer.circle,
        "told": not reason,
        "reason": str(reason),
    }


def unkept(entry: CueEntry, reason: str) -> CueEntry:
    """Turn the entry of a cue that was to sound into that of a refused one."""
    refused = entry.copy()
    if entry["outcome"] == "rendered":
        refused["outcome"], refused["reason"] = "refused", reason
    return refused


def boot_record(pod: str, latch: str, limiter: Limiter, now_s: float) -> PodRecord:
    """Describe what the pod woke up with, so that its log stands alone."""
    record: PodRecord = {
        "kind": "pod",
        "t_s": now_s,
        "pod": pod,
        "event": "booted",
        "detail": latch,
        "lamps_in_view": limiter.lamps_in_view,
        "light_cleared": limiter.light_cleared,
    }
    if limiter.in_night or limiter.woken:
        record["carried"] = {
            "in_night": limiter.in_night,
            "woken": limiter.woken,
            "highest": {str(modality): limiter.highest(modality) for modality in Modality},
        }
    return record


def utc_record(pod: str, event: UtcHeard, utc: UtcRange, now_s: float) -> PodRecord:
    """Describe what the clocks say of UTC, and whether anything may be cued by it."""
    synchronised = event.told.synchronised or (event.own is not None and event.own.synchronised)
    kept = "synchronised" if synchronised else "unsynchronised"
    return {
        "kind": "pod",
        "t_s": now_s,
        "pod": pod,
        "event": "utc_heard",
        "detail": kept if event.suffices else f"{kept}: nothing is cued",
        "utc_range_s": [utc.earliest_s, utc.latest_s],
        "utc_suffices": event.suffices,
    }


def book_records(pod: str, book: ConsentBook, now_s: float, utc_s: float) -> Iterator[ConsentRecord]:
    """Describe all consent that the pod holds."""
    for entry in book.entries:
        yield consent_record(pod, entry.event, now_s, utc_s)
    if book.withdrawn_here is not None:
        seq, at_utc_s = book.withdrawn_here
        yield withdrawal_record(pod, now_s, at_utc_s, seq)


def consent_record(pod: str, event: Grant | Withdrawal, now_s: float, utc_s: float) -> ConsentRecord:
    """Describe a consent entry that was taken."""
    record = _consent(pod, now_s, utc_s)
    record["seq"] = event.seq
    record["circle"] = event.scope.circle
    if isinstance(event, Withdrawal):
        record["act"] = "withdraw"
        return record
    record["act"] = "grant"
    record["design"] = event.design
    record["modalities"] = [str(modality) for modality in event.scope.modalities]
    record["caps"] = {str(modality): event.scope.max_level(modality) for modality in event.scope.modalities}
    record["nbf"], record["exp"] = event.nbf, event.exp
    record["echo"] = event.scope.echo
    return record


def withdrawal_record(pod: str, now_s: float, utc_s: float, top_seq: int) -> ConsentRecord:
    """Describe a withdrawal made by hand."""
    record = _consent(pod, now_s, utc_s)
    record["act"], record["circle"], record["seq"] = "withdraw_here", EVERY_CIRCLE, top_seq
    return record


def refused_consent_record(pod: str, now_s: float, utc_s: float, reason: str) -> ConsentRecord:
    """Describe an entry that was not taken."""
    record = _consent(pod, now_s, utc_s)
    record["reason"] = reason
    return record


def command_record(pod: str, command: Command | None, reason: str, now_s: float) -> CommandRecord:
    """Describe a command; an empty `reason` says that it was obeyed."""
    return {
        "kind": "command",
        "t_s": now_s,
        "pod": pod,
        "id": command.id if command else None,
        "op": command.op if command else "",
        "circle": command.args.circle if command else "",
        "term": command.term if command else None,
        "expires_at_s": command.expires_at_s if command else None,
        "obeyed": not reason,
        "reason": str(reason),
    }


def _consent(pod: str, now_s: float, utc_s: float) -> ConsentRecord:
    return {
        "kind": "consent",
        "t_s": now_s,
        "utc_s": utc_s,
        "pod": pod,
        "act": "refused",
        "circle": "",
        "seq": 0,
        "design": "",
        "modalities": [],
        "caps": {},
        "nbf": 0.0,
        "exp": 0.0,
        "reason": "",
    }
