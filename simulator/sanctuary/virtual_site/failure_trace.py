"""The last moments before a rule broke, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sanctuary.virtual_site.fault_injection import InjectedNight
from sanctuary.virtual_site.faults import Fault

BEFORE_S = 40.0
MOST_LINES = 40

Record = Mapping[str, Any]


def failure_trace(night: InjectedNight, kept: Mapping[int, Fault]) -> list[str]:
    """Tell what was struck and what followed, up to the violation.

    Parameters
    ----------
    night
        A night that broke a rule.
    kept
        The faults that it takes, by number.
    """
    violation = night.violations[0]
    told = [f"{violation.rule} broken at {violation.t_s:.2f} s by {violation.subject}: {violation.text}"]
    told += ["faults that it takes:" if kept else "it takes no fault at all"]
    told += [f"  [{number}] {in_words(fault)}" for number, fault in kept.items()]
    lines = [*_moments(night.recent, violation.subject, violation.t_s)][-MOST_LINES:]
    return [*told, "what happened:", *lines]


def in_words(fault: Fault) -> str:
    """Describe a fault."""
    who = ", ".join(fault.who) or "everybody"
    kind = str(fault.kind).replace("_", " ")
    return f"{fault.at_s:9.2f} s  {kind}: {who}, for {fault.for_s:.1f} s ({fault.value:g})"


def _moments(records: list[Record], subject: str, at_s: float) -> Iterator[str]:
    """Write the records that concern the subject; of estimates only those that say something new."""
    verdicts: dict[str, tuple[Any, ...]] = {}
    for record in records:
        if record["t_s"] < at_s - BEFORE_S or not _concerns(record, subject):
            continue
        if record["kind"] == "estimate":
            verdict = (record["stable_rem"], record["arousal"], record["quality"])
            if verdicts.get(record["pod"]) == verdict:
                continue
            verdicts[record["pod"]] = verdict
        yield f"{record['t_s']:11.3f}  {_told(record)}"


def _concerns(record: Record, subject: str) -> bool:
    if record["kind"] == "fault":
        return True
    if record["kind"] in ("kept", "refused_message"):
        return False
    mine = (record.get("pod"), record.get("window"), record.get("circle"))
    return subject in mine or not record.get("pod") or not subject.startswith("pod-")


def _told(record: Record) -> str:
    words = _WORDS.get(record["kind"])
    who = record.get("pod") or record.get("gateway") or "a gateway"
    if words is not None:
        return words(who, record)
    rest = ", ".join(f"{key} {value}" for key, value in record.items() if key not in ("kind", "t_s", "pod"))
    return f"{who}: {record['kind']} {rest}"


def _fault(_who: str, record: Record) -> str:
    return f"*** {record['fault']}: {', '.join(record['who']) or 'everybody'}, for {record['for_s']:.1f} s"


def _pod(who: str, record: Record) -> str:
    return f"{who}: {record['event'].replace('_', ' ')} {record['detail']}".rstrip()


def _estimate(who: str, record: Record) -> str:
    verdict = "stable REM" if record["stable_rem"] else "no stable REM"
    aroused = ", aroused" if record["arousal"] else ""
    return f"{who}: chain says {verdict}{aroused}, quality {record['quality']:.2f}"


def _cue(who: str, record: Record) -> str:
    done = f"{record['outcome']} {record['reason']}".rstrip() if "outcome" in record else "sounds"
    return f"{who}: step {record['step']} of {record['window']} {done}"


def _command(who: str, record: Record) -> str:
    done = "obeyed" if record["obeyed"] else f"refused ({record['reason']})"
    return f"{who}: {record['op'] or 'command'} {record['id'] or ''} of term {record['term']} {done}"


def _window(who: str, record: Record) -> str:
    until = f" until {record['valid_until_s']:.2f} s" if record["valid_until_s"] else ""
    whose = f"{who}: " if record["kind"] == "pod_window" else f"{record['circle']}, {who}: "
    live = f", live {', '.join(record['live'])}" if "live" in record else ""
    return f"{whose}{record['event']} {record['window']}{until}{live} {record['reason']}".rstrip()


def _lease(who: str, record: Record) -> str:
    taken = "taken" if record["accepted"] else f"refused ({record['reason']})"
    return f"{who}: lease {record['seq']} for {record['window']} {taken}, to {record['expires_s']:.2f} s"


def _consent(who: str, record: Record) -> str:
    return f"{who}: {record['act']} {record['circle']} {record['seq']} {record['reason']}".rstrip()


def _leadership(who: str, record: Record) -> str:
    until_s = record["authority_until_s"]
    until = f", authority until {until_s:.2f} s" if until_s is not None else ""
    return f"{who}: {record['circle']} {record['event']} in term {record['term']} {record['reason']}{until}"


_WORDS: Mapping[str, Callable[[str, Record], str]] = {
    "fault": _fault,
    "pod": _pod,
    "estimate": _estimate,
    "cue": _cue,
    "output": _cue,
    "command": _command,
    "pod_window": _window,
    "window": _window,
    "lease": _lease,
    "consent": _consent,
    "leadership": _leadership,
    "silence": lambda who, record: f"{who}: silent, {record['reason']}",
    "hang": lambda who, record: f"{who}: stands still until {record['until_s']:.2f} s",
}
