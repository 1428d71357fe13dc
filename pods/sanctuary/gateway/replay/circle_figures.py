"""What a circle shared of the REM that an expert saw; pure. The figures are defined in docs/results.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sanctuary.gateway.reports.shared import Stretch, length_s, overlaps, stays_of, together_s
from sanctuary.signal.samples import Stage

LogLine = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SleptNight:
    """One pod's night on the clock of its circle, as stretches that do not overlap, in seconds.

    Attributes
    ----------
    rem
        What the expert calls REM.
    ready_s
        From when on the expert has seen the least sleep after which anybody is cued; infinite for never.
    gate
        Stable REM as the chain saw it.
    """

    rem: Sequence[Stretch]
    ready_s: float
    gate: Sequence[Stretch]

    @property
    def possible(self) -> list[Stretch]:
        """REM in which the sleeper could be cued."""
        return overlaps(self.rem, [(self.ready_s, float("inf"))])


def slept_night(
    stages: NDArray[np.int8], minimum_sleep_min: float, gate: Iterable[Stretch], offset_s: float
) -> SleptNight:
    """Put one night together.

    Parameters
    ----------
    stages
        Shape ``(n_seconds,)``: the expert's `Stage` of each second of the recording.
    minimum_sleep_min
        Minutes of sleep, by the expert, before which nobody is cued.
    gate
        Openings, on the recording's own clock.
    offset_s
        When the recording begins on the circle's clock.
    """
    asleep_s = np.cumsum(stages > Stage.W)
    ready = int(np.searchsorted(asleep_s, 60.0 * minimum_sleep_min))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (stages == Stage.R).astype(np.int8), [0]])))
    rem = [(offset_s + float(a), offset_s + float(b)) for a, b in edges.reshape(-1, 2)]
    return SleptNight(
        rem,
        offset_s + ready + 1.0 if ready < len(stages) else float("inf"),
        [(offset_s + open_s, offset_s + close_s) for open_s, close_s in gate],
    )


def shared_figures(
    nights: Mapping[str, SleptNight],
    quorum: int,
    windows: Sequence[LogLine],
    cues: Iterable[LogLine],
) -> dict[str, Any]:
    """Give ``shared`` of ``sanctuary.circle.v1``.

    Parameters
    ----------
    nights
        By pod.
    windows
        As in the result, each stay with an end.
    cues
        Records of the log of kind ``cue``, in order of time.
    """
    rendered = [cue for cue in cues if cue["outcome"] == "rendered"]
    stays = [(window["id"], stays_of(window)) for window in windows]
    cued = [_cued(window, by_pod, rendered) for window, by_pod in stays]
    within = [by_pod for _, by_pod in stays]
    per_pod = {
        pod: {
            "rem_s": _tidy(length_s(night.possible)),
            "open_s": _tidy(length_s(night.gate)),
            "windows_s": _tidy(sum(length_s(by_pod.get(pod, ())) for by_pod in within)),
            "cued_s": _tidy(sum(length_s(by_pod.get(pod, ())) for by_pod in cued)),
            **_cues([cue for cue in rendered if cue["pod"] == pod], night),
        }
        for pod, night in nights.items()
    }
    return {
        "possible_s": _tidy(together_s((night.possible for night in nights.values()), quorum)),
        "open_s": _tidy(together_s((night.gate for night in nights.values()), quorum)),
        "windows_s": _together(within, quorum),
        "windows_in_rem_s": _together(_in_rem(within, nights), quorum),
        "cued_s": _together(cued, quorum),
        "cued_in_rem_s": _together(_in_rem(cued, nights), quorum),
        "cues": sum(each["cues"] for each in per_pod.values()),
        "cues_in_rem": sum(each["cues_in_rem"] for each in per_pod.values()),
        "per_pod": per_pod,
    }


Stays = Mapping[str, Sequence[Stretch]]
"""Stretches in one window, by pod."""


def _cued(window: str, stays: Stays, rendered: Iterable[LogLine]) -> Stays:
    """For each pod: from its first cue in a window to the end of its last, while it is in."""
    spans: dict[str, list[float]] = defaultdict(list)
    for cue in rendered:
        if cue["window"] == window:
            spans[cue["pod"]] += (cue["t_s"], cue["t_s"] + cue["duration_s"])
    return {pod: overlaps(stays.get(pod, ()), [(min(t_s), max(t_s))]) for pod, t_s in spans.items()}


def _in_rem(stays: Iterable[Stays], nights: Mapping[str, SleptNight]) -> list[Stays]:
    return [{pod: overlaps(mine, nights[pod].rem) for pod, mine in each.items()} for each in stays]


def _together(stays: Iterable[Stays], quorum: int) -> float:
    return _tidy(sum(together_s(each.values(), quorum) for each in stays))


def _cues(rendered: Sequence[LogLine], night: SleptNight) -> dict[str, int]:
    inside = (any(a <= cue["t_s"] < b for a, b in night.rem) for cue in rendered)
    return {"cues": len(rendered), "cues_in_rem": sum(inside)}


def _tidy(seconds: float) -> float:
    """Round to a millisecond: no more is known."""
    return round(seconds, 3)
