"""What the label of a channel means: EEG or EOG, which electrode, which side.

Laboratories write the same electrode in many ways (``E1-M2``, ``E1_M2``, ``E1M2``, ``LOC/A2``, ``EOG(L)``,
``EOG Left Horiz``, ``LEOG``). A label is cut into words at blanks and punctuation, references and the prefix
``EEG`` are set apart, and the remaining words are looked up. A horizontal EOG that is taken for a frontal EEG
spoils the night, so a label that could be either is reported as `ChannelKind.EITHER`, never guessed.

Spellings are those of public sleep data sets: Sleep-EDF, SHHS, MESA, MrOS, CHAT, CFS, HMC, DCSM, ISRUC, MASS,
CAP, DOD, ANPHY, and of EEGLAB and BrainVision laboratories.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class ChannelKind(Enum):
    """What a channel records."""

    EEG = "EEG"
    EOG = "horizontal EOG"
    VERTICAL_EOG = "vertical EOG"
    EITHER = "EEG or EOG"
    """The label names an electrode of the scalp and the eyes."""
    OTHER = "neither EEG nor EOG"


class Side(Enum):
    """Where the electrode lies, or that the channel is one side minus the other."""

    LEFT = "left"
    RIGHT = "right"
    MIDLINE = "midline"
    LEFT_MINUS_RIGHT = "left minus right"
    RIGHT_MINUS_LEFT = "right minus left"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one label says.

    Attributes
    ----------
    kind, side
        What is recorded, and where.
    electrode
        Name without prefix and common reference, such as ``"AF7"`` or ``"Fpz-Cz"``; the label itself where
        it names no electrode.
    """

    kind: ChannelKind
    side: Side
    electrode: str


_CUT = re.compile(r"[\s:/_()\[\],.+\-]+")
_PREFIXES = ("EEG", "RAW")
_REFERENCES = frozenset(
    ("REF", "LE", "CLE", "LER", "AVG", "AVE", "AVERAGE", "CAR", "LM", "A1", "A2", "M1", "M2", "A12", "M12")
)
"""Common references: left off, as they say nothing of the electrode."""
_EYE_REFERENCES = _REFERENCES | {"PG1", "PG2", "FPZ", "CZ", "FZ", "AFZ", "NZ", "NASION", "2"}
"""What an EOG is measured against; the 2 is the end of ``(M1+M2)/2``."""
_HORIZONTAL = frozenset(("HEOG", "EOGH", "HEO", "EOGHORIZONTAL", "EOGHORIZ", "EOGHOR"))
_VERTICAL = frozenset(
    ("VEOG", "EOGV", "VEO", "EOGVERTICAL", "EOGVERT", "IO1", "IO2", "SO1", "SO2", "VEOGU", "VEOGL", "VEOGO",
     "EOGU", "EOGD")
)  # fmt: skip
_LEFT = frozenset(
    ("E1", "LOC", "LEOG", "EOGL", "EOG1", "EOGLEFT", "LEFTEOG", "LEFTEYE", "LEYE", "EYEL", "LO1", "EOGLI",
     "EOGSIN", "EOGSX", "HEOGL", "LHEOG", "HEOL")
)  # fmt: skip
_RIGHT = frozenset(
    ("E2", "ROC", "REOG", "EOGR", "EOG2", "EOGRIGHT", "RIGHTEOG", "RIGHTEYE", "REYE", "EYER", "LO2", "EOGRE",
     "EOGDX", "EOGDES", "HEOGR", "RHEOG", "HEOR")
)  # fmt: skip
_SAYS_LEFT = frozenset(("L", "LEFT", "LT", "LI", "LINKS", "SIN", "SX", "SN", "GAUCHE", "IZQ"))
_SAYS_RIGHT = frozenset(("R", "RIGHT", "RT", "RE", "RECHTS", "DX", "DEX", "DES", "DROIT", "DROITE", "DER"))
_SAYS_HORIZONTAL = frozenset(("H", "HOR", "HORIZ", "HORIZONTAL"))
_SAYS_VERTICAL = frozenset(("V", "VER", "VERT", "VERTICAL", "UP", "UPPER", "DOWN", "LOW", "LOWER", "U", "D"))
_NO_BRAIN = re.compile(
    r"(EMG|ECG|EKG|CHIN|RESP|FLOW|THOR|ABD|SPO2|SAO2|PLETH|PPG|SNORE|TEMP|LEG|PULSE|ACC|GYRO|BATT|MARKER"
    r"|EVENT|STATUS|LIGHT|NOISE|BODY|POSITION|OXY|RSSI|HR)\w*"
)
_SCALP = re.compile(r"(FP|AF|FT|FC|TP|CP|PO|F|C|T|P|O)(Z|10|[1-9])")
_JOINED = re.compile(r"(.+?)(A1|A2|M1|M2|REF|AVG|CLE|LER|FPZ|PG1|PG2)")
_NET = re.compile(r"E(?:[3-9]|\d{2,3})")
_EYE_WORDS = _HORIZONTAL | _VERTICAL | _LEFT | _RIGHT | {"EOG", "EOGS", "EYE", "EYES"}
_NUMBERED = re.compile(r"(\D+)(\d+)")
_SPELLING = {"FPZ": "Fpz", "FP1": "Fp1", "FP2": "Fp2", "FPZ-CZ": "Fpz-Cz", "AFZ": "AFz", "FZ": "Fz"}


def meaning_of(label: str) -> Meaning:
    """Look a label up.

    ``E1`` and ``E2`` are taken for the eyes; in nets whose electrodes are called E1 to E128 they are on the
    scalp (see `is_electrode_net`).
    """
    words = _words(label)
    eye = next((i for i, word in enumerate(words) if word in _EYE_WORDS), None)
    if eye is None:
        return _without_eyes(label, words)
    before, after = words[:eye], words[eye + 1 :]
    if words[eye] == "EOGS":
        return Meaning(ChannelKind.OTHER, Side.UNKNOWN, label.strip())
    scalp = [word for word in (*before, *after) if _SCALP.fullmatch(word)]
    if any(word in before or word not in _EYE_REFERENCES for word in scalp):
        return Meaning(ChannelKind.EITHER, Side.UNKNOWN, label.strip())
    return Meaning(*_of_eyes(words), label.strip())


def is_eog(label: str) -> bool:
    """Whether a label is that of a horizontal EOG."""
    return meaning_of(label).kind is ChannelKind.EOG


def is_electrode_net(labels: Sequence[str]) -> bool:
    """Whether labels are of a net whose electrodes are E1, E2, E3..., so that E1 and E2 are no EOG."""
    return any(_NET.fullmatch(word) for label in labels for word in _words(label))


def _words(label: str) -> list[str]:
    """Words of a label in capitals; the prefix ``EEG`` left off, joined ones (``F3M2``, ``HEOG1``) split."""
    words = [part for word in filter(None, _CUT.split(label.upper())) for part in _parts(word)]
    return words[1:] if len(words) > 1 and words[0] in _PREFIXES else words


def _parts(word: str) -> Sequence[str]:
    """Split what was written without a space: an electrode and its reference, ``EOG`` and what is by it."""
    if word in _EYE_WORDS:
        return (word,)
    joined = _JOINED.fullmatch(word)
    if joined and (joined[1] in _EYE_WORDS or _SCALP.fullmatch(joined[1])):
        return joined.groups()
    numbered = _NUMBERED.fullmatch(word)
    if numbered and numbered[1] in _EYE_WORDS:
        return numbered.groups()
    # no electrode of the scalp has these letters in its name, however a laboratory goes on from there
    return [part for part in word.partition("EOG") if part]


def _of_eyes(words: Sequence[str]) -> tuple[ChannelKind, Side]:
    """Kind and side of a label that names the eyes."""
    if any(word in _VERTICAL or word in _SAYS_VERTICAL for word in words):
        return ChannelKind.VERTICAL_EOG, Side.UNKNOWN
    numbered = ["EOG" + word if word in ("1", "2") and "EOG" in words else word for word in words]
    sides = [side for side in map(_side, numbered) if side is not None]
    if sides and sides[0] is not sides[-1]:
        first_left = sides[0] is Side.LEFT
        return ChannelKind.EOG, Side.LEFT_MINUS_RIGHT if first_left else Side.RIGHT_MINUS_LEFT
    if sides:
        return ChannelKind.EOG, sides[0]
    horizontal = any(word in _HORIZONTAL or word in _SAYS_HORIZONTAL for word in words)
    return ChannelKind.EOG, Side.LEFT_MINUS_RIGHT if horizontal else Side.UNKNOWN


def _side(word: str) -> Side | None:
    if word in _LEFT or word in _SAYS_LEFT:
        return Side.LEFT
    return Side.RIGHT if word in _RIGHT or word in _SAYS_RIGHT else None


def _without_eyes(label: str, words: Sequence[str]) -> Meaning:
    """Meaning of a label that does not name the eyes."""
    text = label.strip()
    scalp = [word for word in words if _SCALP.fullmatch(word)]
    if not scalp or not _SCALP.fullmatch(words[0]):
        if words and _NO_BRAIN.fullmatch(words[0]):
            return Meaning(ChannelKind.OTHER, Side.UNKNOWN, text)
        return Meaning(ChannelKind.EEG, _named_side(words), _bare(text))
    number = words[0][-1]
    # odd electrodes of the 10-20 system lie left, even ones right
    side = Side.MIDLINE if not number.isdigit() else Side.LEFT if int(number) % 2 else Side.RIGHT
    return Meaning(ChannelKind.EEG, side, _electrode(text, words))


def _named_side(words: Sequence[str]) -> Side:
    """``EEG L`` and ``EEG R``, as a ZMax calls its two."""
    if list(words) == ["L"]:
        return Side.LEFT
    return Side.RIGHT if list(words) == ["R"] else Side.UNKNOWN


def _electrode(text: str, words: Sequence[str]) -> str:
    """First electrode; of a bipolar derivation both, as the second is no common reference."""
    others = [word for word in words[1:] if word not in _REFERENCES and word != "2"]
    first = words[0]
    if others == ["FPZ"] or not others:
        return _spelt(first)
    if len(words) == 2 and _SCALP.fullmatch(others[0]):
        return _SPELLING.get(f"{first}-{others[0]}", f"{_spelt(first)}-{_spelt(others[0])}")
    return _bare(text)


def _spelt(electrode: str) -> str:
    if electrode in _SPELLING:
        return _SPELLING[electrode]
    return electrode[:-1] + "z" if electrode.endswith("Z") else electrode


def _bare(text: str) -> str:
    """Leave off the prefix ``EEG``, except where what follows is no name by itself."""
    prefix, _, rest = text.partition(" ")
    return rest.strip() if prefix.upper() in _PREFIXES and len(rest.strip()) > 1 else text
