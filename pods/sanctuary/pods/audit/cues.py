"""P1, P2, P5, P7: every cue that sounded had the right to.

Written against the records, with none of the pod's own code: a mistake in the pod must not excuse itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sanctuary.config.coordination import PodSettings
from sanctuary.pods.audit.night import ROUNDING_S, LogLine, PodNight, Violation

_ANY_VOTED = "any-voted"


def check_p1(night: PodNight, settings: PodSettings) -> Iterator[Violation]:
    """P1: the newest estimate before each cue says stable REM, is fresh, and of sufficient quality."""
    newest: LogLine | None = None
    for line in night.lines:
        if line["kind"] == "estimate":
            newest = line
        elif line["kind"] == "pod" and line["event"] in ("headband_lost", "booted"):
            newest = None
        elif line["kind"] == "cue" and line["outcome"] == "rendered":
            doubt = _doubt(newest, line["t_s"], settings)
            if doubt:
                yield night.violation("P1", line["t_s"], f"step {line['step']} of {line['window']}: {doubt}")


def _doubt(newest: LogLine | None, t_s: float, settings: PodSettings) -> str:
    if newest is None:
        return "no estimate before it"
    if t_s - newest["sampled_s"] >= settings.stale_s:
        return f"the newest estimate was {t_s - newest['sampled_s']:.1f} s old"
    if newest["arousal"]:
        return "the sleeper showed an arousal"
    if not newest["quality"] >= settings.min_quality:
        return f"signal quality was {newest['quality']:.2f}"
    return "" if newest["stable_rem"] else f"not in stable REM ({newest['stage']})"


def check_p2(night: PodNight, voted: Collection[str]) -> Iterator[Violation]:
    """P2: before each cue stands a grant that covers it, and no withdrawal at or after that grant."""
    seen: list[LogLine] = []
    utc_at_zero_s = 0.0
    for line in night.lines:
        if line["kind"] == "consent" and line["act"] != "refused":
            seen.append(line)
            if line["act"] != "withdraw_here":
                utc_at_zero_s = line["utc_s"] - line["t_s"]
        elif line["kind"] == "cue" and line["outcome"] == "rendered":
            utc_s = utc_at_zero_s + line["t_s"]
            if not any(_covers(grant, line, utc_s, voted) and not _ended(grant, seen) for grant in seen):
                yield night.violation(
                    "P2", line["t_s"], f"step {line['step']} of {line['window']}: no grant in force"
                )


def _covers(grant: LogLine, cue: LogLine, utc_s: float, voted: Collection[str]) -> bool:
    if grant["act"] != "grant" or grant["circle"] != cue["circle"]:
        return False
    by_vote = grant["design"] == _ANY_VOTED and cue["design"] in voted
    if grant["design"] != cue["design"] and not by_vote:
        return False
    cap = grant["caps"].get(cue["modality"])
    in_time = grant["nbf"] - ROUNDING_S <= utc_s < grant["exp"] + ROUNDING_S
    return cap is not None and cue["level"] <= cap + 1e-9 and in_time


def _ended(grant: LogLine, seen: list[LogLine]) -> bool:
    """Tell whether a withdrawal, a fork or a newer grant of the circle takes this grant's place."""
    for other in seen:
        if other["circle"] not in (grant["circle"], "*") and other["seq"] != grant["seq"]:
            continue
        if other["act"] == "withdraw_here" and (
            other["seq"] >= grant["seq"] or grant["nbf"] < other["utc_s"]
        ):
            return True
        if other["act"] == "withdraw" and other["seq"] >= grant["seq"]:
            return True
        if other["act"] == "grant" and other is not grant and other["seq"] >= grant["seq"]:
            return True
    return False


def check_p5(night: PodNight) -> Iterator[Violation]:
    """P5: a pod enters no window before it left the one before; cues belong to the one it is in."""
    inside = ""
    for line in night.lines:
        if line["kind"] == "pod_window" and line["event"] == "opened":
            if inside:
                yield night.violation("P5", line["t_s"], f"entered {line['window']} while in {inside}")
            inside = line["window"]
        elif _is_out(line, inside):
            inside = ""
        elif line["kind"] == "cue" and line["outcome"] == "rendered" and line["window"] != inside:
            where = inside or "none"
            yield night.violation("P5", line["t_s"], f"cue of {line['window']} while in window {where}")


def _is_out(line: LogLine, inside: str) -> bool:
    """Tell whether the pod left the window it was in, or was switched on anew."""
    if line["kind"] == "pod":
        return bool(line["event"] == "booted")
    return bool(line["kind"] == "pod_window" and line["event"] == "left" and line["window"] == inside)


def check_p7(night: PodNight) -> Iterator[Violation]:
    """P7: each cue has one entry with its reason; what sounded was logged before, and was no sham."""
    logged: set[tuple[str, int]] = set()
    outstanding: set[tuple[str, int]] = set()
    for line in night.lines:
        if line["kind"] == "cue":
            step = (line["window"], line["step"])
            if step in logged:
                yield night.violation("P7", line["t_s"], f"step {step[1]} of {step[0]} is logged twice")
            if (line["outcome"] == "refused") != bool(line["reason"]):
                yield night.violation("P7", line["t_s"], f"step {step[1]} of {step[0]} has no reason")
            logged.add(step)
            if line["outcome"] == "rendered" and not line.get("sham", False):
                outstanding.add(step)
        elif line["kind"] == "output":
            step = (line["window"], line["step"])
            if step not in outstanding:
                text = f"step {step[1]} of {step[0]} sounded without an entry before it"
                yield night.violation("P7", line["t_s"], text)
            outstanding.discard(step)
