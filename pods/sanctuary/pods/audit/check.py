"""The audit of a night that is over."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sanctuary.config.coordination import LimiterSettings, PodSettings
from sanctuary.pods.audit.auditor import Auditor
from sanctuary.pods.audit.night import LogLine, Violation, in_order


def check_violations(
    lines: Iterable[LogLine],
    *,
    pod_settings: PodSettings | None = None,
    limiter_settings: LimiterSettings | None = None,
    voted: Collection[str] = (),
) -> list[Violation]:
    """Check P1 to P7 and C1 to C4.

    Parameters
    ----------
    lines
        The records of a night; those of several writers may be mixed in any way.
    pod_settings, limiter_settings
        As the pods had them.
    voted
        Hashes of designs that the assembly chose.

    Returns
    -------
    list of Violation
        In order of time; empty for a night on which every invariant held.
    """
    auditor = Auditor(pod_settings=pod_settings, limiter_settings=limiter_settings, voted=voted)
    found = [violation for line in in_order(lines) for violation in auditor.take(line)]
    found += auditor.finish()
    return sorted(found, key=lambda violation: (violation.t_s, violation.rule, violation.subject))
