"""What a report says of the kind of its night, and of what did not work in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sanctuary.gateway.reports.page import NOTHING, count, moment, span
from sanctuary.gateway.reports.page import reason as in_words
from sanctuary.gateway.results.night_result import NightCircle, NightResult, Problem

_MANY_SPANS = 6
"""Times of day that are listed one by one; of more, the first and the last are."""
_HEADINGS: Mapping[str, str] = {
    "headband_missing": "its headband never came",
    "headband_lost": "its headband was away",
    "signal_unusable": "its signal was unusable",
    "no_grant": "no grant was in force",
    "grant_too_narrow": "not all that the design plays is granted",
    "no_circle": "it is in no circle",
    "no_output": "no device to render with",
    "output_failed": "an output failed",
    "latched": "it was stopped",
    "link_lost": "no link to the broker",
    "site_shared": "another sanctuary has the same site.id",
    "broker_died": "the broker died",
    "clock_unsynchronised": "no time service kept the clock",
    "clock_doubted": "a clock was in doubt",
    "clock_set": "a clock was set",
    "cue_missed": "a cue came too late to sound",
    "cue_refused": "cues were refused for want of something",
    "samples_dropped": "samples were dropped",
    "chain_failed": "its signal chain failed",
    "not_recorded": "its recording was in trouble",
    "log_unwritten": "the log could not be written",
    "entry_refused": "a consent entry was refused",
}
_SILENCING = ("headband_missing", "no_grant", "latched", "no_circle", "clock_unsynchronised")
"""What keeps a pod from any window while it lasts."""


class NightWords(NamedTuple):
    """Words for one kind of night."""

    label: str
    title: str
    who: str
    stages: str
    sleepers: str
    detection: str
    no_detection: str
    has_truth: bool


class ProblemRow(NamedTuple):
    """One line of the table of what did not work."""

    pod: str
    what: str
    reason: str
    when: str
    total: str
    advice: str


def words_of(night: NightResult, *, recorded: bool) -> NightWords:
    """Choose the words that are true of a night.

    Parameters
    ----------
    recorded
        Whether it is a circle of recorded nights.
    """
    if recorded:
        return _recorded(night)
    simulated = sum(pod.simulated for pod in night.pods.values())
    people = len(night.pods) - simulated
    if not night.live:
        return NightWords(
            label="a simulated night",
            title="A simulated night",
            who=count(simulated, "simulated sleeper"),
            stages="Bars are the stages found live from the signal of the simulated headband, the thin line "
            "is the truth that the simulator knew.",
            sleepers="Simulated: nobody slept for this. The chain, the pods and the coordinator are the ones "
            "that run on real pods.",
            detection=_AGREEMENT,
            no_detection="No scores were given.",
            has_truth=True,
        )
    stages = "Bars are the stages found live from the signal of each headband."
    if simulated:
        stages += " Where the sleeper is simulated, the thin line is the truth that the simulator knew."
    return NightWords(
        label="a night in real time",
        title="A night",
        who=_who(people, simulated),
        stages=stages,
        sleepers=_sleepers(night, people, simulated),
        detection=_AGREEMENT + (_NOT_PEOPLE if people else ""),
        no_detection="No scores were given."
        if simulated
        else "No scores: nobody scored this night. `sanctuary replay --hypnogram` scores its recordings.",
        has_truth=simulated > 0,
    )


def _recorded(night: NightResult) -> NightWords:
    scored = any(pod.truth for pod in night.pods.values())
    stages = "Bars are the stages that the live chain finds in each recording."
    return NightWords(
        label="a circle of recorded nights",
        title="A circle of recorded nights",
        who=count(len(night.pods), "recorded night"),
        stages=f"{stages} The thin line is what the expert scored." if scored else stages,
        sleepers="Recorded: each night went through the chain on its own, then the pods and the coordinator "
        "of a real night lived through all of them together, in virtual time.",
        detection="What the live chain finds, against what the expert scored, epoch by epoch.",
        no_detection="No scores: no hypnogram was given.",
        has_truth=scored,
    )


_NOT_PEOPLE = " People are not in this table: nobody scored their night."
_AGREEMENT = (
    "What the live chain found, against what the simulator knew, epoch by epoch. Simulated sleepers are "
    "easier to read than people: take these as a check of the machinery, not as a claim of accuracy."
)


def _who(people: int, simulated: int) -> str:
    told = [count(people, "sleeper")] if people or not simulated else []
    return " and ".join([*told, *([count(simulated, "simulated sleeper")] if simulated else [])])


def _sleepers(night: NightResult, people: int, simulated: int) -> str:
    if not people:
        return "Simulated, in real time: nobody slept for this. All else is what runs on real pods."
    if not simulated:
        return "Read by the headbands that the settings name."
    names = ", ".join(name for name in night.pods if night.pods[name].simulated)
    return f"Read by the headbands that the settings name; in {names} nobody slept: simulated in real time."


def problem_rows(night: NightResult) -> list[ProblemRow]:
    """Give the lines of the table of what did not work, in the order given."""
    return [
        ProblemRow(
            pod=problem.pod or "all",
            what=_what(problem),
            reason=_reason(problem),
            when=_when(problem),
            total=span(problem.total_s) if problem.has_length else NOTHING,
            advice=problem.advice,
        )
        for problem in night.problems
    ]


def problem_story(night: NightResult) -> str:
    """Say in a clause whether something did not work."""
    n = len({(p.pod, p.what) for p in night.problems if p.what != "grant_too_narrow"})
    return f"; {count(n, 'thing')} did not work, see below" if n else ""


def why_no_window(night: NightResult) -> list[str]:
    """Say of each circle in which no window opened what stood in the way, as far as it is known."""
    opened = {window.circle for window in night.windows}
    return [_why(night, circle) for circle in night.circles if circle.id not in opened]


def _why(night: NightResult, circle: NightCircle) -> str:
    barred = {pod: why for pod in circle.members if (why := _barred(night, circle.id, pod))}
    needed, left = circle.quorum, len(circle.members) - len(barred)
    told = "; ".join(f"{pod}: {why}" for pod, why in barred.items())
    if left < needed:
        able = f"only {left}" if left else "none"
        return (
            f"Circle {circle.id} needs {needed} of its {len(circle.members)}, and {able} could take part the "
            f"whole night long ({told})."
        )
    what = f"Circle {circle.id}: never were {needed} of its members in stable REM at once"
    return f"{what}, of those that could take part ({told} could not)." if told else f"{what}."


def _barred(night: NightResult, circle: str, pod: str) -> str:
    """Say what kept a pod from every window of a circle all night; empty where nothing did."""
    for problem in night.problems:
        whole = 0.9 * max(0.0, night.end_s - problem.first_s) <= problem.total_s and problem.lasts
        mine = problem.pod == pod and problem.about in ("", circle)
        if mine and problem.what in _SILENCING and (whole or problem.what == "no_circle"):
            return _HEADINGS[problem.what] + (f" ({_reason(problem)})" if problem.what == "no_grant" else "")
    return "" if pod in night.pods else "it is not in this result"


def _what(problem: Problem) -> str:
    heading = _HEADINGS.get(problem.what, in_words(problem.what))
    return f"{heading}: {problem.about}" if problem.about else heading


def _reason(problem: Problem) -> str:
    code, _, rest = problem.reason.partition(" ")
    if "_" in code or not rest:
        return in_words(code) + (f" ({rest.replace(' ', ', ')})" if rest else "")
    return problem.reason


def _when(problem: Problem) -> str:
    spans: Sequence[str] = [
        moment(one.from_s)
        if one.to_s == one.from_s
        else f"{moment(one.from_s)} to {'the end' if one.to_s is None else moment(one.to_s)}"
        for one in problem.spans
    ]
    if len(spans) > _MANY_SPANS:
        return f"{len(spans)} times; first {spans[0]}, last {spans[-1]}"
    return ", ".join(spans) or NOTHING
