"""P3: every cue that sounded was within the limits, alone and after those before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from sanctuary.config.coordination import LimiterSettings
from sanctuary.pods.audit.cues import step_of
from sanctuary.pods.audit.night import LogLine, Monitor, Violation

_SLACK = 1e-9
_HOUR_S = 3600.0


class LimitMonitor(Monitor):
    """Level, ramp, fade, length, flashes, gap, block, night budget, quiet and step after arousals."""

    kinds = frozenset({"cue", "estimate"})

    def __init__(self, pod: str, settings: LimiterSettings, slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._settings = settings
        self._levels = _Levels(settings)
        self._flashes = _Flashes(settings)
        self._last_s: float | None = None
        self._in_block = self._in_night = 0

    def take(self, line: LogLine) -> Iterator[Violation]:
        """Take a cue or an estimate."""
        if line["kind"] == "estimate":
            if line["arousal"]:
                self._levels.arousal(line["t_s"])
        elif line["outcome"] == "rendered":
            for text in (
                *_alone(line, self._settings),
                *self._spacing(line["t_s"]),
                *self._flashes.take(line),
                *self._levels.take(line, self.slack_s),
            ):
                yield self.broken("P3", line["t_s"], f"{step_of(line)}: {text}")

    def _spacing(self, t_s: float) -> Iterator[str]:
        s = self._settings
        since_s = t_s - self._last_s if self._last_s is not None else s.rest_s
        self._last_s = t_s
        self._in_night += 1
        self._in_block = 1 if since_s >= s.rest_s - self.slack_s else self._in_block + 1
        if since_s < s.gap_s - self.slack_s:
            yield f"{since_s:.2f} s after the cue before"
        if self._in_block > s.cues_per_block:
            yield f"cue {self._in_block} without a rest"
        if self._in_night > s.night_budget:
            yield f"cue {self._in_night} of the night"


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


class _Flashes:
    """Flashes of one cue, and of an hour."""

    def __init__(self, settings: LimiterSettings) -> None:
        self._settings = settings
        self._hour: deque[tuple[float, float]] = deque()

    def take(self, cue: LogLine) -> Iterator[str]:
        s = self._settings
        if cue["modality"] != "light" or not cue["flash_hz"] > 0.0:
            return
        count = float(cue["flash_hz"] * cue["duration_s"])
        self._hour.append((cue["t_s"], count))
        while cue["t_s"] - self._hour[0][0] >= _HOUR_S:
            self._hour.popleft()
        in_hour = sum(one for _, one in self._hour)
        if count > s.flashes_per_cue / s.lamps_in_view + _SLACK:
            yield f"{count:g} flashes"
        if in_hour > s.flashes_per_hour / s.lamps_in_view + _SLACK:
            yield f"{in_hour:g} flashes in an hour"


class _Levels:
    """The level of each modality through ramps and arousals."""

    def __init__(self, settings: LimiterSettings) -> None:
        s = self._settings = settings
        self._highest = {"sound": s.start_level_dba, "light": s.start_share, "haptic": s.start_share}
        self._last_of: dict[str, float] = {}
        self._last: LogLine | None = None
        self._woken = False
        self._quiet_until_s = 0.0

    def arousal(self, t_s: float) -> None:
        """Take the rise back that the ramp would have allowed: after an arousal nothing gets louder."""
        s, highest = self._settings, self._highest
        self._quiet_until_s = t_s + s.arousal_quiet_s
        self._woken = True
        for modality, level in self._last_of.items():
            highest[modality] = min(highest[modality], level)
        last = self._last
        if last is not None and t_s <= last["t_s"] + last["duration_s"] + s.attribution_s:
            highest[last["modality"]] = min(highest[last["modality"]], _stepped(last, s))

    def take(self, cue: LogLine, slack_s: float) -> Iterator[str]:
        s, modality, highest = self._settings, cue["modality"], self._highest
        if cue["t_s"] < self._quiet_until_s - slack_s:
            yield f"{self._quiet_until_s - cue['t_s']:.1f} s too soon after an arousal"
        if not cue["level"] <= highest[modality] + _SLACK:
            yield f"level {cue['level']:g} where {highest[modality]:g} was the most"
        rise = s.ramp_db if modality == "sound" else s.ramp_share
        highest[modality] = min(cue["level"], highest[modality]) if self._woken else cue["level"] + rise
        self._last, self._last_of[modality] = cue, cue["level"]


def _stepped(woke: LogLine, s: LimiterSettings) -> float:
    level = float(woke["level"])
    return level - s.arousal_step_db if woke["modality"] == "sound" else level * s.arousal_share_factor
