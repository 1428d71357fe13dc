"""All checks at once.

What they need, all shapes in `sanctuary.pods.logs`: of each pod its cue log and event log in one stream,
in the order written, with an `output` record for each cue that the shell handed to an output; of the
coordinator its window and lease records. Records of several writers may be mixed in any way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sanctuary.config.coordination import LimiterSettings, PodSettings
from sanctuary.pods.audit.cues import check_p1, check_p2, check_p5, check_p7
from sanctuary.pods.audit.limits import check_p3
from sanctuary.pods.audit.night import LogLine, Violation, sort_night
from sanctuary.pods.audit.requalified import check_requalified
from sanctuary.pods.audit.stops import check_p4, check_p6
from sanctuary.pods.audit.windows import check_c1, check_c4


def check_violations(
    lines: Iterable[LogLine],
    *,
    pod_settings: PodSettings | None = None,
    limiter_settings: LimiterSettings | None = None,
    voted: Collection[str] = (),
) -> list[Violation]:
    """Check P1 to P7, C1 and C4.

    Parameters
    ----------
    lines
        The records of a night.
    pod_settings, limiter_settings
        As the pods had them.
    voted
        Hashes of designs that the assembly chose.

    Returns
    -------
    list of Violation
        In order of time; empty for a night on which every invariant held.
    """
    pod_settings, limiter_settings = pod_settings or PodSettings(), limiter_settings or LimiterSettings()
    night = sort_night(lines)
    found = [*check_c1(night), *check_c4(night)]
    for pod in night.pods.values():
        found += check_p1(pod, pod_settings)
        found += check_p2(pod, voted)
        found += check_p3(pod, limiter_settings)
        found += check_p4(pod, pod_settings)
        found += check_requalified(pod, pod_settings)
        found += check_p5(pod)
        found += check_p6(pod)
        found += check_p7(pod)
    return sorted(found, key=lambda violation: (violation.t_s, violation.rule, violation.subject))
