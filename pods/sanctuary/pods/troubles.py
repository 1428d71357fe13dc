"""Records of what does not work, which the shells around pods and gateways write into a night's log."""

from __future__ import annotations

from typing import Literal, TypedDict

TroubleKind = Literal[
    "no_grant",
    "no_circle",
    "no_output",
    "output_failed",
    "samples_dropped",
    "chain_failed",
    "not_recorded",
    "log_unwritten",
    "broker_died",
    "site_shared",
]


TroubleEvent = Literal["began", "ended", "noted"]


class TroubleRecord(TypedDict):
    """Something that does not work, as the shell around a pod sees it; it commands nothing."""

    kind: Literal["trouble"]
    t_s: float
    pod: str
    """Empty where it concerns the whole program."""
    what: TroubleKind
    event: TroubleEvent
    """``noted``: it has no end that could be told."""
    about: str
    """Which circle or kind of cue; empty where there is but one. What began ends under the same name."""
    detail: str


def trouble_record(
    what: TroubleKind,
    event: TroubleEvent,
    t_s: float,
    *,
    pod: str = "",
    about: str = "",
    detail: str = "",
) -> TroubleRecord:
    """Note that something does not work, or works again."""
    return {
        "kind": "trouble",
        "t_s": t_s,
        "pod": pod,
        "what": what,
        "event": event,
        "about": about,
        "detail": detail,
    }
