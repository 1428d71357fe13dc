"""From the rows of a draft to stages: what is understood, left alone, said, or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sanctuary.config.errors import RecordingError
from sanctuary.firmware_bridge.hypnograms.drafts import Draft, Row
from sanctuary.firmware_bridge.hypnograms.options import HypnogramOptions
from sanctuary.firmware_bridge.hypnograms.stages import KNOWN, Kind, Label, describe_presets, understand
from sanctuary.signal.samples import Stage

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
