"""P3: every cue that sounded was within the limits, alone and after those before it."""

from __future__ import annotations

from collections.abc import Iterator

from sanctuary.config.coordination import LimiterSettings
from sanctuary.pods.audit.night import ROUNDING_S, LogLine, PodNight, Violation

_SLACK = 1e-9


def check_p3(night: PodNight, settings: LimiterSettings) -> Iterator[Violation]:
    """P3: level, ramp, fade, length, flashes, gap, block, night budget, quiet and step after arousals."""
    cues = night.rendered
    for text, line in [
        *((text, cue) for cue in cues for text in _alone(cue, settings)),
        *_spacing(cues, settings),
        *_flashes(cues, settings),
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
        (not cue["flash_hz"] <= s.max_flash_hz + _SLACK, f"flashes at {cue['flash_hz']:g} Hz"),
    )
    return [text for broken, text in rules if broken]


def _spacing(cues: list[LogLine], s: LimiterSettings) -> Iterator[tuple[str, LogLine]]:
    in_block = 0
    for number, cue in enumerate(cues, start=1):
        since_s = cue["t_s"] - cues[number - 2]["t_s"] if number > 1 else s.rest_s
        if since_s < s.gap_s - ROUNDING_S:
            yield f"{since_s:.2f} s after the cue before", cue
        in_block = 1 if since_s >= s.rest_s - ROUNDING_S else in_block + 1
        if in_block > s.cues_per_block:
            yield f"cue {in_block} without a rest", cue
        if number > s.night_budget:
            yield f"cue {number} of the night", cue


def _flashes(cues: list[LogLine], s: LimiterSettings) -> Iterator[tuple[str, LogLine]]:
    flashing = [cue for cue in cues if cue["modality"] == "light" and cue["flash_hz"] > 0.0]
    for number, cue in enumerate(flashing):
        recent = [one for one in flashing[: number + 1] if cue["t_s"] - one["t_s"] < 3600.0]
        if _count(cue) > s.flashes_per_cue / s.lamps_in_view + _SLACK:
            yield f"{_count(cue):g} flashes", cue
        if sum(_count(one) for one in recent) > s.flashes_per_hour / s.lamps_in_view + _SLACK:
            yield f"{sum(_count(one) for one in recent):g} flashes in an hour", cue


def _count(cue: LogLine) -> float:
    return float(cue["flash_hz"] * cue["duration_s"])


def _levels(night: PodNight, s: LimiterSettings) -> Iterator[tuple[str, LogLine]]:
    """Follow the level of each modality through ramps and arousals."""
    highest = {"sound": s.start_level_dba, "light": s.start_share, "haptic": s.start_share}
    last: LogLine | None = None
    woken = False
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
