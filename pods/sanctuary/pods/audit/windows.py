"""C1 and C4: every window opened on k live leases, and closed when they fell below k."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf

from sanctuary.pods.audit.night import ROUNDING_S, TICK_S, LogLine, Night, Violation


def check_c1(night: Night) -> Iterator[Violation]:
    """C1: at the opening, at least k pods held a lease that the coordinator had taken."""
    for window, lines in night.windows.items():
        leases = night.leases.get(window, [])
        for line in lines:
            if line["event"] == "opened":
                live = _live(leases, line["t_s"])
                if len(live) < line["quorum"]:
                    text = f"opened on {len(live)} live leases, quorum {line['quorum']}"
                    yield Violation("C1", line["t_s"], window, text)


def check_c4(night: Night) -> Iterator[Violation]:
    """C4: an open window with fewer than k live leases closes within 1 s; nothing sounds much later.

    A coordinator that has died closes nothing; its pods fall silent when the time that it gave them is over.
    """
    for window, lines in night.windows.items():
        opened = next((line for line in lines if line["event"] == "opened"), None)
        if opened is None:
            continue
        closed_s = next((line["t_s"] for line in lines if line["event"] == "closed"), inf)
        closed_s = min(closed_s, night.died_s.get(opened["term"], inf))
        lost_s = _lost(night.leases.get(window, []), opened["t_s"], opened["quorum"])
        if lost_s + TICK_S + ROUNDING_S < min(closed_s, night.end_s):
            yield Violation("C4", lost_s, window, "stayed open with fewer live leases than its quorum")
        yield from _late_cues(night, window, lines)


def _late_cues(night: Night, window: str, lines: list[LogLine]) -> Iterator[Violation]:
    """No cue of a window sounds after the last moment the coordinator ever allowed."""
    allowed_s = max(
        (line["valid_until_s"] for line in lines if line["valid_until_s"] is not None), default=-inf
    )
    for pod in night.pods.values():
        for cue in pod.rendered:
            if cue["window"] == window and cue["t_s"] > allowed_s + ROUNDING_S:
                text = f"pod {pod.pod} rendered step {cue['step']} after the window's last moment"
                yield Violation("C4", cue["t_s"], window, text)


def _live(leases: list[LogLine], t_s: float) -> set[str]:
    """Name the pods whose newest lease taken up to `t_s` had not expired then."""
    expires_s: dict[str, float] = {}
    for line in leases:
        if line["accepted"] and line["t_s"] <= t_s + ROUNDING_S:
            expires_s[line["pod"]] = line["expires_s"]
    return {pod for pod, end_s in expires_s.items() if end_s > t_s}


def _lost(leases: list[LogLine], opened_s: float, quorum: int) -> float:
    """Find the first moment after the opening at which fewer than k leases were live."""
    expires_s: Mapping[str, float] = _expiries(leases, opened_s)
    now_s = opened_s
    for line in [one for one in leases if one["accepted"] and one["t_s"] > opened_s]:
        lost_s = _falls_below(expires_s, quorum, now_s)
        if lost_s < line["t_s"]:
            return lost_s
        now_s = line["t_s"]
        expires_s = {**expires_s, line["pod"]: line["expires_s"]}
    return _falls_below(expires_s, quorum, now_s)


def _expiries(leases: list[LogLine], until_s: float) -> dict[str, float]:
    return {one["pod"]: one["expires_s"] for one in leases if one["accepted"] and one["t_s"] <= until_s}


def _falls_below(expires_s: Mapping[str, float], quorum: int, now_s: float) -> float:
    """Give the moment at which the k-th longest lease ends, not before `now_s`."""
    ends_s = sorted(expires_s.values(), reverse=True)
    return max(now_s, ends_s[quorum - 1]) if len(ends_s) >= quorum else now_s
