"""What did not work in a night, found from its log alone: per pod, with reasons, times and what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sanctuary.config.site_settings import PodSettings
from sanctuary.gateway.results.night_result import Problem, ProblemSpan
from sanctuary.gateway.site.advice import advice_for

LogLine = Mapping[str, Any]
Span = tuple[float, float | None]

CONTACT_SPAN_S = 60.0
"""A signal that is unusable for less is part of every night, as when a sleeper turns over."""
CONTACT_TOTAL_S = 300.0
CONTACT_SHARE = 0.1
"""Unusable for this long, or this share of the night, is worth a word."""
UNKEPT = frozenset({"memory_not_kept", "log_not_kept", "no_threshold"})
"""Reasons of refused cues that somebody can mend, and that are told nowhere else."""


@dataclass(slots=True)
class _Open:
    from_s: float
    what: str
    reason: str
    cause: str


@dataclass(slots=True)
class _Course:
    """What does not work at the line that was read last, and what did not before."""

    min_quality: float
    open: dict[tuple[str, str, str], _Open] = field(default_factory=dict)
    found: dict[tuple[str, str, str, str, str], list[Span]] = field(default_factory=lambda: defaultdict(list))
    has_signal: set[str] = field(default_factory=set)
    """Pods whose headband has brought a verdict."""

    def begin(self, line: LogLine, what: str, *, about: str = "", reason: str = "", cause: str = "") -> None:
        """Note that something began to fail; what goes on already, for another reason, ends."""
        key = (line["pod"], what, about)
        before = self.open.get(key)
        if before is not None and before.reason == reason:
            return
        self.end(line, what, about=about)
        self.open[key] = _Open(line["t_s"], what, reason, cause)

    def end(self, line: LogLine, what: str, *, about: str = "") -> None:
        """Note that it works again, if it did not."""
        began = self.open.pop((line["pod"], what, about), None)
        if began is not None:
            self._keep(line["pod"], about, began, line["t_s"])

    def moment(self, line: LogLine, what: str, *, about: str = "", reason: str = "") -> None:
        """Note something that has no length."""
        self._keep(line["pod"], about, _Open(line["t_s"], what, reason, ""), line["t_s"])

    def finish(self) -> None:
        """Keep what is still open: it lasted to the end."""
        for (pod, _, about), began in self.open.items():
            self._keep(pod, about, began, None)
        self.open.clear()

    def _keep(self, pod: str, about: str, began: _Open, to_s: float | None) -> None:
        key = (pod, began.what, about, began.reason, began.cause)
        self.found[key].append((began.from_s, to_s))


def problems_of(
    lines: Iterable[LogLine], end_s: float, *, pod_settings: PodSettings | None = None
) -> tuple[Problem, ...]:
    """Find what did not work in a night.

    Parameters
    ----------
    lines
        The records of a night, each writer's in order.
    end_s
        When it ended, sanctuary clock.
    pod_settings
        As the pods had them; they say which signal is good enough.

    Returns
    -------
    tuple of Problem
        By pod, longest first; those of the whole sanctuary come first.
    """
    lines = list(lines)
    course = _Course((pod_settings or PodSettings()).min_quality)
    for line in lines:
        handle = _HANDLERS.get(line["kind"])
        if handle is not None:
            handle(course, line)
    course.finish()
    begun_s = min((line["t_s"] for line in lines), default=0.0)
    problems = [_problem(*key, spans, end_s) for key, spans in course.found.items()]
    least_s = min(CONTACT_TOTAL_S, max(CONTACT_SPAN_S, CONTACT_SHARE * (end_s - begun_s)))
    worth = [each for each in problems if each.what != "signal_unusable" or each.total_s >= least_s]
    return tuple(sorted(worth, key=lambda each: (each.pod, -each.total_s, each.what)))


def _problem(
    pod: str, what: str, about: str, reason: str, cause: str, spans: Sequence[Span], end_s: float
) -> Problem:
    total_s = sum((end_s if to_s is None else to_s) - from_s for from_s, to_s in spans)
    return Problem(
        pod=pod,
        what=what,
        about=about,
        reason=reason,
        advice=advice_for(what, reason, cause),
        times=len(spans),
        total_s=round(max(0.0, total_s), 3),
        spans=tuple(
            ProblemSpan(from_s=round(from_s, 3), to_s=None if to_s is None else round(to_s, 3))
            for from_s, to_s in spans
        ),
    )


def _on_pod(course: _Course, line: LogLine) -> None:
    event, pod = line["event"], line["pod"]
    match event:
        case "headband_lost":
            course.end(line, "signal_unusable")
            what = "headband_lost" if pod in course.has_signal else "headband_missing"
            course.begin(line, what, reason=line["detail"], cause=line.get("cause", ""))
        case "headband_found":
            course.end(line, "headband_lost")
            course.end(line, "headband_missing")
        case "booted" if line["detail"]:
            course.begin(line, "latched", reason=line["detail"])
        case "stop_pressed":
            course.begin(line, "latched", reason="stopped")
        case "person_reset":
            course.end(line, "latched")
        case "link_lost":
            course.begin(line, "link_lost", reason=line["detail"])
        case "link_restored":
            course.end(line, "link_lost")
        case _:
            _on_clock(course, line)


def _on_clock(course: _Course, line: LogLine) -> None:
    event = line["event"]
    if event == "utc_heard":
        note = course.end if line["utc_suffices"] else course.begin
        note(line, "clock_unsynchronised")
    elif event in ("clock_doubted", "clock_set", "cue_missed"):
        course.moment(line, event)


def _on_estimate(course: _Course, line: LogLine) -> None:
    course.has_signal.add(line["pod"])
    if line["quality"] < course.min_quality:
        course.begin(line, "signal_unusable")
        return
    began = course.open.get((line["pod"], "signal_unusable", ""))
    if began is not None and line["t_s"] - began.from_s < CONTACT_SPAN_S:
        del course.open[line["pod"], "signal_unusable", ""]
    course.end(line, "signal_unusable")


def _on_trouble(course: _Course, line: LogLine) -> None:
    what, about = line["what"], line["about"]
    if what == "no_grant" and " " in line["detail"]:
        course.end(line, what, about=about)
        course.begin(line, "grant_too_narrow", about=about, reason=line["detail"])
        return
    if what == "no_grant":
        course.end(line, "grant_too_narrow", about=about)
    match line["event"]:
        case "began":
            course.begin(line, what, about=about, reason=line["detail"])
        case "ended":
            course.end(line, what, about=about)
        case _:
            course.moment(line, what, about=about, reason=line["detail"])


def _on_consent(course: _Course, line: LogLine) -> None:
    if line["act"] == "refused":
        course.moment(line, "entry_refused", reason=line["reason"])


def _on_cue(course: _Course, line: LogLine) -> None:
    if line["outcome"] == "refused" and line["reason"] in UNKEPT:
        course.moment(line, "cue_refused", reason=line["reason"])


_HANDLERS: Mapping[str, Callable[[_Course, LogLine], None]] = {
    "pod": _on_pod,
    "estimate": _on_estimate,
    "trouble": _on_trouble,
    "consent": _on_consent,
    "cue": _on_cue,
}
