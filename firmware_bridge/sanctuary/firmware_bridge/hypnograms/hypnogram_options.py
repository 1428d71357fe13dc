"""What a person says about a hypnogram that its file does not.

From the rows of a draft to stages: what is understood, left alone, said, or refused.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sanctuary.config.errors import InputError, RecordingError
from sanctuary.firmware_bridge.hypnograms.scored_stages import Draft, Row
from sanctuary.firmware_bridge.hypnograms.stage_names import (
    KNOWN,
    Kind,
    Label,
    StageCodes,
    describe_presets,
    parse_codes,
    understand,
)
from sanctuary.signal.samples import Stage

LONGEST_EPOCH_S = 600.0
LARGEST_OFFSET_S = 30 * 86400.0


class Night(Protocol):
    """The recording that a hypnogram belongs to; `RecordingInfo` is one."""

    @property
    def path(self) -> Path:
        """The recording's file."""

    @property
    def start(self) -> datetime | None:
        """Wall clock of its first sample, without time zone; None if it is not known."""

    @property
    def duration_s(self) -> float:
        """Its length."""


@dataclass(frozen=True, slots=True)
class HypnogramOptions:
    """Facts from the user; None where the file has to say them itself.

    Attributes
    ----------
    epoch_s
        Length of an epoch (s), for files with one stage a line.
    offset_s
        From the recording's first sample to the hypnogram's beginning (s), negative if it begins earlier.
    codes
        Stage of each label or number.
    """

    epoch_s: float | None = None
    offset_s: float | None = None
    codes: StageCodes | None = None


NO_OPTIONS = HypnogramOptions()


def hypnogram_options(
    epoch_s: float | None = None, offset_s: float | None = None, stages: str | None = None
) -> HypnogramOptions:
    """Check what was typed for ``--epoch-s``, ``--hypnogram-offset`` and ``--stages``.

    Raises
    ------
    InputError
        Naming the option and what it takes.
    """
    if epoch_s is not None and not 0.0 < epoch_s <= LONGEST_EPOCH_S:
        raise InputError(f"--epoch-s {epoch_s:g}: give seconds, more than 0 and at most {LONGEST_EPOCH_S:g}")
    if offset_s is not None and not (math.isfinite(offset_s) and abs(offset_s) <= LARGEST_OFFSET_S):
        raise InputError(f"--hypnogram-offset {offset_s:g}: give seconds, at most 30 days either way")
    return HypnogramOptions(epoch_s, offset_s, None if stages is None else parse_codes(stages))


MOST_WORDS = 8
MOST_NUMBERS = 12
_WORD_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Staged:
    """A row and its stage."""

    row: Row
    stage: Stage


def staged_rows(path: Path, draft: Draft, options: HypnogramOptions) -> tuple[list[Staged], list[str]]:
    """Rows that are stages or stand for none, and one warning for each unknown word.

    Raises
    ------
    RecordingError
        No stage is in the file, or numbers are of which nobody has said what they mean.
    """
    codes = options.codes if options.codes is not None else draft.codes
    meanings = {label: understand(label, codes) for label in {row.label for row in draft.rows}}
    worded = any(label.stage is not Stage.UNKNOWN for label in meanings.values())
    rows: list[Staged] = []
    unknown: dict[str, list[Row]] = {}
    numbers: dict[str, Row] = {}
    for row in draft.rows:
        label = meanings[row.label]
        if draft.events and _left_alone(label, worded=worded):
            continue
        rows.append(Staged(row, label.stage))
        if label.kind in (Kind.NUMBER, Kind.STAGE_NUMBER) and draft.codes is None:
            numbers.setdefault(label.number or "", row)
        elif label.kind not in (Kind.STAGE, Kind.EVENT):
            unknown.setdefault(row.label.split("@@", 1)[0].strip()[:_WORD_LENGTH], []).append(row)
    if numbers:
        raise RecordingError(_numbers(path, numbers, options))
    if not worded:
        raise RecordingError(_nothing(path, draft))
    if not options.codes and _doubtful_four(meanings.values()):
        raise RecordingError(
            f"{path}: has 'Sleep stage 0' and 'Sleep stage 4' but no R, so that 4 may be N3 or REM; "
            f"{describe_presets({'0', '4'})}"
        )
    return rows, [_said(path, word, places) for word, places in unknown.items()][:MOST_WORDS]


def _left_alone(label: Label, *, worded: bool) -> bool:
    """Whether it is an event of its own; a bare number may be a trigger where stages are written as words."""
    return label.kind in (Kind.EVENT, Kind.OTHER) or (worded and label.kind is Kind.NUMBER)


def _doubtful_four(labels: Iterable[Label]) -> bool:
    known = list(labels)
    prefixed = {label.number for label in known if label.kind is Kind.STAGE and label.number}
    return {"0", "4"} <= prefixed and not any(label.stage is Stage.R for label in known)


def _said(path: Path, word: str, rows: list[Row]) -> str:
    times = "once" if len(rows) == 1 else f"{len(rows)} times, first"
    return f"{path}: {word!r} is no stage that is known ({times} at {rows[0].place}); left unscored"


def _numbers(path: Path, numbers: dict[str, Row], options: HypnogramOptions) -> str:
    number, row = next(iter(numbers.items()))
    shown = ", ".join(sorted(numbers, key=int)[:MOST_NUMBERS])
    if options.codes is not None:
        return (
            f"{path}, {row.place}: {number} means nothing by --stages; another coding? "
            f"{describe_presets(numbers)}"
        )
    return (
        f"{path}, {row.place}: numbers ({shown}) mean different stages in "
        f"different laboratories; {describe_presets(numbers)}"
    )


def _nothing(path: Path, draft: Draft) -> str:
    words = Counter(row.label.strip()[:_WORD_LENGTH] for row in draft.rows)
    shown = ", ".join(f"{word!r} ({count})" for word, count in words.most_common(MOST_WORDS))
    more = f" and {len(words) - MOST_WORDS} more" if len(words) > MOST_WORDS else ""
    what = f"it has {shown}{more}" if words else "it is empty"
    return f"{path}: no sleep stages in it ({draft.kind}): {what}; expected {KNOWN}"
