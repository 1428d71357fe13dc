"""P3: every cue that sounded was within the limits, alone and after those before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sanctuary.config.coordination import LimiterSettings
from sanctuary.pods.audit.night import ROUNDING_S, LogLine, PodNight, Violation

_SLACK = 1e-9
SATURATED_RED = 0.8
"""Share of red in linear light, WCAG 2.2."""


def check_p3(night: PodNight, settings: LimiterSettings) -> Iterator[Violation]:
    """P3: level, ramp, fade, length, light, flashes, gap, block, night budget, arousals."""
    cues = night.rendered
    for text, line in [
        *((text, cue) for cue in cues for text in _alone(cue, settings)),
        *_light(night, settings),
        *_spacing(cues, settings, carried_cues(night)),
        *_levels(night, settings),
    ]:
        yield night.violation("P3", line["t_s"], f"step {line['step']} of {line['window']}: {text}")


def _alone(cue: LogLine, s: LimiterSettings) -> list[str]:
    sound, light = cue["modality"] == "sound", cue["modality"] == "light"
    cap = s.max_level_dba if sound else s.max_share
    fade_s = s.light_fade_s if light else s.fade_s
    rules = (
        (not cue["level"] <= cap + _SLACK, f"level {cue['level']:g} above {cap:g}"),
        (not cue["fade_s"] >= fade_s - _SLACK, f"fade of {cue['fade_s']:g} s"),
        (not cue["duration_s"] <= s.max_duration_s + _SLACK, f"{cue['duration_s']:g} s long"),
    )
    return [text for broken, text in rules if broken]


def _spacing(cues: list[LogLine], s: LimiterSettings, before: int) -> Iterator[tuple[str, LogLine]]:
    in_block = 0
    for number, cue in enumerate(cues, start=1):
        since_s = cue["t_s"] - cues[number - 2]["t_s"] if number > 1 else s.rest_s
        if since_s < s.gap_s - ROUNDING_S:
            yield f"{since_s:.2f} s after the cue before", cue
        in_block = 1 if since_s >= s.rest_s - ROUNDING_S else in_block + 1
        if in_block > s.cues_per_block:
            yield f"cue {in_block} without a rest", cue
        if before + number > s.night_budget:
            yield f"cue {before + number} of the night", cue


def _flashes(cues: list[LogLine], s: LimiterSettings, lamps: int) -> Iterator[tuple[str, LogLine]]:
    flashing = [cue for cue in cues if cue["modality"] == "light" and cue["flash_hz"] > 0.0]
    for number, cue in enumerate(flashing):
        recent = [one for one in flashing[: number + 1] if cue["t_s"] - one["t_s"] < 3600.0]
        if not cue["flash_hz"] <= s.max_flash_hz / lamps + _SLACK:
            yield f"flashes at {cue['flash_hz']:g} Hz with {lamps} lamps in view", cue
        if _count(cue) > s.flashes_per_cue / lamps + _SLACK:
            yield f"{_count(cue):g} flashes", cue
        if sum(_count(one) for one in recent) > s.flashes_per_hour / lamps + _SLACK:
            yield f"{sum(_count(one) for one in recent):g} flashes in an hour", cue


def _count(cue: LogLine) -> float:
    return float(cue["flash_hz"] * cue["duration_s"])


def _levels(night: PodNight, s: LimiterSettings) -> Iterator[tuple[str, LogLine]]:
    """Follow the level of each modality through ramps and arousals."""
    carried = carried_limits(night)
    start = {"sound": s.start_level_dba, "light": s.start_share, "haptic": s.start_share}
    highest = start | (carried["highest"] if carried else {})
    last: LogLine | None = None
    woken = bool(carried and carried["woken"])
    quiet_until_s = 0.0
    for line in night.lines:
        if line["kind"] == "estimate" and line["arousal"]:
            quiet_until_s = line["t_s"] + s.arousal_quiet_s
            woken = True
            highest = {modality: _frozen(night, modality, line, level) for modality, level in highest.items()}
            if last is not None and line["t_s"] <= last["t_s"] + last["duration_s"] + s.attribution_s:
                modality = last["modality"]
                highest[modality] = min(highest[modality], _stepped(last, s))
        elif line["kind"] == "cue" and line["outcome"] == "rendered":
            modality = line["modality"]
            if line["t_s"] < quiet_until_s - ROUNDING_S:
                yield f"{quiet_until_s - line['t_s']:.1f} s too soon after an arousal", line
            if not line["level"] <= highest[modality] + _SLACK:
                yield f"level {line['level']:g} where {highest[modality]:g} was the most", line
            rise = s.ramp_db if modality == "sound" else s.ramp_share
            highest[modality] = min(line["level"], highest[modality]) if woken else line["level"] + rise
            last = line


def _frozen(night: PodNight, modality: str, until: LogLine, highest: float) -> float:
    """Take the rise back that the ramp would have allowed: after an arousal nothing gets louder."""
    before = [cue for cue in night.rendered if cue["modality"] == modality and cue["t_s"] <= until["t_s"]]
    return min(highest, before[-1]["level"]) if before else highest


def _stepped(woke: LogLine, s: LimiterSettings) -> float:
    level = float(woke["level"])
    return level - s.arousal_step_db if woke["modality"] == "sound" else level * s.arousal_share_factor


# --- light, and what a restart carries over ---


def _light(night: PodNight, s: LimiterSettings) -> Iterator[tuple[str, LogLine]]:
    """Judge lamps by what the pod said, when it booted, of those who see its own."""
    cleared, lamps = False, s.lamps_in_view
    for line in night.lines:
        if line["kind"] == "pod" and line["event"] == "booted":
            cleared = bool(line.get("light_cleared"))
            lamps = max(s.lamps_in_view, line.get("lamps_in_view", 1), lamps)
        elif line["kind"] == "cue" and line["outcome"] == "rendered" and line["modality"] == "light":
            yield from ((text, line) for text in _shining(line, s, cleared=cleared))
    yield from _flashes(night.rendered, s, lamps)


def _shining(cue: LogLine, s: LimiterSettings, *, cleared: bool) -> list[str]:
    lit_s = min(cue["duration_s"], 0.5 / cue["flash_hz"]) if cue["flash_hz"] > 0.0 else cue["duration_s"]
    rules = (
        (not cleared, "light where somebody may be photosensitive"),
        (not _red_share(cue["rgb"]) < SATURATED_RED, f"saturated red {tuple(cue['rgb'])}"),
        (not lit_s >= s.min_lit_s - _SLACK, f"lit for {lit_s:g} s at a time"),
    )
    return [text for broken, text in rules if broken]


def _red_share(rgb: list[int]) -> float:
    red, green, blue = (
        part / 3294.6 if part <= 10 else float(((part / 255.0 + 0.055) / 1.055) ** 2.4) for part in rgb
    )
    return red / (red + green + blue) if any(rgb) else 0.0


def carried_limits(night: PodNight) -> Mapping[str, Any] | None:
    """Give what the limiter brought along from before this log; later boots must agree with the log."""
    first = next((line for line in night.of("pod") if line["event"] == "booted"), None)
    return first.get("carried") if first else None


def carried_cues(night: PodNight) -> int:
    """Count the cues of the night before this log."""
    carried = carried_limits(night)
    return int(carried["in_night"]) if carried else 0
