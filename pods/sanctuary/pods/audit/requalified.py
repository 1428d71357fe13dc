"""P4, after the silence: what broke off sounds again only after stable REM without a break."""

from __future__ import annotations

from collections.abc import Iterator

from sanctuary.config.coordination import PodSettings
from sanctuary.pods.audit.night import ROUNDING_S, LogLine, PodNight, Violation

LATCHES = frozenset({"stop_pressed", "withdrawn"})
BREAKS = LATCHES | {"arousal", "stale_eeg", "low_quality", "no_estimate", "not_stable_rem", "link_lost"}
"""Reasons of a silence after which REM must be proved anew."""


def check_requalified(night: PodNight, settings: PodSettings) -> Iterator[Violation]:
    """Find cues that came less than `requalify_s` of good verdicts after an interruption."""
    pending, latched, good = False, False, False
    since_s: float | None = None
    for line in night.lines:
        t_s = line["t_s"]
        if line["kind"] == "silence" and line["reason"] in BREAKS:
            pending, since_s = True, t_s if good else None
            latched = latched or line["reason"] in LATCHES
        elif _lets_go(line, latched=latched):
            latched, since_s = latched and line["event"] != "person_reset", t_s if good else None
        elif line["kind"] == "estimate" or _forgets(line):
            was_good, good = good, _is_good(line, settings)
            if not good:
                pending = pending and not _is_enough(since_s, t_s, settings)
                since_s = None
            elif not was_good:
                since_s = t_s
        elif line["kind"] == "cue" and line["outcome"] == "rendered":
            if pending and not _is_enough(since_s, t_s, settings):
                text = f"step {line['step']} of {line['window']} sounded too soon after an interruption"
                yield night.violation("P4", t_s, text)
            pending = False


def _lets_go(line: LogLine, *, latched: bool) -> bool:
    """Tell whether an interruption is over, so that the proof may begin."""
    if line["kind"] != "pod":
        return False
    return line["event"] == "link_restored" or (latched and line["event"] == "person_reset")


def _forgets(line: LogLine) -> bool:
    return line["kind"] == "pod" and line["event"] in ("headband_lost", "booted")


def _is_good(line: LogLine, settings: PodSettings) -> bool:
    if line["kind"] != "estimate":
        return False
    return bool(line["stable_rem"] and not line["arousal"] and line["quality"] >= settings.min_quality)


def _is_enough(since_s: float | None, t_s: float, settings: PodSettings) -> bool:
    return since_s is not None and t_s - since_s >= settings.requalify_s - ROUNDING_S
