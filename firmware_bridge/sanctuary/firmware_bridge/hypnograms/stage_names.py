"""What the labels of hypnograms mean: words of the AASM and of Rechtschaffen and Kales, and numbers.

Stages 3 and 4 of Rechtschaffen and Kales (1968) are N3. Movement, artefacts and what was left unscored are no
stage, and above all not wake. Bare numbers mean different stages in different laboratories, so that they are
read only where the format defines them or the user says what they mean.

The sidecar of a BIDS table: what its labels mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from sanctuary.config.errors import InputError, RecordingError
from sanctuary.firmware_bridge.hypnograms.hypnogram_contents import number
from sanctuary.firmware_bridge.recordings.channels import reading
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


class Kind(Enum):
    """What a label is."""

    STAGE = "a stage, or a word for none"
    EVENT = "no stage in a list of stages, an event of its own among others"
    NUMBER = "a number of which nobody has said what it means"
    STAGE_NUMBER = "such a number after 'Sleep stage'"
    STAGE_LIKE = "looks like a stage, but is not known"
    OTHER = "something else"


@dataclass(frozen=True, slots=True)
class Label:
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

    kind: Kind
    stage: Stage = Stage.UNKNOWN
    number: str | None = None


def understand(text: str, codes: StageCodes | None = None) -> Label:
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
        return Label(Kind.STAGE, codes[key])
    if code := _code(key):
        return Label(Kind.NUMBER, number=code)
    prefix = _PREFIX.match(key)
    bare = key[prefix.end() :] if prefix else key
    if prefix and (code := _code(label_key(bare.removesuffix(" sleep")))):
        if codes and code in codes:
            return Label(Kind.STAGE, codes[code])
        kind = Kind.STAGE if code in PREFIXED else Kind.STAGE_NUMBER
        return Label(kind, PREFIXED.get(code, Stage.UNKNOWN), code)
    word = bare.replace(" ", "")
    for form in (word, word.removesuffix("sleep")):
        if form in WORDS:
            return Label(Kind.STAGE, WORDS[form])
    if word in EVENT_WORDS:
        return Label(Kind.STAGE if prefix else Kind.EVENT)
    return Label(Kind.STAGE_LIKE if prefix or _STAGE_LIKE.fullmatch(word) else Kind.OTHER)


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
        known = understand(word)
        if not equals or not label.strip() or known.kind not in (Kind.STAGE, Kind.EVENT):
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


LARGEST_BYTES = 1 << 20


def sidecar_of(path: Path) -> Path:
    """Where the sidecar of a table lies: the same name with ``.json``."""
    bare = path.with_suffix("") if path.suffix.casefold() == ".gz" else path
    return bare.with_suffix(".json")


def read_levels(path: Path) -> tuple[StageCodes | None, tuple[str, ...]]:
    """Find the stages that the sidecar of a table gives to labels (``Levels``); a warning if it is damaged.

    Descriptions that are no stage are passed over.
    """
    sidecar = sidecar_of(path)
    if sidecar == path or not sidecar.is_file():
        return None, ()
    try:
        with reading(sidecar, "the sidecar of a table") as file:
            body = json.loads(file.read(LARGEST_BYTES).decode("utf-8-sig"))
    except (RecordingError, ValueError, RecursionError) as error:
        return None, (f"{sidecar}: cannot be read ({str(error)[:80]}); its Levels are not used",)
    codes = {}
    for label, text in _levels(body):
        for words in (text, re.split(r"[,.;:(]", text)[0]):
            if (known := understand(words)).kind in (Kind.STAGE, Kind.EVENT):
                codes[label_key(label)] = known.stage
                break
    return codes or None, ()


def _levels(body: Any) -> Iterator[tuple[str, str]]:
    """Labels and descriptions of all columns."""
    if not isinstance(body, dict):
        return
    for column in body.values():
        levels = column.get("Levels") if isinstance(column, dict) else None
        for label, told in levels.items() if isinstance(levels, dict) else ():
            text = told.get("Description", "") if isinstance(told, dict) else told
            if isinstance(text, str):
                yield str(label), text
