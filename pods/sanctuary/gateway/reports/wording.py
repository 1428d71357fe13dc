"""Numbers, times and reasons as people read them. What is undefined or not given reads as a dash."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

NOTHING = "\N{EN DASH}"

REASONS: Mapping[str, str] = {
    # the gate
    "stable_rem": "stable REM",
    "too_early": "too early in the night",
    "rem_not_sure": "REM no longer sure",
    "entropy_high": "stages too alike to tell",
    "evidence_low": "too little that speaks for REM now",
    "just_closed": "closed a moment ago",
    "rem_in_doubt": "nothing spoke for REM any more",
    "no_signal": "signal lost",
    "rem_ended": "REM ended",
    "waking": "waking up",
    "arousal": "sign of arousal",
    "refractory": "quiet time after an arousal",
    "night_ended": "the night ended",
    # a pod's own evidence
    "no_estimate": "no estimate yet",
    "stale_eeg": "EEG not fresh",
    "low_quality": "signal quality too low",
    "not_stable_rem": "not in stable REM",
    # the limiter
    "malformed": "cue malformed",
    "too_long": "cue too long",
    "too_short_to_fade": "cue too short for its fades",
    "photosensitive": "no light: somebody who sees it is photosensitive, or was not asked",
    "saturated_red": "saturated red is not shown",
    "flash_too_short": "lit for too short a time",
    "flash_rate": "flashes too fast",
    "flashes_per_cue": "too many flashes in one cue",
    "flashes_per_hour": "too many flashes in one hour",
    "too_soon": "too soon after the cue before",
    "still_sounding": "the cue before still sounds",
    "block_full": "block of cues full, resting",
    "night_budget": "budget of cues for the night spent",
    "arousal_quiet": "quiet time after an arousal",
    "too_soft": "would be too soft to matter",
    # the moment, and consent
    "late": "came too late to be in step",
    "clock_uncertain": "clock not sure enough",
    "clock_unsynchronised": "no time service keeps the clock",
    "no_threshold": "the sleeper's threshold is not known",
    "clock_set": "the clock was set",
    "clock_doubted": "a clock was wrong",
    "entries_missing": "consent entries were lost",
    "window_not_valid": "window no longer valid",
    "memory_not_kept": "the pod's memory could not be kept",
    "log_not_kept": "the log could not be written",
    "no_grant": "no grant given",
    "withdrawn": "consent withdrawn",
    "forked": "grants contradict each other",
    "uncited_withdrawal": "new grant does not name the withdrawal before it",
    "grant_not_yet_in_force": "grant not yet in force",
    "grant_expired": "grant expired",
    "modality_not_granted": "modality not granted",
    "level_above_grant": "louder or brighter than granted",
    "design_not_granted": "design not granted",
    "echo_not_granted": "answers to eye signals not granted",
    "step_near": "too near to the design's next step",
    # the coordinator
    "no_quorum": "too few answered",
    "quorum_lost": "fewer leases than the quorum",
}


def percent(share: float | None) -> str:
    """Read 0.834 as ``83 %``; one decimal where rounding would make a perfect or a zero score of it."""
    if share is None:
        return NOTHING
    whole = f"{100.0 * share:.0f}"
    exact = share in (0.0, 1.0)
    return f"{whole} %" if exact or whole not in ("0", "100") else f"{100.0 * share:.1f} %"


def number(value: float | None, decimals: int = 2) -> str:
    """Read a plain number with a fixed count of decimals."""
    return NOTHING if value is None else f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def span(seconds: float | None) -> str:
    """Read a length of time: ``7 h 58 min``, ``12 min``, ``45 s``, ``12 ms``."""
    if seconds is None:
        return NOTHING
    if seconds >= 3570.0:
        minutes = round(seconds / 60.0)
        return f"{minutes // 60} h" + (f" {minutes % 60:02d} min" if minutes % 60 else "")
    if seconds >= 59.5:
        whole = round(seconds)
        return f"{whole // 60} min" + (f" {whole % 60:02d} s" if whole < 600 and whole % 60 else "")
    if seconds == 0.0 or seconds >= 1.0:
        return f"{seconds:.0f} s" if seconds >= 10.0 or seconds == round(seconds) else f"{seconds:.1f} s"
    return f"{1000.0 * seconds:.0f} ms"


def moment(t_s: float | None, started_at: datetime | None = None) -> str:
    """Read a moment of the night: clock time if the start is known, else ``h:mm:ss`` since the start."""
    if t_s is None:
        return NOTHING
    if started_at is not None:
        return (started_at + timedelta(seconds=round(t_s))).strftime("%H:%M:%S")
    whole = round(t_s)
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def reason(code: str | None) -> str:
    """Read a machine-readable reason."""
    if not code:
        return NOTHING
    key = code.replace("-", "_")
    return REASONS.get(key, key.replace("_", " ").strip())


def count(n: int, one: str, many: str | None = None) -> str:
    """Read ``1 window``, ``3 windows``, ``no windows``."""
    return f"{n or 'no'} {one if n == 1 else many or one + 's'}"
