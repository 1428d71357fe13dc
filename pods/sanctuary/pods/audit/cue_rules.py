"""What must be true of every cue that sounded: proof, limits, window and log entry (P1, P3, P5, P7).

Written against the records, with none of the pod's own code: a mistake in the pod must not excuse itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from sanctuary.config.site_settings import LimiterSettings, PodSettings
from sanctuary.pods.audit.invariants import Violation
from sanctuary.pods.audit.monitor import LogLine, Monitor, step_of

Step = tuple[str, int]

JUDGED_AHEAD_S = 0.25
"""An entry may be written so long before its cue's moment, which is stamped like the entry then."""


class ProofMonitor(Monitor):
    """P1: the newest estimate before each cue says stable REM, is fresh, and of sufficient quality."""

    kinds = frozenset({"estimate", "pod", "cue"})

    def __init__(self, pod: str, settings: PodSettings, slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._settings = settings
        self._newest: LogLine | None = None

    def push(self, line: LogLine) -> Iterator[Violation]:
        if line["kind"] == "estimate":
            self._newest = line
        elif line["kind"] == "pod":
            if line["event"] in ("headband_lost", "booted"):
                self._newest = None
        elif line["outcome"] == "rendered" and (doubt := self._doubt(line["t_s"])):
            yield self.broken("P1", line["t_s"], f"{step_of(line)}: {doubt}")

    def _doubt(self, t_s: float) -> str:
        newest, settings = self._newest, self._settings
        if newest is None:
            return "no estimate before it"
        age_s = t_s - newest["sampled_s"]
        if age_s >= settings.stale_s + self.slack_s:
            return f"the newest estimate was {age_s:.1f} s old"
        if newest["arousal"]:
            return "the sleeper showed an arousal"
        if not newest["quality"] >= settings.min_quality:
            return f"signal quality was {newest['quality']:.2f}"
        return "" if newest["stable_rem"] else f"not in stable REM ({newest['stage']})"


class PlaceMonitor(Monitor):
    """P5: a pod enters no window before it left the one before; cues belong to the one it is in."""

    kinds = frozenset({"pod", "pod_window", "cue"})

    def __init__(self, pod: str) -> None:
        super().__init__(pod)
        self._inside = ""

    def push(self, line: LogLine) -> Iterator[Violation]:
        kind, inside = line["kind"], self._inside
        if kind == "pod":
            self._inside = "" if line["event"] == "booted" else inside
        elif kind == "cue":
            if line["outcome"] == "rendered" and line["window"] != inside:
                text = f"cue of {line['window']} while in window {inside or 'none'}"
                yield self.broken("P5", line["t_s"], text)
        elif line["event"] == "opened":
            if inside:
                yield self.broken("P5", line["t_s"], f"entered {line['window']} while in {inside}")
            self._inside = line["window"]
        elif line["event"] == "left" and line["window"] == inside:
            self._inside = ""


class EntryMonitor(Monitor):
    """P7: each cue has one entry with its reason; what sounded was logged before, in time, and was no sham.

    Parameters
    ----------
    durable
        Whether ``kept`` records tell which entries have reached the disk; a cue may then sound only after
        its own. A log that is read back from a file needs none: what stands in it was kept.
    """

    kinds = frozenset({"cue", "output", "kept"})

    def __init__(self, pod: str, settings: PodSettings, slack_s: float = 0.0, *, durable: bool) -> None:
        super().__init__(pod, slack_s)
        self._durable = durable
        self._late_s = settings.late_s + JUDGED_AHEAD_S + slack_s
        self._due_s: dict[Step, float] = {}
        self._logged: set[Step] = set()
        self._outstanding: set[Step] = set()
        self._kept: set[Step] = set()

    def push(self, line: LogLine) -> Iterator[Violation]:
        step = (line["window"], line["step"])
        if line["kind"] == "cue":
            yield from self._entry(line, step)
        elif line["kind"] == "kept":
            self._kept.add(step)
        else:
            if step not in self._outstanding:
                text = f"{step_of(line)} sounded without an entry before it"
                yield self.broken("P7", line["t_s"], text)
            elif self._durable and step not in self._kept:
                yield self.broken("P7", line["t_s"], f"{step_of(line)} sounded before its entry was kept")
            elif line["t_s"] > self._due_s[step] + self._late_s:
                late_s = line["t_s"] - self._due_s[step]
                yield self.broken(
                    "P7", line["t_s"], f"{step_of(line)} sounded {late_s:.1f} s after its moment"
                )
            self._outstanding.discard(step)

    def _entry(self, line: LogLine, step: Step) -> Iterator[Violation]:
        if step in self._logged:
            yield self.broken("P7", line["t_s"], f"{step_of(line)} is logged twice")
        if (line["outcome"] == "refused") != bool(line["reason"]):
            yield self.broken("P7", line["t_s"], f"{step_of(line)} has no reason")
        self._logged.add(step)
        if line["outcome"] == "rendered" and not line.get("sham", False):
            self._outstanding.add(step)
            self._due_s[step] = line["due_s"]


_SLACK = 1e-9
_HOUR_S = 3600.0
SATURATED_RED = 0.8
"""Share of red in linear light, WCAG 2.2."""


class LimitMonitor(Monitor):
    """P3: every cue that sounded was within the limits, alone and after those before it.

    Level, ramp, fade, length, light, flashes, gap, block, night budget, quiet and step after arousals.
    """

    kinds = frozenset({"cue", "estimate", "pod"})

    def __init__(self, pod: str, settings: LimiterSettings, slack_s: float = 0.0) -> None:
        super().__init__(pod, slack_s)
        self._settings = settings
        self._levels = _Levels(settings)
        self._light = _Light(settings)
        self._booted = False
        self._last_s: float | None = None
        self._in_block = self._in_night = 0

    def push(self, line: LogLine) -> Iterator[Violation]:
        if line["kind"] == "estimate":
            if line["arousal"]:
                self._levels.arousal(line["t_s"])
        elif line["kind"] == "pod":
            if line["event"] == "booted":
                self._boot(line)
        elif line["outcome"] == "rendered":
            for text in (
                *_alone(line, self._settings),
                *self._spacing(line["t_s"]),
                *self._light.push(line),
                *self._levels.push(line, self.slack_s),
            ):
                yield self.broken("P3", line["t_s"], f"{step_of(line)}: {text}")

    def _boot(self, line: LogLine) -> None:
        """Go on from what the limiter brought along from before this log; later boots must agree with it."""
        self._light.boot(line)
        if not self._booted and (carried := line.get("carried")):
            self._in_night = int(carried["in_night"])
            self._levels.carry(carried)
        self._booted = True

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
    )
    return [text for broken, text in rules if broken]


class _Light:
    """Light, judged by what the pod said when it booted of those who see its lamp; flashes of an hour."""

    def __init__(self, settings: LimiterSettings) -> None:
        self._settings = settings
        self._cleared, self._lamps = False, settings.lamps_in_view
        self._hour: deque[tuple[float, float]] = deque()

    def boot(self, line: LogLine) -> None:
        self._cleared = bool(line.get("light_cleared"))
        self._lamps = max(self._lamps, line.get("lamps_in_view", 1))

    def push(self, cue: LogLine) -> Iterator[str]:
        if cue["modality"] == "light":
            yield from _shining(cue, self._settings, cleared=self._cleared)
            if cue["flash_hz"] > 0.0:
                yield from self._flashing(cue)

    def _flashing(self, cue: LogLine) -> Iterator[str]:
        s, lamps = self._settings, self._lamps
        if not cue["flash_hz"] <= s.max_flash_hz / lamps + _SLACK:
            yield f"flashes at {cue['flash_hz']:g} Hz with {lamps} lamps in view"
        count = float(cue["flash_hz"] * cue["duration_s"])
        self._hour.append((cue["t_s"], count))
        while cue["t_s"] - self._hour[0][0] >= _HOUR_S:
            self._hour.popleft()
        in_hour = sum(one for _, one in self._hour)
        if count > s.flashes_per_cue / lamps + _SLACK:
            yield f"{count:g} flashes"
        if in_hour > s.flashes_per_hour / lamps + _SLACK:
            yield f"{in_hour:g} flashes in an hour"


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


class _Levels:
    """The level of each modality through ramps and arousals."""

    def __init__(self, settings: LimiterSettings) -> None:
        s = self._settings = settings
        self._highest = {"sound": s.start_level_dba, "light": s.start_share, "haptic": s.start_share}
        self._last_of: dict[str, float] = {}
        self._last: LogLine | None = None
        self._woken = False
        self._quiet_until_s = 0.0

    def carry(self, carried: Mapping[str, Any]) -> None:
        self._highest |= carried["highest"]
        self._woken = bool(carried["woken"])

    def arousal(self, t_s: float) -> None:
        """Take back the rise that the ramp would have allowed: after an arousal nothing gets louder."""
        s, highest = self._settings, self._highest
        self._quiet_until_s = t_s + s.arousal_quiet_s
        self._woken = True
        for modality, level in self._last_of.items():
            highest[modality] = min(highest[modality], level)
        last = self._last
        if last is not None and t_s <= last["t_s"] + last["duration_s"] + s.attribution_s:
            highest[last["modality"]] = min(highest[last["modality"]], _stepped(last, s))

    def push(self, cue: LogLine, slack_s: float) -> Iterator[str]:
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
