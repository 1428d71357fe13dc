"""What a reader finds in a file, before labels are understood and times are laid on a recording."""

from __future__ import annotations

from dataclasses import dataclass

from sanctuary.firmware_bridge.hypnograms.clocks import Clock
from sanctuary.firmware_bridge.hypnograms.stages import StageCodes


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled stretch.

    Attributes
    ----------
    label
        As it stands in the file.
    place
        Where it stands, for messages: ``"line 3"``.
    onset, duration
        Seconds since the draft's second 0, or epochs where the draft is `Draft.listed`; duration None or 0
        where the file gives none.
    """

    label: str
    place: str
    onset: float
    duration: float | None


@dataclass(frozen=True, slots=True)
class Draft:
    """The rows of a file and what its format says about them.

    Attributes
    ----------
    kind
        What the file is, for people.
    rows
        All labelled rows.
    listed
        Rows count epochs instead of seconds.
    epoch_s
        Length of an epoch where the file says it.
    clock
        Wall clock of second 0, where the file has one; else its seconds count from the recording's start.
    clocked
        Files of this kind usually have a clock, so that its absence is worth a word.
    doubtful_midnight
        Times of day begin at 00:00:00, which may as well be the time since the beginning.
    events
        Other events stand among the stages and are left alone.
    codes
        What numbers mean, where the format defines it.
    warnings
        What the reader has to say.
    """

    kind: str
    rows: tuple[Row, ...]
    listed: bool = False
    epoch_s: float | None = None
    clock: Clock | None = None
    clocked: bool = False
    doubtful_midnight: bool = False
    events: bool = False
    codes: StageCodes | None = None
    warnings: tuple[str, ...] = ()


def listing(kind: str, labels: list[tuple[str, str]], **facts: object) -> Draft:
    """Draft of one label an epoch, in order; `labels` are ``(label, place)``."""
    rows = tuple(Row(label, place, float(i), 1.0) for i, (label, place) in enumerate(labels))
    return Draft(kind, rows, listed=True, **facts)  # type: ignore[arg-type]
