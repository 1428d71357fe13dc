"""P4 and P6: the pod fell silent when it had to, and obeyed only what it might."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from sanctuary.config.coordination import PodSettings
from sanctuary.pods.audit.night import ROUNDING_S, TICK_S, LogLine, PodNight, Violation


def check_p4(night: PodNight, settings: PodSettings) -> Iterator[Violation]:
    """P4: silence within 1 s of every cause, nothing sounds while latched, offline or out of a window."""
    yield from _check_silence(night, settings)
    yield from _check_bars(night)


def _check_silence(night: PodNight, settings: PodSettings) -> Iterator[Violation]:
    """For each cue: the first cause to stop that falls into it must be followed by silence in time."""
    silences = [line["t_s"] for line in night.of("silence")]
    causes = sorted([*_events(night), *_stale(night, settings), *_lapses(night)])
    end_s = night.lines[-1]["t_s"] if night.lines else 0.0
    for cue in night.rendered:
        begin_s, over_s = cue["t_s"], cue["t_s"] + cue["duration_s"]
        for cause_s, name in causes:
            if not begin_s - ROUNDING_S <= cause_s < over_s - TICK_S or cause_s + TICK_S > end_s:
                continue
            if not any(begin_s - ROUNDING_S <= s <= cause_s + TICK_S + ROUNDING_S for s in silences):
                text = f"step {cue['step']} of {cue['window']} sounded on after {name} at {cause_s:.1f} s"
                yield night.violation("P4", cause_s, text)
                break


def _events(night: PodNight) -> Iterator[tuple[float, str]]:
    for line in night.lines:
        if line["kind"] == "pod" and line["event"] in ("stop_pressed", "link_lost", "headband_lost"):
            yield line["t_s"], line["event"]
        elif line["kind"] == "estimate" and line["arousal"]:
            yield line["t_s"], "an arousal"
        elif line["kind"] == "consent" and line["act"] in ("withdraw", "withdraw_here"):
            yield line["t_s"], "a withdrawal"


def _stale(night: PodNight, settings: PodSettings) -> Iterator[tuple[float, str]]:
    """Moments at which the newest estimate became stale, while estimates were being written."""
    estimates = [line for line in night.lines if line["kind"] == "estimate"]
    arrivals = [*(line["t_s"] for line in estimates), inf]
    for line, next_s in zip(estimates, arrivals[1:], strict=True):
        stale_s = line["sampled_s"] + settings.stale_s
        if stale_s < next_s:
            yield max(stale_s, line["t_s"]), "the EEG went stale"


def _lapses(night: PodNight) -> Iterator[tuple[float, str]]:
    """Moments at which a window's time ran out, or the pod left it."""
    valid_s: dict[str, float] = {}
    for line in night.of("pod_window"):
        if line["event"] in ("opened", "extended"):
            valid_s[line["window"]] = max(valid_s.get(line["window"], -inf), line["valid_until_s"])
        elif line["event"] == "left":
            valid_s.pop(line["window"], None)
            yield line["t_s"], "the window was left"
    for until_s in valid_s.values():
        yield until_s, "the window's time ran out"


def _check_bars(night: PodNight) -> Iterator[Violation]:
    """Walk through the log with the bars that are down: latch, link, time of the window."""
    latch, link_up, valid_s = "", True, -inf
    for line in night.lines:
        if line["kind"] == "pod":
            latch, link_up = _after(line, latch, link_up=link_up)
        elif line["kind"] == "consent" and line["act"] == "withdraw_here":
            latch = "withdrawn"
        elif line["kind"] == "pod_window" and line["event"] in ("opened", "extended"):
            fresh = line["event"] == "opened"
            valid_s = line["valid_until_s"] if fresh else max(valid_s, line["valid_until_s"])
        elif line["kind"] == "cue" and line["outcome"] == "rendered":
            bar = latch or ("offline" if not link_up else "")
            bar = bar or ("past the window's time" if line["t_s"] >= valid_s + ROUNDING_S else "")
            if bar:
                text = f"step {line['step']} of {line['window']} sounded while {bar}"
                yield night.violation("P4", line["t_s"], text)


def _after(line: LogLine, latch: str, *, link_up: bool) -> tuple[str, bool]:
    match line["event"]:
        case "booted":
            return latch or line["detail"], False
        case "stop_pressed":
            return latch or "stopped", link_up
        case "person_reset":
            return "", link_up
        case "link_lost":
            return latch, False
        case "link_restored":
            return latch, True
    return latch, link_up


def check_p6(night: PodNight) -> Iterator[Violation]:
    """P6: each command obeyed at most once, before it expired, in the highest term seen so far."""
    obeyed: set[str] = set()
    term = -1
    for line in night.of("command"):
        if not line["obeyed"]:
            continue
        name = f"{line['op']} {line['id']}"
        if line["id"] in obeyed:
            yield night.violation("P6", line["t_s"], f"{name} obeyed twice")
        if line["expires_at_s"] is None or line["t_s"] >= line["expires_at_s"]:
            yield night.violation("P6", line["t_s"], f"{name} obeyed after it expired")
        if line["term"] is None or line["term"] < term:
            yield night.violation("P6", line["t_s"], f"{name} of term {line['term']} obeyed in term {term}")
        obeyed.add(line["id"])
        term = max(term, line["term"] if line["term"] is not None else -1)
