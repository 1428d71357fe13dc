"""What is asked of the files that `kill_nine` leaves.

Did any pod sound later than one lease after a kill, before a new window began? Did a window open anew? Was
any step of any window given to an output twice? Does every cue that was given to an output stand in the log?
Do the audit's rules hold over the whole night, restarts and all?
"""

from __future__ import annotations

import json
import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from sanctuary.config.sanctuary import SanctuarySettings
from sanctuary.pods.audit import check_violations
from sanctuary.pods.protocol.gateway_records import coordinator_record

STEP_S, CUE_S = 2.0, 1.5
LEASE_S = 5.0
SLACK_S = 0.25
"""Between a moment in one process and its note in another."""
KINDS = ("gateway", "broker", "pod")


@dataclass
class Kill:
    """One process killed, and when."""

    kind: str
    who: str
    at_s: float


def notes_of(text: str) -> list[dict[str, Any]]:
    """Read lines of JSON; a torn one is left out."""
    found = []
    for line in text.splitlines():
        with suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found


@dataclass
class Findings:
    """Of one house or of all."""

    silent_s: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    """How long after a kill the old window was last heard, by kind."""
    again_s: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    """How long after a kill a new window was first heard in every pod."""
    faults: list[str] = field(default_factory=list)
    plays: int = 0
    torn: int = 0


def examine(folder: Path, settings: SanctuarySettings, into: Findings) -> None:
    """Ask the questions of the files that a house has left."""
    kills = [Kill(**each) for each in json.loads((folder / "kills.json").read_text())]
    sounds = {entry.id: sounds_of(folder / f"{entry.id}.notes.jsonl") for entry in settings.pods}
    into.plays += sum(len(each) for each in sounds.values())
    journals = [folder / f"{entry.id}.events.jsonl" for entry in settings.pods]
    lines = [line for path in journals for line in journal_of(path, into)]
    for entry in settings.pods:
        mine = [line for line in lines if line.get("pod") == entry.id]
        into.faults += [f"{folder.name}: {text}" for text in log_faults(entry.id, mine, sounds[entry.id])]
    for number, kill in enumerate(kills):
        until_s = kills[number + 1].at_s if number + 1 < len(kills) else inf
        after_kill(kill, until_s, sounds, into, folder.name)
    for who in settings.site.gateways:
        for path in sorted((folder / f"{who}-data").glob("nights/*/events.jsonl")):
            lines += journal_of(path, into)
    offset_s = site_offset(folder, settings)
    lines += [
        coordinator_record("died", 10**9, kill.at_s + offset_s, kill.who).to_dict()
        for kill in kills
        if kill.kind == "gateway"
    ]
    lines.sort(key=lambda line: float(line["t_s"]))
    found = check_violations(lines, pod_settings=settings.pod, limiter_settings=settings.limiter)
    into.faults += [f"{folder.name}: {v.rule} at {v.t_s:.1f} s, {v.subject}: {v.text}" for v in found]


def sounds_of(path: Path) -> list[dict[str, Any]]:
    """Give the cues of a pod: when each began, and when it was over or cut."""
    found: list[dict[str, Any]] = []
    for line in notes_of(path.read_text()):
        if "mono_s" in line:
            found.append({**line, "end_s": line["mono_s"] + CUE_S})
        elif found:
            found[-1]["end_s"] = min(found[-1]["end_s"], line["stop_s"])
    return found


def journal_of(path: Path, into: Findings) -> list[dict[str, Any]]:
    """Read a journal; counts lines that a kill has torn."""
    text = path.read_text()
    lines = notes_of(text)
    into.torn += len(text.splitlines()) - len(lines)
    return lines


def log_faults(
    pod: str, lines: Sequence[Mapping[str, Any]], sounds: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Compare what sounded with what is in the log."""
    faults = []
    rendered = [line for line in lines if line["kind"] == "cue" and line["outcome"] == "rendered"]
    steps = Counter((line["window"], line["step"]) for line in lines if line["kind"] == "output")
    twice = [step for step, count in steps.items() if count > 1]
    faults += [f"{pod}: step {step} of {window} given out more than once" for window, step in twice]
    due = sorted(line["due_s"] for line in rendered)
    for sound in sounds:
        at = bisect_left(due, sound["site_s"] - 0.5)
        if at >= len(due) or due[at] > sound["site_s"] + 0.5:
            faults.append(f"{pod}: sounded at {sound['site_s']:.2f} s, which is not in the log")
    return faults


def after_kill(
    kill: Kill, until_s: float, sounds: Mapping[str, Sequence[Mapping[str, Any]]], into: Findings, name: str
) -> None:
    """Find out when the old window fell silent, and when another was heard."""
    old = {
        sound["window"]
        for plays in sounds.values()
        for sound in plays
        if kill.at_s - 3.0 * STEP_S < sound["mono_s"] < kill.at_s
    }
    last_s = kill.at_s
    again: list[float] = []
    for pod, plays in sounds.items():
        later = [each for each in plays if kill.at_s <= each["end_s"] and each["mono_s"] < until_s]
        if pod != kill.who:  # what a killed process was playing ended with it
            last_s = max([last_s, *(each["end_s"] for each in later if each["window"] in old)])
        fresh = [each["mono_s"] for each in later if each["mono_s"] > kill.at_s and each["window"] not in old]
        again.append(min(fresh, default=inf))
    into.silent_s[kill.kind].append(last_s - kill.at_s)
    if last_s - kill.at_s > LEASE_S + SLACK_S:
        into.faults.append(f"{name}: sounded for {last_s - kill.at_s:.2f} s after {kill.who} was killed")
    if max(again) == inf:
        into.faults.append(f"{name}: nothing sounded in every pod again after {kill.who} was killed")
    else:
        into.again_s[kill.kind].append(max(again) - kill.at_s)


def site_offset(folder: Path, settings: SanctuarySettings) -> float:
    """Give what to add to the computer's monotonic clock for the sanctuary's."""
    plays = [play for entry in settings.pods for play in sounds_of(folder / f"{entry.id}.notes.jsonl")]
    return statistics.median(float(play["site_s"] - play["mono_s"]) for play in plays)


def report(into: Findings) -> None:
    """Print the figures."""
    for kind in KINDS:
        silent, again = sorted(into.silent_s[kind]), sorted(into.again_s[kind])
        if silent and again:
            print(
                f"{kind:<8} killed {len(silent):4}: last heard after {statistics.median(silent):.2f}"
                f" (worst {silent[-1]:.2f}) s; a new window in every pod after {statistics.median(again):.1f}"
                f" (worst {again[-1]:.1f}) s"
            )
    print(f"{into.plays} cues given to outputs; {into.torn} torn lines; {len(into.faults)} faults")
    for fault in into.faults[:40]:
        print(fault)
