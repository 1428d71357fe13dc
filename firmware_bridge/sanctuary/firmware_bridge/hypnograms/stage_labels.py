"""What the labels of hypnograms mean: words of the AASM and of Rechtschaffen and Kales, and numbers.

Stages 3 and 4 of Rechtschaffen and Kales (1968) are N3. Movement, artefacts and what was left unscored are no
stage, and above all not wake. Bare numbers mean different stages in different laboratories, so that they are
read only where the format defines them or the user says what they mean.

A reader of a format makes a `ParsedHypnogram` of a file: rows of labels, not yet understood. `staged_rows`
understands them, or refuses.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sanctuary.config.errors import InputError, RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram_text import WallClock, number
from sanctuary.signal.samples import Stage

StageCodes = Mapping[str, Stage]
"""Meaning of labels, by `label_key`."""

W, N1, N2, N3, R, NONE = Stage.W, Stage.N1, Stage.N2, Stage.N3, Stage.R, Stage.UNKNOWN

_WORDS = {
    W: "w wake wk awake wakefulness wach éveil eveil s0 sleeps0",
    N1: "n1 s1 nrem1 sleeps1",
    N2: "n2 s2 nrem2 sleeps2",
    N3: "n3 n4 s3 s4 nrem3 nrem4 sleeps3 sleeps4 sws slowwavesleep deep deepsleep",
    R: "r rem remsleep sleeprem sleepre",
    NONE: "? uns unscored notscored sleepunscored unknown undefined mt movementtime sleepmt art nd n/a na nan"
    " none",
}  # fmt: skip
WORDS: StageCodes = {word: stage for stage, words in _WORDS.items() for word in words.split()}
EVENT_WORDS = frozenset(
    ("", "a", "artifact", "artifacts", "artefact", "artefakt", "movement", "m", "l", "lights", "u")
)
"""No stage in a list of stages; among other events they are events of their own (an artefact in an epoch)."""
PRESETS: Mapping[str, StageCodes] = {
    "yasa": {"0": W, "1": N1, "2": N2, "3": N3, "4": R, "-1": NONE, "-2": NONE},
    "usleep": {"0": W, "1": N1, "2": N2, "3": N3, "4": R, "5": NONE},
    "aasm5": {"0": W, "1": N1, "2": N2, "3": N3, "5": R, "-1": NONE},
    "rk": {"0": W, "1": N1, "2": N2, "3": N3, "4": N3, "5": R}
    | dict.fromkeys(("6", "7", "8", "9", "-1"), NONE),
    "ucd": {"0": W, "1": R, "2": N1, "3": N2, "4": N3, "5": N3} | dict.fromkeys(("6", "7", "8"), NONE),
}
"""Numbers by name: YASA and DOD, U-Sleep, AASM with REM as 5 (ISRUC), Rechtschaffen and Kales (Profusion,
MESA, Elan), and the UCD apnoea database."""
PREFIXED: StageCodes = {"0": W, "1": N1, "2": N2, "3": N3, "4": N3}
"""After ``Sleep stage``: Rechtschaffen and Kales, as in Sleep-EDF."""
KNOWN = "W, N1, N2, N3, R (or S1 to S4, REM, 'Sleep stage 2', ?)"

_LARGEST = 1e6
"""Larger numbers are no codes of stages."""
_PREFIX = re.compile(r"(?:sleep ?)?(?:stage|stadium) ?(?=\S)")
_STAGE_LIKE = re.compile(r"(?:n|s|nrem|sleeps)[0-9]|nrem|nonrem|light|lightsleep")


class LabelKind(Enum):
    """What a label is."""

    STAGE = "a stage, or a word for none"
    EVENT = "no stage in a list of stages, an event of its own among others"
    NUMBER = "a number of which nobody has said what it means"
    STAGE_NUMBER = "such a number after 'Sleep stage'"
    STAGE_LIKE = "looks like a stage, but is not known"
    OTHER = "something else"


@dataclass(frozen=True, slots=True)
class StageLabel:
    """A label understood.

    Attributes
    ----------
    kind
        What it is.
    stage
        Its stage; `UNKNOWN` for all kinds but `Kind.STAGE`.
    number
        The number in it (``"4"``), bare or after ``Sleep stage``, if nobody has said what it means.
    """

    kind: LabelKind
    stage: Stage = Stage.UNKNOWN
    number: str | None = None


def parse_label(text: str, codes: StageCodes | None = None) -> StageLabel:
    """Find the meaning of a label, in any case, with any blanks, underscores or hyphens.

    Parameters
    ----------
    text
        Such as ``"Sleep stage N2@@EEG F4-M1"``, ``"NREM 2"``, ``"SLEEP-S2"``, ``"Stage 2 sleep|2"``, ``"2"``.
    codes
        Meanings that win over the words, from `parse_codes` or of a format; None for words alone.
    """
    key = label_key(text)
    if codes and key in codes:
        return StageLabel(LabelKind.STAGE, codes[key])
    if code := _code(key):
        return StageLabel(LabelKind.NUMBER, number=code)
    prefix = _PREFIX.match(key)
    bare = key[prefix.end() :] if prefix else key
    if prefix and (code := _code(label_key(bare.removesuffix(" sleep")))):
        if codes and code in codes:
            return StageLabel(LabelKind.STAGE, codes[code])
        kind = LabelKind.STAGE if code in PREFIXED else LabelKind.STAGE_NUMBER
        return StageLabel(kind, PREFIXED.get(code, Stage.UNKNOWN), code)
    word = bare.replace(" ", "")
    for form in (word, word.removesuffix("sleep")):
        if form in WORDS:
            return StageLabel(LabelKind.STAGE, WORDS[form])
    if word in EVENT_WORDS:
        return StageLabel(LabelKind.STAGE if prefix else LabelKind.EVENT)
    return StageLabel(LabelKind.STAGE_LIKE if prefix or _STAGE_LIKE.fullmatch(word) else LabelKind.OTHER)


def label_key(text: str) -> str:
    """Key of a label in `StageCodes`: without EDF+'s channel (``@@``), NSRR's number, case and hyphens."""
    bare = text.split("@@", 1)[0].strip(" \t\r\n\"'\0").casefold()
    value = number(bare)
    if value is not None and value.is_integer() and abs(value) < _LARGEST:
        return str(int(value))
    return " ".join(re.split(r"[\s_:-]+", re.sub(r"\|-?[0-9]+$", "", bare))).strip()


def parse_codes(text: str) -> StageCodes:
    """Read ``"0=W,1=N1,2=N2,3=N3,4=R"``, or the name of one of `PRESETS`.

    Raises
    ------
    InputError
        Naming the part that is wrong and what is possible.
    """
    name = text.strip().casefold()
    if name in PRESETS:
        return PRESETS[name]
    codes = {}
    for part in text.split(","):
        label, equals, word = part.partition("=")
        known = parse_label(word)
        if not equals or not label.strip() or known.kind not in (LabelKind.STAGE, LabelKind.EVENT):
            raise InputError(
                f"--stages {text}: {part.strip()!r} is neither a name ({', '.join(PRESETS)}) nor of the form "
                f"LABEL=STAGE; write for instance 0=W,1=N1,2=N2,3=N3,4=R"
            )
        codes[label_key(label)] = known.stage
    return codes


def describe_presets(numbers: Iterable[str]) -> str:
    """Presets in which all these numbers mean something, with their meaning: what a refusal offers."""
    wanted = set(numbers)
    fitting = [name for name, codes in PRESETS.items() if wanted <= set(codes)]
    if not fitting:
        return "no named coding knows all of them; write --stages 0=W,1=N1,..."
    told = (f"{name} ({_meaning(PRESETS[name], wanted)})" for name in fitting)
    return f"say what they mean: --stages NAME with {', '.join(told)}, or --stages 0=W,1=N1,..."


def _meaning(codes: StageCodes, numbers: set[str]) -> str:
    shown = sorted(numbers, key=int)
    return " ".join(f"{each}={'none' if codes[each] is NONE else codes[each].name}" for each in shown)


def _code(key: str) -> str | None:
    return key if re.fullmatch(r"-?[0-9]{1,6}", key) else None


@dataclass(frozen=True, slots=True)
class LabelledRow:
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
class ParsedHypnogram:
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
    rows: tuple[LabelledRow, ...]
    listed: bool = False
    epoch_s: float | None = None
    clock: WallClock | None = None
    clocked: bool = False
    doubtful_midnight: bool = False
    events: bool = False
    codes: StageCodes | None = None
    warnings: tuple[str, ...] = ()


def epoch_list(kind: str, labels: list[tuple[str, str]], **facts: object) -> ParsedHypnogram:
    """Draft of one label an epoch, in order; `labels` are ``(label, place)``."""
    rows = tuple(LabelledRow(label, place, float(i), 1.0) for i, (label, place) in enumerate(labels))
    return ParsedHypnogram(kind, rows, listed=True, **facts)  # type: ignore[arg-type]


MOST_WORDS = 8
MOST_NUMBERS = 12
_WORD_LENGTH = 40


@dataclass(frozen=True, slots=True)
class StagedRow:
    """A row and its stage."""

    row: LabelledRow
    stage: Stage


def staged_rows(
    path: Path, draft: ParsedHypnogram, user_codes: StageCodes | None
) -> tuple[list[StagedRow], list[str]]:
    """Rows that are stages or stand for none, and one warning for each unknown word.

    Raises
    ------
    RecordingError
        No stage is in the file, or numbers are of which nobody has said what they mean.
    """
    codes = user_codes if user_codes is not None else draft.codes
    meanings = {label: parse_label(label, codes) for label in {row.label for row in draft.rows}}
    worded = any(label.stage is not Stage.UNKNOWN for label in meanings.values())
    rows: list[StagedRow] = []
    unknown: dict[str, list[LabelledRow]] = {}
    numbers: dict[str, LabelledRow] = {}
    for row in draft.rows:
        label = meanings[row.label]
        if draft.events and _left_alone(label, worded=worded):
            continue
        rows.append(StagedRow(row, label.stage))
        if label.kind in (LabelKind.NUMBER, LabelKind.STAGE_NUMBER) and draft.codes is None:
            numbers.setdefault(label.number or "", row)
        elif label.kind not in (LabelKind.STAGE, LabelKind.EVENT):
            unknown.setdefault(row.label.split("@@", 1)[0].strip()[:_WORD_LENGTH], []).append(row)
    if numbers:
        raise RecordingError(_numbers(path, numbers, user_codes))
    if not worded:
        raise RecordingError(_nothing(path, draft))
    if not user_codes and _doubtful_four(meanings.values()):
        raise RecordingError(
            f"{path}: has 'Sleep stage 0' and 'Sleep stage 4' but no R, so that 4 may be N3 or REM; "
            f"{describe_presets({'0', '4'})}"
        )
    return rows, [_warnings(path, word, places) for word, places in unknown.items()][:MOST_WORDS]


def _left_alone(label: StageLabel, *, worded: bool) -> bool:
    """Whether it is an event of its own; a bare number may be a trigger where stages are written as words."""
    return label.kind in (LabelKind.EVENT, LabelKind.OTHER) or (worded and label.kind is LabelKind.NUMBER)


def _doubtful_four(labels: Iterable[StageLabel]) -> bool:
    known = list(labels)
    prefixed = {label.number for label in known if label.kind is LabelKind.STAGE and label.number}
    return {"0", "4"} <= prefixed and not any(label.stage is Stage.R for label in known)


def _warnings(path: Path, word: str, rows: list[LabelledRow]) -> str:
    times = "once" if len(rows) == 1 else f"{len(rows)} times, first"
    return f"{path}: {word!r} is no stage that is known ({times} at {rows[0].place}); left unscored"


def _numbers(path: Path, numbers: dict[str, LabelledRow], user_codes: StageCodes | None) -> str:
    number, row = next(iter(numbers.items()))
    shown = ", ".join(sorted(numbers, key=int)[:MOST_NUMBERS])
    if user_codes is not None:
        return (
            f"{path}, {row.place}: {number} means nothing by --stages; another coding? "
            f"{describe_presets(numbers)}"
        )
    return (
        f"{path}, {row.place}: numbers ({shown}) mean different stages in "
        f"different laboratories; {describe_presets(numbers)}"
    )


def _nothing(path: Path, draft: ParsedHypnogram) -> str:
    words = Counter(row.label.strip()[:_WORD_LENGTH] for row in draft.rows)
    shown = ", ".join(f"{word!r} ({count})" for word, count in words.most_common(MOST_WORDS))
    more = f" and {len(words) - MOST_WORDS} more" if len(words) > MOST_WORDS else ""
    what = f"it has {shown}{more}" if words else "it is empty"
    return f"{path}: no sleep stages in it ({draft.kind}): {what}; expected {KNOWN}"
